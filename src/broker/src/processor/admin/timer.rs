//! The timer: `GET_TIMER_CHECK_POINT`, `GET_TIMER_METRICS`.

use std::sync::Arc;

use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetTimerCheckPoint, GetTimerMetrics},
    router::Processor,
};

use crate::timer::service::TimerMessageService;

/// Answers about the timer, if there is one.
pub struct TimerAdmin {
    pub(crate) timer: Option<Arc<TimerMessageService>>,
}

impl Processor<GetTimerCheckPoint> for TimerAdmin {
    async fn process(&self, _: Incoming<GetTimerCheckPoint>) -> ReplyResult<GetTimerCheckPoint> {
        let timer = self.timer.as_ref().ok_or_else(|| Refusal::system_error("The checkpoint is null"))?;
        Ok(Reply::success().with_body(timer.checkpoint().encode_fields()))
    }
}

impl Processor<GetTimerMetrics> for TimerAdmin {
    async fn process(&self, _: Incoming<GetTimerMetrics>) -> ReplyResult<GetTimerMetrics> {
        let absent = || Refusal::system_error("The timer message store is null");
        let timer = self.timer.as_ref().ok_or_else(absent)?;
        Ok(Reply::success().with_body(timer.metrics().encode()))
    }
}
