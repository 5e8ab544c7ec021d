use super::*;
use crate::processor::admin::testing::{Fixture, NOW_MILLIS, incoming, text};

async fn reset(fixture: &Fixture, header: ResetOffsetRequestHeader) -> Result<String, (i32, String)> {
    reset_beside(fixture, header, Arc::new(PopInflightMessageCounter::new(0))).await
}

async fn reset_beside(
    fixture: &Fixture,
    header: ResetOffsetRequestHeader,
    inflight: Arc<PopInflightMessageCounter>,
) -> Result<String, (i32, String)> {
    let processor = OffsetReset {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        groups: Arc::clone(&fixture.groups),
        offsets: Arc::clone(&fixture.offsets),
        consumers: Arc::clone(&fixture.consumers),
        inflight,
        store: Arc::clone(&fixture.store),
    };
    let answered = processor.process(incoming::<InvokeBrokerToResetOffset>(header, "")).await;
    answered.map(|reply| text(&reply)).map_err(|refusal| (refusal.code().0, refusal.remark().to_owned()))
}

/// A topic of two queues with five messages each, a second apart, of which a group has consumed two.
fn populated(configure: impl FnOnce(&mut BrokerConfig)) -> Fixture {
    let fixture = Fixture::with(configure);
    fixture.topic("T", 2);
    fixture.groups.find_or_create("G").unwrap();
    for queue_id in 0..2 {
        fixture.store_messages("T", queue_id, 5);
        fixture.offsets.commit(&"client", "G", "T", queue_id, 2).unwrap();
    }
    fixture
}

fn header(timestamp: i64) -> ResetOffsetRequestHeader {
    ResetOffsetRequestHeader {
        group: "G".to_owned(),
        topic: "T".to_owned(),
        queue_id: -1,
        offset: Some(-1),
        timestamp,
        is_force: true,
    }
}

fn body(fixture: &Fixture, offsets: [i64; 2]) -> String {
    let broker = &fixture.config.now().broker_name;
    format!(
        r#"{{"offsetTable":{{{{"brokerName":"{broker}","queueId":0,"topic":"T"}}:{},{{"brokerName":"{broker}","queueId":1,"topic":"T"}}:{}}}}}"#,
        offsets[0], offsets[1]
    )
}

fn of_queue(queue_id: i32, queue_offset: Option<i64>) -> ResetOffsetRequestHeader {
    ResetOffsetRequestHeader { queue_id, offset: queue_offset, ..header(NOW_MILLIS + 3_000) }
}

#[tokio::test]
async fn all_queues_go_to_a_time_or_to_the_end() {
    let fixture = populated(|_| {});
    assert_eq!(reset(&fixture, header(-1)).await.unwrap(), body(&fixture, [5, 5]));
    assert_eq!(fixture.offsets.query("G", "T", 0), Some(5));
    assert_eq!(reset(&fixture, header(NOW_MILLIS + 3_000)).await.unwrap(), body(&fixture, [3, 0]));
    assert_eq!(fixture.offsets.take_reset("T", "G", 0), Some(3));
    assert_eq!(fixture.offsets.take_reset("T", "G", 1), Some(0));
}

#[tokio::test]
async fn one_queue_goes_to_an_offset_or_to_a_time() {
    let fixture = populated(|_| {});
    for (queue_offset, expected) in [(Some(4), 4), (Some(6), 6), (Some(-1), 3), (None, 3)] {
        reset(&fixture, of_queue(0, queue_offset)).await.unwrap();
        assert_eq!(fixture.offsets.take_reset("T", "G", 0), Some(expected));
        assert_eq!(fixture.offsets.take_reset("T", "G", 1), None);
    }
    for beyond in [7, -2] {
        let remark = format!("Target offset {beyond} not in consume queue range [0-5]");
        assert_eq!(reset(&fixture, of_queue(0, Some(beyond))).await, Err((1, remark)));
    }
}

#[tokio::test]
async fn topic_and_group_have_to_be_there() {
    let fixture = populated(|_| {});
    let other_topic = ResetOffsetRequestHeader { topic: "U".to_owned(), ..header(-1) };
    assert_eq!(reset(&fixture, other_topic).await, Err((17, "Topic U does not exist".to_owned())));
    let other_group = ResetOffsetRequestHeader { group: "H".to_owned(), ..header(-1) };
    assert_eq!(reset(&fixture, other_group).await, Err((26, "Group H does not exist".to_owned())));
    fixture.topic("V", 0);
    let no_queues = ResetOffsetRequestHeader { topic: "V".to_owned(), ..header(-1) };
    assert_eq!(reset(&fixture, no_queues).await, Err((1, "No queues to reset.".to_owned())));
}

#[tokio::test]
async fn where_members_are_told_some_have_to_be_there() {
    let fixture = populated(|config| config.use_server_side_reset_offset = false);
    let remark =
        format!("Consumer not online, so can not reset offset, Group: G Topic: T Timestamp: {NOW_MILLIS}");
    assert_eq!(reset(&fixture, header(NOW_MILLIS)).await, Err((206, remark)));
    let stranger = ResetOffsetRequestHeader { group: "H".to_owned(), ..header(-1) };
    assert_eq!(reset(&fixture, stranger).await, Err((1, "THe consumer group <H> not exist".to_owned())));
    fixture.consumer("G", "T", fixture.gone_client("old", 27));
    let remark = "the client does not support this feature. version=V3_0_6".to_owned();
    assert_eq!(reset(&fixture, header(-1)).await, Err((1, remark)));
}

#[tokio::test]
async fn only_by_force_do_members_go_forward() {
    let fixture = populated(|config| config.use_server_side_reset_offset = false);
    fixture.consumer("G", "T", fixture.gone_client("c", 479));
    assert_eq!(reset(&fixture, header(-1)).await.unwrap(), body(&fixture, [5, 5]));
    let gently = ResetOffsetRequestHeader { is_force: false, ..header(NOW_MILLIS + 1_000) };
    assert_eq!(reset(&fixture, gently).await.unwrap(), body(&fixture, [1, 0]));
    let gently = ResetOffsetRequestHeader { is_force: false, ..header(-1) };
    assert_eq!(reset(&fixture, gently).await.unwrap(), body(&fixture, [2, 2]));
    assert_eq!(fixture.offsets.query("G", "T", 0), Some(2), "the broker remembers nothing");
}

#[tokio::test]
async fn what_was_popped_before_counts_no_longer() {
    let fixture = populated(|_| {});
    let inflight = Arc::new(PopInflightMessageCounter::new(0));
    let [reset, other] = [0, 1].map(|queue_id| PopQueue::new("T", "G", queue_id));
    inflight.add(&reset, 7);
    inflight.add(&other, 7);
    reset_beside(&fixture, of_queue(0, Some(1)), Arc::clone(&inflight)).await.unwrap();
    assert_eq!((inflight.count(&reset), inflight.count(&other)), (0, 7));
}
