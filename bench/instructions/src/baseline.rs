//! What was counted before, and how far from it is too far.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// Two builds of the same code by the same tools differ by less; what a change costs beyond is worth knowing.
const TOLERANCE_PERCENT: f64 = 6.0;
/// Other tools, the same code: mostly it costs about the same, and what costs far more is still to be seen.
const TOLERANCE_OF_OTHER_TOOLS_PERCENT: f64 = 25.0;

/// Counts, and what they were made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// What makes counts differ although the code is the same: compiler, C library, Valgrind, processor.
    pub(crate) tools: BTreeMap<String, String>,
    /// Instructions of one operation by its name.
    pub(crate) instructions: BTreeMap<String, u64>,
}

/// What became of an operation's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// About what it was.
    Same,
    /// Clearly less: the baseline is worth renewing, so that it stays so.
    Fewer,
    /// Clearly more.
    More,
    /// The baseline does not have it.
    New,
    /// Nothing was counted under a name of the baseline.
    Gone,
}

impl Verdict {
    /// Whether something is wrong.
    pub(crate) fn fails(self) -> bool {
        matches!(self, Self::More | Self::New | Self::Gone)
    }
}

/// An operation then and now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) before: Option<u64>,
    pub(crate) now: Option<u64>,
    pub(crate) verdict: Verdict,
}

impl Compared {
    /// By how much it has grown, in percent.
    pub(crate) fn change_percent(&self) -> Option<f64> {
        Some(change_percent(self.before?, self.now?))
    }
}

fn change_percent(before: u64, now: u64) -> f64 {
    100.0 * (now as f64 - before as f64) / (before.max(1) as f64)
}

impl Counts {
    /// Reads a baseline; one that does not exist yet is empty.
    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes these as the baseline.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(path, text)
    }

    /// A baseline in which these take the place of what was counted before.
    ///
    /// # Errors
    /// When the others were counted with other tools.
    pub(crate) fn renewing(self, mut baseline: Self) -> io::Result<Self> {
        if baseline.tools != self.tools && !baseline.instructions.is_empty() {
            return Err(io::Error::other(
                "the rest of the baseline was made with other tools: renew all of it",
            ));
        }
        baseline.instructions.extend(self.instructions);
        Ok(Self { tools: self.tools, ..baseline })
    }

    /// By how many percent a count may grow.
    pub(crate) fn tolerance_percent(&self, now: &Self) -> f64 {
        if self.tools == now.tools { TOLERANCE_PERCENT } else { TOLERANCE_OF_OTHER_TOOLS_PERCENT }
    }

    /// These as the baseline of `now`, in the order of `names` and then what is no more.
    pub(crate) fn compare(&self, now: &Self, names: &[&str]) -> Vec<Compared> {
        let tolerance = self.tolerance_percent(now);
        let gone = self.instructions.keys().map(String::as_str).filter(|name| !names.contains(name));
        let compared = names.iter().copied().chain(gone).map(|name| {
            let (before, now) = (self.instructions.get(name).copied(), now.instructions.get(name).copied());
            let verdict = match (before, now) {
                (Some(before), Some(now)) => match change_percent(before, now) {
                    change if change > tolerance => Verdict::More,
                    change if change < -tolerance => Verdict::Fewer,
                    _ => Verdict::Same,
                },
                (None, _) => Verdict::New,
                (_, None) => Verdict::Gone,
            };
            Compared { name: name.to_owned(), before, now, verdict }
        });
        compared.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(compiler: &str, instructions: &[(&str, u64)]) -> Counts {
        Counts {
            tools: [("compiler".to_owned(), compiler.to_owned())].into(),
            instructions: instructions.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        }
    }

    fn verdicts(before: &Counts, now: &Counts, names: &[&str]) -> Vec<(String, Verdict)> {
        let compared = before.compare(now, names);
        compared.into_iter().map(|compared| (compared.name, compared.verdict)).collect()
    }

    #[test]
    fn what_grows_is_new_or_is_gone_fails() {
        let before = counts("1", &[("same", 1_000), ("more", 1_000), ("fewer", 1_000), ("gone", 1_000)]);
        let now = counts("1", &[("same", 1_059), ("more", 1_061), ("fewer", 939), ("new", 1)]);
        let verdicts = verdicts(&before, &now, &["more", "fewer", "same", "new"]);
        let expected = [
            ("more", Verdict::More),
            ("fewer", Verdict::Fewer),
            ("same", Verdict::Same),
            ("new", Verdict::New),
            ("gone", Verdict::Gone),
        ];
        assert_eq!(verdicts, expected.map(|(name, verdict)| (name.to_owned(), verdict)));
        let failing: Vec<_> = expected.iter().filter(|(_, verdict)| verdict.fails()).collect();
        assert_eq!(failing.len(), 3);
    }

    #[test]
    fn other_tools_are_allowed_more() {
        let (before, now) = (counts("1", &[("a", 100), ("b", 100)]), counts("2", &[("a", 124), ("b", 126)]));
        let expected = [("a".to_owned(), Verdict::Same), ("b".to_owned(), Verdict::More)];
        assert_eq!(verdicts(&before, &now, &["a", "b"]), expected);
    }

    #[test]
    fn a_part_is_renewed_by_the_same_tools_only() {
        let before = counts("1", &[("a", 1), ("b", 2)]);
        let renewed = counts("1", &[("b", 3)]).renewing(before.clone()).unwrap();
        assert_eq!(renewed, counts("1", &[("a", 1), ("b", 3)]));
        assert!(counts("2", &[("b", 3)]).renewing(before).is_err());
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.json");
        assert_eq!(Counts::load(&path).unwrap(), Counts::default());
        let written = counts("1", &[("a", 1)]);
        written.save(&path).unwrap();
        assert_eq!(Counts::load(&path).unwrap(), written);
        fs::write(&path, "{").unwrap();
        assert!(Counts::load(&path).is_err());
    }
}
