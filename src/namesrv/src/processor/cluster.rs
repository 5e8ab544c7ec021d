//! Clusters, groups of brokers, and taking a broker out of service for writing.

use std::sync::Arc;

use remoting::{
    body::route::GetBrokerMemberGroupResponseBody,
    headers::broker::{AddWritePermOfBrokerResponseHeader, WipeWritePermOfBrokerResponseHeader},
    reply::{Incoming, Reply, ReplyResult},
    request::{AddWritePermOfBroker, GetBrokerClusterInfo, GetBrokerMemberGroup, WipeWritePermOfBroker},
    router::Processor,
};

use crate::route::{RouteInfoManager, WritePermission};

/// Answers `GET_BROKER_CLUSTER_INFO`, `GET_BROKER_MEMBER_GROUP`, `WIPE_WRITE_PERM_OF_BROKER` and
/// `ADD_WRITE_PERM_OF_BROKER`.
pub(crate) struct ClusterProcessor {
    routes: Arc<RouteInfoManager>,
}

impl ClusterProcessor {
    pub(crate) fn new(routes: Arc<RouteInfoManager>) -> Self {
        Self { routes }
    }

    /// How many topics changed.
    fn change(&self, broker_name: &str, change: WritePermission) -> i32 {
        let count = self.routes.change_write_permission(broker_name, change);
        tracing::info!(broker = broker_name, ?change, count, "write permission changed");
        i32::try_from(count).unwrap_or(i32::MAX)
    }
}

impl Processor<GetBrokerClusterInfo> for ClusterProcessor {
    async fn process(&self, _: Incoming<GetBrokerClusterInfo>) -> ReplyResult<GetBrokerClusterInfo> {
        Ok(Reply::success().with_body(self.routes.cluster_info().encode()))
    }
}

impl Processor<GetBrokerMemberGroup> for ClusterProcessor {
    async fn process(&self, incoming: Incoming<GetBrokerMemberGroup>) -> ReplyResult<GetBrokerMemberGroup> {
        let header = &incoming.header;
        let broker_member_group = self.routes.member_group(&header.cluster_name, &header.broker_name);
        let body = GetBrokerMemberGroupResponseBody { broker_member_group }.encode();
        // RocketMQ leaves the remark of a reply that nobody has filled in yet.
        Ok(Reply::success().with_body(body).with_remark("not set any response code"))
    }
}

impl Processor<WipeWritePermOfBroker> for ClusterProcessor {
    async fn process(&self, incoming: Incoming<WipeWritePermOfBroker>) -> ReplyResult<WipeWritePermOfBroker> {
        let wipe_topic_count = self.change(&incoming.header.broker_name, WritePermission::Wipe);
        Ok(Reply::success().with_header(WipeWritePermOfBrokerResponseHeader { wipe_topic_count }))
    }
}

impl Processor<AddWritePermOfBroker> for ClusterProcessor {
    async fn process(&self, incoming: Incoming<AddWritePermOfBroker>) -> ReplyResult<AddWritePermOfBroker> {
        let add_topic_count = self.change(&incoming.header.broker_name, WritePermission::Add);
        Ok(Reply::success().with_header(AddWritePermOfBrokerResponseHeader { add_topic_count }))
    }
}
