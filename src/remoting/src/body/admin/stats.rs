//! How much goes through a broker.

use serde::{Deserialize, Serialize};

/// `BrokerStatsData`: one figure over three spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerStatsData {
    /// Over the last day.
    pub stats_day: BrokerStatsItem,
    /// Over the last hour.
    pub stats_hour: BrokerStatsItem,
    /// Over the last minute.
    pub stats_minute: BrokerStatsItem,
}

/// `BrokerStatsItem`: a figure over a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BrokerStatsItem {
    /// Average of one request.
    pub avgpt: f64,
    /// Sum over the span.
    pub sum: i64,
    /// Sum a second.
    pub tps: f64,
}
