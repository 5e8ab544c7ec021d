//! Subscription groups: creating, changing, deleting and listing them.

use std::{sync::Arc, time::Instant};

use common::{config::BrokerConfig, fastjson, group::SubscriptionGroupConfig};
use remoting::{
    body::admin::{
        GroupForbidden, QuerySubscriptionResponseBody, SubscriptionGroupList, SubscriptionGroupWrapper,
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        DeleteSubscriptiongroup, GetAllSubscriptiongroupConfig, GetSubscriptiongroupConfig,
        QuerySubscriptionByConsumer, UpdateAndCreateSubscriptiongroup, UpdateAndCreateSubscriptiongroupList,
        UpdateAndGetGroupForbidden,
    },
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;

use super::read_body;
use crate::{
    clients::ConsumerManager,
    groups::{ForbiddenBit, SubscriptionGroupManager},
    metadata_writer::MetadataWriter,
    offsets::ConsumerOffsetManager,
    stats::BrokerStats,
};

/// Serves operators who look after groups.
pub struct GroupAdmin {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) writer: Arc<MetadataWriter>,
}

impl GroupAdmin {
    /// Changes the table and its file.
    async fn update(&self, wanted: Vec<SubscriptionGroupConfig>) -> Result<(), Refusal> {
        let since = Instant::now();
        let outcome = self.update_all(wanted).await;
        self.stats.metrics().group_creation(outcome.is_ok(), since.elapsed().as_millis() as u64);
        outcome
    }

    async fn update_all(&self, wanted: Vec<SubscriptionGroupConfig>) -> Result<(), Refusal> {
        let mut changed = false;
        let mut failed = None;
        for config in wanted {
            match self.groups.update(config) {
                Ok(creation) => changed |= creation.is_unsaved(),
                Err(error) => {
                    failed = Some(Refusal::system_error(error.to_string()));
                    break;
                }
            }
        }
        if changed {
            self.writer.persist_groups().await?;
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Processor<UpdateAndCreateSubscriptiongroup> for GroupAdmin {
    async fn process(
        &self,
        incoming: Incoming<UpdateAndCreateSubscriptiongroup>,
    ) -> ReplyResult<UpdateAndCreateSubscriptiongroup> {
        let config: SubscriptionGroupConfig = read_body(&incoming.body, "subscription group")?;
        tracing::info!(group = config.group_name, peer = %incoming.peer.peer_addr(), "group wanted");
        self.update(vec![config]).await?;
        Ok(Reply::success())
    }
}

impl Processor<UpdateAndCreateSubscriptiongroupList> for GroupAdmin {
    async fn process(
        &self,
        incoming: Incoming<UpdateAndCreateSubscriptiongroupList>,
    ) -> ReplyResult<UpdateAndCreateSubscriptiongroupList> {
        let list: SubscriptionGroupList = read_body(&incoming.body, "list of subscription groups")?;
        let wanted = list.group_config_list;
        tracing::info!(groups = wanted.len(), peer = %incoming.peer.peer_addr(), "groups wanted");
        self.update(wanted).await?;
        Ok(Reply::success())
    }
}

impl Processor<GetAllSubscriptiongroupConfig> for GroupAdmin {
    async fn process(
        &self,
        _: Incoming<GetAllSubscriptiongroupConfig>,
    ) -> ReplyResult<GetAllSubscriptiongroupConfig> {
        let snapshot = self.groups.snapshot();
        let body = SubscriptionGroupWrapper {
            data_version: snapshot.data_version,
            forbidden_table: snapshot.forbidden,
            subscription_group_table: snapshot.groups,
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<GetSubscriptiongroupConfig> for GroupAdmin {
    async fn process(
        &self,
        incoming: Incoming<GetSubscriptiongroupConfig>,
    ) -> ReplyResult<GetSubscriptiongroupConfig> {
        let found = self.writer.find_or_create_group(&incoming.header.group).await;
        let config = found.ok_or_else(|| {
            Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, "No group in this broker")
        })?;
        Ok(Reply::success().with_body(fastjson::to_vec(&*config)))
    }
}

impl Processor<DeleteSubscriptiongroup> for GroupAdmin {
    async fn process(
        &self,
        incoming: Incoming<DeleteSubscriptiongroup>,
    ) -> ReplyResult<DeleteSubscriptiongroup> {
        let header = &incoming.header;
        let group = &header.group_name;
        tracing::info!(group, peer = %incoming.peer.peer_addr(), "group is to be deleted");
        self.groups.delete(group);
        if header.clean_offset {
            self.offsets.remove_group(group);
        }
        if self.config.now().auto_delete_unused_stats {
            self.stats.group_deleted(group);
        }
        self.writer.persist_groups().await?;
        Ok(Reply::success())
    }
}

impl Processor<UpdateAndGetGroupForbidden> for GroupAdmin {
    async fn process(
        &self,
        incoming: Incoming<UpdateAndGetGroupForbidden>,
    ) -> ReplyResult<UpdateAndGetGroupForbidden> {
        let header = incoming.header;
        let (group, topic) = (&header.group, &header.topic);
        if let Some(readable) = header.readable {
            let changed = if readable {
                self.groups.allow(group, topic, ForbiddenBit::Read)
            } else {
                self.groups.forbid(group, topic, ForbiddenBit::Read)
            };
            changed.map_err(|error| Refusal::system_error(error.to_string()))?;
            self.writer.persist_groups().await?;
        }
        let readable = !self.groups.is_forbidden(group, topic, ForbiddenBit::Read);
        let body = GroupForbidden { group: header.group, readable, topic: header.topic };
        Ok(Reply::success().with_remark("").with_body(fastjson::to_vec(&body)))
    }
}

impl Processor<QuerySubscriptionByConsumer> for GroupAdmin {
    async fn process(
        &self,
        incoming: Incoming<QuerySubscriptionByConsumer>,
    ) -> ReplyResult<QuerySubscriptionByConsumer> {
        let header = incoming.header;
        let topic = header.topic.as_deref();
        let found = topic.and_then(|topic| self.consumers.find_subscription(&header.group, topic));
        let body = QuerySubscriptionResponseBody {
            group: header.group,
            subscription_data: found.map(|subscription| subscription.data.clone()),
            topic: header.topic,
        };
        Ok(Reply::success().with_body(fastjson::to_vec(&body)))
    }
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
