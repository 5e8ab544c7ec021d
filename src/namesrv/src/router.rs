//! Every request the NameServer answers, who answers it, and in which lane.

use std::{sync::Arc, time::Duration};

use common::config::NamesrvConfig;
use remoting::{
    lane::{Lane, LaneLimits},
    request::{
        AddWritePermOfBroker, BrokerHeartbeat, DeleteKvConfig, DeleteTopicInNamesrv,
        GetAllTopicListFromNameserver, GetBrokerClusterInfo, GetBrokerMemberGroup, GetHasUnitSubTopicList,
        GetHasUnitSubUnunitTopicList, GetKvConfig, GetKvlistByNamespace, GetNamesrvConfig,
        GetSystemTopicListFromNs, GetTopicsByCluster, GetUnitTopicList, PutKvConfig, QueryDataVersion,
        RegisterTopicInNamesrv, UnregisterBroker, UpdateNamesrvConfig, WipeWritePermOfBroker,
    },
    router::Router,
};

use crate::{
    processor::{
        ClusterProcessor, ConfigProcessor, KvProcessor, RegistrationProcessor, RouteProcessor, TopicProcessor,
    },
    zone::{GetRouteinfoByTopic, RegisterBroker},
};

/// Longer than that nobody waits for an answer.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How much may be under way at once.
pub(crate) struct Lanes {
    /// Clients asking for routes.
    pub(crate) client: Arc<Lane>,
    /// Brokers and operators.
    pub(crate) default: Arc<Lane>,
}

impl Lanes {
    pub(crate) fn new(config: &NamesrvConfig) -> Self {
        let lane = |name, permits: i32, waiters_max: i32| {
            let count = |number: i32| usize::try_from(number).unwrap_or(0).max(1);
            let limits =
                LaneLimits { permits: count(permits), waiters_max: count(waiters_max), wait_max: WAIT_MAX };
            Arc::new(Lane::new(name, limits))
        };
        Self {
            client: lane(
                "client",
                config.client_request_thread_pool_nums,
                config.client_request_thread_pool_queue_capacity,
            ),
            default: lane(
                "default",
                config.default_thread_pool_nums,
                config.default_thread_pool_queue_capacity,
            ),
        }
    }
}

/// Who answers.
pub(crate) struct Processors {
    pub(crate) route: Arc<RouteProcessor>,
    pub(crate) registration: Arc<RegistrationProcessor>,
    pub(crate) kv: Arc<KvProcessor>,
    pub(crate) cluster: Arc<ClusterProcessor>,
    pub(crate) topic: Arc<TopicProcessor>,
    pub(crate) config: Arc<ConfigProcessor>,
}

/// The routes of a NameServer.
#[rustfmt::skip]
pub(crate) fn router(processors: &Processors, lanes: &Lanes) -> Router {
    let Processors { route, registration, kv, cluster, topic, config } = processors;
    let Lanes { client, default } = lanes;
    Router::new()
        .route::<GetRouteinfoByTopic, _>          (route,        client)
        .route::<RegisterBroker, _>               (registration, default)
        .route::<UnregisterBroker, _>             (registration, default)
        .route::<QueryDataVersion, _>             (registration, default)
        .route::<BrokerHeartbeat, _>              (registration, default)
        .route::<GetBrokerClusterInfo, _>         (cluster,      default)
        .route::<GetBrokerMemberGroup, _>         (cluster,      default)
        .route::<WipeWritePermOfBroker, _>        (cluster,      default)
        .route::<AddWritePermOfBroker, _>         (cluster,      default)
        .route::<GetAllTopicListFromNameserver, _>(topic,        default)
        .route::<GetTopicsByCluster, _>           (topic,        default)
        .route::<GetSystemTopicListFromNs, _>     (topic,        default)
        .route::<GetUnitTopicList, _>             (topic,        default)
        .route::<GetHasUnitSubTopicList, _>       (topic,        default)
        .route::<GetHasUnitSubUnunitTopicList, _> (topic,        default)
        .route::<RegisterTopicInNamesrv, _>       (topic,        default)
        .route::<DeleteTopicInNamesrv, _>         (topic,        default)
        .route::<PutKvConfig, _>                  (kv,           default)
        .route::<GetKvConfig, _>                  (kv,           default)
        .route::<DeleteKvConfig, _>               (kv,           default)
        .route::<GetKvlistByNamespace, _>         (kv,           default)
        .route::<UpdateNamesrvConfig, _>          (config,       default)
        .route::<GetNamesrvConfig, _>             (config,       default)
}
