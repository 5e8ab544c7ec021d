use common::config::BrokerConfig;
use remoting::response_code::ResponseCode;

use super::*;
use crate::processor::admin::testing::{Fixture, incoming, text};

fn asked(group: Option<&str>, queue_id: i32, index: i64, count: i32) -> QueryConsumeQueueRequestHeader {
    QueryConsumeQueueRequestHeader {
        topic: Some("T".to_owned()),
        queue_id: Some(queue_id),
        index: Some(index),
        count: Some(count),
        consumer_group: group.map(str::to_owned),
    }
}

async fn query(fixture: &Fixture, header: QueryConsumeQueueRequestHeader) -> ReplyResult<QueryConsumeQueue> {
    let clock = Arc::clone(&fixture.clock) as Arc<dyn runtime::clock::Clock>;
    let config: Arc<BrokerConfig> = fixture.config.snapshot();
    let admin = ConsumeQueueAdmin {
        consumers: Arc::clone(&fixture.consumers),
        filters: Arc::new(ConsumerFilterManager::new(&config, clock).unwrap()),
        store: Arc::clone(&fixture.store),
    };
    admin.process(incoming::<QueryConsumeQueue>(header, "")).await
}

#[tokio::test]
async fn units_are_shown_as_they_are() {
    let fixture = Fixture::new();
    fixture.store_messages("T", 1, 3);
    let reply = query(&fixture, asked(None, 1, 1, 1)).await.unwrap();
    let body: QueryConsumeQueueResponseBody = fastjson::from_str(&text(&reply)).unwrap();
    assert_eq!((body.min_queue_index, body.max_queue_index, body.queue_data.len()), (0, 3, 1));
    let unit = &body.queue_data[0];
    assert!(unit.physic_offset > 0 && unit.physic_offset == i64::from(unit.physic_size) && !unit.eval);

    fixture.consumer("G", "T", fixture.gone_client("a", 0));
    let reply = query(&fixture, asked(Some("G"), 1, 0, 10)).await.unwrap();
    let body: QueryConsumeQueueResponseBody = fastjson::from_str(&text(&reply)).unwrap();
    assert_eq!((body.queue_data.len(), body.filter_data.as_deref()), (3, Some("null")));
    assert_eq!(body.subscription_data.unwrap().sub_string, "*");
    let reply = query(&fixture, asked(Some("H"), 1, 0, 1)).await.unwrap();
    assert!(text(&reply).starts_with(r#"{"filterData":"H@T is not online!","maxQueueIndex":3,"#));
}

#[tokio::test]
async fn queues_and_places_that_are_not_there_are_named() {
    let fixture = Fixture::new();
    fixture.store_messages("T", 0, 1);
    let refused = query(&fixture, asked(None, 7, 0, 1)).await.unwrap_err();
    assert_eq!((refused.code(), refused.remark()), (ResponseCode::SYSTEM_ERROR, "7@T is not exist!"));
    let reply = query(&fixture, asked(None, 0, 9, 1)).await.unwrap();
    assert_eq!(text(&reply), "");
    let answer = remoting::reply::Answer::from(reply);
    assert_eq!(answer.remark.as_deref(), Some("Index 9 of 0@T is not exist!"));
}

#[test]
fn bits_are_written_from_the_last() {
    assert_eq!(bits_text(&[0b1000_0001, 2]), "0000001010000001\n");
}
