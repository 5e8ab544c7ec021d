//! `ferrocket store rebuild-queues` and `rebuild-index`.

use std::process::ExitCode;

use ::store::offline::{
    OfflineError, RebuildMode, RebuildReport, Severity, StoreDir, rebuild_index, rebuild_queues,
};
use serde_json::{Value, json};

use super::{
    DAMAGED,
    args::Rebuild,
    check::{findings_json, print_findings},
    open,
    output::{Output, count},
    shown,
    watch::Watch,
    with_advice,
};
use crate::process::{self, Failure};

/// What the containers and entries of a kind of file are called.
struct Words {
    container: &'static str,
    entry: &'static str,
}

/// Builds the `ConsumeQueue`s again.
pub(crate) fn queues(arguments: &Rebuild) -> Result<ExitCode, Failure> {
    let words = Words { container: "queue", entry: "unit" };
    run(arguments, &words, |dir, mode, watch| rebuild_queues(dir, mode, watch))
}

/// Builds the index again.
pub(crate) fn index(arguments: &Rebuild) -> Result<ExitCode, Failure> {
    let words = Words { container: "index file", entry: "key" };
    run(arguments, &words, |dir, mode, watch| rebuild_index(dir, mode, process::clock(), watch))
}

fn run(
    arguments: &Rebuild,
    words: &Words,
    rebuild: impl FnOnce(&StoreDir, RebuildMode, &Watch) -> Result<RebuildReport, OfflineError>,
) -> Result<ExitCode, Failure> {
    let dir = open(&arguments.store)?;
    let mode = if arguments.write { RebuildMode::Write } else { RebuildMode::DryRun };
    let watch = super::watch()?;
    let outcome = rebuild(&dir, mode, &watch);
    drop(watch);
    let report = outcome.map_err(|error| with_advice(error, "stop the broker first"))?;
    let mut out = Output::new();
    if arguments.store.json {
        out.line(&as_json(&report).to_string());
    } else {
        print(&report, words, &mut out);
    }
    let is_damaged = report.findings.count(Severity::Damage) > 0;
    Ok(if is_damaged { ExitCode::from(DAMAGED) } else { ExitCode::SUCCESS })
}

fn print(report: &RebuildReport, words: &Words, out: &mut Output) {
    print_findings(&report.findings, out);
    let read = format!("{} up to {}", count(report.record_count, "record"), report.end_phy_offset);
    let built = format!(
        "{} in {}",
        count(report.entry_count, words.entry),
        count(report.container_count, words.container)
    );
    for (number, what) in [
        (report.carried_count, "without messages keep their offsets"),
        (report.deleted_count, "records are of deleted topics and left out"),
        (report.superseded_count, "records have another record in their place and are left out"),
    ] {
        if number > 0 {
            out.line(&format!("{number} {what}"));
        }
    }
    let dir = shown(&report.dir);
    out.line(&match report.mode {
        RebuildMode::DryRun => {
            format!("{read} would make {built} in {dir}; nothing was changed, --write does it")
        }
        RebuildMode::Write => format!("{read} made {built} in {dir}"),
    });
}

fn as_json(report: &RebuildReport) -> Value {
    let (findings, counts) = findings_json(&report.findings);
    json!({
        "result": if report.mode == RebuildMode::Write { "written" } else { "dry-run" },
        "dir": shown(&report.dir),
        "records": report.record_count,
        "entries": report.entry_count,
        "containers": report.container_count,
        "carriedOver": report.carried_count,
        "ofDeletedTopics": report.deleted_count,
        "superseded": report.superseded_count,
        "endPhyOffset": report.end_phy_offset,
        "counts": counts,
        "findings": findings,
    })
}
