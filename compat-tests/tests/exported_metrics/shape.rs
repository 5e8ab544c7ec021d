//! What kind of a metric each is, whatever its figures are.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, metric::Data, number_data_point::Value,
};
use serde_json::json;

/// The labels every point has.
const COMMON: [&str; 3] = ["cluster", "node_id", "node_type"];

/// What was seen of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Kind, temporality and number type.
    pub kind: String,
    pub unit: String,
    /// Keys of labels, a set for each combination.
    pub labels: BTreeSet<Vec<String>>,
    /// Ends of buckets.
    pub bounds: Vec<String>,
}

/// By name.
pub type Shapes = BTreeMap<String, Shape>;

/// Adds what was exported to what was seen before.
pub fn note(exported: &ResourceMetrics, shapes: &mut Shapes) {
    for scoped in &exported.scope_metrics {
        assert_eq!(scoped.scope.as_ref().unwrap().name, "broker-meter");
        for metric in &scoped.metrics {
            let shape = shapes.entry(metric.name.clone()).or_default();
            metric.unit.clone_into(&mut shape.unit);
            note_metric(metric, shape);
        }
    }
}

fn note_metric(metric: &Metric, shape: &mut Shape) {
    let keys = |attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]| {
        let mut keys: Vec<String> = attributes.iter().map(|label| label.key.clone()).collect();
        for common in COMMON {
            assert!(keys.iter().any(|key| key == common), "{} has no {common}: {keys:?}", metric.name);
        }
        keys.retain(|key| !COMMON.contains(&key.as_str()));
        keys.sort_unstable();
        keys
    };
    let number = |point: &NumberDataPoint| match point.value {
        Some(Value::AsInt(_)) => "int",
        Some(Value::AsDouble(_)) => "double",
        None => panic!("{} has no value", metric.name),
    };
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => {
            for point in &gauge.data_points {
                shape.kind = format!("gauge of {}", number(point));
                shape.labels.insert(keys(&point.attributes));
            }
        }
        Data::Sum(sum) => {
            for point in &sum.data_points {
                let monotonic = if sum.is_monotonic { "monotonic" } else { "free" };
                let temporality = temporality(sum.aggregation_temporality);
                shape.kind = format!("{monotonic} {temporality} sum of {}", number(point));
                shape.labels.insert(keys(&point.attributes));
            }
        }
        Data::Histogram(histogram) => {
            for point in &histogram.data_points {
                shape.kind = format!("{} histogram", temporality(histogram.aggregation_temporality));
                shape.labels.insert(keys(&point.attributes));
                shape.bounds = point.explicit_bounds.iter().map(ToString::to_string).collect();
                assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count, "{}", metric.name);
            }
        }
        other => panic!("{}: {other:?}", metric.name),
    }
}

fn temporality(number: i32) -> &'static str {
    match AggregationTemporality::try_from(number).unwrap() {
        AggregationTemporality::Cumulative => "cumulative",
        AggregationTemporality::Delta => "delta",
        AggregationTemporality::Unspecified => "unspecified",
    }
}

/// A metric in the golden file.
pub fn to_json(shape: &Shape) -> serde_json::Value {
    json!({ "kind": shape.kind, "unit": shape.unit, "labels": shape.labels, "bounds": shape.bounds })
}

/// The golden file: what [`to_json`] made, by name.
pub fn from_json(golden: &serde_json::Value) -> Shapes {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let texts = |value: &serde_json::Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    let shape = |value: &serde_json::Value| Shape {
        kind: text(&value["kind"]),
        unit: text(&value["unit"]),
        labels: value["labels"].as_array().unwrap().iter().map(texts).collect(),
        bounds: texts(&value["bounds"]),
    };
    golden.as_object().unwrap().iter().map(|(name, value)| (name.clone(), shape(value))).collect()
}
