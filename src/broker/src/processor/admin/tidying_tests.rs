use remoting::{header::NoHeader, request::Request};

use super::*;
use crate::processor::admin::testing::{Fixture, incoming};

async fn ask<R: Request<Header = NoHeader>>(fixture: &Fixture)
where
    Tidying: Processor<R>,
{
    let tidying = Tidying { topics: Arc::clone(&fixture.topics), store: Arc::clone(&fixture.store) };
    let reply: Reply<R> = tidying.process(incoming::<R>(NoHeader {}, "")).await.unwrap();
    drop(reply);
}

#[tokio::test]
async fn queues_of_unknown_topics_are_removed_and_no_others() {
    let fixture = Fixture::new();
    fixture.topic("T", 1);
    for topic in ["T", "Gone", "SCHEDULE_TOPIC_XXXX", "%LMQ%a"] {
        fixture.store_messages(topic, 0, 1);
    }
    ask::<CleanUnusedTopic>(&fixture).await;
    let mut left: Vec<_> = fixture.store.topics().iter().map(ToString::to_string).collect();
    left.sort();
    assert_eq!(left, ["%LMQ%a", "SCHEDULE_TOPIC_XXXX", "T"]);
}

#[tokio::test]
async fn queues_with_messages_stay() {
    let fixture = Fixture::new();
    fixture.store_messages("T", 0, 3);
    ask::<CleanExpiredConsumequeue>(&fixture).await;
    ask::<DeleteExpiredCommitlog>(&fixture).await;
    assert_eq!(fixture.store.max_offset("T", 0), Some(3));
}
