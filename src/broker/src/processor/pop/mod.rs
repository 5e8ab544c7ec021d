//! POP consumption: one processor a request.

mod ack;
mod change_invisible_time;
mod gate;
mod notification;
mod peek;
mod polling_info;
mod pop_message;

pub use self::{
    ack::AckMessageProcessor, change_invisible_time::ChangeInvisibleTimeProcessor, gate::PopGate,
    notification::NotificationProcessor, peek::PeekMessageProcessor, polling_info::PollingInfoProcessor,
    pop_message::PopMessageProcessor,
};

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use super::pull::DISK_READS;
use crate::{parts::Parts, pop::reader::QueueReader};

/// The processors of this module.
pub struct PopProcessors {
    pub(crate) pop: Arc<PopMessageProcessor>,
    pub(crate) peek: Arc<PeekMessageProcessor>,
    pub(crate) ack: Arc<AckMessageProcessor>,
    pub(crate) change_invisible_time: Arc<ChangeInvisibleTimeProcessor>,
    pub(crate) notification: Arc<NotificationProcessor>,
    pub(crate) polling_info: Arc<PollingInfoProcessor>,
}

impl PopProcessors {
    /// Makes them.
    pub fn new(parts: &Parts) -> Self {
        let gate = || PopGate {
            config: parts.config.clone(),
            topics: Arc::clone(&parts.topics),
            writer: Arc::clone(&parts.writer),
        };
        let reader = QueueReader::new(Arc::clone(&parts.store), DISK_READS);
        Self {
            pop: Arc::new(PopMessageProcessor {
                config: parts.config.clone(),
                timer_wheel_enable: parts.cell.in_force().store.timer_wheel_enable,
                gate: gate(),
                consumers: Arc::clone(&parts.consumers),
                filters: Arc::clone(&parts.filters),
                reader: reader.clone(),
                pop: Arc::clone(&parts.pop),
                stats: Arc::clone(&parts.stats),
                clock: Arc::clone(&parts.clock),
                check_point_number: AtomicU64::new(0),
            }),
            peek: Arc::new(PeekMessageProcessor {
                config: parts.config.clone(),
                gate: gate(),
                reader,
                pop: Arc::clone(&parts.pop),
                stats: Arc::clone(&parts.stats),
            }),
            ack: Arc::new(AckMessageProcessor {
                gate: gate(),
                store: Arc::clone(&parts.store),
                offsets: Arc::clone(&parts.offsets),
                pop: Arc::clone(&parts.pop),
                stats: Arc::clone(&parts.stats),
            }),
            change_invisible_time: Arc::new(ChangeInvisibleTimeProcessor {
                gate: gate(),
                store: Arc::clone(&parts.store),
                offsets: Arc::clone(&parts.offsets),
                pop: Arc::clone(&parts.pop),
                stats: Arc::clone(&parts.stats),
                clock: Arc::clone(&parts.clock),
            }),
            notification: Arc::new(NotificationProcessor {
                config: parts.config.clone(),
                gate: gate(),
                pop: Arc::clone(&parts.pop),
                clock: Arc::clone(&parts.clock),
            }),
            polling_info: Arc::new(PollingInfoProcessor { gate: gate(), pop: Arc::clone(&parts.pop) }),
        }
    }
}

/// Longest time a pop may wait, whatever it asks for.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// A waiting pop is answered so much before its client gives up, in milliseconds.
const ANSWER_EARLIER_MILLIS: i64 = 50;

/// How long a request may wait that was made at `born_time` and waits until `expires_at`, both in
/// milliseconds; `None` when its time is up.
fn time_left(expires_at: i64, now: i64) -> Option<Duration> {
    let left = expires_at.saturating_sub(ANSWER_EARLIER_MILLIS).saturating_sub(now);
    let left = u64::try_from(left).ok().filter(|left| *left > 0)?;
    Some(Duration::from_millis(left).min(WAIT_MAX))
}
