//! Results as text: for people, and as a Markdown table.

use std::fmt::Write as _;

use crate::results::{METRICS, Metric, Outcome, Role, ServerOutcome};

/// A number with as many digits as say something.
pub(crate) fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        let mut text = String::new();
        let digits = format!("{:.0}", value.abs());
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return if value < 0.0 { format!("-{text}") } else { text };
    }
    match value.abs() {
        0.0 => "0".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn figure(metric: &Metric, server: Option<&ServerOutcome>) -> Option<f64> {
    server.and_then(|server| (metric.figure)(&server.median))
}

/// How many times better than the compared server.
fn times(metric: &Metric, subject: Option<f64>, compared: Option<f64>) -> String {
    let (Some(subject), Some(compared)) = (subject, compared) else { return String::new() };
    let ratio = if metric.more_is_better { subject / compared } else { compared / subject };
    if ratio.is_finite() { format!("{} ×", number(ratio)) } else { String::new() }
}

/// Which part of the floor, or which multiple where less is better.
fn of_floor(metric: &Metric, subject: Option<f64>, floor: Option<f64>) -> String {
    let (Some(subject), Some(floor)) = (subject, floor) else { return String::new() };
    let ratio = subject / floor;
    match metric.more_is_better {
        _ if !ratio.is_finite() => String::new(),
        true => format!("{:.0} %", ratio * 100.0),
        false => format!("{} ×", number(ratio)),
    }
}

/// The table a run ends with.
pub(crate) fn summary(outcome: &Outcome) -> String {
    let subject = outcome.server(Role::Subject);
    let (compared, floor) = (outcome.server(Role::Compared), outcome.server(Role::Floor));
    let rounds = subject.map_or(0, |server| server.rounds.len());
    let medians = if rounds > 1 { format!("; medians of {rounds}") } else { String::new() };
    let mut text = format!("{}: {}; {}{medians}\n", outcome.title, outcome.shape, outcome.latency);
    let mut row = |cells: [String; 6]| {
        let mut cells = cells.into_iter();
        let mut line = format!("{:>16}", cells.next().unwrap_or_default());
        for cell in cells {
            let _ = write!(line, "{cell:>14}");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    };
    let name = |server: Option<&ServerOutcome>| server.map(|server| server.name.clone()).unwrap_or_default();
    let heads = (compared.map_or("", |_| "better"), floor.map_or("", |_| "of floor"));
    row([
        outcome.unit.clone(),
        name(subject),
        name(compared),
        heads.0.to_owned(),
        name(floor),
        heads.1.to_owned(),
    ]);
    for metric in &METRICS {
        let figures = [subject, compared, floor].map(|server| figure(metric, server));
        if figures.iter().all(Option::is_none) {
            continue;
        }
        let [own, other, least] = figures;
        let text = |value: Option<f64>| value.map(number).unwrap_or_default();
        let (better, share) = (times(metric, own, other), of_floor(metric, own, least));
        row([metric.name.to_owned(), text(own), text(other), better, text(least), share]);
    }
    for server in &outcome.servers {
        for (fault, count) in &server.median.faults {
            let _ = writeln!(text, "{}: {count} {fault}", server.name);
        }
        for example in &server.median.examples {
            let _ = writeln!(text, "    {example}");
        }
    }
    text
}

/// A row for every figure of every outcome that says something about it.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let name = |role, otherwise: &str| {
        let named = outcomes.iter().find_map(|outcome| outcome.server(role));
        named.map_or(otherwise.to_owned(), |server| server.name.clone())
    };
    let (own, other) = (name(Role::Subject, "server"), name(Role::Compared, "compared"));
    let mut text = format!("| | {own} | {other} | better | floor | of floor |\n|---|--:|--:|--:|--:|--:|\n");
    for outcome in outcomes {
        let roles = [Role::Subject, Role::Compared, Role::Floor];
        for metric in METRICS.iter().filter(|metric| metric.name != "longest µs") {
            let [own, other, floor] = roles.map(|role| figure(metric, outcome.server(role)));
            if own.is_none() && other.is_none() {
                continue;
            }
            let cell = |value: Option<f64>| value.map(number).unwrap_or_default();
            let _ = writeln!(
                text,
                "| {}: {} | {} | {} | {} | {} | {} |",
                outcome.title,
                metric.name.replace("per second", &format!("{} per second", outcome.unit)),
                cell(own),
                cell(other),
                times(metric, own, other),
                cell(floor),
                of_floor(metric, own, floor)
            );
        }
        let faults: Vec<String> = outcome
            .servers
            .iter()
            .flat_map(|server| server.median.faults.iter().map(move |found| (&server.name, found)))
            .map(|(name, (fault, count))| format!("{name}: {count} {fault}"))
            .collect();
        if !faults.is_empty() {
            let _ = writeln!(text, "| {}: **faults** | {} | | | | |", outcome.title, faults.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        results::{Figures, ServerOutcome},
        tally::histogram,
    };

    fn outcome() -> Outcome {
        let server = |name: &str, role, per_second, p50_us| {
            let figures = Figures { per_second, p50_us, ..Figures::default() };
            ServerOutcome::new(name.to_owned(), role, vec![figures], &histogram())
        };
        Outcome {
            workload: "produce".into(),
            title: "send".into(),
            shape: "1,024 bytes".into(),
            unit: "messages".into(),
            latency: "latency".into(),
            servers: vec![
                server("ours", Role::Subject, 200_000.0, 100.0),
                server("theirs", Role::Compared, 50_000.0, 400.0),
                server("floor", Role::Floor, 250_000.0, 50.0),
            ],
        }
    }

    #[test]
    fn better_is_more_of_the_one_and_less_of_the_other() {
        let text = summary(&outcome());
        let cells = |name: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(cells("per second")[2..], ["200,000", "50,000", "4.00", "×", "250,000", "80", "%"]);
        assert_eq!(cells("p50")[2..], ["100", "400", "4.00", "×", "50.0", "2.00", "×"]);
        let table = markdown(&[outcome()]);
        assert!(table.contains("| send: messages per second | 200,000 | 50,000 | 4.00 × | 250,000 | 80 % |"));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.123, 12.34, 123.4, 1_234.5, 1_234_567.0].map(number);
        assert_eq!(shown, ["0", "0.12", "12.3", "123", "1,234", "1,234,567"]);
    }
}
