//! The ids producers give their messages (`MessageClientIDSetter`).
//!
//! ```text
//! upper-case hex of:  ip 4 | process id u16 | process token u32 | millis since the month began u32 | count u16
//! ```

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use chrono::{DateTime, Datelike, Local, NaiveTime, TimeZone};
use runtime::clock::Clock;

/// Makes ids no other process makes.
pub struct UniqueIds {
    clock: Arc<dyn Clock>,
    prefix: String,
    count: AtomicU16,
}

impl UniqueIds {
    /// Ids of this process.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let ip = own_ip().octets();
        let (pid, token) = (std::process::id() as u16, rand::random::<u32>());
        let [a, b, c, d] = ip;
        let prefix = format!("{a:02X}{b:02X}{c:02X}{d:02X}{pid:04X}{token:08X}");
        Self { clock, prefix, count: AtomicU16::new(0) }
    }

    /// Another id.
    pub fn next(&self) -> String {
        let now = self.clock.now_millis();
        let diff = u32::try_from(now - month_start(now).unwrap_or(now)).unwrap_or(0);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{}{diff:08X}{count:04X}", self.prefix)
    }
}

/// Milliseconds at which the month of `now` began, in local time.
fn month_start(now: i64) -> Option<i64> {
    let local = DateTime::from_timestamp_millis(now)?.with_timezone(&Local);
    let first = local.date_naive().with_day(1)?.and_time(NaiveTime::MIN);
    Some(Local.from_local_datetime(&first).earliest()?.timestamp_millis())
}

/// An address other machines know this one by, if it has any.
fn own_ip() -> Ipv4Addr {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut ips =
        interfaces.iter().filter(|interface| !interface.is_loopback()).filter_map(
            |interface| match interface.ip() {
                IpAddr::V4(ip) => Some(ip),
                IpAddr::V6(_) => None,
            },
        );
    ips.next().unwrap_or(Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use runtime::clock::ManualClock;

    use super::*;

    #[test]
    fn ids_differ_and_have_javas_length() {
        let ids = UniqueIds::new(Arc::new(ManualClock::at(1_700_000_000_000)));
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first, second);
        assert_eq!(first.len(), 32);
        assert!(first.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
    }
}
