//! Configurations as servers send and take them: `java.util.Properties` without escapes
//! (`MixAll.properties2String`).

use common::properties::Properties;
use serde_json::{Map, Value};

use crate::{error::AdminError, report::Report};

/// The body that sets one key.
pub(crate) fn entry(key: &str, value: &str) -> Vec<u8> {
    format!("{key}={value}\n").into_bytes()
}

/// Reads a server's configuration.
pub(crate) fn read(addr: &str, body: &[u8]) -> Result<Properties, AdminError> {
    Properties::parse(body).map_err(|error| AdminError::Failed(format!("configuration of {addr}: {error}")))
}

/// Writes the entries that count, by key.
pub(crate) fn show(report: &mut Report, config: &Properties) {
    let mut entries: Vec<_> = config.effective().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    for entry in &entries {
        report.text(format_args!("{:<50}=  {}\n", entry.key, entry.value));
    }
    let object = entries.iter().map(|entry| (entry.key.clone(), Value::from(entry.value.clone())));
    report.field("config", object.collect::<Map<_, _>>());
}
