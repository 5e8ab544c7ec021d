//! `ferrocket store check`.

use std::{path::Path, process::ExitCode};

use ::store::{
    checkpoint::Checkpoint,
    offline::{CheckReport, Finding, Findings, LastExit, Liveness, Severity, StoreDir, check},
};
use serde_json::{Value, json};

use super::{
    DAMAGED,
    args::Check,
    open,
    output::{Output, bytes, count, time},
    shown, watch, with_advice,
};
use crate::process::Failure;

/// Examines a store and prints what was found.
pub(crate) fn run(arguments: &Check) -> Result<ExitCode, Failure> {
    let dir = open(&arguments.store)?;
    let liveness = if arguments.live { Liveness::Live } else { Liveness::Offline };
    let watch = watch()?;
    let outcome = check(&dir, liveness, &watch);
    drop(watch);
    let advice = "stop the broker, or check what is stable beside it with --live";
    let report = outcome.map_err(|error| with_advice(error, advice))?;
    let mut out = Output::new();
    if arguments.store.json {
        out.line(&as_json(&dir, &report).to_string());
    } else {
        print(&dir, &report, &mut out);
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

fn print(dir: &StoreDir, report: &CheckReport, out: &mut Output) {
    let state = match (report.liveness, report.last_exit) {
        (Liveness::Live, _) => "checked beside a broker",
        (_, LastExit::Clean) => "stopped in order",
        (_, LastExit::Unclean) => "not stopped in order",
    };
    out.line(&format!("store           {}, {state}", shown(dir.root())));
    print_log(report, out);
    let (queues, index) = (&report.queues, &report.index);
    out.line(&format!(
        "consume queues  {}, {}, {}, {}, {} expired",
        count(queues.topic_count, "topic"),
        count(queues.queue_count, "queue"),
        count(queues.file_count, "file"),
        count(queues.unit_count, "unit"),
        queues.expired_unit_count
    ));
    if queues.extension_file_count > 0 {
        out.line(&format!(
            "extensions      {}, {}",
            count(queues.extension_file_count, "file"),
            count(queues.extension_count, "unit")
        ));
    }
    let (files, items) = (count(index.file_count, "file"), count(index.item_count, "item"));
    out.line(&format!("index           {files}, {items}, {} expired", index.expired_item_count));
    let timer = &report.timer;
    if timer.block_count > 0 {
        out.line(&format!(
            "timer           {}, {}, {} in use",
            count(timer.file_count, "file"),
            count(timer.block_count, "block"),
            count(timer.slot_count, "slot")
        ));
    }
    let compaction = &report.compaction;
    if compaction.queue_count > 0 {
        out.line(&format!(
            "compaction      {}, {}, {}",
            count(compaction.queue_count, "queue"),
            count(compaction.file_count, "file"),
            count(compaction.message_count, "message")
        ));
    }
    out.line(&format!(
        "checkpoint      {}",
        report.checkpoint.as_ref().map_or("none".to_owned(), checkpoint_line)
    ));
    out.line(&format!("configuration   {}", count(report.config.file_count, "file")));
    print_findings(&report.findings, out);
    let findings = &report.findings;
    let (damage, pending) = (findings.count(Severity::Damage), findings.count(Severity::Pending));
    let later = match pending {
        0 => String::new(),
        _ if report.liveness == Liveness::Live => format!(", {pending} unfinished"),
        _ => format!(", {pending} to be put right by the next start"),
    };
    let result = if report.is_sound() { "clean".to_owned() } else { format!("{damage} damaged") };
    out.line(&format!("result          {result}{later}"));
}

fn print_log(report: &CheckReport, out: &mut Output) {
    let log = &report.log;
    out.line(&format!(
        "commit log      {} of {}, {}, {}, physical offsets {} to {}",
        count(log.file_count, "file"),
        bytes(log.file_bytes),
        count(log.record_count, "record"),
        bytes(log.record_bytes),
        log.min_phy_offset,
        log.end_phy_offset
    ));
    out.line(&format!(
        "                {} for long topics, {} with IPv6, {} with a checksum of their own",
        log.v2_count, log.ipv6_count, log.checksummed_count
    ));
    if let (Some(first), Some(last)) = (log.first_store_timestamp, log.last_store_timestamp) {
        out.line(&format!("stored          {} to {}", time(first), time(last)));
    }
}

/// Prints findings, and how many there are beyond those that were kept.
pub(super) fn print_findings(findings: &Findings, out: &mut Output) {
    for finding in findings.kept() {
        let position = finding.position.map(|position| format!(" at {position}")).unwrap_or_default();
        let phy_offset =
            finding.phy_offset.map(|offset| format!(" (physical offset {offset})")).unwrap_or_default();
        out.line(&format!(
            "{:<8} {:<13} {}{position}{phy_offset}: {}",
            finding.severity.name(),
            finding.kind.name(),
            shown(&finding.path),
            finding.reason
        ));
    }
    for (severity, kind, number) in findings.counts() {
        let kept =
            findings.kept().iter().filter(|kept| (kept.severity, kept.kind) == (severity, kind)).count();
        let more = number - kept as u64;
        if more > 0 {
            out.line(&format!("{:<8} {:<13} {more} more", severity.name(), kind.name()));
        }
    }
}

pub(super) fn checkpoint_line(checkpoint: &Checkpoint) -> String {
    let recover = checkpoint.recover_phy_offset.map_or_else(
        || "RocketMQ's broker wrote last".to_owned(),
        |phy_offset| format!("recovery begins at {phy_offset}"),
    );
    format!(
        "commit log {}, queues {}, index {}; {recover}",
        time(checkpoint.physic_msg_timestamp),
        time(checkpoint.logics_msg_timestamp),
        time(checkpoint.index_msg_timestamp)
    )
}

pub(super) fn checkpoint_json(checkpoint: &Checkpoint) -> Value {
    json!({
        "physicMsgTimestamp": checkpoint.physic_msg_timestamp,
        "logicsMsgTimestamp": checkpoint.logics_msg_timestamp,
        "indexMsgTimestamp": checkpoint.index_msg_timestamp,
        "masterFlushedOffset": checkpoint.master_flushed_offset,
        "confirmPhyOffset": checkpoint.confirm_phy_offset,
        "recoverPhyOffset": checkpoint.recover_phy_offset,
    })
}

fn path_json(path: &Path) -> Value {
    Value::String(shown(path))
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.name(),
        "kind": finding.kind.name(),
        "path": path_json(&finding.path),
        "position": finding.position,
        "phyOffset": finding.phy_offset,
        "reason": finding.reason,
    })
}

/// Findings and their numbers.
pub(super) fn findings_json(findings: &Findings) -> (Value, Value) {
    let kept = findings.kept().iter().map(finding_json).collect();
    let counts = findings.counts().map(|(severity, kind, number)| {
        json!({ "severity": severity.name(), "kind": kind.name(), "count": number })
    });
    (Value::Array(kept), counts.collect())
}

fn as_json(dir: &StoreDir, report: &CheckReport) -> Value {
    let (log, queues, index) = (&report.log, &report.queues, &report.index);
    let (findings, counts) = findings_json(&report.findings);
    json!({
        "result": if report.is_sound() { "clean" } else { "damaged" },
        "store": path_json(dir.root()),
        "live": report.liveness == Liveness::Live,
        "abort": { "present": report.last_exit == LastExit::Unclean, "pid": report.abort_pid },
        "commitLog": {
            "files": log.file_count,
            "fileBytes": log.file_bytes,
            "records": log.record_count,
            "recordBytes": log.record_bytes,
            "v2Records": log.v2_count,
            "ipv6Records": log.ipv6_count,
            "checksummedRecords": log.checksummed_count,
            "minPhyOffset": log.min_phy_offset,
            "endPhyOffset": log.end_phy_offset,
            "firstStoreTimestamp": log.first_store_timestamp,
            "lastStoreTimestamp": log.last_store_timestamp,
        },
        "consumeQueues": {
            "topics": queues.topic_count,
            "queues": queues.queue_count,
            "files": queues.file_count,
            "units": queues.unit_count,
            "expiredUnits": queues.expired_unit_count,
            "lightQueues": queues.light_queue_count,
            "batchQueues": queues.batch_queue_count,
            "extensionFiles": queues.extension_file_count,
            "extensions": queues.extension_count,
        },
        "index": {
            "files": index.file_count,
            "items": index.item_count,
            "expiredItems": index.expired_item_count,
            "keysBefore": index.keys_before_count,
            "keysBehind": index.keys_behind_count,
        },
        "timer": {
            "files": report.timer.file_count,
            "blocks": report.timer.block_count,
            "slotsInUse": report.timer.slot_count,
        },
        "compaction": {
            "queues": report.compaction.queue_count,
            "files": report.compaction.file_count,
            "messages": report.compaction.message_count,
        },
        "checkpoint": report.checkpoint.as_ref().map(checkpoint_json),
        "config": { "files": report.config.file_count },
        "counts": counts,
        "findings": findings,
    })
}
