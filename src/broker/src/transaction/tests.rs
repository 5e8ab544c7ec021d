//! Transactions over a real store: what is decided stays so, whatever a crash leaves out.
//!
//! A crash is a second service over the same store that gets only what was written.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{config::BrokerConfig, names};
use message::{properties::PropertyString, record::RecordView};
use remoting::{headers::send::EndTransactionRequestHeader, reply::Refusal};
use runtime::clock::Clock;

use super::{TransactionalMessageCheckService, TransactionalMessageService};
use crate::{
    draft::MessageDraft,
    metadata::{MetadataStore, testing},
    offsets::ConsumerOffsetManager,
    processor::admin::testing::{Fixture, NOW_MILLIS, peer},
    put::MessagePutter,
    schedule::delay_levels::DelayLevels,
    timer::gate::TimerGate,
    topic_publisher::TopicPublisher,
    topics::TopicAnnouncer,
};

const TOPIC: &str = "T";

fn fixture() -> Fixture {
    Fixture::with(|config: &mut BrokerConfig| config.transaction_check_max = 2)
}

/// A service that knows what is in the store and what was written to files.
fn service(fixture: &Fixture) -> Arc<TransactionalMessageService> {
    let clock = Arc::clone(&fixture.clock) as Arc<dyn Clock>;
    let metadata = Arc::clone(&fixture.memory) as Arc<dyn MetadataStore>;
    let offsets =
        ConsumerOffsetManager::load(&fixture.config.now(), Arc::clone(&metadata), Arc::clone(&clock));
    let levels = DelayLevels::parse("1s 5s").unwrap();
    let gate = TimerGate::new(&testing::store_config(), Arc::clone(&clock), None);
    let putter = MessagePutter::new(Arc::clone(&fixture.store), levels, gate, Arc::clone(&fixture.stats));
    let service = TransactionalMessageService::load(
        &fixture.config,
        &fixture.store,
        &Arc::new(putter),
        &Arc::new(offsets.unwrap()),
        &metadata,
        &clock,
        peer(),
    );
    Arc::new(service.unwrap())
}

fn checks(
    fixture: &Fixture,
    transactions: &Arc<TransactionalMessageService>,
) -> TransactionalMessageCheckService {
    let announcer = Arc::clone(&fixture.announced) as Arc<dyn TopicAnnouncer>;
    TransactionalMessageCheckService {
        transactions: Arc::clone(transactions),
        producers: Arc::clone(&fixture.producers),
        topics: Arc::clone(&fixture.topics),
        publisher: TopicPublisher::new(Arc::clone(&fixture.writer), announcer),
        broker_name: "b".to_owned(),
    }
}

/// Sends a half message; the header that decides it.
async fn prepare(
    transactions: &TransactionalMessageService,
    properties: &[(&str, &str)],
) -> EndTransactionRequestHeader {
    let log_end = transactions.store.max_phy_offset();
    let mut all: PropertyString = properties.iter().copied().collect();
    all.push("TRAN_MSG", "true");
    all.push("PGROUP", "g");
    all.push("UNIQ_KEY", &format!("U{log_end}"));
    let message = MessageDraft {
        topic: Arc::from(TOPIC),
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: NOW_MILLIS,
        born_host: peer(),
        store_host: peer(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::from_static(b"body"),
        properties: all,
    };
    let put = transactions.prepare(message).await.unwrap();
    EndTransactionRequestHeader {
        producer_group: "g".to_owned(),
        tran_state_table_offset: put.queue_offset,
        commit_log_offset: log_end,
        ..EndTransactionRequestHeader::default()
    }
}

fn delivered(fixture: &Fixture) -> i64 {
    fixture.store.max_offset(TOPIC, 0).unwrap_or(0)
}

fn ops(fixture: &Fixture) -> i64 {
    fixture.store.max_offset(names::TRANS_OP_HALF_TOPIC, 0).unwrap_or(0)
}

fn undecided(transactions: &TransactionalMessageService) -> Vec<i64> {
    while transactions.look() {}
    transactions.table.lock().pending().map(|(half_offset, _)| half_offset).collect()
}

fn remark(outcome: Result<(), Refusal>) -> Option<String> {
    outcome.err().map(|refusal| refusal.remark().to_owned())
}

#[tokio::test]
async fn a_commit_survives_a_crash_before_its_op_message() {
    let fixture = fixture();
    let transactions = service(&fixture);
    let first = prepare(&transactions, &[]).await;
    prepare(&transactions, &[]).await;
    transactions.commit(&first).await.unwrap();
    assert_eq!((delivered(&fixture), ops(&fixture)), (1, 0));

    let restarted = service(&fixture);
    assert_eq!(undecided(&restarted), [1]);
    restarted.record();
    assert_eq!(ops(&fixture), 1, "the op message is made up for");
    assert_eq!(undecided(&service(&fixture)), [1]);
    let again = restarted.commit(&first).await;
    assert_eq!(delivered(&fixture), 1, "{again:?}");
}

#[tokio::test]
async fn a_rollback_is_in_the_log_before_it_is_answered() {
    let fixture = fixture();
    let transactions = service(&fixture);
    let half = prepare(&transactions, &[]).await;
    transactions.rollback(&half).await.unwrap();
    assert_eq!((delivered(&fixture), ops(&fixture)), (0, 1));
    let restarted = service(&fixture);
    assert_eq!(undecided(&restarted), Vec::<i64>::new());
    assert_eq!(restarted.rollback(&half).await, Ok(()));
    assert_eq!(
        remark(restarted.commit(&half).await).as_deref(),
        Some("The transaction is rolled back already")
    );
    assert_eq!((delivered(&fixture), ops(&fixture)), (0, 1));
}

#[tokio::test]
async fn what_is_undecided_is_still_so_after_a_crash() {
    let fixture = fixture();
    let half = prepare(&service(&fixture), &[]).await;
    let restarted = service(&fixture);
    assert_eq!(undecided(&restarted), [0]);
    restarted.commit(&half).await.unwrap();
    assert_eq!(delivered(&fixture), 1);
    assert_eq!(undecided(&restarted), Vec::<i64>::new());
}

#[tokio::test]
async fn a_decision_that_cannot_be_stored_is_not_taken() {
    let fixture = fixture();
    let transactions = service(&fixture);
    let [committed, rolled_back] = [prepare(&transactions, &[]).await, prepare(&transactions, &[]).await];
    fixture.store.stop().unwrap();
    assert!(transactions.commit(&committed).await.is_err());
    assert!(transactions.rollback(&rolled_back).await.is_err());
    assert_eq!(undecided(&transactions), [0, 1]);
}

#[tokio::test]
async fn the_delay_of_a_half_message_begins_with_its_commit() {
    let fixture = fixture();
    let transactions = service(&fixture);
    let half = prepare(&transactions, &[("DELAY", "2")]).await;
    assert_eq!(fixture.store.max_offset(names::TRANS_HALF_TOPIC, 0), Some(1));
    transactions.commit(&half).await.unwrap();
    assert_eq!(fixture.store.max_offset(names::SCHEDULE_TOPIC, 1), Some(1));
    assert_eq!(
        undecided(&service(&fixture)),
        Vec::<i64>::new(),
        "found by its place in the schedule topic too"
    );
}

#[tokio::test]
async fn offsets_move_once_the_log_is_flushed() {
    let fixture = fixture();
    let transactions = service(&fixture);
    let half = prepare(&transactions, &[]).await;
    transactions.commit(&half).await.unwrap();
    transactions.record();
    while transactions.look() {}
    for _ in 0..3 {
        transactions.advance();
    }
    let offset = |topic| transactions.offsets().query(names::TRANS_GROUP, topic, 0);
    assert_eq!(offset(names::TRANS_HALF_TOPIC), None);
    fixture.store.stop().unwrap();
    transactions.advance();
    assert_eq!(offset(names::TRANS_HALF_TOPIC), Some(1));
    assert_eq!(offset(names::TRANS_OP_HALF_TOPIC), Some(1));
}

#[tokio::test]
async fn checks_write_nothing_and_end() {
    let fixture = fixture();
    let transactions = service(&fixture);
    let half = prepare(&transactions, &[]).await;
    prepare(&transactions, &[("CHECK_IMMUNITY_TIME_IN_SECONDS", "3600")]).await;
    let service_of_checks = checks(&fixture, &transactions);
    while transactions.look() {}
    fixture.clock.advance(Duration::from_secs(7));
    let log_end = fixture.store.max_phy_offset();
    for _ in 0..2 {
        service_of_checks.check_all(&runtime::shutdown::Shutdown::new()).await;
    }
    assert_eq!(fixture.store.max_phy_offset(), log_end, "the log grew by checks");
    transactions.persist().unwrap();

    let restarted = service(&fixture);
    let times: Vec<_> = restarted.table.lock().pending().map(|(_, pending)| pending.check_times).collect();
    assert_eq!(times, [2, 0], "checks are counted across a crash");
    checks(&fixture, &restarted).check_all(&runtime::shutdown::Shutdown::new()).await;
    assert_eq!(undecided(&restarted), [1]);
    let given_up = fixture.store.queue_units(names::TRANS_CHECK_MAX_TIME_TOPIC, 0, 0, 10);
    assert_eq!(given_up.len(), 1);
    let bytes = fixture.store.message_at(given_up[0].phy_offset).unwrap();
    let record = RecordView::decode(&bytes).unwrap();
    assert_eq!(record.property("TRANSACTION_CHECK_TIMES"), Some("2"));
    assert!(fixture.topics.contains(names::TRANS_CHECK_MAX_TIME_TOPIC));
    assert_eq!(undecided(&service(&fixture)), [1], "given up once, across a crash");

    restarted.resume_check(given_up[0].phy_offset).await.unwrap();
    assert_eq!(undecided(&restarted), [1, 2]);
    assert!(restarted.resume_check(i64::MAX).await.is_err());
    assert_eq!(half.tran_state_table_offset, 0);
}
