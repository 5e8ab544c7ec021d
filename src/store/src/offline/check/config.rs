//! The configuration files: whether each can be read, or a backup of it.

use std::{collections::BTreeSet, io};

use common::fastjson;
use serde_json::Value;

use super::super::{
    OfflineError, StoreDir,
    findings::{Finding, FindingKind, Findings, Severity},
};
use crate::{
    config_files::{backup_names, table_name},
    fs::OpenMode,
    recovery::files::read_up_to,
    topic_kinds::{TOPICS_FILE, batch_topics},
};

/// Names of the files whose content is JSON.
const SUFFIX: &str = ".json";
/// The one that is called otherwise: how many timed messages each topic has.
const TIMER_METRICS_FILE: &str = "timermetrics";

/// What is in the configuration directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigSummary {
    /// Files that were read, without backups.
    pub file_count: u64,
    /// The topics a broker would know; `None` where it cannot be told.
    pub topics: Option<BTreeSet<String>>,
    /// Those of them with batch queues.
    pub batch_topics: BTreeSet<String>,
}

impl ConfigSummary {
    /// Whether the topic is known not to exist any more.
    pub(in super::super) fn is_deleted_topic(&self, topic: &str) -> bool {
        self.topics.as_ref().is_some_and(|topics| !topics.contains(topic))
    }
}

/// What a text is to the broker that loads it.
enum Content {
    Json(Value),
    Empty,
    Unusable(String),
}

/// Reads all files below `config`.
pub(in super::super) fn check(
    dir: &StoreDir,
    findings: &mut Findings,
) -> Result<ConfigSummary, OfflineError> {
    let path = dir.options.config_path();
    let mut summary = ConfigSummary::default();
    if !dir.fs.exists(&path) {
        return Ok(summary);
    }
    let entries = dir.fs.read_dir(&path).map_err(OfflineError::io(&path))?;
    // A file may be gone and its backups be there.
    let tables: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .map(|entry| table_name(&entry.name))
        .filter(|name| name.ends_with(SUFFIX) || *name == TIMER_METRICS_FILE)
        .collect();
    for name in tables {
        let current = read(dir, name)?;
        let mut backups = Vec::new();
        for backup in backup_names(name) {
            if let Some(content) = read(dir, &backup)? {
                backups.push((backup, content));
            }
        }
        summary.file_count += u64::from(current.is_some());
        judge(dir, name, current.as_ref(), &backups, findings);
        if name == TOPICS_FILE {
            let usable = current.into_iter().chain(backups.into_iter().map(|(_, content)| content));
            let usable = usable.into_iter().find_map(|content| match content {
                Content::Json(value) => Some(value),
                _ => None,
            });
            let usable = usable.unwrap_or_default();
            summary.topics = topics_of(&usable);
            summary.batch_topics = batch_topics(&usable).map(str::to_owned).collect();
        }
    }
    Ok(summary)
}

/// What a file holds; `None` when there is none.
fn read(dir: &StoreDir, name: &str) -> Result<Option<Content>, OfflineError> {
    let path = dir.options.config_path().join(name);
    let failed = || OfflineError::io(&path);
    let file = match dir.fs.open(&path, OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome.map_err(failed())?,
    };
    let mut bytes = vec![0; usize::try_from(file.len().map_err(failed())?).unwrap_or(0)];
    let len = read_up_to(&*file, &mut bytes, 0).map_err(failed())?;
    bytes.truncate(len);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Some(Content::Empty));
    }
    Ok(Some(match fastjson::from_slice(&bytes) {
        Ok(value) => Content::Json(value),
        Err(error) => Content::Unusable(error.to_string()),
    }))
}

/// `backups` are those there are, from the newest to the oldest.
fn judge(
    dir: &StoreDir,
    name: &str,
    current: Option<&Content>,
    backups: &[(String, Content)],
    findings: &mut Findings,
) {
    let config = dir.options.config_path();
    let usable = backups.iter().find(|(_, content)| matches!(content, Content::Json(_)));
    let remedy =
        usable.map_or("there is no backup to use".to_owned(), |(backup, _)| format!("{backup} is used"));
    // RocketMQ leaves an empty file behind when it has nothing to say; with an empty backup it once had.
    let empty = if usable.is_none() && !backups.is_empty() { Severity::Damage } else { Severity::Note };
    let path = config.join(name);
    let mut report = |severity, path, reason| {
        findings.push(Finding::new(severity, FindingKind::ConfigFile, path, reason));
    };
    match current {
        Some(Content::Unusable(error)) => {
            report(Severity::Damage, path, format!("is not JSON ({error}): {remedy}"));
        }
        Some(Content::Empty) => report(empty, path, format!("is empty: {remedy}")),
        None => report(empty, path, format!("is missing: {remedy}")),
        Some(Content::Json(_)) => {}
    }
    for (backup, content) in backups {
        if let Content::Unusable(error) = content {
            report(Severity::Damage, config.join(backup), format!("the backup is not JSON ({error})"));
        }
    }
}

fn topics_of(value: &Value) -> Option<BTreeSet<String>> {
    let table = value.get("topicConfigTable")?.as_object()?;
    Some(table.keys().cloned().collect())
}
