//! Exporting what a cluster is made of.

mod configs;
mod metadata;
mod metrics;
mod pop_record;

use std::path::Path;

use common::fastjson;
use serde::Serialize;

use crate::{
    command::{Opt, Spec},
    context::Context,
    error::AdminError,
    file,
    report::Report,
};

pub(super) const SPECS: &[Spec] = &[metadata::SPEC, configs::SPEC, metrics::SPEC, pop_record::SPEC];

/// The directory files are written to.
const FILE_PATH: Opt = Opt::value("f", "filePath", "directory to write to | default /tmp/rocketmq/export");
const DEFAULT_DIRECTORY: &str = "/tmp/rocketmq/export";

/// Writes an export in the shape RocketMQ's tool gives it, and says where; with `--json` says it too.
fn write(context: &Context, name: &str, export: &impl Serialize, end: &str) -> Result<(), AdminError> {
    let directory = context.get("filePath").unwrap_or(DEFAULT_DIRECTORY);
    let path = format!("{directory}/{name}");
    file::write(Path::new(&path), &fastjson::to_vec_pretty(export))?;
    let mut report = Report::new();
    report.text(format_args!("export {path} success{end}")).field("path", &path).field("export", export);
    context.out.emit(report);
    Ok(())
}
