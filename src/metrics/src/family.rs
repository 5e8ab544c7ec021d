//! What one collection finds.

use std::fmt;

/// Labels of a point, by name; those all points have are not repeated here.
pub type Labels = Vec<(&'static str, Value)>;

/// The value of a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A number.
    Int(i64),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Int(number) => write!(formatter, "{number}"),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

/// The label of the point that stands for all beyond the limit of a table.
pub const OVERFLOW_LABEL: &str = "otel.metric.overflow";

/// One metric with all its points.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name, without a unit.
    pub name: &'static str,
    /// What it is, for people.
    pub help: &'static str,
    /// The unit its values are in, empty where they are just numbers.
    pub unit: &'static str,
    /// The points.
    pub data: Data,
}

/// The points of a metric, by its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Values that come and go.
    Gauge(Vec<Point<i64>>),
    /// Values that only grow.
    Counter(Vec<Point<u64>>),
    /// How values are spread.
    Histogram {
        /// Upper ends of the buckets, but for the last, which has none.
        bounds: &'static [u32],
        /// The points.
        points: Vec<Point<Distribution>>,
    },
}

/// A value under its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point<V> {
    /// The labels.
    pub labels: Labels,
    /// The value.
    pub value: V,
}

/// How values are spread over the buckets of a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Values in each bucket alone, the one without an upper end last.
    pub buckets: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Distribution {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Family {
    /// A metric whose values come and go.
    pub fn gauge(name: &'static str, help: &'static str, points: Vec<Point<i64>>) -> Self {
        Self { name, help, unit: "", data: Data::Gauge(points) }
    }

    /// A metric whose values only grow.
    pub fn counter(name: &'static str, help: &'static str, points: Vec<Point<u64>>) -> Self {
        Self { name, help, unit: "", data: Data::Counter(points) }
    }

    /// With a unit.
    #[must_use]
    pub fn in_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Whether it has no points.
    pub fn is_empty(&self) -> bool {
        match &self.data {
            Data::Gauge(points) => points.is_empty(),
            Data::Counter(points) => points.is_empty(),
            Data::Histogram { points, .. } => points.is_empty(),
        }
    }
}

impl<V> Point<V> {
    /// A value under labels.
    pub fn new(labels: Labels, value: V) -> Self {
        Self { labels, value }
    }
}

/// Who knows the metrics of a process.
pub trait Source: Send + Sync {
    /// All metrics as they are now. May read files, and is not called by a task.
    fn collect(&self) -> Vec<Family>;
}

/// What all points of a process are labelled with, and the name its metrics are measured under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The meter.
    pub name: &'static str,
    /// By name, each once. A label of a point stands in for one of these.
    pub labels: Vec<(String, String)>,
}

impl Scope {
    /// The labels of this scope that go with a point; none with the one that stands for those beyond a limit.
    pub(crate) fn labels_beside<'a>(
        &'a self,
        labels: &'a Labels,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let has = |name: &str| labels.iter().any(|(own, _)| *own == name || *own == OVERFLOW_LABEL);
        let beside = self.labels.iter().filter(move |(name, _)| !has(name));
        beside.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
