use remoting::{
    header::NoHeader,
    headers::consumer::{GetConsumerConnectionListRequestHeader, GetProducerConnectionListRequestHeader},
};

use super::*;
use crate::processor::admin::testing::{Fixture, NOW_MILLIS, incoming, text};

fn processor(fixture: &Fixture) -> ClientAdmin {
    ClientAdmin { consumers: Arc::clone(&fixture.consumers), producers: Arc::clone(&fixture.producers) }
}

async fn consumers(fixture: &Fixture, group: &str) -> ReplyResult<GetConsumerConnectionList> {
    let header = GetConsumerConnectionListRequestHeader { consumer_group: group.to_owned() };
    processor(fixture).process(incoming::<GetConsumerConnectionList>(header, "")).await
}

async fn producers(fixture: &Fixture, group: &str) -> ReplyResult<GetProducerConnectionList> {
    let header = GetProducerConnectionListRequestHeader { producer_group: group.to_owned() };
    processor(fixture).process(incoming::<GetProducerConnectionList>(header, "")).await
}

#[tokio::test]
async fn members_of_a_consumer_group_are_javas() {
    let fixture = Fixture::new();
    fixture.consumer("G", "T", fixture.gone_client("c", 479));
    assert_eq!(
        text(&consumers(&fixture, "G").await.unwrap()),
        concat!(
            r#"{"connectionSet":[{"clientAddr":"192.0.2.7:1234","clientId":"c","language":"JAVA","version":479}],"#,
            r#""consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","#,
            r#""subscriptionTable":{"T":{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","#,
            r#""subString":"*","subVersion":0,"tagsSet":[],"topic":"T"}}}"#
        )
    );
    let refusal = consumers(&fixture, "H").await.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (206, "the consumer group[H] not online"));
}

#[tokio::test]
async fn members_of_producer_groups_are_javas() {
    let fixture = Fixture::new();
    fixture.producers.register("P", &fixture.gone_client("c", 317)).unwrap();
    assert_eq!(
        text(&producers(&fixture, "P").await.unwrap()),
        r#"{"connectionSet":[{"clientAddr":"192.0.2.7:1234","clientId":"c","language":"JAVA","version":317}]}"#
    );
    let refusal = producers(&fixture, "Q").await.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (1, "the producer group[Q] not exist"));
    let all: Reply<GetAllProducerInfo> =
        processor(&fixture).process(incoming::<GetAllProducerInfo>(NoHeader {}, "")).await.unwrap();
    let expected = format!(
        r#"{{"data":{{"P":[{{"clientId":"c","language":"JAVA","lastUpdateTimestamp":{NOW_MILLIS},"remoteIP":"/192.0.2.7:1234","version":317}}]}}}}"#
    );
    assert_eq!(text(&all), expected);
}
