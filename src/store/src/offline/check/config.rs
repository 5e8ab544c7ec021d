//! The configuration files: whether each can be read, or its backup.

use std::collections::{BTreeMap, BTreeSet};

use common::fastjson;
use serde_json::Value;

use super::super::{
    OfflineError, StoreDir,
    findings::{Finding, FindingKind, Findings, Severity},
};
use crate::{fs::OpenMode, recovery::files::read_up_to};

/// Names of the files whose content is JSON.
const SUFFIX: &str = ".json";

/// What is in the configuration directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigSummary {
    /// Files that were read, without backups.
    pub file_count: u64,
    /// The topics a broker would know; `None` where it cannot be told.
    pub topics: Option<BTreeSet<String>>,
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
    // A file may be gone and its backup be there.
    let mut files: BTreeMap<&str, (Option<Content>, Option<Content>)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.is_dir) {
        let name = entry.name.strip_suffix(".bak").unwrap_or(&entry.name);
        if name.ends_with(SUFFIX) {
            let content = read(dir, &entry.name)?;
            let pair = files.entry(name).or_default();
            *if name == entry.name { &mut pair.0 } else { &mut pair.1 } = Some(content);
        }
    }
    for (name, (current, backup)) in files {
        summary.file_count += u64::from(current.is_some());
        judge(dir, name, current.as_ref(), backup.as_ref(), findings);
        if name == "topics.json" {
            let usable = [current, backup].into_iter().flatten().find_map(|content| match content {
                Content::Json(value) => Some(value),
                _ => None,
            });
            summary.topics = usable.and_then(|value| topics_of(&value));
        }
    }
    Ok(summary)
}

fn read(dir: &StoreDir, name: &str) -> Result<Content, OfflineError> {
    let path = dir.options.config_path().join(name);
    let failed = || OfflineError::io(&path);
    let file = dir.fs.open(&path, OpenMode::Read).map_err(failed())?;
    let mut bytes = vec![0; usize::try_from(file.len().map_err(failed())?).unwrap_or(0)];
    let len = read_up_to(&*file, &mut bytes, 0).map_err(failed())?;
    bytes.truncate(len);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Content::Empty);
    }
    Ok(match fastjson::from_slice(&bytes) {
        Ok(value) => Content::Json(value),
        Err(error) => Content::Unusable(error.to_string()),
    })
}

fn judge(
    dir: &StoreDir,
    name: &str,
    current: Option<&Content>,
    backup: Option<&Content>,
    findings: &mut Findings,
) {
    let path = dir.options.config_path().join(name);
    let has_backup = matches!(backup, Some(Content::Json(_)));
    let remedy = if has_backup { "its backup is used" } else { "there is no backup to use" };
    let report = |severity, reason| Finding::new(severity, FindingKind::ConfigFile, &path, reason);
    match current {
        Some(Content::Unusable(error)) => {
            findings.push(report(Severity::Damage, format!("is not JSON ({error}): {remedy}")));
        }
        // RocketMQ leaves an empty file behind when it has nothing to say.
        Some(Content::Empty) => findings.push(report(Severity::Note, format!("is empty: {remedy}"))),
        None if has_backup => findings.push(report(Severity::Note, format!("is missing: {remedy}"))),
        Some(Content::Json(_)) | None => {}
    }
    if let Some(Content::Unusable(error)) = backup {
        let path = dir.options.config_path().join(format!("{name}.bak"));
        let reason = format!("the backup is not JSON ({error})");
        findings.push(Finding::new(Severity::Damage, FindingKind::ConfigFile, path, reason));
    }
}

fn topics_of(value: &Value) -> Option<BTreeSet<String>> {
    let table = value.get("topicConfigTable")?.as_object()?;
    Some(table.keys().cloned().collect())
}
