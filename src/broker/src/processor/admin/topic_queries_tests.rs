use remoting::{
    header::NoHeader,
    headers::{
        consumer::{QueryTopicConsumeByWhoRequestHeader, QueryTopicsByConsumerRequestHeader},
        topic::{GetTopicConfigRequestHeader, GetTopicStatsInfoRequestHeader},
    },
    request::Request,
};

use super::*;
use crate::processor::admin::testing::{Fixture, NOW_MILLIS, incoming, text};

fn processor(fixture: &Fixture) -> TopicQueries {
    TopicQueries {
        config: fixture.config.clone(),
        broker_addr: "192.0.2.1:10911".to_owned(),
        topics: Arc::clone(&fixture.topics),
        mappings: Arc::clone(&fixture.mappings),
        offsets: Arc::clone(&fixture.offsets),
        consumers: Arc::clone(&fixture.consumers),
        store: Arc::clone(&fixture.store),
        stats: Arc::clone(&fixture.stats),
    }
}

async fn ask<R: Request>(fixture: &Fixture, header: R::Header) -> Result<String, Refusal>
where
    TopicQueries: Processor<R>,
{
    processor(fixture).process(incoming::<R>(header, "")).await.map(|reply| text(&reply))
}

#[tokio::test]
async fn a_configuration_is_javas() {
    let fixture = Fixture::new();
    fixture.topic("T", 4);
    let header = |topic: &str| GetTopicConfigRequestHeader { topic: topic.to_owned(), lo: Some(true) };
    let body = ask::<GetTopicConfig>(&fixture, header("T")).await.unwrap();
    let java = concat!(
        r#"{"attributes":{},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","#,
        r#""topicName":"T","topicSysFlag":0,"writeQueueNums":4}"#
    );
    assert_eq!(body, java);
    let refusal = ask::<GetTopicConfig>(&fixture, header("U")).await.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (17, "No topic in this broker. topic: U"));
    let all = ask::<GetAllTopicConfig>(&fixture, NoHeader {}).await.unwrap();
    assert!(all.contains(&format!("\"T\":{java}")));
    assert!(all.contains(r#""mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":1700000000000}"#));
    assert!(all.ends_with(r#","topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}"#));
}

#[tokio::test]
async fn system_topics_are_listed_without_an_address() {
    let fixture = Fixture::new();
    let body = ask::<GetSystemTopicListFromBroker>(&fixture, NoHeader {}).await.unwrap();
    let list: TopicList = fastjson::from_str(&body).unwrap();
    assert!(body.starts_with(r#"{"topicList":["#));
    for topic in ["TBW102", "C", "C_REPLY_TOPIC", "rmq_sys_REVIVE_LOG_C", "rmq_sys_wheel_timer"] {
        assert!(list.topic_list.contains(topic), "{topic}");
    }
}

#[tokio::test]
async fn queues_are_listed_where_they_begin_and_end() {
    let fixture = Fixture::new();
    fixture.topic("T", 2);
    fixture.store_messages("T", 1, 3);
    let header = |topic: &str| GetTopicStatsInfoRequestHeader { topic: topic.to_owned(), lo: None };
    let body = ask::<GetTopicStatsInfo>(&fixture, header("T")).await.unwrap();
    let broker = &fixture.config.now().broker_name;
    let expected = format!(
        r#"{{"offsetTable":{{{{"brokerName":"{broker}","queueId":0,"topic":"T"}}:{{"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}},{{"brokerName":"{broker}","queueId":1,"topic":"T"}}:{{"lastUpdateTimestamp":{},"maxOffset":3,"minOffset":0}}}},"topicPutTps":0.0}}"#,
        NOW_MILLIS + 2_000
    );
    assert_eq!(body, expected);
    let refusal = ask::<GetTopicStatsInfo>(&fixture, header("U")).await.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (17, "topic[U] not exist"));
}

#[tokio::test]
async fn a_topic_of_many_queues_is_read_too() {
    let fixture = Fixture::new();
    fixture.topic("T", 100);
    let header = GetTopicStatsInfoRequestHeader { topic: "T".to_owned(), lo: None };
    let body = ask::<GetTopicStatsInfo>(&fixture, header).await.unwrap();
    let table: TopicStatsTable = fastjson::from_str(&body).unwrap();
    assert_eq!(table.offset_table.len(), 100);
}

#[tokio::test]
async fn groups_and_topics_find_each_other() {
    let fixture = Fixture::new();
    fixture.offsets.commit(&"client", "offline", "T", 0, 1).unwrap();
    fixture.consumer("online", "T", fixture.gone_client("c", 479));
    let header = QueryTopicConsumeByWhoRequestHeader { topic: "T".to_owned() };
    let body = ask::<QueryTopicConsumeByWho>(&fixture, header).await.unwrap();
    assert_eq!(body, r#"{"groupList":["offline","online"]}"#);
    let header = QueryTopicsByConsumerRequestHeader { group: "offline".to_owned() };
    let body = ask::<QueryTopicsByConsumer>(&fixture, header).await.unwrap();
    assert_eq!(body, r#"{"brokerAddr":"192.0.2.1:10911","topicList":["T"]}"#);
}
