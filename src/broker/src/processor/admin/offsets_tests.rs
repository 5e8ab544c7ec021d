use remoting::{
    header::NoHeader,
    headers::offset::{CloneGroupOffsetRequestHeader, QueryCorrectionOffsetHeader},
    request::Request,
};

use super::*;
use crate::{
    processor::admin::testing::{Fixture, NOW_MILLIS, incoming, text},
    queue_view::QueueView,
    schedule::delay_levels::DelayLevels,
};

async fn ask<R: Request>(fixture: &Fixture, header: R::Header) -> Result<String, Refusal>
where
    OffsetAdmin: Processor<R>,
{
    let levels = DelayLevels::parse("1s 5s").unwrap();
    let clock = Arc::clone(&fixture.clock) as Arc<dyn runtime::clock::Clock>;
    let processor = OffsetAdmin {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        mappings: Arc::clone(&fixture.mappings),
        offsets: Arc::clone(&fixture.offsets),
        consumers: Arc::clone(&fixture.consumers),
        queues: Arc::new(QueueView(Arc::clone(&fixture.store))),
        store: Arc::clone(&fixture.store),
        schedule: Arc::new(ScheduleMessageService::new(levels, clock)),
        stats: Arc::clone(&fixture.stats),
    };
    processor.process(incoming::<R>(header, "")).await.map(|reply| text(&reply))
}

fn stats_header(topic: Option<&str>, topic_list: Option<&str>) -> GetConsumeStatsRequestHeader {
    GetConsumeStatsRequestHeader {
        consumer_group: "G".to_owned(),
        topic: topic.map(str::to_owned),
        topic_list: topic_list.map(str::to_owned),
    }
}

async fn stats_topics(fixture: &Fixture, header: GetConsumeStatsRequestHeader) -> BTreeSet<String> {
    let body = ask::<GetConsumeStats>(fixture, header).await.unwrap();
    let stats: ConsumeStats = fastjson::from_str(&body).unwrap();
    stats.offset_table.into_keys().map(|ObjectKey(queue)| queue.topic).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn progress_is_javas() {
    let fixture = Fixture::new();
    fixture.topic("T", 2);
    fixture.store_messages("T", 0, 4);
    fixture.offsets.commit(&"client", "G", "T", 0, 2).unwrap();
    fixture.offsets.commit_pull("G", "T", 0, 3).unwrap();
    let body = ask::<GetConsumeStats>(&fixture, stats_header(Some("T"), None)).await.unwrap();
    let broker = &fixture.config.now().broker_name;
    let expected = format!(
        r#"{{"consumeTps":0.0,"offsetTable":{{{{"brokerName":"{broker}","queueId":0,"topic":"T"}}:{{"brokerOffset":4,"consumerOffset":2,"lastTimestamp":{},"pullOffset":3}},{{"brokerName":"{broker}","queueId":1,"topic":"T"}}:{{"brokerOffset":0,"consumerOffset":0,"lastTimestamp":0,"pullOffset":0}}}}}}"#,
        NOW_MILLIS + 1_000
    );
    assert_eq!(body, expected);
}

#[tokio::test]
async fn statistics_are_about_what_a_group_subscribes_to_or_what_is_listed() {
    let fixture = Fixture::new();
    for topic in ["T", "U"] {
        fixture.topic(topic, 1);
        fixture.offsets.commit(&"client", "G", topic, 0, 0).unwrap();
    }
    fixture.offsets.commit(&"client", "G", "deleted", 0, 0).unwrap();
    assert_eq!(stats_topics(&fixture, stats_header(None, None)).await, set(&["T", "U"]));
    fixture.consumer("G", "T", fixture.gone_client("c", 479));
    assert_eq!(stats_topics(&fixture, stats_header(None, None)).await, set(&["T"]));
    assert_eq!(stats_topics(&fixture, stats_header(Some("U"), None)).await, set(&[]));
    assert_eq!(stats_topics(&fixture, stats_header(Some("T"), Some("U;;"))).await, set(&["U"]));
}

#[tokio::test]
async fn offsets_are_cloned_of_one_topic_or_all() {
    let fixture = Fixture::new();
    for topic in ["T", "U"] {
        fixture.topic(topic, 1);
        fixture.offsets.commit(&"client", "G", topic, 0, 7).unwrap();
    }
    let header = |destination: &str, topic: &str, offline| CloneGroupOffsetRequestHeader {
        src_group: "G".to_owned(),
        dest_group: destination.to_owned(),
        topic: Some(topic.to_owned()),
        offline: Some(offline),
    };
    ask::<CloneGroupOffset>(&fixture, header("one", "T", false)).await.unwrap();
    assert_eq!(fixture.offsets.topics_of_group("one"), set(&["T"]));
    ask::<CloneGroupOffset>(&fixture, header("all", "", false)).await.unwrap();
    assert_eq!(fixture.offsets.topics_of_group("all"), set(&["T", "U"]));
    assert_eq!(fixture.offsets.query("all", "U", 0), Some(7));
    fixture.consumer("G", "T", fixture.gone_client("c", 479));
    ask::<CloneGroupOffset>(&fixture, header("online", "", false)).await.unwrap();
    assert_eq!(fixture.offsets.topics_of_group("online"), set(&["T"]));
    ask::<CloneGroupOffset>(&fixture, header("offline", "", true)).await.unwrap();
    assert_eq!(fixture.offsets.topics_of_group("offline"), set(&["T", "U"]));
}

#[tokio::test]
async fn the_smallest_offset_of_all_groups_marks_a_group_behind_it() {
    let fixture = Fixture::new();
    for (group, first, second) in [("A", 5, 9), ("B", 8, 3), ("slow", 1, 1)] {
        fixture.offsets.commit(&"client", group, "T", 0, first).unwrap();
        fixture.offsets.commit(&"client", group, "T", 1, second).unwrap();
    }
    let header = |filter: Option<&str>, compared: &str| QueryCorrectionOffsetHeader {
        filter_groups: filter.map(str::to_owned),
        compare_group: compared.to_owned(),
        topic: "T".to_owned(),
    };
    let body = ask::<QueryCorrectionOffset>(&fixture, header(None, "none")).await.unwrap();
    assert_eq!(body, r#"{"correctionOffsets":{0:1,1:1}}"#);
    let body = ask::<QueryCorrectionOffset>(&fixture, header(Some("slow,other"), "slow")).await.unwrap();
    assert_eq!(body, r#"{"correctionOffsets":{0:9223372036854775807,1:9223372036854775807}}"#);
    let body = ask::<QueryCorrectionOffset>(&fixture, header(Some("slow"), "A")).await.unwrap();
    assert_eq!(body, r#"{"correctionOffsets":{0:5,1:3}}"#);
    assert_eq!(fixture.offsets.query("slow", "T", 0), Some(1), "asking changes nothing");
}

#[tokio::test]
async fn whole_tables_are_javas() {
    let fixture = Fixture::new();
    fixture.offsets.commit(&"client", "G", "T", 3, 5).unwrap();
    let body = ask::<GetAllConsumerOffset>(&fixture, NoHeader {}).await.unwrap();
    assert!(body.ends_with(r#","groupTopicMap":{"G":["T"]},"offsetTable":{"T@G":{3:5}}}"#), "{body}");
    let body = ask::<GetAllDelayOffset>(&fixture, NoHeader {}).await.unwrap();
    assert_eq!(body, r#"{"dataVersion":{"counter":0,"stateVersion":0,"timestamp":0},"offsetTable":{}}"#);
}
