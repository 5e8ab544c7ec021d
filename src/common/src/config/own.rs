//! The keys RocketMQ does not have.
//!
//! Invariant: by default each does as RocketMQ does, so that its configuration files mean what they mean there.

use super::Effect::Honoured;
use super::LogFormat;
use super::object::config_object;

config_object! {
    /// Configuration of a broker that is this project's own.
    pub struct OwnConfig(machine) {
        /// Free bytes of the disk below which messages are refused, in place of the three disk ratios; 0 for the ratios.
        "diskMinFreeBytes" disk_min_free_bytes: i64 = 0, Honoured, range(0, i64::MAX), live();
        /// Milliseconds an orderly consumer owns a queue without renewing its claim; RocketMQ's system property
        /// `rocketmq.broker.rebalance.lockMaxLiveTime`.
        "rebalanceLockMaxLiveTime" rebalance_lock_max_live_time: i64 = 60_000, Honoured, range(1, i64::MAX);
    }
}

config_object! {
    /// What of a process, be it a broker or a NameServer, is this project's own.
    pub struct ProcessConfig(machine) {
        /// Port of an HTTP listener for /healthz and /readyz; 0 for none. The port metrics are scraped from has them too.
        "healthListenPort" health_listen_port: i32 = 0, Honoured, range(0, 65_535), fixed();
        /// Address of that listener; empty for `bindAddress`.
        "healthListenHost" health_listen_host: String = String::new(), Honoured, fixed();
        /// Levels of the log as in `RUST_LOG`, over which they win; SIGUSR1 makes the process read them anew.
        "logLevel" log_level: String = String::new(), Honoured, fixed();
        /// How a line of the log is written: text or json.
        "logFormat" log_format: LogFormat = LogFormat::Text, Honoured;
        /// Directory of log files under RocketMQ's names, such as `~/logs/rocketmqlogs`; empty for standard error.
        "logDirectory" log_directory: String = String::new(), Honoured, fixed();
    }
}

config_object! {
    /// Configuration of a NameServer that is this project's own.
    pub struct OwnNamesrvConfig(machine) {
        /// Whether routes to brokers on the NameServer's own host name the address by which the client has reached it.
        "answerWithReachedAddress" answer_with_reached_address: bool = false, Honoured, fixed();
    }
}

impl ProcessConfig {
    /// The address to listen on for those who ask for health.
    pub fn health_host<'a>(&'a self, bind_address: &'a str) -> &'a str {
        let own = self.health_listen_host.trim();
        if own.is_empty() { bind_address } else { own }
    }
}
