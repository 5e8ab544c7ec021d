//! Results as one page without anything from elsewhere: plots are SVG.

use std::fmt::Write as _;

use crate::{
    results::{Outcome, Role, ServerOutcome},
    summary::{number, summary},
};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 12.0;

const STYLE: &str = "body{font:15px system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#222}\
h2{margin-top:2em}pre{background:#f5f5f5;padding:1em;overflow-x:auto}svg{margin-right:1em}";
const PLOT_STYLE: &str =
    "text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}.line{fill:none;stroke-width:2}";
const LATENCIES: &str = "latency by percentile";

/// The page.
pub(crate) fn page(outcomes: &[Outcome]) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>ferrocket bench</title>\
         <style>{STYLE}{PLOT_STYLE}</style>\n\
         <h1>ferrocket bench</h1>\n"
    );
    for outcome in outcomes {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(&outcome.title));
        let _ = writeln!(page, "<pre>{}</pre>", escaped(&summary(outcome)));
        page.push_str(&latencies(outcome, LATENCIES));
        page.push_str(&over_time(outcome));
    }
    page.push_str("</html>\n");
    page
}

/// The latencies as an image that stands alone.
pub(crate) fn image(outcome: &Outcome) -> String {
    let label = format!("{}: {LATENCIES}", escaped(&outcome.title));
    let (style, space) =
        (format!("><style>{PLOT_STYLE}</style>"), "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    latencies(outcome, &label).replacen('>', &style, 1).replacen("<svg", space, 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn colour(role: Role) -> &'static str {
    match role {
        Role::Subject => "#c2410c",
        Role::Compared => "#1d4ed8",
        Role::Floor => "#6b7280",
    }
}

/// A plot with values on a logarithmic or linear scale, whose horizontal places are between 0 and 1.
struct Plot {
    svg: String,
    low: f64,
    high: f64,
    is_logarithmic: bool,
}

impl Plot {
    fn new(label: &str, low: f64, high: f64, is_logarithmic: bool) -> Self {
        let svg = format!(
            "<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{label}\">\
             <text x=\"{LEFT}\" y=\"{}\">{label}</text>\n",
            LEFT + WIDTH + 20.0,
            TOP + HEIGHT + BOTTOM + 40.0,
            TOP + HEIGHT + BOTTOM + 30.0,
        );
        Self { svg, low, high: high.max(low * 1.01).max(low + f64::EPSILON), is_logarithmic }
    }

    fn x(place: f64) -> f64 {
        LEFT + place.clamp(0.0, 1.0) * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        TOP + HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }

    fn level(&mut self, value: f64, label: &str) {
        let (y, right) = (self.y(value), LEFT + WIDTH);
        let _ = writeln!(
            self.svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }

    fn mark(&mut self, place: f64, label: &str) {
        let (x, bottom) = (Self::x(place), TOP + HEIGHT);
        let _ = writeln!(
            self.svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16.0
        );
    }

    fn line(&mut self, server: &ServerOutcome, index: usize, points: impl Iterator<Item = (f64, f64)>) {
        let colour = colour(server.role);
        let points: Vec<String> =
            points.map(|(place, value)| format!("{:.1},{:.1}", Self::x(place), self.y(value))).collect();
        let _ = writeln!(
            self.svg,
            "<polyline class=\"line\" stroke=\"{colour}\" points=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" style=\"fill:{colour}\">{}</text>",
            points.join(" "),
            LEFT + 10.0,
            TOP + 16.0 + 16.0 * index as f64,
            escaped(&server.name)
        );
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

/// Nines from left to right: 50 % at nothing, 99.999 % at one.
fn place_of_percentile(percentile: f64) -> f64 {
    let rest = (1.0 - percentile / 100.0).max(1e-5);
    (rest.log10() / -5.0).clamp(0.0, 1.0)
}

fn latencies(outcome: &Outcome, label: &str) -> String {
    let all = || outcome.servers.iter().flat_map(|server| &server.curve).map(|(_, micros)| *micros);
    let low = all().filter(|micros| *micros > 0.0).fold(f64::INFINITY, f64::min);
    let high = all().fold(0.0, f64::max);
    if !low.is_finite() {
        return String::new();
    }
    let low = 10_f64.powf(low.log10().floor());
    let mut plot = Plot::new(label, low, 10_f64.powf(high.log10().ceil()), true);
    let mut level = low;
    while level <= plot.high * 1.001 {
        let label = if level >= 1e6 {
            format!("{} s", number(level / 1e6))
        } else if level >= 1e3 {
            format!("{} ms", number(level / 1e3))
        } else {
            format!("{} µs", number(level))
        };
        plot.level(level, &label);
        level *= 10.0;
    }
    for percentile in [50.0, 90.0, 99.0, 99.9, 99.99, 99.999] {
        plot.mark(place_of_percentile(percentile), &format!("{percentile} %"));
    }
    for (index, server) in outcome.servers.iter().enumerate() {
        let points = server.curve.iter().map(|(at, micros)| (place_of_percentile(*at), *micros));
        plot.line(server, index, points);
    }
    plot.finish()
}

fn over_time(outcome: &Outcome) -> String {
    let rounds = || outcome.servers.iter().flat_map(|server| &server.rounds);
    let high = rounds().flat_map(|round| &round.over_time).max().copied().unwrap_or_default() as f64;
    // The last second is cut.
    let seconds = |server: &ServerOutcome| -> Vec<u64> {
        let whole =
            server.rounds.iter().map(|round| round.over_time.split_last().map_or(&[][..], |(_, rest)| rest));
        whole.flatten().copied().collect()
    };
    let longest = outcome.servers.iter().map(|server| seconds(server).len()).max().unwrap_or_default();
    if longest < 2 || high <= 0.0 {
        return String::new();
    }
    let label = format!("{} a second, over the seconds of all rounds", outcome.unit);
    let mut plot = Plot::new(&label, 0.0, high, false);
    for quarter in 0..=4 {
        let value = high * f64::from(quarter) / 4.0;
        plot.level(value, &number(value));
    }
    let last = (longest - 1) as f64;
    for quarter in 0..=4 {
        let place = f64::from(quarter) / 4.0;
        plot.mark(place, &number((place * last).round()));
    }
    for (index, server) in outcome.servers.iter().enumerate() {
        let counts = seconds(server);
        let points = counts.iter().enumerate().map(|(second, count)| (second as f64 / last, *count as f64));
        plot.line(server, index, points);
    }
    plot.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{results::Figures, tally::histogram};

    #[test]
    fn a_page_needs_nothing_from_elsewhere() {
        let mut latencies = histogram();
        (1..1_000).for_each(|micros| latencies.saturating_record(micros * 1_000));
        let rounds = vec![Figures { over_time: vec![10, 20, 15, 1], ..Figures::default() }];
        let server = ServerOutcome::new("<ours>".into(), Role::Subject, rounds, &latencies);
        let text = |text: &str| text.to_owned();
        let outcome = Outcome {
            workload: text("produce"),
            title: text("send & see"),
            shape: text("small"),
            unit: text("messages"),
            latency: text("latency"),
            servers: vec![server],
        };
        let image = image(&outcome);
        assert!(image.starts_with("<svg xmlns=") && image.contains("><style>text{"));
        assert!(image.contains(">send &amp; see: latency by percentile</text>"));
        let page = page(&[outcome]);
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains("send &amp; see") && page.contains("&lt;ours&gt;") && !page.contains("<ours>"));
        assert!(!page.contains("http") && !page.contains("NaN"));
    }

    #[test]
    fn nines_are_equally_far_apart() {
        let places = [0.0, 90.0, 99.0, 99.9, 99.99, 99.999].map(place_of_percentile);
        for (at, place) in places.iter().enumerate() {
            assert!((place - at as f64 / 5.0).abs() < 1e-6);
        }
    }
}
