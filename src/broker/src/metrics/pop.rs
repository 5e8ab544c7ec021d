//! What goes to the revive topic and comes from it (`PopMetricsManager`).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use metrics::{
    family::{Family, Labels, Point},
    histogram::{Bounds, Histogram},
    series::Series,
};
use remoting::{reply::Refusal, response_code::ResponseCode};

use super::{BrokerMetrics, labels_of, traffic::histogram};
use crate::put::Put;

/// What a message of the revive topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReviveMessageType {
    /// A check point.
    CheckPoint,
    /// An acknowledgement.
    Ack,
}

impl ReviveMessageType {
    fn label(self) -> &'static str {
        match self {
            Self::CheckPoint => "CK",
            Self::Ack => "ACK",
        }
    }
}

/// What became of a put, in RocketMQ's words (`PutMessageStatus`).
fn status_of(put: &Result<Put, Refusal>) -> &'static str {
    let code = put.as_ref().map_or_else(Refusal::code, |put| put.code);
    match code {
        ResponseCode::SUCCESS => "PUT_OK",
        ResponseCode::FLUSH_DISK_TIMEOUT => "FLUSH_DISK_TIMEOUT",
        ResponseCode::SERVICE_NOT_AVAILABLE => "SERVICE_NOT_AVAILABLE",
        ResponseCode::SYSTEM_BUSY => "OS_PAGE_CACHE_BUSY",
        ResponseCode::MESSAGE_ILLEGAL => "MESSAGE_ILLEGAL",
        _ => "UNKNOWN_ERROR",
    }
}

/// The topic and group a message of the revive topic is about, and what it is told apart by besides.
type Key = (String, String, Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    In(ReviveMessageType, &'static str),
    Out(ReviveMessageType, i32),
    Retry(&'static str),
}

#[derive(Debug)]
struct ScanMillis;
impl Bounds for ScanMillis {
    const BOUNDS: &'static [u32] = &[1, 10, 100, 1_000, 2_000, 3_000];
}

#[derive(Debug)]
pub(super) struct PopCounts {
    revive: Series<Key, AtomicU64>,
    scans: Histogram<ScanMillis>,
}

impl BrokerMetrics {
    /// A message was put into the revive topic, or should have been.
    pub fn revive_in(&self, topic: &str, group: &str, kind: ReviveMessageType, put: &Result<Put, Refusal>) {
        self.count_revive(topic, group, Kind::In(kind, status_of(put)));
    }

    /// A message was read from a queue of the revive topic.
    pub fn revive_out(&self, topic: &str, group: &str, kind: ReviveMessageType, queue_id: i32) {
        self.count_revive(topic, group, Kind::Out(kind, queue_id));
    }

    /// A message was put into a retry topic, or should have been.
    pub fn revive_retry(&self, topic: &str, group: &str, put: &Result<Put, Refusal>) {
        self.count_revive(topic, group, Kind::Retry(status_of(put)));
    }

    /// The check points in memory were looked through.
    pub fn pop_buffer_scanned(&self, took: Duration) {
        let Some(counts) = &self.0 else { return };
        counts.pop.scans.record(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }

    fn count_revive(&self, topic: &str, group: &str, kind: Kind) {
        let Some(counts) = &self.0 else { return };
        let key = (topic.to_owned(), group.to_owned(), kind);
        counts.pop.revive.with(
            &key,
            || key.clone(),
            |counted| {
                counted.fetch_add(1, Ordering::Relaxed);
            },
        );
    }
}

impl PopCounts {
    pub(super) fn new(keys_max: usize) -> Self {
        Self { revive: Series::new(keys_max), scans: Histogram::default() }
    }

    pub(super) fn forget(&self, is_gone: &dyn Fn(&str, &str) -> bool) {
        self.revive.retain(|(topic, group, _)| !is_gone(topic, group));
    }

    pub(super) fn collect(&self) -> [Family; 4] {
        let (mut into, mut out, mut retry) = (Vec::new(), Vec::new(), Vec::new());
        self.revive.for_each(|key, counted| {
            let points = match key {
                Some((_, _, Kind::Out(..))) => &mut out,
                Some((_, _, Kind::Retry(_))) => &mut retry,
                Some((_, _, Kind::In(..))) | None => &mut into,
            };
            let counted = counted.load(Ordering::Relaxed);
            if counted > 0 {
                points.push(Point::new(labels_of(key, labels), counted));
            }
        });
        // Without `enablePopBufferMerge` there is nothing to look through, in no time.
        let scans = vec![Point::new(Labels::new(), self.scans.read())];
        [
            Family::counter(
                "rocketmq_pop_revive_in_message_total",
                "Total number of put message to revive topic",
                into,
            ),
            Family::counter(
                "rocketmq_pop_revive_out_message_total",
                "Total number of get message from revive topic",
                out,
            ),
            Family::counter(
                "rocketmq_pop_revive_retry_messages_total",
                "Total number of put message to pop retry topic",
                retry,
            ),
            histogram::<ScanMillis>(
                "rocketmq_pop_buffer_scan_time_consume",
                "Time consuming of pop buffer scan",
                "milliseconds",
                scans,
            ),
        ]
    }
}

fn labels((topic, group, kind): &Key) -> Labels {
    let mut labels = vec![("consumer_group", group.as_str().into()), ("topic", topic.as_str().into())];
    match kind {
        Kind::In(message, status) => {
            labels.push(("revive_message_type", message.label().into()));
            labels.push(("put_status", (*status).into()));
        }
        Kind::Out(message, queue_id) => {
            labels.push(("queue_id", (*queue_id).into()));
            labels.push(("revive_message_type", message.label().into()));
        }
        Kind::Retry(status) => labels.push(("put_status", (*status).into())),
    }
    labels
}
