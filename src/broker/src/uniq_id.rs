//! Message ids made by the broker, for the producers that send none (`MessageClientIDSetter`).
//!
//! ```text
//! hex( ip: 4 | process id: i16 | instance: i32 | milliseconds since the month began: i32 | counter: i16 )
//! ```

use std::{
    fmt::Write,
    net::Ipv4Addr,
    sync::atomic::{AtomicU16, Ordering},
};

/// Milliseconds after which the time part may begin again; RocketMQ's begins with each month.
const MONTH_MILLIS: i64 = 31 * 24 * 3_600 * 1_000;

/// Makes `UNIQ_KEY`s that no other process makes.
#[derive(Debug)]
pub struct UniqIds {
    prefix: String,
    counter: AtomicU16,
}

impl UniqIds {
    /// Ids of this process on the machine with that address; `instance` tells apart two in one process.
    pub fn new(address: Ipv4Addr, process_id: u32, instance: u32) -> Self {
        let prefix = format!("{:08X}{:04X}{instance:08X}", u32::from(address), process_id as u16);
        Self { prefix, counter: AtomicU16::new(0) }
    }

    /// The next id; 32 characters.
    pub fn next(&self, now_millis: i64) -> String {
        let mut id = String::with_capacity(32);
        let time = now_millis.rem_euclid(MONTH_MILLIS) as u32;
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        // Writing into a string cannot fail.
        let _ = write!(id, "{}{time:08X}{counter:04X}", self.prefix);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_have_rocketmqs_length() {
        let ids = UniqIds::new(Ipv4Addr::LOCALHOST, 77_777, 9);
        let (first, second) = (ids.next(1_700_000_000_000), ids.next(1_700_000_000_000));
        assert_eq!(first.len(), 32);
        assert!(first.starts_with("7F000001"));
        assert_ne!(first, second);
    }
}
