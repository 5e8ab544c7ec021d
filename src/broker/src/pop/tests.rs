//! Check points and what becomes of them, over real tables and a real store.

use std::{sync::Arc, time::Duration};

use common::{config::BrokerConfig, names::PopRetryVersion};
use message::{property_names as property, record::RecordView};
use runtime::clock::Clock;
use store::{
    get::{EveryMessage, GetRequest},
    timer::{TimerOptions, TimerStore},
};

use super::{
    PopSources, PopTables, WaitingRooms,
    check_point::{AckMsg, PopCheckPoint, Popping},
    queue::PopQueue,
    reader::QueueReader,
    revive::Reviver,
};
use crate::{
    metadata::{MetadataStore, testing::store_config},
    processor::admin::testing::{Fixture, NOW_MILLIS, peer},
    put::MessagePutter,
    queue_view::QueueView,
    schedule::delay_levels::DelayLevels,
    timer::gate::TimerGate,
    topic_publisher::TopicPublisher,
    topics::TopicAnnouncer,
};

const REVIVE_TOPIC: &str = "rmq_sys_REVIVE_LOG_C";
const INVISIBLE_MILLIS: i64 = 60_000;

struct Pop {
    fixture: Fixture,
    putter: Arc<MessagePutter>,
    tables: PopTables,
}

impl Pop {
    fn new(configure: impl FnOnce(&mut BrokerConfig)) -> Self {
        let fixture = Fixture::with(configure);
        fixture.topic("T", 1);
        fixture.groups.find_or_create("G").unwrap();
        let clock = || Arc::clone(&fixture.clock) as Arc<dyn Clock>;
        let options = TimerOptions { log_file_size_bytes: 280, precision_millis: 1_000 };
        let (timers, _) = TimerStore::open(&fixture.store, &options, NOW_MILLIS).unwrap();
        let gate = TimerGate::new(&store_config(), clock(), Some(Arc::new(timers)));
        let levels = DelayLevels::parse("1s 5s").unwrap();
        let (store, stats) = (Arc::clone(&fixture.store), Arc::clone(&fixture.stats));
        let putter = Arc::new(MessagePutter::new(store, levels, gate, stats));
        let tables = PopTables::load(PopSources {
            config: &fixture.config.now(),
            metadata: Arc::clone(&fixture.memory) as Arc<dyn MetadataStore>,
            store_host: peer(),
            putter: Arc::clone(&putter),
            offsets: Arc::clone(&fixture.offsets),
            queues: Arc::new(QueueView(Arc::clone(&fixture.store))),
            clock: clock(),
            rooms: WaitingRooms::new(&fixture.config.now()),
        });
        Self { tables: tables.unwrap(), putter, fixture }
    }

    fn check_point(&self, queue_offsets: &[i64]) -> PopCheckPoint {
        let broker_name = &self.tables.broker_name;
        let pop_time = self.fixture.clock.now_millis();
        let popping = Popping { broker_name, group: "G", pop_time, invisible_time: INVISIBLE_MILLIS };
        PopCheckPoint::new(popping, "T", 0, queue_offsets[0], queue_offsets).unwrap()
    }

    fn acknowledge(&self, ck: &PopCheckPoint, ack_offset: i64) -> bool {
        let ack = AckMsg {
            ack_offset,
            broker_name: ck.broker_name.clone(),
            group: "G".to_owned(),
            pop_time: ck.pop_time,
            start_offset: ck.start_offset,
            topic: "T".to_owned(),
            ..AckMsg::default()
        };
        self.tables.buffer.acknowledge(&ack, &self.tables.broker_name)
    }

    fn committed(&self) -> Option<i64> {
        self.fixture.offsets.query("G", "T", 0)
    }

    fn reviver(&self) -> Reviver {
        let announcer = Arc::clone(&self.fixture.announced) as Arc<dyn TopicAnnouncer>;
        Reviver {
            broker_name: self.tables.broker_name.clone(),
            retry_version: PopRetryVersion::V1,
            drops_after_all_pauses: true,
            store_host: peer(),
            topics: Arc::clone(&self.fixture.topics),
            groups: Arc::clone(&self.fixture.groups),
            offsets: Arc::clone(&self.fixture.offsets),
            publisher: Arc::new(TopicPublisher::new(Arc::clone(&self.fixture.writer), announcer)),
            reader: QueueReader::new(Arc::clone(&self.fixture.store), 1),
            putter: Arc::clone(&self.putter),
            log: Arc::clone(&self.tables.log),
            inflight: Arc::clone(&self.tables.inflight),
            clock: Arc::clone(&self.fixture.clock) as Arc<dyn Clock>,
        }
    }

    /// What `read` makes of each message of a queue 0.
    fn stored<T>(&self, topic: &str, read: impl Fn(&RecordView<'_>) -> T) -> Vec<T> {
        let request = GetRequest { topic, queue_id: 0, queue_offset: 0, max_count: 32, max_bytes: 1 << 20 };
        let found = self.fixture.store.get(&request, &EveryMessage);
        found.messages.iter().map(|bytes| read(&RecordView::decode(bytes).unwrap())).collect()
    }

    fn stored_tags(&self) -> Vec<String> {
        self.stored(REVIVE_TOPIC, |record| record.property(property::TAGS).unwrap().to_owned())
    }
}

fn merging(config: &mut BrokerConfig) {
    config.enable_pop_buffer_merge = true;
}

#[tokio::test]
async fn what_is_acknowledged_in_time_is_never_stored_and_offsets_keep_their_order() {
    let pop = Pop::new(merging);
    let queue = PopQueue::new("T", "G", 0);
    let (first, second) = (pop.check_point(&[0, 1]), pop.check_point(&[2]));
    assert!(pop.tables.buffer.add(&first, 0, &queue, 2));
    assert!(pop.tables.buffer.add(&second, 0, &queue, 3));
    assert!(!pop.tables.buffer.add(&second, 0, &queue, 3), "it cannot be told from the other");
    pop.tables.buffer.advance(&queue, 5);
    assert_eq!((pop.tables.offsets.peek(&queue), pop.committed()), (5, None));
    assert!(pop.acknowledge(&second, 2) && pop.acknowledge(&first, 1));
    assert_eq!(pop.committed(), None);
    assert!(pop.acknowledge(&first, 0));
    assert_eq!(pop.committed(), Some(5));
    assert_eq!((pop.tables.buffer.check_point_count(), pop.tables.buffer.step_count()), (0, 0));
    pop.tables.buffer.stop().await;
    assert!(pop.stored_tags().is_empty());
}

#[tokio::test]
async fn a_check_point_whose_time_is_up_is_stored_with_its_acknowledgements() {
    let pop = Pop::new(|config| {
        merging(config);
        config.enable_pop_batch_ack = true;
    });
    let queue = PopQueue::new("T", "G", 0);
    let ck = pop.check_point(&[0, 1, 2]);
    assert!(pop.tables.buffer.add(&ck, 0, &queue, 3));
    assert!(pop.acknowledge(&ck, 0) && pop.acknowledge(&ck, 2));
    pop.tables.buffer.store_due().await;
    assert_eq!(pop.committed(), None);
    // So late that nothing has to wait in the timer.
    pop.fixture.clock.advance(Duration::from_millis(INVISIBLE_MILLIS.unsigned_abs()));
    pop.tables.buffer.store_due().await;
    assert_eq!((pop.stored_tags(), pop.committed()), (vec!["bAck".to_owned(), "ck".to_owned()], Some(3)));
    assert!(!pop.acknowledge(&ck, 1), "it is for the log now");
    assert!(!pop.tables.buffer.add(&ck, 0, &queue, 3), "there is no time left");
}

#[tokio::test]
async fn a_reset_forgets_what_was_popped() {
    let pop = Pop::new(merging);
    let queue = PopQueue::new("T", "G", 0);
    pop.fixture.store_messages("T", 0, 4);
    let ck = pop.check_point(&[0, 1, 2]);
    assert_eq!(pop.tables.offsets.begin(&queue, 0), 0);
    assert!(pop.tables.buffer.add(&ck, 0, &queue, 3));
    assert_eq!(pop.tables.offsets.begin(&queue, 0), 3);
    pop.fixture.offsets.assign_reset("T", "G", 0, 1).unwrap();
    assert_eq!(pop.tables.offsets.begin(&queue, 0), 1);
    assert!((0..3).all(|offset| pop.acknowledge(&ck, offset)));
    assert_eq!(pop.committed(), Some(1));
}

#[tokio::test]
async fn what_nobody_acknowledged_goes_to_the_retry_topic_of_its_group() {
    let pop = Pop::new(|_| {});
    pop.fixture.store_messages("T", 0, 2);
    let mut ck = pop.check_point(&[0, 1]);
    ck.acknowledge(0);
    let reviver = pop.reviver();
    assert!(reviver.revive(&ck, 0).await.is_empty());
    let retried = pop.stored("%RETRY%G_T", |record| {
        (record.reconsume_times(), record.property(property::FIRST_POP_TIME).map(str::to_owned))
    });
    assert_eq!(retried, [(1, Some(ck.pop_time.to_string()))]);
    assert!(pop.fixture.announced.names().contains(&"%RETRY%G_T".to_owned()));
    assert_eq!(pop.fixture.offsets.query("G", "%RETRY%G_T", 0), Some(0));

    let mut stranger = ck.clone();
    stranger.group = Some("gone".to_owned());
    assert!(reviver.revive(&stranger, 0).await.is_empty());
    assert_eq!(pop.stored("%RETRY%gone_T", |_| ()).len(), 0);
}

#[tokio::test]
async fn what_cannot_be_revived_gets_another_check_point_until_all_pauses_are_over() {
    let pop = Pop::new(|_| {});
    let mut ck = pop.check_point(&[0]);
    ck.broker_name = Some("elsewhere".to_owned());
    let reviver = pop.reviver();
    pop.fixture.clock.advance(Duration::from_secs(3_600));
    assert!(reviver.revive(&ck, 0).await.is_empty());
    let again = pop.stored(REVIVE_TOPIC, |record| {
        let ck: PopCheckPoint = common::fastjson::from_slice(record.body()).unwrap();
        (ck.re_put_count(), ck.invisible_time, ck.queue_offset_of(0))
    });
    assert_eq!(again, [(1, INVISIBLE_MILLIS + 10_000, Some(0))]);
    ck.re_put_times = Some("17".to_owned());
    assert!(reviver.revive(&ck, 0).await.is_empty());
    assert_eq!(pop.stored_tags().len(), 1, "dropped");
}
