use common::fastjson;
use remoting::request::Request;

use super::*;
use crate::{
    processor::admin::testing::{Fixture, incoming},
    topics::TOPICS_FILE,
};

fn processor(fixture: &Fixture) -> TopicAdmin {
    TopicAdmin {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        writer: Arc::clone(&fixture.writer),
        announcer: Arc::clone(&fixture.announced) as Arc<dyn TopicAnnouncer>,
        stats: Arc::clone(&fixture.stats),
    }
}

fn header(topic: &str, attributes: &str) -> CreateTopicRequestHeader {
    CreateTopicRequestHeader {
        topic: topic.to_owned(),
        default_topic: "TBW102".to_owned(),
        read_queue_nums: 6,
        write_queue_nums: 6,
        perm: 6,
        topic_filter_type: "SINGLE_TAG".to_owned(),
        attributes: Some(attributes.to_owned()),
        ..CreateTopicRequestHeader::default()
    }
}

async fn create(processor: &TopicAdmin, header: CreateTopicRequestHeader) -> Result<(), Refusal> {
    processor.process(incoming::<UpdateAndCreateTopic>(header, "")).await.map(|_| ())
}

async fn refused(processor: &TopicAdmin, header: CreateTopicRequestHeader) -> (i32, String) {
    let refusal = create(processor, header).await.unwrap_err();
    (refusal.code().0, refusal.remark().to_owned())
}

#[tokio::test]
async fn a_topic_is_written_and_announced_before_the_answer() {
    let fixture = Fixture::new();
    let processor = processor(&fixture);
    create(&processor, header("T", "+message.type=NORMAL")).await.unwrap();
    let config = fixture.topics.find("T").unwrap();
    assert_eq!((config.write_queue_nums, config.attributes["message.type"].as_str()), (6, "NORMAL"));
    assert!(fixture.memory.text(TOPICS_FILE).unwrap().contains("\"T\":{"));
    assert_eq!(*fixture.announced.0.lock(), ["T"]);
}

#[tokio::test]
async fn what_is_just_so_is_left_alone() {
    let fixture = Fixture::new();
    let processor = processor(&fixture);
    create(&processor, header("T", "")).await.unwrap();
    let version = fixture.topics.data_version();
    create(&processor, header("T", "")).await.unwrap();
    assert_eq!(fixture.topics.data_version(), version);
    assert_eq!(fixture.announced.0.lock().len(), 1);
    let wider = CreateTopicRequestHeader { write_queue_nums: 8, ..header("T", "") };
    create(&processor, wider).await.unwrap();
    assert_eq!(fixture.topics.find("T").unwrap().write_queue_nums, 8);
    assert_eq!(*fixture.announced.0.lock(), ["T", "T"]);
}

#[tokio::test]
async fn refusals_are_rocketmqs() {
    let fixture = Fixture::new();
    let processor = processor(&fixture);
    for (header, code, remark) in [
        (
            header("a b", ""),
            29,
            "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$",
        ),
        (header("TBW102", ""), 29, "The topic[TBW102] is conflict with system topic."),
        (header("C", ""), 29, "The topic[C] is conflict with system topic."),
        (header("T", "+message.type=MIXED"), 29, "MIXED message type is not supported."),
        (header("T", "message.type=NORMAL"), 1, "add/alter attribute format is wrong: message.type"),
        (header("T", "+no.such=1"), 1, "unsupported key: no.such"),
        (
            CreateTopicRequestHeader { topic_filter_type: "X".to_owned(), ..header("T", "") },
            1,
            "topicFilterType = [X] value invalid",
        ),
    ] {
        assert_eq!(refused(&processor, header).await, (code, remark.to_owned()));
    }
    let absurd = CreateTopicRequestHeader { read_queue_nums: i32::MAX, ..header("T", "") };
    assert_eq!(refused(&processor, absurd).await.0, 29);
    assert!(!fixture.topics.contains("T") && fixture.announced.0.lock().is_empty());
}

#[tokio::test]
async fn configuration_lifts_two_refusals() {
    let fixture = Fixture::with(|config| {
        config.validate_system_topic_when_update_topic = false;
        config.enable_mixed_message_type = true;
    });
    let processor = processor(&fixture);
    create(&processor, header("TBW102", "")).await.unwrap();
    create(&processor, header("T", "+message.type=MIXED")).await.unwrap();
    assert_eq!(fixture.topics.find("TBW102").unwrap().write_queue_nums, 6);
}

async fn create_list(processor: &TopicAdmin, body: String) -> ReplyResult<UpdateAndCreateTopicList> {
    processor
        .process(incoming::<UpdateAndCreateTopicList>(
            <UpdateAndCreateTopicList as Request>::Header::default(),
            body,
        ))
        .await
}

#[tokio::test]
async fn a_list_is_checked_before_anything_is_made() {
    let fixture = Fixture::new();
    let processor = processor(&fixture);
    let body = |names: &[&str]| {
        let topic_config_list = names.iter().map(|name| TopicConfig::new(*name, 4)).collect();
        fastjson::to_string(&CreateTopicListRequestBody { topic_config_list })
    };
    let refusal = create_list(&processor, body(&["A", "TBW102"])).await.unwrap_err();
    assert_eq!(refusal.code(), ResponseCode::INVALID_PARAMETER);
    assert!(!fixture.topics.contains("A"));
    create_list(&processor, body(&["A"])).await.unwrap();
    create_list(&processor, body(&["A", "B"])).await.unwrap();
    assert_eq!(*fixture.announced.0.lock(), ["A", "B"]);
    assert!(create_list(&processor, "no list".to_owned()).await.is_err());
}

#[tokio::test]
async fn a_list_that_fails_half_way_keeps_its_first_half() {
    let fixture = Fixture::new();
    let attributes = [("+no.such".to_owned(), "1".to_owned())].into();
    let list = CreateTopicListRequestBody {
        topic_config_list: vec![
            TopicConfig::new("A", 4),
            TopicConfig { attributes, ..TopicConfig::new("B", 4) },
            TopicConfig::new("D", 4),
        ],
    };
    let refusal = create_list(&processor(&fixture), fastjson::to_string(&list)).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.remark()), (ResponseCode::SYSTEM_ERROR, "unsupported key: no.such"));
    assert_eq!(*fixture.announced.0.lock(), ["A"]);
    assert!(fixture.memory.text(TOPICS_FILE).unwrap().contains("\"A\":{"));
    assert!(!fixture.topics.contains("D"));
}
