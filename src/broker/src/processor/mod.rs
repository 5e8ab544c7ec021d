//! One processor per subject: typed requests in, typed replies or refusals out.

pub mod admin;
pub mod client_manage;
pub mod consumer_manage;
pub mod end_transaction;
pub mod lock;
pub mod pop;
pub mod pull;
pub mod query;
pub mod query_assignment;
pub mod queue_offset;
pub mod send;

use std::{sync::Arc, time::Duration};

use self::{
    client_manage::{ClientManageProcessor, ClientTables},
    consumer_manage::ConsumerManageProcessor,
    end_transaction::EndTransactionProcessor,
    lock::LockProcessor,
    pop::PopProcessors,
    pull::PullProcessor,
    query::QueryProcessor,
    query_assignment::QueryAssignmentProcessor,
    queue_offset::QueueOffsetProcessor,
    send::{RecallProcessor, ReplyProcessor, SendBackProcessor, SendGate, SendProcessor},
};
use crate::{
    assignment::routes::{RouteSource, TopicRoutes},
    disk_reads::DiskReads,
    parts::Parts,
    pull::arrival_board::ArrivalBoard,
    registration::Registration,
    topic_publisher::TopicPublisher,
    topics::TopicAnnouncer,
};

/// All processors, each with the parts it needs.
pub struct Processors {
    pub(crate) send: Arc<SendProcessor>,
    pub(crate) send_back: Arc<SendBackProcessor>,
    pub(crate) recall: Arc<RecallProcessor>,
    pub(crate) reply: Arc<ReplyProcessor>,
    pub(crate) end_transaction: Arc<EndTransactionProcessor>,
    pub(crate) pull: Arc<PullProcessor>,
    pub(crate) query: Arc<QueryProcessor>,
    pub(crate) queue_offset: Arc<QueueOffsetProcessor>,
    pub(crate) client_manage: Arc<ClientManageProcessor>,
    pub(crate) consumer_manage: Arc<ConsumerManageProcessor>,
    pub(crate) lock: Arc<LockProcessor>,
    pub(crate) pop: PopProcessors,
    pub(crate) query_assignment: Arc<QueryAssignmentProcessor>,
}

impl Processors {
    /// Makes them.
    pub fn new(parts: &Parts, registration: &Arc<Registration>, board: &Arc<ArrivalBoard>) -> Self {
        let announcer = Arc::clone(registration) as Arc<dyn TopicAnnouncer>;
        let publisher = Arc::new(TopicPublisher::new(Arc::clone(&parts.writer), Arc::clone(&announcer)));
        let gate = Arc::new(send_gate(parts, &publisher));
        Self {
            send: Arc::new(send_processor(parts, &gate)),
            send_back: Arc::new(send_back_processor(parts, publisher)),
            recall: Arc::new(recall_processor(parts)),
            reply: Arc::new(reply_processor(parts, gate)),
            end_transaction: Arc::new(EndTransactionProcessor {
                transactions: Arc::clone(&parts.transactions),
            }),
            pull: Arc::new(pull_processor(parts, board)),
            query: Arc::new(QueryProcessor {
                store: Arc::clone(&parts.store),
                unique_key_max_count: parts.query_max_count,
                max_count: parts.query_batch_max_count,
            }),
            queue_offset: Arc::new(QueueOffsetProcessor { store: Arc::clone(&parts.store) }),
            client_manage: Arc::new(client_manage_processor(parts, announcer)),
            consumer_manage: Arc::new(consumer_manage_processor(parts)),
            lock: Arc::new(LockProcessor::new(Arc::clone(&parts.locks))),
            pop: PopProcessors::new(parts),
            query_assignment: Arc::new(query_assignment_processor(parts, registration)),
        }
    }
}

fn query_assignment_processor(parts: &Parts, registration: &Arc<Registration>) -> QueryAssignmentProcessor {
    let period = parts.config.now().load_balance_poll_name_server_interval;
    let period = Duration::from_millis(u64::try_from(period).unwrap_or(0));
    let source = Arc::clone(registration) as Arc<dyn RouteSource>;
    QueryAssignmentProcessor {
        config: parts.config.clone(),
        topics: Arc::clone(&parts.topics),
        writer: Arc::clone(&parts.writer),
        consumers: Arc::clone(&parts.consumers),
        modes: Arc::clone(&parts.modes),
        routes: TopicRoutes::new(source, period, Arc::clone(&parts.clock)),
    }
}

fn send_gate(parts: &Parts, publisher: &Arc<TopicPublisher>) -> SendGate {
    SendGate {
        config: parts.config.clone(),
        topics: Arc::clone(&parts.topics),
        publisher: Arc::clone(publisher),
        clock: Arc::clone(&parts.clock),
    }
}

fn send_processor(parts: &Parts, gate: &Arc<SendGate>) -> SendProcessor {
    SendProcessor {
        gate: Arc::clone(gate),
        store_host: parts.store_host,
        locks: Arc::clone(&parts.locks),
        writer: Arc::clone(&parts.writer),
        putter: Arc::clone(&parts.putter),
        transactions: Arc::clone(&parts.transactions),
        uniq_ids: Arc::clone(&parts.uniq_ids),
        clock: Arc::clone(&parts.clock),
    }
}

fn send_back_processor(parts: &Parts, publisher: Arc<TopicPublisher>) -> SendBackProcessor {
    SendBackProcessor {
        config: parts.config.clone(),
        store_host: parts.store_host,
        topics: Arc::clone(&parts.topics),
        writer: Arc::clone(&parts.writer),
        publisher,
        putter: Arc::clone(&parts.putter),
        stats: Arc::clone(&parts.stats),
    }
}

fn recall_processor(parts: &Parts) -> RecallProcessor {
    RecallProcessor {
        config: parts.config.clone(),
        topics: Arc::clone(&parts.topics),
        store_host: parts.store_host,
        putter: Arc::clone(&parts.putter),
        clock: Arc::clone(&parts.clock),
    }
}

fn reply_processor(parts: &Parts, gate: Arc<SendGate>) -> ReplyProcessor {
    ReplyProcessor {
        gate,
        store_host: parts.store_host,
        producers: Arc::clone(&parts.producers),
        putter: Arc::clone(&parts.putter),
        clock: Arc::clone(&parts.clock),
    }
}

fn pull_processor(parts: &Parts, board: &Arc<ArrivalBoard>) -> PullProcessor {
    PullProcessor {
        config: parts.config.clone(),
        writer: Arc::clone(&parts.writer),
        topics: Arc::clone(&parts.topics),
        groups: Arc::clone(&parts.groups),
        consumers: Arc::clone(&parts.consumers),
        filters: Arc::clone(&parts.filters),
        offsets: Arc::clone(&parts.offsets),
        broadcast: Arc::clone(&parts.broadcast),
        store: Arc::clone(&parts.store),
        board: Arc::clone(board),
        stats: Arc::clone(&parts.stats),
        cold_reads: Arc::clone(&parts.cold_reads),
        disk_reads: DiskReads::new(Arc::clone(&parts.store), pull::DISK_READS),
    }
}

fn client_manage_processor(parts: &Parts, announcer: Arc<dyn TopicAnnouncer>) -> ClientManageProcessor {
    let tables = ClientTables {
        topics: Arc::clone(&parts.topics),
        groups: Arc::clone(&parts.groups),
        consumers: Arc::clone(&parts.consumers),
        producers: Arc::clone(&parts.producers),
        filters: Arc::clone(&parts.filters),
    };
    ClientManageProcessor::new(parts.config.clone(), tables, announcer, Arc::clone(&parts.clock))
}

fn consumer_manage_processor(parts: &Parts) -> ConsumerManageProcessor {
    ConsumerManageProcessor::new(
        Arc::clone(&parts.topics),
        Arc::clone(&parts.groups),
        Arc::clone(&parts.consumers),
        Arc::clone(&parts.offsets),
        Arc::clone(&parts.queues),
    )
}
