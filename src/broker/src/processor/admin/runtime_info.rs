//! A broker's figures by RocketMQ's names (`StoreStatsService`, `prepareRuntimeInfo`).
//!
//! A figure this broker does not know is left out; none is invented. What belongs to parts it does not
//! have is as Java reports it with those parts switched off.

use std::{sync::Arc, sync::atomic::Ordering};

use common::{
    config::{BrokerConfig, BrokerSettings},
    names,
};
use remoting::{body::kv::KvTable, command, lane::Lane};
use store::message_store::{Counters, MessageStore};

use crate::{
    schedule::{delay_levels::queue_of_level, service::ScheduleMessageService},
    stats::BrokerStats,
    timer::service::TimerMessageService,
};

/// What Java reports where there is no pool of buffers to run out of.
const BUFFERS_WITHOUT_POOL: &str = "2147483647";

/// The lanes whose figures operators read.
pub struct AdminLanes {
    /// Producers'.
    pub send: Arc<Lane>,
    /// Consumers'.
    pub pull: Arc<Lane>,
    /// Consumers' of the lite kind.
    pub lite_pull: Arc<Lane>,
    /// Queries'.
    pub query: Arc<Lane>,
    /// Of ends of transactions.
    pub end_transaction: Arc<Lane>,
    /// Acknowledgements' of pops.
    pub ack: Arc<Lane>,
}

/// What the figures are read from.
pub(super) struct RuntimeInfo<'a> {
    pub(super) settings: &'a BrokerSettings,
    pub(super) store: &'a MessageStore,
    pub(super) schedule: &'a ScheduleMessageService,
    pub(super) timer: Option<&'a TimerMessageService>,
    pub(super) stats: &'a BrokerStats,
    pub(super) lanes: &'a AdminLanes,
}

impl RuntimeInfo<'_> {
    /// All figures.
    pub(super) fn table(&self) -> KvTable {
        let mut table = KvTable::default();
        let mut put = |key: &str, value: String| {
            table.table.insert(key.to_owned(), value);
        };
        self.identity(&mut put);
        self.traffic(&mut put);
        self.log(&mut put);
        self.disks(&mut put);
        self.delays(&mut put);
        self.timer(&mut put);
        self.lanes(&mut put);
        self.absent_parts(&mut put);
        table
    }

    fn identity(&self, put: &mut impl FnMut(&str, String)) {
        put("brokerVersionDesc", command::CURRENT_VERSION_NAME.to_owned());
        put("brokerVersion", command::CURRENT_VERSION.to_string());
        put("brokerActive", true.to_string());
        put("bootTimestamp", self.stats.booted_millis().to_string());
        put("runtime", duration_text(self.stats.uptime().as_secs()));
        let open_at = self.settings.broker.start_accept_send_request_time_stamp;
        put("startAcceptSendRequestTimeStamp", open_at.to_string());
    }

    fn traffic(&self, put: &mut impl FnMut(&str, String)) {
        let rates = self.stats.store_rates();
        put("putTps", rates.put.to_string());
        put("getFoundTps", rates.found.to_string());
        put("getMissTps", rates.missed.to_string());
        put("getTotalTps", rates.total.to_string());
        put("getTransferredTps", rates.transferred.to_string());
        for (way, days) in [("Put", self.stats.put_by_day()), ("Get", self.stats.got_by_day())] {
            put(&format!("msg{way}TotalYesterdayMorning"), days.yesterday_morning.to_string());
            put(&format!("msg{way}TotalTodayMorning"), days.today_morning.to_string());
            put(&format!("msg{way}TotalTodayNow"), days.now.to_string());
        }
        let counters = self.store.counters();
        // Java counts from one, so as not to divide by zero.
        let messages = counters.put_messages.load(Ordering::Relaxed).max(1);
        let bytes = counters.put_bytes.load(Ordering::Relaxed);
        put("putMessageTimesTotal", messages.to_string());
        put("putMessageSizeTotal", bytes.to_string());
        put("putMessageAverageSize", format!("{:?}", bytes as f64 / messages as f64));
        put("putMessageFailedTimes", counters.put_failures.load(Ordering::Relaxed).to_string());
        self.times(counters, put);
    }

    /// The longest times ever, and how long puts took in the last minute that is over.
    fn times(&self, counters: &Counters, put: &mut impl FnMut(&str, String)) {
        put("putMessageEntireTimeMax", counters.put_times.max_millis().to_string());
        put("getMessageEntireTimeMax", counters.get_times.max_millis().to_string());
        let of_minute = self.stats.put_times_of_last_minute();
        put("putMessageDistributeTime", of_minute.to_string());
        put("putLatency99", format!("{:.2}", of_minute.percentile_millis(0.99)));
        put("putLatency999", format!("{:.2}", of_minute.percentile_millis(0.999)));
    }

    fn log(&self, put: &mut impl FnMut(&str, String)) {
        put("pageCacheLockTimeMills", self.store.append_lock_millis().to_string());
        let end = self.store.max_phy_offset();
        // A log nothing was ever written to has no file to begin with.
        let start = if end == 0 { -1 } else { self.store.min_phy_offset() };
        put("commitLogMinOffset", start.to_string());
        put("commitLogMaxOffset", end.to_string());
        put("dispatchBehindBytes", self.store.dispatch_behind_bytes().to_string());
        let earliest = self.store.earliest_store_time_of_log().unwrap_or(-1);
        put("earliestMessageTimeStamp", earliest.to_string());
        let unflushed = u64::try_from(end - self.store.flushed_phy_offset()).unwrap_or(0);
        put("remainHowManyDataToFlush", bytes_text(unflushed));
    }

    fn disks(&self, put: &mut impl FnMut(&str, String)) {
        let [log, root] = match self.store.disk_usage() {
            Ok(usage) => usage,
            Err(error) => {
                tracing::warn!(%error, "use of the disks cannot be read");
                return;
            }
        };
        let ratio = |percent: u32| format!("{:?}", f64::from(percent) / 100.0);
        let log_dir = self.store.options().commit_log_path();
        put(&format!("commitLogDiskRatio_{}", log_dir.display()), ratio(log.used_percent()));
        put("commitLogDiskRatio", ratio(log.used_percent()));
        put("consumeQueueDiskRatio", ratio(root.used_percent()));
        let (total, free) = (bytes_text(root.total_bytes), bytes_text(root.free_bytes));
        put("commitLogDirCapacity", format!("Total : {total}, Free : {free}."));
    }

    /// How far the delay levels have been delivered that ever were.
    fn delays(&self, put: &mut impl FnMut(&str, String)) {
        for (level, _) in self.schedule.levels().iter() {
            let delivered = self.schedule.delivered(level);
            if delivered > 0 {
                let queue_id = queue_of_level(level);
                let end = self.store.max_offset(names::SCHEDULE_TOPIC, queue_id).unwrap_or(0);
                put(&format!("scheduleMessageOffset_{level}"), format!("{delivered},{end}"));
            }
        }
    }

    fn timer(&self, put: &mut impl FnMut(&str, String)) {
        let (behind, offset, pending, rates) = self.timer.map_or_else(Default::default, |timer| {
            (timer.read_behind_seconds(), timer.offset_behind(), timer.pending_count(), timer.rates())
        });
        put("timerReadBehind", behind.to_string());
        put("timerOffsetBehind", offset.to_string());
        put("timerCongestNum", pending.to_string());
        put("timerEnqueueTps", format!("{:?}", rates.0));
        put("timerDequeueTps", format!("{:?}", rates.1));
    }

    fn lanes(&self, put: &mut impl FnMut(&str, String)) {
        let config: &BrokerConfig = &self.settings.broker;
        for (name, lane, capacity) in [
            ("send", &self.lanes.send, config.send_thread_pool_queue_capacity),
            ("pull", &self.lanes.pull, config.pull_thread_pool_queue_capacity),
            ("litePull", &self.lanes.lite_pull, config.lite_pull_thread_pool_queue_capacity),
            ("query", &self.lanes.query, config.query_thread_pool_queue_capacity),
            ("ack", &self.lanes.ack, config.ack_thread_pool_queue_capacity),
        ] {
            let waiting = lane.waiters();
            put(&format!("{name}ThreadPoolQueueSize"), waiting.to_string());
            put(&format!("{name}ThreadPoolQueueCapacity"), capacity.to_string());
            // A lane does not keep the age of its oldest waiter; without one it is nothing.
            if waiting == 0 {
                put(&format!("{name}ThreadPoolQueueHeadWaitTimeMills"), 0.to_string());
            }
        }
        put("EndTransactionQueueSize", self.lanes.end_transaction.waiters().to_string());
        let capacity = config.end_transaction_pool_queue_capacity;
        put("EndTransactionThreadPoolQueueCapacity", capacity.to_string());
    }

    /// The pool of off-heap buffers.
    #[expect(clippy::unused_self, reason = "one of the parts of the table")]
    fn absent_parts(&self, put: &mut impl FnMut(&str, String)) {
        put("remainTransientStoreBufferNumbs", BUFFERS_WITHOUT_POOL.to_owned());
        // Messages are dispatched as they are appended: nothing is buffered in between.
        put("dispatchMaxBuffer", "0".to_owned());
    }
}

/// `[ 1 days, 2 hours, 3 minutes, 4 seconds ]`; days of four digits get Java's grouping.
fn duration_text(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let days = if days >= 1_000 { format!("{},{:03}", days / 1_000, days % 1_000) } else { days.to_string() };
    format!("[ {days} days, {hours} hours, {minutes} minutes, {seconds} seconds ]")
}

/// A number of bytes for people: `816 B`, `4.8 KiB`.
fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let exponent = bytes.ilog2() / 10;
    let unit = UNITS.get(exponent as usize - 1).copied().unwrap_or("EiB");
    format!("{:.1} {unit}", bytes as f64 / 1_024_f64.powi(exponent as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (4_900, "4.8 KiB"),
            (252 << 30, "252.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
    }

    #[test]
    fn durations_are_javas() {
        assert_eq!(duration_text(2_757), "[ 0 days, 0 hours, 45 minutes, 57 seconds ]");
        assert_eq!(duration_text(1_234 * 86_400 + 3_661), "[ 1,234 days, 1 hours, 1 minutes, 1 seconds ]");
    }
}
