//! A message in full, and what became of it.

use std::path::Path;

use client::stored_message::StoredMessage;
use message::property_names::{KEYS, TAGS};

use super::text::{Charset, as_json};
use crate::{context::Context, error::AdminError, file, format, java, output, report::Report};

/// Where bodies are written to, as by RocketMQ's tool.
const BODIES: &str = "/tmp/rocketmq/msgbodys";

/// What is shown of a message beside its fields.
pub(super) struct Shown {
    /// Whether its place is named by an id.
    pub(super) with_offset_id: bool,
    /// How its body is shown, if it is.
    pub(super) charset: Option<Charset>,
    /// What ends the name of the file its body is written to.
    pub(super) suffix: String,
    /// What stands between the groups.
    pub(super) track_end: &'static str,
}

/// Shows a message and writes its body to a file.
pub(super) async fn show(
    context: &Context,
    message: &StoredMessage,
    shown: &Shown,
) -> Result<(), AdminError> {
    // An id is what its producer says, and no path.
    let path = format!("{BODIES}/{}{}", message.msg_id().replace('/', "_"), shown.suffix);
    file::write(Path::new(&path), &message.body)?;
    let mut report = Report::new();
    let mut line = |name: &str, value: &str| {
        report.text(format_args!("{name:<20} {value}\n"));
    };
    if shown.with_offset_id {
        line("OffsetID:", &message.offset_msg_id());
    }
    line("Topic:", &message.topic);
    line("Tags:", &format!("[{}]", java::or_null(message.property(TAGS))));
    line("Keys:", &format!("[{}]", java::or_null(message.property(KEYS))));
    line("Queue ID:", &message.queue_id.to_string());
    line("Queue Offset:", &message.queue_offset.to_string());
    line("CommitLog Offset:", &message.phy_offset.to_string());
    line("Reconsume Times:", &message.reconsume_times.to_string());
    line("Born Timestamp:", &format::millis(message.born_timestamp));
    line("Store Timestamp:", &format::millis(message.store_timestamp));
    line("Born Host:", &message.born_host.to_string());
    line("Store Host:", &message.store_host.to_string());
    line("System Flag:", &message.sys_flag.to_string());
    line("Properties:", &java::properties(message));
    line("Message Body Path:", &path);
    if let Some(charset) = shown.charset {
        line("Message Body:", &charset.body(message));
    }
    report.field("message", as_json(message, None)).field("bodyPath", &path);
    match context.remote.tracks(message).await {
        Ok(tracks) if tracks.is_empty() => drop(report.text("\n\nWARN: No Consumer")),
        Ok(tracks) => {
            report.text("\n\n");
            for track in &tracks {
                report.text(track.as_java_shows()).text(shown.track_end);
            }
            report.field("tracks", tracks);
        }
        Err(error) => output::complain(context.spec.name, &error),
    }
    context.out.emit(report);
    Ok(())
}
