//! What a message with a delivery time passes before it is stored (`HookUtils.transformTimerMessage`).

use std::sync::{
    Arc,
    atomic::{AtomicI32, AtomicI64, Ordering},
};

use common::{config::MessageStoreConfig, names::TIMER_TOPIC};
use message::property_names as property;
use rand::Rng;
use remoting::{reply::Refusal, response_code::ResponseCode};
use runtime::clock::Clock;
use store::timer::TimerStore;

use crate::draft::MessageDraft;

/// Sends messages that are due later to the timer topic.
#[derive(Debug)]
pub struct TimerGate {
    clock: Arc<dyn Clock>,
    precision_millis: i64,
    /// `timerMaxDelaySec`, in milliseconds.
    max_delay_millis: AtomicI64,
    /// `timerCongestNumEachSlot`
    congest_count: AtomicI32,
    /// `None` while there is no timer (`timerWheelEnable=false`).
    timers: Option<Arc<TimerStore>>,
}

impl TimerGate {
    /// The gate of a timer, if there is one.
    pub fn new(config: &MessageStoreConfig, clock: Arc<dyn Clock>, timers: Option<Arc<TimerStore>>) -> Self {
        let gate = Self {
            clock,
            precision_millis: i64::from(config.clamped_timer_precision_ms()),
            max_delay_millis: AtomicI64::new(0),
            congest_count: AtomicI32::new(0),
            timers,
        };
        gate.reconfigure(config);
        gate
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, config: &MessageStoreConfig) {
        self.max_delay_millis.store(i64::from(config.timer_max_delay_sec) * 1_000, Ordering::Relaxed);
        self.congest_count.store(config.timer_congest_num_each_slot, Ordering::Relaxed);
    }

    /// The longest delay there is, in milliseconds (`timerMaxDelaySec`).
    pub fn max_delay_millis(&self) -> i64 {
        self.max_delay_millis.load(Ordering::Relaxed)
    }

    /// Sends a message with a delivery time to the timer topic, keeping its destination in its properties. One that
    /// is due already goes its own way.
    ///
    /// # Errors
    /// When there is no timer, the time makes no sense or is too far off, or too many are due at that time.
    pub fn admit(&self, message: &mut MessageDraft) -> Result<(), Refusal> {
        if !message.is_timed() {
            return Ok(());
        }
        let Some(timers) = &self.timers else { return Err(not_enabled()) };
        let now = self.clock.now_millis();
        let deliver_millis = asked_time(message, now).ok_or_else(|| self.illegal())?;
        if deliver_millis <= now {
            let cancels = message.properties.contains(property::TIMER_DEL_UNIQKEY);
            return if cancels { Err(self.illegal()) } else { Ok(()) };
        }
        if deliver_millis - now > self.max_delay_millis() {
            return Err(self.illegal());
        }
        // A message leaves at the end of its slot: the one before that of its time when it is due on the stroke.
        let slot_millis = (deliver_millis - 1).div_euclid(self.precision_millis) * self.precision_millis;
        if self.is_congested(timers, slot_millis) {
            return Err(self.flow_control());
        }
        message.properties.set(property::TIMER_OUT_MS, &slot_millis.to_string());
        message.redirect_to(TIMER_TOPIC, 0);
        Ok(())
    }

    /// Whether a slot is so full that a message is not taken: above the limit ever more of them are refused, above
    /// twice the limit all (`TimerMessageStore.isReject`).
    fn is_congested(&self, timers: &TimerStore, slot_millis: i64) -> bool {
        let limit = self.congest_count.load(Ordering::Relaxed);
        if limit == i32::MAX {
            return false;
        }
        let limit = i64::from(limit);
        let count = timers.count_at(slot_millis).map_or(0, i64::from);
        if count <= limit {
            return false;
        }
        // RocketMQ's own odds: the fuller the slot, the more pass.
        count >= limit * 2
            || f64::from(rand::rng().random_range(0..1_000))
                > 1_000.0 * (count - limit) as f64 / (limit as f64 + 0.1)
    }

    fn illegal(&self) -> Refusal {
        let remark = format!(
            "timer message illegal, the delay time should not be bigger than the max delay {}ms; or if set del msg, \
             the delay time should be bigger than the current time",
            self.max_delay_millis()
        );
        Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark)
    }

    fn flow_control(&self) -> Refusal {
        let limit = self.congest_count.load(Ordering::Relaxed);
        let all = i64::from(limit) * 2;
        Refusal::system_error(format!(
            "timer message is under flow control, max num limit is {all} or the current value is greater than {limit} \
             and less than {all}, trigger random flow control"
        ))
    }
}

fn not_enabled() -> Refusal {
    Refusal::system_error("accurate timer message is not enabled, timerWheelEnable is false")
}

/// When a message wants to be delivered, in milliseconds; `None` when that is no number.
fn asked_time(message: &MessageDraft, now: i64) -> Option<i64> {
    let number = |name: &str| message.properties.get(name).map(str::parse::<i64>);
    if let Some(seconds) = number(property::TIMER_DELAY_SEC) {
        return Some(now.saturating_add(seconds.ok()?.saturating_mul(1_000)));
    }
    if let Some(millis) = number(property::TIMER_DELAY_MS) {
        return Some(now.saturating_add(millis.ok()?));
    }
    number(property::TIMER_DELIVER_MS)?.ok()
}
