//! Prometheus's text format, version 0.0.4.
//!
//! ```text
//! # HELP rocketmq_storage_size_bytes Broker storage size
//! # TYPE rocketmq_storage_size_bytes gauge
//! rocketmq_storage_size_bytes{otel_scope_name="broker-meter",cluster="c"} 42.0 1700000000000
//! ```
//!
//! As OpenTelemetry's exporter has it: the unit ends the name, the meter comes first of the labels, the others in the
//! order of their names, and numbers have a point.

use std::fmt::Write;

use crate::family::{Data, Distribution, Family, Labels, Scope};

/// What the text is sent as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families that were collected at a time.
pub fn encode(families: &[Family], scope: &Scope, now_millis: i64) -> String {
    let mut text = String::from(
        "# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{} 1\n# HELP otel_scope_info Scope \
         metadata\n# TYPE otel_scope_info gauge\n",
    );
    let mut writer = Writer { text: &mut text, scope, now_millis };
    writer.put(format_args!("otel_scope_info{{otel_scope_name=\"{}\"}} 1", Escaped(scope.name)));
    for family in families.iter().filter(|family| !family.is_empty()) {
        writer.family(family);
    }
    text
}

struct Writer<'a> {
    text: &'a mut String,
    scope: &'a Scope,
    now_millis: i64,
}

impl Writer<'_> {
    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn family(&mut self, family: &Family) {
        let name = series_name(family);
        let kind = match family.data {
            Data::Gauge(_) => "gauge",
            Data::Counter(_) => "counter",
            Data::Histogram { .. } => "histogram",
        };
        self.put(format_args!("# HELP {name} {}", family.help));
        self.put(format_args!("# TYPE {name} {kind}"));
        match &family.data {
            Data::Gauge(points) => {
                for point in points {
                    self.point(&name, &point.labels, None, point.value as f64);
                }
            }
            Data::Counter(points) => {
                for point in points {
                    self.point(&name, &point.labels, None, point.value as f64);
                }
            }
            Data::Histogram { bounds, points } => {
                for point in points {
                    self.histogram(&name, &point.labels, bounds, &point.value);
                }
            }
        }
    }

    fn histogram(&mut self, name: &str, labels: &Labels, bounds: &[u32], value: &Distribution) {
        self.point(&format!("{name}_count"), labels, None, value.count() as f64);
        self.point(&format!("{name}_sum"), labels, None, value.sum as f64);
        let bucket = format!("{name}_bucket");
        let mut total = 0;
        let ends = bounds.iter().map(|bound| format!("{bound}.0")).chain(["+Inf".to_owned()]);
        for (count, end) in value.buckets.iter().zip(ends) {
            total += count;
            self.point(&bucket, labels, Some(&end), total as f64);
        }
    }

    fn point(&mut self, name: &str, labels: &Labels, end: Option<&str>, value: f64) {
        let now = self.now_millis;
        let own = labels.iter().map(|(name, value)| (*name, value.to_string()));
        let beside = self.scope.labels_beside(labels).map(|(name, value)| (name, value.to_owned()));
        let mut all: Vec<(&str, String)> = own.chain(beside).collect();
        all.sort_unstable();
        let _ = write!(self.text, "{name}{{otel_scope_name=\"{}\"", Escaped(self.scope.name));
        for (label, value) in all {
            let _ = write!(self.text, ",{}=\"{}\"", LabelName(label), Escaped(&value));
        }
        if let Some(end) = end {
            let _ = write!(self.text, ",le=\"{end}\"");
        }
        // A whole number is written with a point.
        self.put(format_args!("}} {value:?} {now}"));
    }
}

/// The name with its unit, which a counter's ends with `total`.
fn series_name(family: &Family) -> String {
    let unit = match family.unit {
        "" => return family.name.to_owned(),
        "ms" => "milliseconds",
        unit => unit,
    };
    if family.name.ends_with(unit) { family.name.to_owned() } else { format!("{}_{unit}", family.name) }
}

/// A value of a label, quoted as the format wants it.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                other => formatter.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The name of a label, with an underscore for what may not stand there.
struct LabelName<'a>(&'a str);

impl std::fmt::Display for LabelName<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, character) in self.0.chars().enumerate() {
            let is_fine = character == '_'
                || character.is_ascii_alphabetic()
                || (index > 0 && character.is_ascii_digit());
            formatter.write_char(if is_fine { character } else { '_' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Point;

    #[test]
    fn the_text_is_as_opentelemetry_writes_it() {
        let scope = Scope { name: "m", labels: vec![("node-id".to_owned(), "a\"b".to_owned())] };
        let topic = || vec![("topic", "T".into())];
        let families = [
            Family::gauge("size", "Size", vec![Point::new(Vec::new(), 3)]).in_unit("bytes"),
            Family::gauge("behind_bytes", "Behind", vec![Point::new(Vec::new(), -1)]).in_unit("bytes"),
            Family::counter("in_total", "In", vec![Point::new(topic(), 5)]),
            Family::gauge("none", "None", Vec::new()),
            Family {
                name: "took",
                help: "Took",
                unit: "ms",
                data: Data::Histogram {
                    bounds: &[1, 10],
                    points: vec![Point::new(topic(), Distribution { buckets: vec![1, 0, 2], sum: 40 })],
                },
            },
        ];
        let text = encode(&families, &scope, 7);
        let expected = r#"size_bytes{otel_scope_name="m",node_id="a\"b"} 3.0 7
# HELP behind_bytes Behind
# TYPE behind_bytes gauge
behind_bytes{otel_scope_name="m",node_id="a\"b"} -1.0 7
# HELP in_total In
# TYPE in_total counter
in_total{otel_scope_name="m",node_id="a\"b",topic="T"} 5.0 7
# HELP took_milliseconds Took
# TYPE took_milliseconds histogram
took_milliseconds_count{otel_scope_name="m",node_id="a\"b",topic="T"} 3.0 7
took_milliseconds_sum{otel_scope_name="m",node_id="a\"b",topic="T"} 40.0 7
took_milliseconds_bucket{otel_scope_name="m",node_id="a\"b",topic="T",le="1.0"} 1.0 7
took_milliseconds_bucket{otel_scope_name="m",node_id="a\"b",topic="T",le="10.0"} 1.0 7
took_milliseconds_bucket{otel_scope_name="m",node_id="a\"b",topic="T",le="+Inf"} 3.0 7
"#;
        assert!(text.ends_with(expected), "{text}");
        assert!(text.contains("\n# TYPE size_bytes gauge\n"));
    }
}
