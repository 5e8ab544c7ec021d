use std::collections::BTreeMap;

use common::{
    data_version::DataVersion,
    fastjson::{self, ObjectKey},
};
use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::body::consumer::MessageQueue;

/// Reads what Java wrote and expects to write the same.
fn round_trip<T: DeserializeOwned + Serialize>(java: &str) -> T {
    let body: T = fastjson::from_str(java).unwrap();
    assert_eq!(fastjson::to_string(&body), java);
    body
}

fn queue(queue_id: i32) -> ObjectKey<MessageQueue> {
    ObjectKey(MessageQueue::new("T", "broker-a", queue_id))
}

#[test]
fn tables_by_queue_have_object_keys() {
    let stats: ConsumeStats = round_trip(concat!(
        r#"{"consumeTps":0.0,"offsetTable":{{"brokerName":"broker-a","queueId":3,"topic":"T"}:"#,
        r#"{"brokerOffset":10,"consumerOffset":7,"lastTimestamp":1795220392135,"pullOffset":9}}}"#
    ));
    assert_eq!(stats.offset_table[&queue(3)].consumer_offset, 7);
    let topic: TopicStatsTable = round_trip(concat!(
        r#"{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:"#,
        r#"{"lastUpdateTimestamp":1795220392132,"maxOffset":10,"minOffset":0}},"topicPutTps":0.5}"#
    ));
    assert_eq!(topic.offset_table[&queue(0)].max_offset, 10);
    let reset: ResetOffsetBody = round_trip(concat!(
        r#"{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:25,"#,
        r#"{"brokerName":"broker-a","queueId":1,"topic":"T"}:26}}"#
    ));
    assert_eq!(
        fastjson::to_string(&ResetOffsetBodyForC::from(&reset)),
        concat!(
            r#"{"offsetTable":[{"brokerName":"broker-a","offset":25,"queueId":0,"topic":"T"},"#,
            r#"{"brokerName":"broker-a","offset":26,"queueId":1,"topic":"T"}]}"#
        )
    );
}

#[test]
fn connections_are_javas() {
    let connection = Connection {
        client_addr: "127.0.0.1:53152".into(),
        client_id: "192.0.2.2@P".into(),
        language: "JAVA".into(),
        version: 479,
    };
    let producers: ProducerConnection = round_trip(concat!(
        r#"{"connectionSet":[{"clientAddr":"127.0.0.1:53152","clientId":"192.0.2.2@P","#,
        r#""language":"JAVA","version":479}]}"#
    ));
    assert_eq!(producers.connection_set, [connection].into());
    round_trip::<ProducerTableInfo>(concat!(
        r#"{"data":{"P":[{"clientId":"c","language":"GO","lastUpdateTimestamp":5,"remoteIP":"/10.0.0.1:1","#,
        r#""version":317}]}}"#
    ));
}

#[test]
fn a_clients_status_may_repeat_itself_by_reference() {
    let body: GetConsumerStatusBody = fastjson::from_str(concat!(
        r#"{"consumerTable":{"c":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:9}},"#,
        r#""messageQueueTable":{"$ref":"$.consumerTable.c"}}"#
    ))
    .unwrap();
    assert_eq!(body.message_queue_table, BTreeMap::from([(queue(0), 9)]));
}

#[test]
fn offsets_by_queue_have_bare_numbers_as_keys() {
    round_trip::<QueryCorrectionOffsetBody>(r#"{"correctionOffsets":{0:5,1:9223372036854775807}}"#);
    let all: ConsumerOffsetSerializeWrapper = round_trip(concat!(
        r#"{"dataVersion":{"counter":2,"stateVersion":0,"timestamp":7},"groupTopicMap":{"G":["T"]},"#,
        r#""offsetTable":{"T@G":{0:5,1:7}}}"#
    ));
    assert_eq!(all.data_version, DataVersion { counter: 2, state_version: 0, timestamp: 7 });
}

#[test]
fn statistics_are_javas() {
    let stats: BrokerStatsData = round_trip(concat!(
        r#"{"statsDay":{"avgpt":0.0,"sum":0,"tps":0.0},"#,
        r#""statsHour":{"avgpt":1.0,"sum":50,"tps":0.020833333333333332},"#,
        r#""statsMinute":{"avgpt":0.0,"sum":0,"tps":0.0}}"#
    ));
    assert_eq!(stats.stats_hour.sum, 50);
}

#[test]
fn tables_are_javas() {
    round_trip::<GroupForbidden>(r#"{"group":"G","readable":true,"topic":"T"}"#);
    let all: AllTopicConfig = round_trip(concat!(
        r#"{"dataVersion":{"counter":61,"stateVersion":0,"timestamp":1795220868305},"#,
        r#""mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":1795219298697},"#,
        r#""topicConfigTable":{"T":{"attributes":{"message.type":"NORMAL"},"order":false,"perm":6,"#,
        r#""readQueueNums":1,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"#,
        r#""writeQueueNums":1}},"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}"#
    ));
    assert_eq!(all.topic_config_table["T"].write_queue_nums, 1);
    let lists = r#"{"topicConfigList":null,"groupConfigList":null}"#;
    assert!(fastjson::from_str::<CreateTopicListRequestBody>(lists).unwrap().topic_config_list.is_empty());
    assert!(fastjson::from_str::<SubscriptionGroupList>(lists).unwrap().group_config_list.is_empty());
}
