//! What clients tell of themselves (`ClientManageProcessor`): `HEART_BEAT`, `UNREGISTER_CLIENT`,
//! `CHECK_CLIENT_CONFIG`.
//!
//! A heartbeat makes the group and its retry topic where they are missing; both are on disk and the
//! topic is announced before the members of the group hear of the newcomer.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use common::{
    config::BrokerConfig,
    fastjson, names,
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT_SUB, TopicConfig},
};
use parking_lot::Mutex;
use remoting::{
    body::{
        consumer::CheckClientRequestBody,
        heartbeat::{ConsumeType, ConsumerData, HeartbeatData, SubscriptionData},
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{CheckClientConfig, HeartBeat, UnregisterClient},
    router::Processor,
};
use runtime::{clock::Clock, live::Live};

use crate::{
    clients::{ClientChannel, ConsumerManager, Notify, ProducerManager, Registration, Subscriptions},
    filters::ConsumerFilterManager,
    groups::SubscriptionGroupManager,
    response,
    topics::{Order, TopicAnnouncer, TopicConfigManager},
};

/// Reply field: the broker compares fingerprints, so heartbeats may leave subscriptions out.
const IS_SUPPORT_HEART_BEAT_V2: &str = "IS_SUPPORT_HEART_BEAT_V2";
/// Reply field: the broker knows other subscriptions, the client has to send them again.
const IS_SUB_CHANGE: &str = "IS_SUB_CHANGE";
/// Groups whose last fingerprint is remembered.
const FINGERPRINTS_MAX: usize = 100_000;

/// The tables heartbeats write to.
#[derive(Clone)]
pub struct ClientTables {
    /// Topics, for retry topics.
    pub topics: Arc<TopicConfigManager>,
    /// Consumer groups as configured.
    pub groups: Arc<SubscriptionGroupManager>,
    /// Consumer groups as connected.
    pub consumers: Arc<ConsumerManager>,
    /// Producer groups as connected.
    pub producers: Arc<ProducerManager>,
    /// What consumer groups subscribe to by expressions.
    pub filters: Arc<ConsumerFilterManager>,
}

/// Serves heartbeats and what belongs to them.
pub struct ClientManageProcessor {
    tables: ClientTables,
    announcer: Arc<dyn TopicAnnouncer>,
    /// The fingerprint of the last heartbeat of each group, whichever member sent it.
    fingerprints: Mutex<HashMap<String, i32>>,
    config: Live<BrokerConfig>,
    clock: Arc<dyn Clock>,
}

/// A consumer group of a heartbeat that is going to be registered.
struct Admitted {
    data: ConsumerData,
    notify: Notify,
}

impl ClientManageProcessor {
    /// A processor over these tables.
    pub fn new(
        config: Live<BrokerConfig>,
        tables: ClientTables,
        announcer: Arc<dyn TopicAnnouncer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { tables, announcer, fingerprints: Mutex::default(), config, clock }
    }

    /// Records a group's fingerprint; whether it is another one than before.
    fn fingerprint_changed(&self, group: &str, fingerprint: i32) -> bool {
        let mut fingerprints = self.fingerprints.lock();
        if let Some(known) = fingerprints.get_mut(group) {
            return std::mem::replace(known, fingerprint) != fingerprint;
        }
        if fingerprints.len() >= FINGERPRINTS_MAX {
            fingerprints.retain(|group, _| self.tables.consumers.modes(group).is_some());
        }
        if fingerprints.len() < FINGERPRINTS_MAX {
            fingerprints.insert(group.to_owned(), fingerprint);
        }
        false
    }

    /// Sees to it that group and retry topic of a consumer exist; `None` when the group may not be made.
    ///
    /// What is made is added to `made`.
    fn admit(&self, data: ConsumerData, made: &mut Made) -> Option<Admitted> {
        let Some(group) = self.tables.groups.find_or_create(&data.group_name) else {
            tracing::warn!(group = data.group_name, "consumer of an unknown group ignored");
            return None;
        };
        made.groups |= group.is_unsaved();
        let is_ordered = data.subscription_data_set.iter().any(|sub| self.tables.topics.is_order(&sub.topic));
        let retry = self.tables.topics.create_retry(
            &names::retry_topic(&data.group_name),
            group.config.retry_queue_nums,
            Permission::READ_WRITE,
            if is_ordered { Order::Kept } else { Order::None },
            if data.unit_mode { TOPIC_SYS_FLAG_UNIT_SUB } else { 0 },
        );
        match retry {
            Ok(retry) => {
                made.topics |= retry.is_unsaved();
                if retry.is_new() {
                    made.announced.push(retry.config);
                }
            }
            Err(error) => tracing::warn!(group = data.group_name, %error, "retry topic not created"),
        }
        let notify = Notify::from_group(group.config.notify_consumer_ids_changed_enable);
        Some(Admitted { data, notify })
    }

    /// Puts what a heartbeat made on disk and before the NameServers.
    async fn settle(&self, made: Made) {
        if made.topics || made.groups {
            let ClientTables { topics, groups, .. } = self.tables.clone();
            let written = tokio::task::spawn_blocking(move || {
                topics.persist()?;
                groups.persist()
            })
            .await;
            // The tables stay changed and are written with their next change.
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "topics and groups not written"),
                Err(error) => tracing::error!(%error, "topics and groups not written"),
            }
        }
        if !made.announced.is_empty() {
            self.announcer.announce(&made.announced).await;
        }
    }
}

/// What a heartbeat made.
#[derive(Default)]
struct Made {
    topics: bool,
    groups: bool,
    announced: Vec<Arc<TopicConfig>>,
}

impl Processor<HeartBeat> for ClientManageProcessor {
    async fn process(&self, incoming: Incoming<HeartBeat>) -> ReplyResult<HeartBeat> {
        let heartbeat: HeartbeatData = read(&incoming.body, "heartbeat")?;
        let channel = ClientChannel::new(
            incoming.peer.clone(),
            &heartbeat.client_id,
            incoming.language,
            incoming.version,
            &*self.clock,
        );
        let fingerprint = heartbeat.heartbeat_fingerprint;
        let is_second_kind = fingerprint != 0;
        let rejects_pull = self.config.now().reject_pull_consumer_enable;
        let mut sub_changed = !is_second_kind;
        let mut made = Made::default();
        let mut admitted = Vec::with_capacity(heartbeat.consumer_data_set.len());
        for data in heartbeat.consumer_data_set {
            if rejects_pull && data.consume_type == Some(ConsumeType::Actively) {
                continue;
            }
            sub_changed |= self.fingerprint_changed(&data.group_name, fingerprint);
            admitted.extend(self.admit(data, &mut made));
        }
        self.settle(made).await;
        for Admitted { data, notify } in admitted {
            let subscriptions = if is_second_kind && heartbeat.without_sub {
                Subscriptions::Keep
            } else {
                Subscriptions::Replace(data.subscription_data_set)
            };
            let registration = Registration {
                group: &data.group_name,
                channel: channel.clone(),
                consume_type: data.consume_type,
                message_model: data.message_model,
                consume_from_where: data.consume_from_where,
                subscriptions,
                notify,
            };
            self.tables.consumers.register(registration).map_err(refused)?;
            // A client that lost a race of its own, or that comes from another broker, believes that its
            // subscriptions are known here and would leave them out for ever.
            sub_changed |= !self.tables.consumers.knows_subscriptions(&data.group_name);
        }
        for data in heartbeat.producer_data_set {
            self.tables.producers.register(&data.group_name, &channel).map_err(refused)?;
        }
        Ok(Reply::success()
            .with_extra(IS_SUPPORT_HEART_BEAT_V2, "true")
            .with_extra(IS_SUB_CHANGE, if sub_changed { "true" } else { "false" }))
    }
}

impl Processor<UnregisterClient> for ClientManageProcessor {
    async fn process(&self, incoming: Incoming<UnregisterClient>) -> ReplyResult<UnregisterClient> {
        let connection = incoming.peer.id();
        if let Some(group) = &incoming.header.producer_group {
            self.tables.producers.unregister(group, connection);
        }
        if let Some(group) = &incoming.header.consumer_group {
            let config = self.tables.groups.find(group);
            let enabled = config.is_none_or(|config| config.notify_consumer_ids_changed_enable);
            self.tables.consumers.unregister(group, connection, Notify::from_group(enabled));
        }
        Ok(Reply::success())
    }
}

impl Processor<CheckClientConfig> for ClientManageProcessor {
    async fn process(&self, incoming: Incoming<CheckClientConfig>) -> ReplyResult<CheckClientConfig> {
        let Some(body) = (!incoming.body.is_empty()).then_some(&incoming.body) else {
            return Ok(Reply::success());
        };
        let check: CheckClientRequestBody = read(body, "client configuration")?;
        if let Some(SubscriptionData { sub_string, expression_type, .. }) = &check.subscription_data {
            let checked = self.tables.filters.check(sub_string, expression_type.as_deref());
            checked.map_err(|error| response::subscription_check(&error))?;
        }
        Ok(Reply::success())
    }
}

fn refused(error: crate::clients::RegisterError) -> Refusal {
    Refusal::system_error(error.to_string())
}

fn read<T: serde::de::DeserializeOwned>(body: &Bytes, what: &str) -> Result<T, Refusal> {
    fastjson::from_slice(body)
        .map_err(|error| Refusal::system_error(format!("the {what} cannot be read: {error}")))
}

#[cfg(test)]
#[path = "client_manage_tests.rs"]
mod tests;
