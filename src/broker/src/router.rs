//! **Every request code ↦ processor ↦ lane.**

use std::sync::Arc;

use common::config::BrokerConfig;
#[allow(clippy::wildcard_imports, reason = "the router names every request there is")]
use remoting::request::*;
use remoting::{lane::Lane, router::Router};

use crate::{
    metrics::NamedLane,
    parts::Parts,
    processor::{
        Processors,
        admin::{AdminLanes, AdminProcessors},
    },
    pull::arrival_board::ArrivalBoard,
    registration::Registration,
    static_topics::StaticTopics,
    topics::TopicAnnouncer,
};

/// Codes the fast port does not serve: a pull may park, and producers ought not to share a port with that.
pub const NOT_ON_FAST_PORT: &[RequestCode] = &[
    RequestCode::PullMessage,
    RequestCode::LitePullMessage,
    RequestCode::PeekMessage,
    RequestCode::PopMessage,
    RequestCode::Notification,
    RequestCode::PollingInfo,
];

/// What a RocketMQ broker answers and this one does not, and why.
const REFUSED: &[(RequestCode, &str)] = &[
    (
        RequestCode::CheckRocksdbCqWriteProgress,
        "consume queues are files, there are none in RocksDB to compare",
    ),
    (
        RequestCode::ExportRocksDbConfigToJson,
        "topics, groups and offsets are kept as JSON already, see config/",
    ),
    (RequestCode::ExchangeBrokerHaInfo, "this broker has no slaves, replication is not there yet"),
    (RequestCode::NotifyBrokerRoleChanged, "this broker has no controller, which would change its role"),
];

/// The lanes of a broker, as wide as the queues of Java's executors.
pub struct Lanes {
    send: Arc<Lane>,
    pull: Arc<Lane>,
    lite_pull: Arc<Lane>,
    query: Arc<Lane>,
    end_transaction: Arc<Lane>,
    reply: Arc<Lane>,
    heartbeat: Arc<Lane>,
    client_manage: Arc<Lane>,
    consumer_manage: Arc<Lane>,
    ack: Arc<Lane>,
    load_balance: Arc<Lane>,
    admin: Arc<Lane>,
}

impl Lanes {
    /// Those of a configuration.
    pub fn new(config: &BrokerConfig) -> Self {
        let lane =
            |name, capacity: i32| Arc::new(Lane::without_queue(name, usize::try_from(capacity).unwrap_or(1)));
        Self {
            send: lane("send", config.send_thread_pool_queue_capacity),
            pull: lane("pull", config.pull_thread_pool_queue_capacity),
            lite_pull: lane("lite-pull", config.lite_pull_thread_pool_queue_capacity),
            query: lane("query", config.query_thread_pool_queue_capacity),
            end_transaction: lane("end-transaction", config.end_transaction_pool_queue_capacity),
            reply: lane("reply", config.reply_thread_pool_queue_capacity),
            heartbeat: lane("heartbeat", config.heartbeat_thread_pool_queue_capacity),
            client_manage: lane("client-manage", config.client_manager_thread_pool_queue_capacity),
            consumer_manage: lane("consumer-manage", config.consumer_manager_thread_pool_queue_capacity),
            ack: lane("ack", config.ack_thread_pool_queue_capacity),
            load_balance: lane("load-balance", config.load_balance_thread_pool_queue_capacity),
            admin: lane("admin", config.admin_broker_thread_pool_queue_capacity),
        }
    }
}

impl Lanes {
    /// All of RocketMQ's, under the names they have in its metrics.
    pub fn for_metrics(&self) -> Vec<NamedLane> {
        let lanes = [
            ("send", &self.send),
            ("pull", &self.pull),
            ("ack", &self.ack),
            ("query_message", &self.query),
            ("client_manager", &self.client_manage),
            ("heartbeat", &self.heartbeat),
            ("lite_pull", &self.lite_pull),
            ("transaction", &self.end_transaction),
            ("consumer_manager", &self.consumer_manage),
            ("admin", &self.admin),
            ("reply", &self.reply),
        ];
        lanes.map(|(name, lane)| (name, Arc::clone(lane))).into()
    }

    /// Those operators read figures of.
    fn for_admin(&self) -> AdminLanes {
        AdminLanes {
            send: Arc::clone(&self.send),
            pull: Arc::clone(&self.pull),
            lite_pull: Arc::clone(&self.lite_pull),
            query: Arc::clone(&self.query),
            end_transaction: Arc::clone(&self.end_transaction),
            ack: Arc::clone(&self.ack),
        }
    }
}

/// The routes of the main port.
pub fn routes(
    parts: &Arc<Parts>,
    registration: &Arc<Registration>,
    board: &Arc<ArrivalBoard>,
    static_topics: &Arc<StaticTopics>,
    lanes: &Lanes,
) -> Router {
    let p = Processors::new(parts, registration, board);
    let announcer = Arc::clone(registration) as Arc<dyn TopicAnnouncer>;
    let admin = AdminProcessors::new(parts, announcer, lanes.for_admin());
    // What names a queue passes the layer that knows logical ones.
    let send = static_topics.before(&p.send);
    let pull = static_topics.before(&p.pull);
    let consumer_offset = static_topics.before(&p.consumer_manage);
    let queue_offset = static_topics.before(&p.queue_offset);
    let router = Router::new()
        .refusing(REFUSED)
        // Producers: done when stored, so that a lane only fills while flushes are waited for.
        .route::<SendMessage, _>(&send, &lanes.send)
        .route::<SendMessageV2, _>(&send, &lanes.send)
        .route::<SendBatchMessage, _>(&send, &lanes.send)
        .route::<ConsumerSendMsgBack, _>(&p.send_back, &lanes.send)
        .route::<EndTransaction, _>(&p.end_transaction, &lanes.end_transaction)
        .route::<ResumeCheckHalfMessage, _>(&p.end_transaction, &lanes.admin)
        .route::<RecallMessage, _>(&p.recall, &lanes.send)
        // Consumers who answer: waits for the requester.
        .route::<SendReplyMessage, _>(&p.reply, &lanes.reply)
        .route::<SendReplyMessageV2, _>(&p.reply, &lanes.reply)
        // Consumers: a parked pull has left its lane.
        .route::<PullMessage, _>(&pull, &lanes.pull)
        .route::<LitePullMessage, _>(&pull, &lanes.lite_pull)
        // Consumers that pop: so has a waiting pop.
        .route::<PopMessage, _>(&p.pop.pop, &lanes.pull)
        .route::<PeekMessage, _>(&p.pop.peek, &lanes.pull)
        .route::<Notification, _>(&p.pop.notification, &lanes.pull)
        .route::<PollingInfo, _>(&p.pop.polling_info, &lanes.pull)
        .route::<AckMessage, _>(&p.pop.ack, &lanes.ack)
        .route::<BatchAckMessage, _>(&p.pop.ack, &lanes.ack)
        .route::<ChangeMessageInvisibletime, _>(&p.pop.change_invisible_time, &lanes.ack)
        .route::<QueryAssignment, _>(&p.query_assignment, &lanes.load_balance)
        .route::<SetMessageRequestMode, _>(&p.query_assignment, &lanes.load_balance)
        .route::<QueryMessage, _>(&p.query, &lanes.query)
        .route::<ViewMessageById, _>(&p.query, &lanes.query)
        // Who is there.
        .route::<HeartBeat, _>(&p.client_manage, &lanes.heartbeat)
        .route::<UnregisterClient, _>(&p.client_manage, &lanes.client_manage)
        .route::<CheckClientConfig, _>(&p.client_manage, &lanes.client_manage)
        .route::<GetConsumerListByGroup, _>(&p.consumer_manage, &lanes.consumer_manage)
        .route::<UpdateConsumerOffset, _>(&consumer_offset, &lanes.consumer_manage)
        .route::<QueryConsumerOffset, _>(&consumer_offset, &lanes.consumer_manage)
        .route::<LockBatchMq, _>(&p.lock, &lanes.admin)
        .route::<UnlockBatchMq, _>(&p.lock, &lanes.admin)
        // Queues.
        .route::<GetMaxOffset, _>(&queue_offset, &lanes.admin)
        .route::<GetMinOffset, _>(&queue_offset, &lanes.admin)
        .route::<SearchOffsetByTimestamp, _>(&queue_offset, &lanes.admin)
        .route::<GetEarliestMsgStoretime, _>(&queue_offset, &lanes.admin);
    admin_routes(router, &admin, &lanes.admin)
}

/// What operators and their tools ask.
fn admin_routes(router: Router, admin: &AdminProcessors, lane: &Arc<Lane>) -> Router {
    router
        // Topics.
        .route::<UpdateAndCreateTopic, _>(&admin.topics, lane)
        .route::<UpdateAndCreateTopicList, _>(&admin.topics, lane)
        .route::<UpdateAndCreateStaticTopic, _>(&admin.static_topics, lane)
        .route::<DeleteTopicInBroker, _>(&admin.topic_deletion, lane)
        .route::<GetTopicConfig, _>(&admin.topic_queries, lane)
        .route::<GetAllTopicConfig, _>(&admin.topic_queries, lane)
        .route::<GetSystemTopicListFromBroker, _>(&admin.topic_queries, lane)
        .route::<GetTopicStatsInfo, _>(&admin.topic_queries, lane)
        .route::<QueryTopicConsumeByWho, _>(&admin.topic_queries, lane)
        .route::<QueryTopicsByConsumer, _>(&admin.topic_queries, lane)
        // Groups.
        .route::<UpdateAndCreateSubscriptiongroup, _>(&admin.groups, lane)
        .route::<UpdateAndCreateSubscriptiongroupList, _>(&admin.groups, lane)
        .route::<GetAllSubscriptiongroupConfig, _>(&admin.groups, lane)
        .route::<GetSubscriptiongroupConfig, _>(&admin.groups, lane)
        .route::<DeleteSubscriptiongroup, _>(&admin.groups, lane)
        .route::<UpdateAndGetGroupForbidden, _>(&admin.groups, lane)
        .route::<QuerySubscriptionByConsumer, _>(&admin.groups, lane)
        // Consumer offsets.
        .route::<InvokeBrokerToResetOffset, _>(&admin.reset, lane)
        .route::<GetConsumeStats, _>(&admin.offsets, lane)
        .route::<CloneGroupOffset, _>(&admin.offsets, lane)
        .route::<QueryCorrectionOffset, _>(&admin.offsets, lane)
        .route::<GetAllConsumerOffset, _>(&admin.offsets, lane)
        .route::<GetAllDelayOffset, _>(&admin.offsets, lane)
        .route::<QueryConsumeTimeSpan, _>(&admin.time_span, lane)
        // Clients, some asked over their own connections.
        .route::<GetConsumerConnectionList, _>(&admin.clients, lane)
        .route::<GetProducerConnectionList, _>(&admin.clients, lane)
        .route::<GetAllProducerInfo, _>(&admin.clients, lane)
        .route::<GetConsumerRunningInfo, _>(&admin.relay, lane)
        .route::<ConsumeMessageDirectly, _>(&admin.relay, lane)
        .route::<InvokeBrokerToGetConsumerStatus, _>(&admin.relay, lane)
        // The broker.
        .route::<GetBrokerConfig, _>(&admin.config, lane)
        .route::<UpdateBrokerConfig, _>(&admin.config, lane)
        .route::<GetAllMessageRequestMode, _>(&admin.pop, lane)
        .route::<PopRollback, _>(&admin.pop, lane)
        .route::<ViewBrokerStatsData, _>(&admin.broker, lane)
        .route::<GetBrokerRuntimeInfo, _>(&admin.broker, lane)
        .route::<GetBrokerConsumeStats, _>(&admin.consume_stats, lane)
        // The store.
        .route::<QueryConsumeQueue, _>(&admin.consume_queue, lane)
        .route::<CleanExpiredConsumequeue, _>(&admin.tidying, lane)
        .route::<CleanUnusedTopic, _>(&admin.tidying, lane)
        .route::<DeleteExpiredCommitlog, _>(&admin.tidying, lane)
        // Other brokers of the group.
        .route::<GetBrokerHaStatus, _>(&admin.replication, lane)
        .route::<ResetMasterFlushOffset, _>(&admin.replication, lane)
        .route::<NotifyMinBrokerIdChange, _>(&admin.replication, lane)
        .route::<GetBrokerEpochCache, _>(&admin.replication, lane)
        // Users.
        .route::<AuthCreateUser, _>(&admin.auth, lane)
        .route::<AuthUpdateUser, _>(&admin.auth, lane)
        .route::<AuthDeleteUser, _>(&admin.auth, lane)
        .route::<AuthGetUser, _>(&admin.auth, lane)
        .route::<AuthListUser, _>(&admin.auth, lane)
        .route::<AuthCreateAcl, _>(&admin.auth, lane)
        .route::<AuthUpdateAcl, _>(&admin.auth, lane)
        .route::<AuthDeleteAcl, _>(&admin.auth, lane)
        .route::<AuthGetAcl, _>(&admin.auth, lane)
        .route::<AuthListAcl, _>(&admin.auth, lane)
        // The timer.
        .route::<GetTimerCheckPoint, _>(&admin.timer, lane)
        .route::<GetTimerMetrics, _>(&admin.timer, lane)
        // Cold data.
        .route::<UpdateColdDataFlowCtrConfig, _>(&admin.cold_data, lane)
        .route::<RemoveColdDataFlowCtrConfig, _>(&admin.cold_data, lane)
        .route::<GetColdDataFlowCtrInfo, _>(&admin.cold_data, lane)
        .route::<SetCommitlogReadMode, _>(&admin.cold_data, lane)
}
