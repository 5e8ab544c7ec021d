//! Creating and changing topics, groups and the order of queues.

use bytes::Bytes;
use common::{
    fastjson,
    group::SubscriptionGroupConfig,
    names::{AUTO_CREATE_TOPIC_KEY_TOPIC, NAMESPACE_ORDER_TOPIC_CONFIG},
    topic::TopicConfig,
};
use remoting::{
    header::NoHeader,
    headers::{
        broker::{DeleteKVConfigRequestHeader, GetKVConfigRequestHeader, PutKVConfigRequestHeader},
        topic::CreateTopicRequestHeader,
    },
    request::{
        DeleteKvConfig, GetKvConfig, PutKvConfig, UpdateAndCreateSubscriptiongroup, UpdateAndCreateTopic,
    },
};

use super::Remote;
use crate::{attributes, error::AdminError};

impl Remote {
    /// Creates or changes a topic on a broker; its attributes are alterations (`createAndUpdateTopicConfig`).
    pub(crate) async fn create_topic(&self, addr: &str, config: &TopicConfig) -> Result<(), AdminError> {
        self.ask::<UpdateAndCreateTopic>(addr, topic_header(config), Bytes::new()).await?;
        Ok(())
    }

    /// Creates or changes a group on a broker (`createAndUpdateSubscriptionGroupConfig`).
    pub(crate) async fn create_group(
        &self,
        addr: &str,
        config: &SubscriptionGroupConfig,
    ) -> Result<(), AdminError> {
        self.ask::<UpdateAndCreateSubscriptiongroup>(addr, NoHeader {}, fastjson::to_vec(config)).await?;
        Ok(())
    }

    /// Sets a value at all `NameServers`.
    pub(crate) async fn put_kv(&self, namespace: &str, key: &str, value: &str) -> Result<(), AdminError> {
        let header = PutKVConfigRequestHeader {
            namespace: namespace.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.tell_names::<PutKvConfig>(header).await
    }

    /// The value one `NameServer` has.
    pub(crate) async fn kv(&self, namespace: &str, key: &str) -> Result<Option<String>, AdminError> {
        let header = GetKVConfigRequestHeader { namespace: namespace.to_owned(), key: key.to_owned() };
        let response = self.ask_names::<GetKvConfig>(header).await?;
        let header = response.header::<GetKvConfig>();
        Ok(header.map_err(client::nameserver::NameServerError::from)?.value)
    }

    /// Removes a value from all `NameServers`.
    pub(crate) async fn delete_kv(&self, namespace: &str, key: &str) -> Result<(), AdminError> {
        let header = DeleteKVConfigRequestHeader { namespace: namespace.to_owned(), key: key.to_owned() };
        self.tell_names::<DeleteKvConfig>(header).await
    }

    /// Sets the order of a topic's queues: `broker-a:4;broker-b:4`.
    pub(crate) async fn set_order_conf(&self, topic: &str, conf: &str) -> Result<(), AdminError> {
        self.put_kv(NAMESPACE_ORDER_TOPIC_CONFIG, topic, conf).await
    }

    /// Sets one broker's part in it.
    pub(crate) async fn set_order_conf_of_broker(&self, topic: &str, own: &str) -> Result<(), AdminError> {
        let old = self.kv(NAMESPACE_ORDER_TOPIC_CONFIG, topic).await.ok().flatten().unwrap_or_default();
        let name = |part: &str| part.split(':').next().unwrap_or_default().to_owned();
        let mut parts: Vec<_> = old.split(';').filter(|part| !part.is_empty()).collect();
        parts.retain(|part| name(part) != name(own));
        parts.push(own);
        self.set_order_conf(topic, &parts.join(";")).await
    }

    /// Removes the order of a topic's queues.
    pub(crate) async fn delete_order_conf(&self, topic: &str) -> Result<(), AdminError> {
        self.delete_kv(NAMESPACE_ORDER_TOPIC_CONFIG, topic).await
    }
}

/// A topic as the header that creates it.
pub(crate) fn topic_header(config: &TopicConfig) -> CreateTopicRequestHeader {
    CreateTopicRequestHeader {
        topic: config.topic_name.clone(),
        default_topic: AUTO_CREATE_TOPIC_KEY_TOPIC.to_owned(),
        read_queue_nums: config.read_queue_nums,
        write_queue_nums: config.write_queue_nums,
        perm: config.perm.0,
        topic_filter_type: config.topic_filter_type.as_str().to_owned(),
        topic_sys_flag: Some(config.topic_sys_flag),
        order: config.order,
        attributes: Some(attributes::to_text(&config.attributes)),
        force: false,
    }
}
