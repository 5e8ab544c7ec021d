//! What is printed.

use std::fmt::{self, Write as _};

use crate::baseline::{Compared, Counts, Verdict};

/// All operations, one a line.
pub(crate) struct Table<'a>(pub(crate) &'a [Compared]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|compared| compared.name.len()).max().unwrap_or(0);
        writeln!(
            out,
            "{:width$}  {:>10}  {:>10}  {:>8}",
            "instructions of one operation", "before", "now", "change"
        )?;
        for compared in self.0 {
            let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), grouped);
            let change = compared.change_percent().map(|change| format!("{change:+.1} %"));
            let verdict = match compared.verdict {
                Verdict::Same => "",
                Verdict::Fewer => "  fewer",
                Verdict::More => "  MORE",
                Verdict::New => "  NEW",
                Verdict::Gone => "  GONE",
            };
            let (before, now) = (count(compared.before), count(compared.now));
            let change = change.unwrap_or_default();
            writeln!(out, "{:width$}  {before:>10}  {now:>10}  {change:>8}{verdict}", compared.name)?;
        }
        Ok(())
    }
}

/// What follows from the table; `None` when nothing does.
pub(crate) fn advice(compared: &[Compared], baseline: &Counts, now: &Counts, renew: &str) -> Option<String> {
    let mut advice = String::new();
    let has = |verdict| compared.iter().any(|compared| compared.verdict == verdict);
    // Writing into a string cannot fail.
    if !baseline.instructions.is_empty() && baseline.tools != now.tools {
        for (tool, version) in &now.tools {
            let before = baseline.tools.get(tool).map_or("nothing", String::as_str);
            if before != version {
                let _ = writeln!(advice, "The baseline was made with {before}, this with {version}.");
            }
        }
    }
    if has(Verdict::More) {
        let tolerance = baseline.tolerance_percent(now);
        let _ = writeln!(advice, "What takes over {tolerance} % more instructions than before fails.");
    }
    if has(Verdict::New) || has(Verdict::Gone) {
        let _ = writeln!(advice, "The baseline does not have the operations that there are.");
    }
    if has(Verdict::Fewer) {
        let _ = writeln!(advice, "What takes fewer is safe from growing again once the baseline is renewed.");
    }
    (!advice.is_empty()).then(|| format!("{advice}To make what was counted the baseline: {renew}\n"))
}

/// With a comma every three digits.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_changed_and_how_to_renew() {
        let counts = |version: &str, counts: &[(&str, u64)]| Counts {
            tools: [("compiler".to_owned(), version.to_owned())].into(),
            instructions: counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        };
        let before = counts("rustc 1", &[("put", 1_234_567), ("get", 100)]);
        let now = counts("rustc 1", &[("put", 2_469_134), ("get", 100)]);
        let compared = before.compare(&now, &["put", "get"]);
        let table = Table(&compared).to_string();
        assert!(table.contains("1,234,567   2,469,134  +100.0 %  MORE"), "{table}");
        assert!(table.lines().any(|line| line.starts_with("get") && line.ends_with("+0.0 %")), "{table}");
        let said = advice(&compared, &before, &now, "renew-it").unwrap();
        assert!(said.contains("fails") && said.ends_with("renew-it\n"), "{said}");
        assert_eq!(advice(&before.compare(&before, &["put", "get"]), &before, &before, "renew-it"), None);
        let other = counts("rustc 2", &[("put", 1_234_567), ("get", 100)]);
        let said = advice(&before.compare(&other, &["put", "get"]), &before, &other, "renew-it").unwrap();
        assert!(said.contains("made with rustc 1, this with rustc 2"), "{said}");
    }
}
