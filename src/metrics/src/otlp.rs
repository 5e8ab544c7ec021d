//! Families as OTLP has them (`opentelemetry.proto.metrics.v1`).

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
    },
    resource::v1::Resource,
};

use crate::family::{Data, Distribution, Family, Labels, Point, Scope, Value};

/// What values that only grow are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// The start of the process.
    Cumulative,
    /// The collection before.
    Delta,
}

/// Makes requests out of one collection after the other.
#[derive(Debug)]
pub struct Encoder {
    scope: Scope,
    temporality: Temporality,
    since_nanos: u64,
    counters: HashMap<(&'static str, Labels), u64>,
    histograms: HashMap<(&'static str, Labels), Distribution>,
}

impl Encoder {
    /// Nothing was collected before; counting began at `since_millis`.
    pub fn new(scope: Scope, temporality: Temporality, since_millis: i64) -> Self {
        Self {
            scope,
            temporality,
            since_nanos: nanos(since_millis),
            counters: HashMap::new(),
            histograms: HashMap::new(),
        }
    }

    /// The request that exports what was collected now.
    pub fn request(&mut self, families: Vec<Family>, now_millis: i64) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest { resource_metrics: vec![self.resource_metrics(families, now_millis)] }
    }

    /// What was collected now.
    pub fn resource_metrics(&mut self, families: Vec<Family>, now_millis: i64) -> ResourceMetrics {
        let now = nanos(now_millis);
        let collected = families.into_iter().filter(|family| !family.is_empty());
        let metrics = collected.map(|family| self.metric(family, now)).collect();
        if self.temporality == Temporality::Delta {
            self.since_nanos = now;
        }
        let scope = InstrumentationScope { name: self.scope.name.to_owned(), ..Default::default() };
        ResourceMetrics {
            resource: Some(Resource::default()),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..Default::default() }],
            ..Default::default()
        }
    }

    fn metric(&mut self, family: Family, now: u64) -> Metric {
        let Family { name, help, unit, data } = family;
        let data = match data {
            Data::Gauge(points) => {
                let data_points =
                    points.into_iter().map(|Point { labels, value }| self.number(&labels, value, now));
                metric::Data::Gauge(Gauge { data_points: data_points.collect() })
            }
            Data::Counter(points) => {
                let mut data_points = Vec::with_capacity(points.len());
                for Point { labels, value } in points {
                    let number = self.number(&labels, self.grown(name, &labels, value), now);
                    self.note_counter(name, labels, value);
                    data_points.push(number);
                }
                metric::Data::Sum(Sum {
                    data_points,
                    aggregation_temporality: self.temporality_on_the_wire(),
                    is_monotonic: true,
                })
            }
            Data::Histogram { bounds, points } => {
                let mut data_points = Vec::with_capacity(points.len());
                for Point { labels, value } in points {
                    data_points.push(self.distribution(name, bounds, labels, value, now));
                }
                let aggregation_temporality = self.temporality_on_the_wire();
                metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
            }
        };
        let (name, description, unit) = (name.to_owned(), help.to_owned(), unit.to_owned());
        Metric { name, description, unit, data: Some(data), ..Default::default() }
    }

    fn temporality_on_the_wire(&self) -> i32 {
        match self.temporality {
            Temporality::Cumulative => AggregationTemporality::Cumulative.into(),
            Temporality::Delta => AggregationTemporality::Delta.into(),
        }
    }

    fn number(&self, labels: &Labels, value: i64, now: u64) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes(labels),
            start_time_unix_nano: self.since_nanos,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsInt(value)),
            ..Default::default()
        }
    }

    /// How much a counter has grown since it was last exported, or ever.
    fn grown(&self, name: &'static str, labels: &Labels, value: u64) -> i64 {
        let before = self.counters.get(&(name, labels.clone())).copied().unwrap_or(0);
        // One that was forgotten meanwhile began again.
        let grown = value.checked_sub(before).unwrap_or(value);
        i64::try_from(grown).unwrap_or(i64::MAX)
    }

    fn note_counter(&mut self, name: &'static str, labels: Labels, value: u64) {
        if self.temporality == Temporality::Delta {
            self.counters.insert((name, labels), value);
        }
    }

    fn distribution(
        &mut self,
        name: &'static str,
        bounds: &[u32],
        labels: Labels,
        value: Distribution,
        now: u64,
    ) -> HistogramDataPoint {
        let attributes = self.attributes(&labels);
        let grown = match self.temporality {
            Temporality::Cumulative => value,
            Temporality::Delta => {
                let before = self.histograms.insert((name, labels), value.clone());
                value.since(&before.unwrap_or_default())
            }
        };
        HistogramDataPoint {
            attributes,
            start_time_unix_nano: self.since_nanos,
            time_unix_nano: now,
            count: grown.count(),
            sum: Some(grown.sum as f64),
            bucket_counts: grown.buckets,
            explicit_bounds: bounds.iter().copied().map(f64::from).collect(),
            ..Default::default()
        }
    }

    fn attributes(&self, labels: &Labels) -> Vec<KeyValue> {
        let own = labels.iter().map(|(name, value)| key_value(name, value));
        let beside = self.scope.labels_beside(labels);
        own.chain(beside.map(|(name, value)| key_value(name, &value.into()))).collect()
    }
}

impl Distribution {
    /// What has come since it was as `before`; all of it where it began again meanwhile.
    fn since(self, before: &Self) -> Self {
        let began_again = self.buckets.iter().zip(&before.buckets).any(|(now, before)| now < before);
        if began_again || before.buckets.is_empty() {
            return self;
        }
        let buckets = self.buckets.iter().zip(&before.buckets).map(|(now, before)| now - before).collect();
        Self { buckets, sum: self.sum.saturating_sub(before.sum) }
    }
}

fn key_value(key: &str, value: &Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text.clone()),
        Value::Bool(value) => any_value::Value::BoolValue(*value),
        Value::Int(number) => any_value::Value::IntValue(*number),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn nanos(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(count: u64) -> Vec<Family> {
        let labels = || vec![("is_system", Value::Bool(false))];
        let spread = Distribution { buckets: vec![count, 1], sum: 5 * count };
        let points = vec![Point::new(labels(), spread)];
        vec![
            Family::counter("in_total", "In", vec![Point::new(labels(), count)]),
            Family { name: "size", help: "Size", unit: "", data: Data::Histogram { bounds: &[4], points } },
        ]
    }

    /// The counter, and the buckets and sum of the histogram.
    fn exported(encoder: &mut Encoder, count: u64, now: i64) -> (i64, Vec<u64>, f64) {
        let exported = encoder.resource_metrics(families(count), now);
        let metrics = &exported.scope_metrics[0].metrics;
        let Some(metric::Data::Sum(sum)) = &metrics[0].data else { panic!("no sum") };
        let Some(number_data_point::Value::AsInt(number)) = sum.data_points[0].value else {
            panic!("no int")
        };
        let Some(metric::Data::Histogram(histogram)) = &metrics[1].data else { panic!("no histogram") };
        let point = &histogram.data_points[0];
        assert_eq!(point.time_unix_nano, nanos(now));
        (number, point.bucket_counts.clone(), point.sum.unwrap())
    }

    #[test]
    fn deltas_begin_with_the_collection_before() {
        let scope = Scope { name: "m", labels: vec![("cluster".to_owned(), "c".to_owned())] };
        let mut delta = Encoder::new(scope.clone(), Temporality::Delta, 0);
        assert_eq!(exported(&mut delta, 3, 1), (3, vec![3, 1], 15.0));
        assert_eq!(exported(&mut delta, 5, 2), (2, vec![2, 0], 10.0));
        assert_eq!(exported(&mut delta, 1, 3), (1, vec![1, 1], 5.0), "began again");
        let mut cumulative = Encoder::new(scope, Temporality::Cumulative, 0);
        exported(&mut cumulative, 3, 1);
        assert_eq!(exported(&mut cumulative, 5, 2), (5, vec![5, 1], 25.0));
    }
}
