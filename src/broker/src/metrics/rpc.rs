//! How long requests take (`RemotingMetricsManager`).

use metrics::{
    family::{Family, Point},
    histogram::{Bounds, Histogram},
    series::Series,
};
use remoting::{connection::Answered, request::RequestCode, response_code::ResponseCode};

use super::{BrokerMetrics, labels_of, traffic::histogram};

/// Combinations of codes that are told apart. There are fewer; but a peer may send what it likes.
const ANSWER_RESULTS_MAX: usize = 2_000;

#[derive(Debug)]
struct RpcMillis;
impl Bounds for RpcMillis {
    const BOUNDS: &'static [u32] = &[1, 3, 5, 7, 10, 100, 1_000, 2_000, 3_000];
}

/// What answers are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    request_code: i32,
    response_code: i32,
    is_long_polling: bool,
    is_oneway: bool,
}

#[derive(Debug)]
pub(super) struct RpcCounts(Series<Kind, Histogram<RpcMillis>>);

impl BrokerMetrics {
    /// A request was answered.
    pub fn answered(&self, answered: &Answered) {
        let Some(counts) = &self.0 else { return };
        let kind = Kind {
            request_code: answered.request_code,
            response_code: answered.response_code.0,
            is_long_polling: answered.has_waited,
            is_oneway: answered.is_oneway,
        };
        let millis = u64::try_from(answered.took.as_millis()).unwrap_or(u64::MAX);
        counts.rpc.0.with(&kind, || kind, |counted| counted.record(millis));
    }
}

impl RpcCounts {
    pub(super) fn new(keys_max: usize) -> Self {
        Self(Series::new(keys_max.min(ANSWER_RESULTS_MAX)))
    }

    pub(super) fn collect(&self) -> [Family; 1] {
        let mut points = Vec::new();
        self.0.for_each(|kind, spread| {
            let read = spread.read();
            if read.count() > 0 {
                let labels = labels_of(kind, |kind| {
                    vec![
                        ("protocol_type", "remoting".into()),
                        ("request_code", request_name(kind.request_code).into()),
                        ("response_code", response_name(kind.response_code).into()),
                        ("is_long_polling", kind.is_long_polling.into()),
                        ("result", if kind.is_oneway { "oneway" } else { "success" }.into()),
                    ]
                });
                points.push(Point::new(labels, read));
            }
        });
        [histogram::<RpcMillis>("rocketmq_rpc_latency", "Rpc latency", "milliseconds", points)]
    }
}

/// RocketMQ's name of a code in small letters; the number where it has none.
fn request_name(code: i32) -> String {
    RequestCode::from_number(code).map_or_else(|| code.to_string(), |code| code.name().to_ascii_lowercase())
}

fn response_name(code: i32) -> String {
    ResponseCode(code).name().map_or_else(|| code.to_string(), str::to_ascii_lowercase)
}
