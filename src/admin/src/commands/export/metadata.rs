//! `exportMetadata`, and what users have made on a broker.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use common::{
    group::SubscriptionGroupConfig,
    names::{
        DLQ_GROUP_TOPIC_PREFIX, RETRY_GROUP_TOPIC_PREFIX, is_predefined_group, is_system_group,
        is_system_topic,
    },
    topic::TopicConfig,
};
use remoting::{
    body::{
        admin::{AllTopicConfig, SubscriptionGroupWrapper},
        topic_list::TopicList,
    },
    header::NoHeader,
    request::{GetAllSubscriptiongroupConfig, GetAllTopicConfig, GetSystemTopicListFromBroker},
};
use serde_json::{Map, Value, json};

use super::{FILE_PATH, write};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    remote::LIMIT,
};

pub(super) const SPEC: Spec = Spec::new(
    "exportMetadata",
    Category::Export,
    "Export metadata.",
    &[
        cluster_name("choose a cluster to export"),
        broker_addr("choose a broker to export"),
        FILE_PATH,
        Opt::flag("t", "topic", "only export topic metadata"),
        Opt::flag("g", "subscriptionGroup", "only export subscriptionGroup metadata"),
        Opt::flag("s", "specialTopic", "need retryTopic and dlqTopic"),
    ],
    |context| Box::pin(export(context)),
);

/// The topics users have made on a broker (`getUserTopicConfig`).
pub(super) async fn user_topics(
    context: &Context,
    addr: &str,
    with_special: bool,
) -> Result<AllTopicConfig, AdminError> {
    let brokers = &context.remote.brokers;
    let asked = brokers.body::<GetAllTopicConfig, _>(addr, NoHeader {}, Bytes::new(), LIMIT * 2);
    let mut all: AllTopicConfig = asked.await?;
    let system: TopicList = context.remote.body::<GetSystemTopicListFromBroker, _>(addr, NoHeader {}).await?;
    let is_special = |topic: &str| {
        topic.starts_with(RETRY_GROUP_TOPIC_PREFIX) || topic.starts_with(DLQ_GROUP_TOPIC_PREFIX)
    };
    all.topic_config_table.retain(|topic, config| {
        let is_own = system.topic_list.contains(topic) || is_system_topic(topic);
        !is_own && (with_special || !is_special(topic)) && config.perm.is_valid()
    });
    Ok(all)
}

/// The groups users have made on a broker (`getUserSubscriptionGroup`).
pub(super) async fn user_groups(
    context: &Context,
    addr: &str,
) -> Result<SubscriptionGroupWrapper, AdminError> {
    let brokers = &context.remote.brokers;
    let asked = brokers.body::<GetAllSubscriptiongroupConfig, _>(addr, NoHeader {}, Bytes::new(), LIMIT * 2);
    let mut all: SubscriptionGroupWrapper = asked.await?;
    all.subscription_group_table.retain(|group, _| !is_system_group(group) && !is_predefined_group(group));
    Ok(all)
}

async fn export(context: &Context) -> Result<(), AdminError> {
    let (only_topics, only_groups) = (context.has("topic"), context.has("subscriptionGroup"));
    let with_special = context.has("specialTopic");
    if let Some(addr) = context.get("brokerAddr") {
        return match (only_topics, only_groups) {
            (true, _) => write(context, "topic.json", &user_topics(context, addr, with_special).await?, ""),
            (false, true) => write(context, "subscriptionGroup.json", &user_groups(context, addr).await?, ""),
            (false, false) => Err(context.usage("with -b give -t or -g")),
        };
    }
    let mut topics: BTreeMap<String, TopicConfig> = BTreeMap::new();
    let mut groups: BTreeMap<String, SubscriptionGroupConfig> = BTreeMap::new();
    for addr in context.chosen_brokers(Reach::Masters).await? {
        for (name, config) in user_topics(context, &addr, with_special).await?.topic_config_table {
            let mut config = Arc::unwrap_or_clone(config);
            if let Some(known) = topics.get(&name) {
                config.read_queue_nums += known.read_queue_nums;
                config.write_queue_nums += known.write_queue_nums;
            }
            topics.insert(name, config);
        }
        for (name, config) in user_groups(context, &addr).await?.subscription_group_table {
            let mut config = Arc::unwrap_or_clone(config);
            if let Some(known) = groups.get(&name) {
                config.retry_queue_nums += known.retry_queue_nums;
            }
            groups.insert(name, config);
        }
    }
    let mut result = Map::new();
    result.insert("exportTime".to_owned(), Value::from(context.now()));
    if only_topics || !only_groups {
        result.insert("topicConfigTable".to_owned(), json!(topics));
    }
    if !only_topics {
        result.insert("subscriptionGroupTable".to_owned(), json!(groups));
    }
    let name = match (only_topics, only_groups) {
        (true, _) => "topic.json",
        (false, true) => "subscriptionGroup.json",
        (false, false) => "metadata.json",
    };
    write(context, name, &result, "\n")
}
