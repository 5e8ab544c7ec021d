//! The broker as a whole: `GET_BROKER_CONFIG`, `VIEW_BROKER_STATS_DATA`, `GET_BROKER_RUNTIME_INFO`.

use std::{fmt::Write, sync::Arc};

use common::{
    config::{self, BrokerSettings},
    data_version::DataVersion,
    fastjson,
};
use remoting::{
    headers::broker::GetBrokerConfigResponseHeader,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetBrokerConfig, GetBrokerRuntimeInfo, ViewBrokerStatsData},
    router::Processor,
};
use store::message_store::MessageStore;

use super::runtime_info::{AdminLanes, RuntimeInfo};
use crate::{
    schedule::service::ScheduleMessageService, stats::BrokerStats, timer::service::TimerMessageService,
};

/// Answers about the broker as a whole.
pub struct BrokerAdmin {
    pub(crate) settings: Arc<BrokerSettings>,
    /// The version of the configuration, which is that of the process.
    pub(crate) config_version: DataVersion,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) schedule: Arc<ScheduleMessageService>,
    pub(crate) timer: Option<Arc<TimerMessageService>>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) lanes: AdminLanes,
}

impl Processor<GetBrokerConfig> for BrokerAdmin {
    async fn process(&self, _: Incoming<GetBrokerConfig>) -> ReplyResult<GetBrokerConfig> {
        let mut entries = self.settings.effective();
        entries.sort();
        let mut text = String::with_capacity(entries.len() * 40);
        for (key, value) in &entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key}={}", config::redact(key, value));
        }
        let header = GetBrokerConfigResponseHeader { version: fastjson::to_string(&self.config_version) };
        Ok(Reply::success().with_header(header).with_body(text.into_bytes()))
    }
}

impl Processor<ViewBrokerStatsData> for BrokerAdmin {
    async fn process(&self, incoming: Incoming<ViewBrokerStatsData>) -> ReplyResult<ViewBrokerStatsData> {
        let (name, key) = (&incoming.header.stats_name, &incoming.header.stats_key);
        let figures = self
            .stats
            .find(name, key)
            .ok_or_else(|| Refusal::system_error(format!("The stats <{name}> <{key}> not exist")))?;
        Ok(Reply::success().with_body(fastjson::to_vec(&figures)))
    }
}

impl Processor<GetBrokerRuntimeInfo> for BrokerAdmin {
    async fn process(&self, _: Incoming<GetBrokerRuntimeInfo>) -> ReplyResult<GetBrokerRuntimeInfo> {
        let info = RuntimeInfo {
            settings: &self.settings,
            store: &self.store,
            schedule: &self.schedule,
            timer: self.timer.as_deref(),
            stats: &self.stats,
            lanes: &self.lanes,
        };
        Ok(Reply::success().with_body(info.table().encode()))
    }
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
