//! Whether the store takes messages, RocketMQ's `RunningFlags`.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::error::Unavailable;

/// The reasons not to take messages. Asking is one atomic read while there are none.
#[derive(Debug, Default)]
pub(crate) struct Health {
    refuses: AtomicBool,
    reasons: Mutex<Reasons>,
}

#[derive(Debug, Default)]
struct Reasons {
    is_shut_down: bool,
    fenced: Option<String>,
    disk: Option<Unavailable>,
}

impl Reasons {
    fn first(&self) -> Option<Unavailable> {
        if self.is_shut_down {
            return Some(Unavailable::Shutdown);
        }
        let fenced = self.fenced.as_ref().map(|reason| Unavailable::Fenced { reason: reason.clone() });
        fenced.or_else(|| self.disk.clone())
    }
}

impl Health {
    /// Whether messages are taken.
    pub(crate) fn writable(&self) -> Result<(), Unavailable> {
        if self.refuses.load(Ordering::Acquire) {
            self.reasons.lock().first().map_or(Ok(()), Err)
        } else {
            Ok(())
        }
    }

    /// No messages for the rest of this process's life: what was promised may not be on disk.
    pub(crate) fn fence(&self, reason: &str) {
        let mut reasons = self.reasons.lock();
        if reasons.fenced.is_none() {
            tracing::error!(%reason, "message store fenced: it takes no messages until the next start");
            reasons.fenced = Some(reason.to_owned());
        }
        self.refuses.store(true, Ordering::Release);
    }

    /// Why the store is fenced, if it is.
    pub(crate) fn fenced(&self) -> Option<String> {
        if self.refuses.load(Ordering::Acquire) { self.reasons.lock().fenced.clone() } else { None }
    }

    /// No more messages: the store stops. Answers whether it was running.
    pub(crate) fn shut_down(&self) -> bool {
        let was_shut_down = std::mem::replace(&mut self.reasons.lock().is_shut_down, true);
        self.refuses.store(true, Ordering::Release);
        !was_shut_down
    }

    /// Whether the store was stopped.
    pub(crate) fn is_shut_down(&self) -> bool {
        self.refuses.load(Ordering::Acquire) && self.reasons.lock().is_shut_down
    }

    /// Whether the disk is too full at the moment.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.refuses.load(Ordering::Acquire) && self.reasons.lock().disk.is_some()
    }

    /// Takes no messages while the disk is too full, or does again.
    pub(crate) fn set_disk(&self, full: Option<Unavailable>) {
        let mut reasons = self.reasons.lock();
        match (&reasons.disk, &full) {
            (None, Some(full)) => tracing::error!(%full, "message store takes no messages"),
            (Some(_), None) => tracing::info!("disk space is back: message store takes messages"),
            _ => {}
        }
        reasons.disk = full;
        let refuses = reasons.first().is_some();
        self.refuses.store(refuses, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_heals_and_a_fence_does_not() {
        let health = Health::default();
        let mount = "/".into();
        let full = Unavailable::NoSpace { mount, used_percent: 99, available_bytes: 1, needed_bytes: 2 };
        health.set_disk(Some(full.clone()));
        assert_eq!(health.writable(), Err(full.clone()));
        health.set_disk(None);
        assert_eq!(health.writable(), Ok(()));
        health.fence("first");
        health.fence("second");
        health.set_disk(Some(full));
        health.set_disk(None);
        assert_eq!(health.writable(), Err(Unavailable::Fenced { reason: "first".into() }));
        assert!(health.shut_down());
        assert!(!health.shut_down());
        assert_eq!(health.writable(), Err(Unavailable::Shutdown));
    }
}
