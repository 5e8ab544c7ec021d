//! `ferrocket store dump`.

use std::{fmt::Write, ops::ControlFlow, process::ExitCode};

use ::store::offline::{
    Dumped, DumpedFile, DumpedItem, DumpedUnit, Progress, RecordFilter, StoreDir, UnitFilter, dump_compacted,
    dump_index, dump_records, dump_units,
};
use message::{
    properties, property_names,
    record::{RecordVersion, RecordView},
    sys_flag,
};
use serde_json::{Map, Value, json};

use super::{
    args::Dump,
    check::{checkpoint_json, checkpoint_line},
    open,
    output::{Output, time},
    shown, watch,
};
use crate::process::Failure;

/// Lists what was asked for.
pub(crate) fn run(arguments: &Dump) -> Result<ExitCode, Failure> {
    let dir = open(&arguments.store)?;
    let mut out = Output::new();
    if arguments.what.checkpoint {
        checkpoint(&dir, arguments, &mut out)?;
    } else if arguments.what.queue_units {
        units(&dir, arguments, &mut out)?;
    } else if arguments.what.index {
        index(&dir, arguments, &mut out)?;
    } else {
        records(&dir, arguments, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn flow(out: &Output) -> ControlFlow<()> {
    if out.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn checkpoint(dir: &StoreDir, arguments: &Dump, out: &mut Output) -> Result<(), Failure> {
    let checkpoint = dir.checkpoint()?;
    out.line(&if arguments.store.json {
        checkpoint.as_ref().map_or(Value::Null, checkpoint_json).to_string()
    } else {
        checkpoint.as_ref().map_or_else(|| "none".to_owned(), checkpoint_line)
    });
    Ok(())
}

fn records(dir: &StoreDir, arguments: &Dump, out: &mut Output) -> Result<(), Failure> {
    let filter = RecordFilter {
        topic: arguments.topic.clone(),
        queue_id: arguments.queue,
        phy_offsets: arguments.from..arguments.to,
        queue_offsets: arguments.from_queue_offset..arguments.to_queue_offset,
        key: arguments.key.clone(),
        limit: arguments.limit.unwrap_or(u64::MAX),
    };
    let watch = watch()?;
    let dump = if arguments.compacted { dump_compacted } else { dump_records };
    dump(dir, &filter, &watch, &mut |dumped| {
        match dumped {
            Dumped::Record(record) if arguments.store.json => {
                out.line(&record_json(record, arguments.body).to_string());
            }
            Dumped::Record(record) => out.line(&record_line(record, arguments.body)),
            Dumped::Damage(damage, error) => {
                let (from, until) = (damage.from_phy_offset, damage.until_phy_offset);
                eprintln!("ferrocket: damage from {from} to {until} in {}: {error}", shown(&damage.path));
            }
        }
        flow(out)
    })?;
    stopped(&watch)
}

fn units(dir: &StoreDir, arguments: &Dump, out: &mut Output) -> Result<(), Failure> {
    let filter = UnitFilter {
        topic: arguments.topic.clone(),
        queue_id: arguments.queue,
        queue_offsets: arguments.from_queue_offset..arguments.to_queue_offset,
        limit: arguments.limit.unwrap_or(u64::MAX),
    };
    let watch = watch()?;
    dump_units(dir, &filter, &watch, &mut |dumped| {
        out.line(&if arguments.store.json { unit_json(dumped).to_string() } else { unit_line(dumped) });
        flow(out)
    })?;
    stopped(&watch)
}

fn index(dir: &StoreDir, arguments: &Dump, out: &mut Output) -> Result<(), Failure> {
    let key = match (&arguments.topic, &arguments.key) {
        (Some(topic), Some(key)) => Some((topic.as_str(), key.as_str())),
        (None, None) => None,
        _ => {
            return Err(
                "the index holds hashes of topic and key: give both --topic and --key, or neither".into()
            );
        }
    };
    let watch = watch()?;
    dump_index(dir, key, arguments.limit.unwrap_or(u64::MAX), &mut |file, item| {
        out.line(&match item {
            Some(item) if arguments.store.json => item_json(file, item).to_string(),
            Some(item) => item_line(item),
            None if arguments.store.json => file_json(file).to_string(),
            None => file_line(file),
        });
        if watch.is_stopped() { ControlFlow::Break(()) } else { flow(out) }
    })?;
    stopped(&watch)
}

fn stopped(watch: &impl Progress) -> Result<(), Failure> {
    if watch.is_stopped() { Err(::store::offline::OfflineError::Interrupted.into()) } else { Ok(()) }
}

fn record_line(record: &RecordView<'_>, with_body: bool) -> String {
    let mut parts = vec![
        format!(
            "{} {}/{}@{} {} bytes",
            record.phy_offset(),
            record.topic(),
            record.queue_id(),
            record.queue_offset(),
            record.total_size()
        ),
        format!("stored {}", time(record.store_timestamp())),
    ];
    for (name, property) in [
        ("uniqKey", property_names::UNIQ_KEY),
        ("keys", property_names::KEYS),
        ("tags", property_names::TAGS),
    ] {
        parts.extend(record.property(property).map(|value| format!("{name} {value}")));
    }
    let body = record.body();
    let shown = match str::from_utf8(body) {
        _ if !with_body => String::new(),
        Ok(text) => format!(": {}", text.escape_debug()),
        Err(_) => format!(": {}", hex(body)),
    };
    parts.push(format!("body of {} bytes{shown}", body.len()));
    parts.join(", ")
}

fn record_json(record: &RecordView<'_>, with_body: bool) -> Value {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let properties: Map<String, Value> = properties::pairs(record.properties())
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), text(value)))
        .collect();
    let mut json = json!({
        "phyOffset": record.phy_offset(),
        "size": record.total_size(),
        "version": if record.version() == RecordVersion::V2 { 2 } else { 1 },
        "topic": record.topic(),
        "queueId": record.queue_id(),
        "queueOffset": record.queue_offset(),
        "flag": record.flag(),
        "sysFlag": record.sys_flag(),
        "isCompressed": record.sys_flag() & sys_flag::COMPRESSED != 0,
        "bornTimestamp": record.born_timestamp(),
        "bornHost": record.born_host().to_string(),
        "storeTimestamp": record.store_timestamp(),
        "storeHost": record.store_host().to_string(),
        "reconsumeTimes": record.reconsume_times(),
        "preparedTransactionOffset": record.prepared_transaction_offset(),
        "bodyCrc": record.body_crc(),
        "bodySize": record.body().len(),
        "properties": properties,
    });
    if let Some(object) = json.as_object_mut().filter(|_| with_body) {
        match str::from_utf8(record.body()) {
            Ok(body) => object.insert("body".to_owned(), Value::String(body.to_owned())),
            Err(_) => object.insert("bodyHex".to_owned(), Value::String(hex(record.body()))),
        };
    }
    json
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes everything.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

fn unit_line(dumped: &DumpedUnit<'_>) -> String {
    let DumpedUnit { topic, queue_id, queue_offset, message_count, unit } = dumped;
    let place = format!("{topic}/{queue_id}@{queue_offset}");
    if unit.is_blank() {
        return format!("{place} blank");
    }
    let messages = if *message_count == 1 { String::new() } else { format!(", {message_count} messages") };
    format!("{place} {} {} bytes, tags {}{messages}", unit.phy_offset, unit.size_bytes, unit.tags_code)
}

fn unit_json(dumped: &DumpedUnit<'_>) -> Value {
    let DumpedUnit { topic, queue_id, queue_offset, message_count, unit } = dumped;
    json!({
        "topic": topic,
        "queueId": queue_id,
        "queueOffset": queue_offset,
        "messageCount": message_count,
        "phyOffset": unit.phy_offset,
        "size": unit.size_bytes,
        "tagsCode": unit.tags_code,
        "isBlank": unit.is_blank(),
    })
}

fn file_line(file: &DumpedFile<'_>) -> String {
    format!(
        "{}: {} items in {} slots, physical offsets {} to {}, stored {} to {}",
        shown(file.path),
        file.next_index.saturating_sub(1),
        file.used_slot_count,
        file.begin_phy_offset,
        file.end_phy_offset,
        time(file.begin_timestamp),
        time(file.end_timestamp)
    )
}

fn file_json(file: &DumpedFile<'_>) -> Value {
    json!({
        "file": shown(file.path),
        "items": file.next_index.saturating_sub(1),
        "usedSlots": file.used_slot_count,
        "beginPhyOffset": file.begin_phy_offset,
        "endPhyOffset": file.end_phy_offset,
        "beginTimestamp": file.begin_timestamp,
        "endTimestamp": file.end_timestamp,
    })
}

fn item_line(item: &DumpedItem) -> String {
    format!(
        "  {}: hash {}, physical offset {}, stored {}, previous {}",
        item.index,
        item.key_hash,
        item.phy_offset,
        time(item.store_timestamp),
        item.previous
    )
}

fn item_json(file: &DumpedFile<'_>, item: &DumpedItem) -> Value {
    json!({
        "file": shown(file.path),
        "index": item.index,
        "keyHash": item.key_hash,
        "phyOffset": item.phy_offset,
        "storeTimestamp": item.store_timestamp,
        "previous": item.previous,
    })
}
