use remoting::headers::consumer::QueryConsumeTimeSpanRequestHeader;

use super::*;
use crate::processor::admin::testing::{Fixture, NOW_MILLIS, incoming, text};

async fn ask(fixture: &Fixture, topic: &str) -> ReplyResult<QueryConsumeTimeSpan> {
    let processor = ConsumeTimeSpan {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        offsets: Arc::clone(&fixture.offsets),
        store: Arc::clone(&fixture.store),
        clock: Arc::clone(&fixture.clock) as Arc<dyn Clock>,
    };
    let header = QueryConsumeTimeSpanRequestHeader { topic: topic.to_owned(), group: "G".to_owned() };
    processor.process(incoming::<QueryConsumeTimeSpan>(header, "")).await
}

#[tokio::test]
async fn spans_are_javas() {
    let fixture = Fixture::new();
    fixture.topic("T", 2);
    fixture.store_messages("T", 0, 5);
    fixture.offsets.commit(&"client", "G", "T", 0, 2).unwrap();
    let reply = ask(&fixture, "T").await.unwrap();
    let body: QueryConsumeTimeSpanBody = fastjson::from_str(&text(&reply)).unwrap();
    let [first, second] = body.consume_time_span_set.as_slice() else { panic!("one span a queue") };
    assert_eq!(first.message_queue, MessageQueue::new("T", fixture.config.now().broker_name.as_str(), 0));
    let times = [first.min_time_stamp, first.consume_time_stamp, first.max_time_stamp];
    assert_eq!(times.map(|time| time - NOW_MILLIS), [0, 1_000, 4_000]);
    assert_eq!(first.delay_time, 3_000, "the third message was stored two seconds after the first");
    assert_eq!(first.min_time_stamp_str, "2023-11-14#22:13:20:000");
    assert_eq!((second.min_time_stamp, second.consume_time_stamp, second.max_time_stamp), (-1, -1, -1));
    assert_eq!(ask(&fixture, "U").await.unwrap_err().code().0, 17);
}

#[test]
fn local_times_are_javas() {
    for (millis, offset_millis, text) in [
        (0, 0, "1970-01-01#00:00:00:000"),
        (-1, 0, "1969-12-31#23:59:59:999"),
        (951_782_400_000, 0, "2000-02-29#00:00:00:000"),
        (1_709_251_199_999, 3_600_000, "2024-03-01#00:59:59:999"),
        (4_102_444_800_000, 0, "2100-01-01#00:00:00:000"),
    ] {
        assert_eq!(local_time(millis, offset_millis), text);
    }
}
