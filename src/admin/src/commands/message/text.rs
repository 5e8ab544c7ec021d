//! Messages and moments as text.

use client::stored_message::StoredMessage;
use serde_json::{Value, json};

use crate::{context::Context, error::AdminError, format, java, report::Report};

/// How bodies are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// Each byte a character.
    Latin1,
}

impl Charset {
    /// The charset an option names.
    pub(super) fn given(context: &Context, option: &str) -> Result<Option<Self>, AdminError> {
        let Some(name) = context.get(option) else { return Ok(None) };
        match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => Ok(Some(Self::Utf8)),
            "ISO-8859-1" | "LATIN1" => Ok(Some(Self::Latin1)),
            _ => Err(context.usage(format!("--{option} is neither UTF-8 nor ISO-8859-1: {name}"))),
        }
    }

    /// The body of a message.
    pub(super) fn body(self, message: &StoredMessage) -> String {
        if message.is_body_compressed() {
            return "NOT PRINT BODY: compressed with LZ4 or ZSTD, which this tool does not read".to_owned();
        }
        match self {
            Self::Utf8 => String::from_utf8_lossy(&message.body).into_owned(),
            Self::Latin1 => message.body.iter().copied().map(char::from).collect(),
        }
    }
}

/// The moment an option names: milliseconds, or `yyyy-MM-dd#HH:mm:ss:SSS`.
pub(super) fn moment(context: &Context, option: &str) -> Result<Option<i64>, AdminError> {
    let Some(text) = context.get(option) else { return Ok(None) };
    let moment = format::parse_time(text).ok_or_else(|| {
        context.usage(format!("--{option} is neither milliseconds nor yyyy-MM-dd#HH:mm:ss:SSS: {text:?}"))
    })?;
    Ok(Some(moment))
}

/// A message as JSON.
pub(super) fn as_json(message: &StoredMessage, broker_name: Option<&str>) -> Value {
    let properties: serde_json::Map<_, _> =
        message.properties.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    json!({
        "msgId": message.msg_id(),
        "offsetMsgId": message.offset_msg_id(),
        "brokerName": broker_name,
        "topic": message.topic,
        "queueId": message.queue_id,
        "queueOffset": message.queue_offset,
        "commitLogOffset": message.phy_offset,
        "storeSize": message.store_size,
        "sysFlag": message.sys_flag,
        "flag": message.flag,
        "bornTimestamp": message.born_timestamp,
        "bornHost": message.born_host.to_string(),
        "storeTimestamp": message.store_timestamp,
        "storeHost": message.store_host.to_string(),
        "reconsumeTimes": message.reconsume_times,
        "properties": properties,
        "body": Charset::Utf8.body(message),
    })
}

/// A line about a message, as the printing commands write it.
pub(super) fn line(message: &StoredMessage, broker_name: &str, charset: Option<Charset>) -> Report {
    let body = charset.map_or_else(|| "NOT PRINT BODY".to_owned(), |charset| charset.body(message));
    let mut report = Report::new();
    report.text(format_args!(
        "MSGID: {} {} BODY: {body}\n",
        message.msg_id(),
        java::message(message, Some(broker_name))
    ));
    report.field("message", as_json(message, Some(broker_name)));
    report
}
