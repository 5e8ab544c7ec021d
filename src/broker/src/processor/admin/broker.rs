//! The broker as a whole: `VIEW_BROKER_STATS_DATA`, `GET_BROKER_RUNTIME_INFO`.

use std::sync::Arc;

use common::fastjson;
use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetBrokerRuntimeInfo, ViewBrokerStatsData},
    router::Processor,
};
use store::message_store::MessageStore;

use super::runtime_info::{AdminLanes, RuntimeInfo};
use crate::{
    config_cell::ConfigCell, schedule::service::ScheduleMessageService, stats::BrokerStats,
    timer::service::TimerMessageService,
};

/// Answers about the broker as a whole.
pub struct BrokerAdmin {
    pub(crate) cell: Arc<ConfigCell>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) schedule: Arc<ScheduleMessageService>,
    pub(crate) timer: Option<Arc<TimerMessageService>>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) lanes: AdminLanes,
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
            settings: &self.cell.in_force(),
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
