//! Tells the members of a consumer group that they have changed, so that they share out the queues anew
//! at once instead of at the next turn of their own (`DefaultConsumerIdsChangeListener`).

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use common::config::BrokerConfig;
use parking_lot::Mutex;
use remoting::{
    connection::ConnectionHandle, headers::consumer::NotifyConsumerIdsChangedRequestHeader, reply::Body,
    request::NotifyConsumerIdsChanged,
};

/// Sends `NOTIFY_CONSUMER_IDS_CHANGED`.
#[derive(Debug)]
pub struct ConsumerIdsNotifier {
    enabled: AtomicBool,
    real_time: AtomicBool,
    /// The latest members of groups that changed, when they are told by a timer; at most one entry a
    /// group that is known.
    waiting: Mutex<HashMap<String, Vec<ConnectionHandle>>>,
}

impl ConsumerIdsNotifier {
    /// A notifier that does as configured.
    pub fn new(broker: &BrokerConfig) -> Self {
        let notifier = Self {
            enabled: AtomicBool::new(false),
            real_time: AtomicBool::new(false),
            waiting: Mutex::new(HashMap::new()),
        };
        notifier.reconfigure(broker);
        notifier
    }

    /// Takes over what can be changed at run time.
    pub fn reconfigure(&self, broker: &BrokerConfig) {
        self.enabled.store(broker.notify_consumer_ids_changed_enable, Ordering::Relaxed);
        self.real_time.store(broker.real_time_notify_consumer_change, Ordering::Relaxed);
    }

    /// The members of a group have changed and are these now.
    pub fn changed(&self, group: &str, members: Vec<ConnectionHandle>) {
        if !self.enabled.load(Ordering::Relaxed) {
            return;
        }
        if self.real_time.load(Ordering::Relaxed) {
            tell(group, &members);
        } else {
            self.waiting.lock().insert(group.to_owned(), members);
        }
    }

    /// Tells those that wait for it; to be called every 15 seconds when `realTimeNotifyConsumerChange`
    /// is off.
    pub fn flush(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        if self.enabled.load(Ordering::Relaxed) {
            for (group, members) in &waiting {
                tell(group, members);
            }
        }
    }

    /// Groups whose members wait to be told.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().len()
    }
}

fn tell(group: &str, members: &[ConnectionHandle]) {
    for member in members {
        let header = NotifyConsumerIdsChangedRequestHeader { consumer_group: group.to_owned() };
        // A member that is not told notices by itself at its next turn.
        if let Err(error) = member.oneway::<NotifyConsumerIdsChanged>(header, Body::Empty) {
            tracing::debug!(group, %error, "member of a consumer group not told of a change");
        }
    }
}
