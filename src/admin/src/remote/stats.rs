//! Where queues end and where groups are, gathered from all brokers of a topic.

use bytes::Bytes;
use client::routes::addr_of;
use common::{
    fastjson::ObjectKey,
    names::{PopRetryVersion, TIMER_TOPIC, is_lmq, pop_retry_topic, retry_topic},
};
use remoting::{
    body::{
        admin::{ConsumeStats, ConsumerConnection, ConsumerRunningInfo, GroupList, TopicStatsTable},
        heartbeat::MessageModel,
        route::TopicRouteData,
    },
    headers::{
        consumer::{
            GetConsumeStatsRequestHeader, GetConsumerConnectionListRequestHeader,
            GetConsumerRunningInfoRequestHeader, QueryTopicConsumeByWhoRequestHeader,
        },
        topic::GetTopicStatsInfoRequestHeader,
    },
    request::{
        GetConsumeStats, GetConsumerConnectionList, GetConsumerRunningInfo, GetTopicStatsInfo,
        QueryTopicConsumeByWho,
    },
    response_code::ResponseCode,
};

use super::{LIMIT, Remote, addrs_of};
use crate::{error::AdminError, static_topic};

impl Remote {
    /// The queues of a topic on one broker (`examineTopicStats` with an address).
    pub(crate) async fn topic_stats_at(
        &self,
        addr: &str,
        topic: &str,
    ) -> Result<TopicStatsTable, AdminError> {
        let header = GetTopicStatsInfoRequestHeader { topic: topic.to_owned(), lo: None };
        Ok(self.body::<GetTopicStatsInfo, _>(addr, header).await?)
    }

    /// The queues of a topic, logical ones of a static topic included (`examineTopicStats`).
    pub(crate) async fn topic_stats(&self, topic: &str) -> Result<TopicStatsTable, AdminError> {
        let route = self.route(topic).await?;
        let mut stats = self.topic_stats_along(topic, &route).await?;
        if is_static(&route) {
            let mappings = static_topic::mappings(self, topic, &route).await?;
            static_topic::add_logical_stats(topic, &mappings, &mut stats);
        }
        if stats.offset_table.is_empty() {
            return Err(AdminError::Failed("Not found the topic stats info".to_owned()));
        }
        Ok(stats)
    }

    /// The queues of a topic that is where another one is.
    pub(crate) async fn topic_stats_routed_as(
        &self,
        topic: &str,
        routed_as: &str,
    ) -> Result<TopicStatsTable, AdminError> {
        let route = self.route(routed_as).await?;
        self.topic_stats_along(topic, &route).await
    }

    /// The rate of a topic is left out, as RocketMQ leaves it out.
    async fn topic_stats_along(
        &self,
        topic: &str,
        route: &TopicRouteData,
    ) -> Result<TopicStatsTable, AdminError> {
        let mut all = TopicStatsTable::default();
        for addr in addrs_of(route) {
            all.offset_table.extend(self.topic_stats_at(addr, topic).await?.offset_table);
        }
        Ok(all)
    }

    /// How far a group is on one broker.
    pub(crate) async fn consume_stats_at(
        &self,
        addr: &str,
        group: &str,
        topic: Option<&str>,
    ) -> Result<ConsumeStats, AdminError> {
        let header = GetConsumeStatsRequestHeader {
            consumer_group: group.to_owned(),
            topic: topic.map(str::to_owned),
            topic_list: None,
        };
        Ok(self.brokers.body::<GetConsumeStats, _>(addr, header, Bytes::new(), LIMIT * 3).await?)
    }

    /// How far a group is, in one topic or all (`examineConsumeStats`).
    ///
    /// `cluster` is where light queues and the timer topic are looked for; with it the physical queues are
    /// given as they are.
    pub(crate) async fn consume_stats(
        &self,
        cluster: Option<&str>,
        group: &str,
        topic: Option<&str>,
    ) -> Result<ConsumeStats, AdminError> {
        let cluster = cluster.filter(|cluster| !cluster.is_empty());
        let route = self.route_of_group(cluster, group, topic).await?;
        let mut physical = ConsumeStats::default();
        for addr in addrs_of(&route) {
            let stats = self.consume_stats_at(addr, group, topic).await?;
            physical.offset_table.extend(stats.offset_table);
            physical.consume_tps += stats.consume_tps;
        }
        let stats = if cluster.is_some() { physical } else { self.with_logical_queues(physical).await? };
        if stats.offset_table.is_empty() {
            self.explain_no_stats(group).await?;
        }
        Ok(stats)
    }

    async fn route_of_group(
        &self,
        cluster: Option<&str>,
        group: &str,
        topic: Option<&str>,
    ) -> Result<TopicRouteData, AdminError> {
        let mut topics = vec![retry_topic(group)];
        if let Some(topic) = topic {
            topics.push(topic.to_owned());
            topics.push(pop_retry_topic(topic, group, PopRetryVersion::V1));
            topics.extend(cluster.filter(|_| is_found_by_cluster(topic)).map(str::to_owned));
        }
        let mut last = None;
        for topic in &topics {
            match self.route(topic).await {
                Ok(route) => return Ok(route),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| AdminError::Failed("no topic to look for".to_owned())))
    }

    /// Physical queues of static topics are replaced by the logical ones.
    async fn with_logical_queues(&self, physical: ConsumeStats) -> Result<ConsumeStats, AdminError> {
        let mut topics: Vec<_> = physical.offset_table.keys().map(|queue| queue.0.topic.clone()).collect();
        topics.dedup();
        let mut stats = ConsumeStats { consume_tps: physical.consume_tps, ..ConsumeStats::default() };
        for topic in topics {
            let route = self.route(&topic).await?;
            if is_static(&route) {
                let mappings = static_topic::mappings(self, &topic, &route).await?;
                static_topic::add_logical_progress(&topic, &mappings, &physical, &mut stats);
            } else {
                let own = physical.offset_table.iter().filter(|(queue, _)| queue.0.topic == topic);
                stats.offset_table.extend(own.map(|(queue, offsets)| (ObjectKey(queue.0.clone()), *offsets)));
            }
        }
        Ok(stats)
    }

    /// Why there is nothing to say of a group.
    async fn explain_no_stats(&self, group: &str) -> Result<(), AdminError> {
        let refused = |code, why: &str| AdminError::Refused {
            code,
            remark: format!(
                "Not found the consumer group consume stats, because return offset table is empty, {why}"
            ),
        };
        match self.consumer_connection(group).await {
            Err(_) => Err(refused(ResponseCode::CONSUMER_NOT_ONLINE, "maybe the consumer not online")),
            Ok(connection) if connection.message_model == Some(MessageModel::Broadcasting) => {
                Err(refused(ResponseCode::BROADCAST_CONSUMPTION, "the consumer is under the broadcast mode"))
            }
            Ok(_) => Ok(()),
        }
    }

    /// The members of a group, as one of its brokers knows them (`examineConsumerConnectionInfo`).
    pub(crate) async fn consumer_connection(&self, group: &str) -> Result<ConsumerConnection, AdminError> {
        let route = self.route(&retry_topic(group)).await?;
        let addr = addrs_of(&route).next().ok_or_else(not_connected)?;
        self.consumer_connection_at(addr, group).await
    }

    /// The members of a group on one broker.
    pub(crate) async fn consumer_connection_at(
        &self,
        addr: &str,
        group: &str,
    ) -> Result<ConsumerConnection, AdminError> {
        let header = GetConsumerConnectionListRequestHeader { consumer_group: group.to_owned() };
        let connection: ConsumerConnection = self.body::<GetConsumerConnectionList, _>(addr, header).await?;
        if connection.connection_set.is_empty() { Err(not_connected()) } else { Ok(connection) }
    }

    /// What a member of a group says of itself (`getConsumerRunningInfo`).
    pub(crate) async fn running_info(
        &self,
        group: &str,
        client_id: &str,
        with_stacks: bool,
    ) -> Result<ConsumerRunningInfo, AdminError> {
        let route = self.route(&retry_topic(group)).await?;
        let addr = addrs_of(&route).next().ok_or_else(not_connected)?;
        let header = GetConsumerRunningInfoRequestHeader {
            consumer_group: group.to_owned(),
            client_id: client_id.to_owned(),
            jstack_enable: Some(with_stacks),
        };
        Ok(self.body::<GetConsumerRunningInfo, _>(addr, header).await?)
    }

    /// The groups that read a topic (`queryTopicConsumeByWho`).
    pub(crate) async fn groups_of_topic(&self, topic: &str) -> Result<GroupList, AdminError> {
        let route = self.route(topic).await?;
        let Some(addr) = route.broker_datas.iter().find_map(addr_of) else { return Ok(GroupList::default()) };
        let header = QueryTopicConsumeByWhoRequestHeader { topic: topic.to_owned() };
        Ok(self.body::<QueryTopicConsumeByWho, _>(addr, header).await?)
    }
}

/// Whether a topic has no route of its own and is looked for where its cluster or parent is.
pub(crate) fn is_found_by_cluster(topic: &str) -> bool {
    is_lmq(topic) || topic == TIMER_TOPIC
}

fn is_static(route: &TopicRouteData) -> bool {
    route.topic_queue_mapping_by_broker.as_ref().is_some_and(|mappings| !mappings.is_empty())
}

fn not_connected() -> AdminError {
    AdminError::Refused {
        code: ResponseCode::CONSUMER_NOT_ONLINE,
        remark: "Not found the consumer group connection".to_owned(),
    }
}
