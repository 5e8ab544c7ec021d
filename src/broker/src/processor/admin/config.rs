//! The broker's configuration: `GET_BROKER_CONFIG`, `UPDATE_BROKER_CONFIG`.

use std::{fmt::Write, sync::Arc};

use common::{
    config::{self, ConfigChange},
    fastjson,
};
use remoting::{
    headers::broker::GetBrokerConfigResponseHeader,
    reply::{Incoming, Reply, ReplyResult},
    request::{GetBrokerConfig, UpdateBrokerConfig},
    router::Processor,
};

use crate::{
    config_cell::ConfigCell,
    reconfigured::Reconfigured,
    topics::{TopicAnnouncer, TopicConfigManager},
};

/// Lists the configuration and changes it.
pub struct ConfigAdmin {
    pub(crate) cell: Arc<ConfigCell>,
    pub(crate) readers: Reconfigured,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) announcer: Arc<dyn TopicAnnouncer>,
}

impl ConfigAdmin {
    /// What follows from a change beyond that it is in force.
    async fn follow(&self, changes: &[ConfigChange]) {
        self.readers.tell(&self.cell.in_force());
        if changes.iter().any(|change| change.key == "brokerPermission") {
            // What clients may do with every topic is another now, and routes have to say so.
            self.topics.advance_version();
            let topics: Vec<_> = self.topics.snapshot().topics.into_values().collect();
            self.announcer.announce(&topics).await;
        }
    }
}

impl Processor<UpdateBrokerConfig> for ConfigAdmin {
    async fn process(&self, incoming: Incoming<UpdateBrokerConfig>) -> ReplyResult<UpdateBrokerConfig> {
        if incoming.body.is_empty() {
            return Ok(Reply::success());
        }
        let caller = incoming.peer.peer_addr();
        match self.cell.update(&incoming.body).await {
            Ok(changes) => {
                let list = changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let is_kept = self.cell.is_kept();
                tracing::info!(%caller, changes = list, is_kept, "configuration updated");
                self.follow(&changes).await;
                Ok(Reply::success())
            }
            Err(error) => {
                tracing::warn!(%caller, %error, "configuration update refused");
                Err(error.into())
            }
        }
    }
}

impl Processor<GetBrokerConfig> for ConfigAdmin {
    async fn process(&self, _: Incoming<GetBrokerConfig>) -> ReplyResult<GetBrokerConfig> {
        let entries = self.cell.listing();
        let mut text = String::with_capacity(entries.len() * 40);
        for (key, value) in &entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key}={}", config::redact(key, value));
        }
        let header = GetBrokerConfigResponseHeader { version: fastjson::to_string(&self.cell.version()) };
        Ok(Reply::success().with_header(header).with_body(text.into_bytes()))
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
