//! How long files of the CommitLog have been complete, by the time the store was really open.
//!
//! Wall clocks are set, run ahead and come up wrong after a restart; a file that is young must not look old because
//! of that. So for each complete file the *open time* at which it was found complete is noted, and both are kept in
//! `<root>/retention`, where RocketMQ does not look:
//!
//! ```text
//! {"openMillis":7200000,"completeSince":{"0":3600000,"1073741824":7100000}}
//! ```
//!
//! Open time passes while a process has the store open, and stands still in between: a store that was closed keeps its
//! files that much longer.
//!
//! Invariant: nothing here makes a file look older than it is, but for the age its modification time gave it when it
//! was seen for the first time.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    durable::{read_whole, write_whole},
    fs::FileSystem,
};

const FILE: &str = "retention";
/// A killed process loses this much of the open time at most, and its files grow that much older.
const SAVE_MILLIS: i64 = 10 * 60 * 1_000;

/// The ages of complete files.
#[derive(Debug, Default)]
pub(crate) struct Ages {
    path: PathBuf,
    open_before_millis: i64,
    opened: Duration,
    /// By the physical offset of their first byte.
    complete_since: BTreeMap<i64, i64>,
    /// Open time when this was last saved; `None` when it has to be.
    saved: Option<i64>,
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Ages {
    /// The ages as the last process left them; none where nothing usable is there.
    pub(crate) fn load(fs: &dyn FileSystem, root: &Path, monotonic: Duration) -> Self {
        let path = root.join(FILE);
        let content = read_whole(fs, &path).unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "ages of commit log files are not known");
            None
        });
        let saved: Value =
            content.and_then(|content| serde_json::from_slice(&content).ok()).unwrap_or_default();
        let entries = saved.get("completeSince").and_then(Value::as_object).into_iter().flatten();
        let complete_since = entries.filter_map(|(base, since)| Some((base.parse().ok()?, since.as_i64()?)));
        Self {
            path,
            open_before_millis: saved.get("openMillis").and_then(Value::as_i64).unwrap_or(0).max(0),
            opened: monotonic,
            complete_since: complete_since.collect(),
            saved: None,
        }
    }

    /// How long the store has been open in all its lives.
    fn open_millis(&self, monotonic: Duration) -> i64 {
        self.open_before_millis.saturating_add(millis(monotonic.saturating_sub(self.opened)))
    }

    /// Notes which files are complete. One that was not known is as old as `age_of` says, in milliseconds.
    pub(crate) fn note_complete(
        &mut self,
        bases: impl Iterator<Item = i64>,
        monotonic: Duration,
        mut age_of: impl FnMut(i64) -> i64,
    ) {
        let now = self.open_millis(monotonic);
        let before = std::mem::take(&mut self.complete_since);
        for base in bases {
            let since = before.get(&base).copied().unwrap_or_else(|| now.saturating_sub(age_of(base).max(0)));
            self.complete_since.insert(base, since);
        }
        if self.complete_since != before {
            self.saved = None;
        }
    }

    /// Whether a file is known to have been complete for so long.
    pub(crate) fn is_complete_for(&self, base: i64, reserved: Duration, monotonic: Duration) -> bool {
        let now = self.open_millis(monotonic);
        self.complete_since.get(&base).is_some_and(|since| now.saturating_sub(*since) >= millis(reserved))
    }

    /// Writes down what has changed, now and then.
    pub(crate) fn save(&mut self, fs: &dyn FileSystem, monotonic: Duration) -> io::Result<()> {
        let now = self.open_millis(monotonic);
        if self.saved.is_some_and(|saved| now.saturating_sub(saved) < SAVE_MILLIS) {
            return Ok(());
        }
        self.save_now(fs, monotonic)
    }

    /// Writes everything down.
    pub(crate) fn save_now(&mut self, fs: &dyn FileSystem, monotonic: Duration) -> io::Result<()> {
        let now = self.open_millis(monotonic);
        let since: serde_json::Map<String, Value> =
            self.complete_since.iter().map(|(base, since)| (base.to_string(), json!(since))).collect();
        let content = json!({ "openMillis": now, "completeSince": since }).to_string();
        let temporary = self.path.with_extension("tmp");
        write_whole(fs, &temporary, content.as_bytes())?;
        fs.rename(&temporary, &self.path)?;
        self.path.parent().map_or(Ok(()), |root| fs.sync_dir(root))?;
        self.saved = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::OsFileSystem;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn age_is_open_time_over_all_lives() {
        let dir = tempfile::tempdir().unwrap();
        let mut ages = Ages::load(&OsFileSystem, dir.path(), 5 * HOUR);
        ages.note_complete([0].into_iter(), 5 * HOUR, |_| 0);
        assert!(!ages.is_complete_for(0, 2 * HOUR, 6 * HOUR));
        ages.save_now(&OsFileSystem, 6 * HOUR).unwrap();
        let mut ages = Ages::load(&OsFileSystem, dir.path(), Duration::ZERO);
        ages.note_complete([0, 100].into_iter(), Duration::ZERO, |_| 0);
        assert!(ages.is_complete_for(0, HOUR, Duration::ZERO));
        assert!(!ages.is_complete_for(0, 2 * HOUR, HOUR / 2));
        assert!(ages.is_complete_for(0, 2 * HOUR, HOUR));
        assert!(!ages.is_complete_for(100, 2 * HOUR, HOUR));
        assert!(!ages.is_complete_for(200, Duration::ZERO, HOUR), "what is not known is not old");
    }

    #[test]
    fn what_is_new_here_has_the_age_it_comes_with() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        let mut ages = Ages::load(&OsFileSystem, dir.path(), Duration::ZERO);
        ages.note_complete(
            [0, 100].into_iter(),
            Duration::ZERO,
            |base| if base == 0 { millis(HOUR) } else { -5 },
        );
        assert!(ages.is_complete_for(0, HOUR, Duration::ZERO));
        assert!(!ages.is_complete_for(100, Duration::from_millis(1), Duration::ZERO));
    }
}
