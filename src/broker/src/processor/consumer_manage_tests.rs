use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use common::topic::TopicConfig;
use remoting::{
    command::Language,
    connection::ConnectionHandle,
    headers::{
        consumer::GetConsumerListByGroupRequestHeader,
        offset::{QueryConsumerOffsetRequestHeader, UpdateConsumerOffsetRequestHeader},
    },
    lane::Lane,
    reply::Body,
    request::Request,
};
use runtime::clock::{Clock, ManualClock};

use super::*;
use crate::{
    clients::{ClientChannel, ConsumerIdsNotifier, Notify, Registration, Subscriptions},
    metadata::testing::{broker_config, memory, store_config},
};

/// Queue 0 is young, queue 1 has lost its beginning, queue 2 has left memory.
struct Queues;

impl QueueOffsets for Queues {
    fn min_queue_offset(&self, _: &str, queue_id: i32) -> i64 {
        if queue_id == 1 { 5 } else { 0 }
    }

    fn max_queue_offset(&self, _: &str, _: i32) -> i64 {
        100
    }

    fn is_in_memory(&self, _: &str, queue_id: i32, queue_offset: i64) -> bool {
        queue_id != 2 && queue_offset == 0
    }
}

fn processor() -> ConsumerManageProcessor {
    let broker = broker_config();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(0));
    let metadata = memory().1;
    let notifier = Arc::new(ConsumerIdsNotifier::new(&broker));
    let topics =
        TopicConfigManager::load(&broker, &store_config(), Arc::clone(&metadata), Arc::clone(&clock))
            .unwrap();
    topics.create_if_absent(TopicConfig::new("T", 4)).unwrap();
    let groups = SubscriptionGroupManager::load(&broker, Arc::clone(&metadata), Arc::clone(&clock)).unwrap();
    groups.find_or_create("G").unwrap();
    ConsumerManageProcessor::new(
        Arc::new(topics),
        Arc::new(groups),
        Arc::new(ConsumerManager::new(&broker, notifier, Arc::clone(&clock))),
        Arc::new(ConsumerOffsetManager::load(&broker, metadata, clock).unwrap()),
        Arc::new(Queues),
    )
}

fn incoming<R: Request>(header: R::Header) -> Incoming<R> {
    Incoming {
        header,
        body: Bytes::new(),
        peer: ConnectionHandle::closed(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))),
        version: 479,
        language: Language::JAVA,
        permit: Arc::new(Lane::without_queue("test", 1)).try_enter().unwrap(),
    }
}

async fn query(
    processor: &ConsumerManageProcessor,
    queue_id: i32,
    set_zero_if_not_found: Option<bool>,
) -> Result<i64, (i32, String)> {
    let header = QueryConsumerOffsetRequestHeader {
        consumer_group: "G".into(),
        topic: "T".into(),
        queue_id,
        set_zero_if_not_found,
        lo: None,
    };
    match processor.process(incoming::<QueryConsumerOffset>(header)).await {
        Ok(reply) => Ok(reply.header().unwrap().offset),
        Err(refusal) => Err((refusal.code().0, refusal.remark().to_owned())),
    }
}

async fn update(
    processor: &ConsumerManageProcessor,
    group: &str,
    topic: &str,
    commit_offset: i64,
) -> ReplyResult<UpdateConsumerOffset> {
    let header = UpdateConsumerOffsetRequestHeader {
        consumer_group: group.into(),
        topic: topic.into(),
        queue_id: 0,
        commit_offset,
        lo: None,
    };
    processor.process(incoming::<UpdateConsumerOffset>(header)).await
}

#[tokio::test]
async fn a_new_group_starts_at_the_first_message_of_a_young_queue_only() {
    let processor = processor();
    assert_eq!(query(&processor, 0, None).await, Ok(0));
    assert_eq!(query(&processor, 0, Some(true)).await, Ok(0));
    let not_found = |remark: &str| Err((22, remark.to_owned()));
    let old = "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first";
    assert_eq!(query(&processor, 1, None).await, not_found(old));
    assert_eq!(query(&processor, 2, None).await, not_found(old));
    let unset = "Not found, do not set to zero, maybe this group boot first";
    assert_eq!(query(&processor, 0, Some(false)).await, not_found(unset));
}

#[tokio::test]
async fn committed_offsets_are_answered() {
    let processor = processor();
    update(&processor, "G", "T", 42).await.unwrap();
    assert_eq!(query(&processor, 0, Some(false)).await, Ok(42));
}

#[tokio::test]
async fn commits_need_group_and_topic() {
    let processor = processor();
    let refused = |result: ReplyResult<UpdateConsumerOffset>| {
        let refusal = result.unwrap_err();
        (refusal.code().0, refusal.remark().to_owned())
    };
    assert_eq!(refused(update(&processor, "none", "T", 1).await), (26, "Group none not exist!".to_owned()));
    assert_eq!(refused(update(&processor, "G", "none", 1).await), (17, "Topic none not exist!".to_owned()));
}

#[tokio::test]
async fn commits_are_passed_over_while_a_reset_is_pending() {
    let processor = processor();
    processor.offsets.assign_reset("T", "G", 0, 3).unwrap();
    let reply = update(&processor, "G", "T", 42).await.unwrap();
    assert!(format!("{reply:?}").contains("Offset has been previously reset"));
    assert_eq!(query(&processor, 0, None).await, Ok(3));
    assert_eq!(processor.offsets.take_reset("T", "G", 0), Some(3));
    update(&processor, "G", "T", 42).await.unwrap();
    assert_eq!(query(&processor, 0, None).await, Ok(42));
}

#[tokio::test]
async fn members_are_listed() {
    let processor = processor();
    let ask = async || {
        let header = GetConsumerListByGroupRequestHeader { consumer_group: "G".into() };
        processor.process(incoming::<GetConsumerListByGroup>(header)).await
    };
    let refusal = ask().await.unwrap_err();
    assert_eq!((refusal.code().0, refusal.remark()), (1, "no consumer for this group, G"));

    let peer = ConnectionHandle::closed(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let registration = Registration {
        group: "G",
        channel: ClientChannel::new(peer, "a", Language::JAVA, 479, &ManualClock::at(0)),
        consume_type: None,
        message_model: None,
        consume_from_where: None,
        subscriptions: Subscriptions::Keep,
        notify: Notify::Nobody,
    };
    processor.consumers.register(registration).unwrap();
    let reply = ask().await.unwrap();
    let Body::Whole(body) = reply.body() else { panic!("no body") };
    assert_eq!(&body[..], br#"{"consumerIdList":["a"]}"#);
}
