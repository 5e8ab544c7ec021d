//! `queryMsgTraceById`.

use std::collections::BTreeMap;

use client::stored_message::StoredMessage;
use common::names::TRACE_TOPIC;
use serde::Serialize;

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    format,
    remote::messages::Query,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "queryMsgTraceById",
    Category::Message,
    "Query a message trace.",
    &[
        Opt::value("i", "msgId", "Message Id").required(),
        Opt::value("t", "traceTopic", "The name value of message trace topic"),
        Opt::value("b", "beginTimestamp", "Begin timestamp(ms). default:0, eg:1676730526212"),
        Opt::value("e", "endTimestamp", "End timestamp(ms). default:Long.MAX_VALUE, eg:1676730526212"),
        Opt::value("c", "maxNum", "The maximum number of messages returned by the query, default:64"),
    ],
    |context| Box::pin(query(context)),
)
.alias("QueryMsgTraceById");

/// `TraceConstants.FIELD_SPLITOR`: between traces.
const BETWEEN_TRACES: char = '\u{2}';
/// `TraceConstants.CONTENT_SPLITOR`: between the fields of a trace.
const BETWEEN_FIELDS: char = '\u{1}';

/// `TraceView`: that a message was sent, or consumed.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceView {
    is_send: bool,
    group: String,
    client_host: String,
    timestamp: i64,
    cost_millis: i64,
    is_success: bool,
}

async fn query(context: &Context) -> Result<(), AdminError> {
    let id = context.need("msgId")?;
    let query = Query {
        cluster: None,
        topic: context.get("traceTopic").unwrap_or(TRACE_TOPIC),
        key: id,
        is_unique_id: false,
        max: context.number("maxNum")?.unwrap_or(64),
        begin: context.number("beginTimestamp")?.unwrap_or(0),
        end: context.number("endTimestamp")?.unwrap_or(i64::MAX),
    };
    let messages = context.remote.query(&query).await?;
    let views: Vec<_> = messages.iter().flat_map(|message| views(message, id)).collect();
    let mut report = Report::new();
    for sent in views.iter().filter(|view| view.is_send) {
        show(&mut report, "Pub", "#ProducerGroup", "#SendTime", &[sent]);
    }
    let mut groups: BTreeMap<&str, Vec<&TraceView>> = BTreeMap::new();
    for consumed in views.iter().filter(|view| !view.is_send) {
        groups.entry(&consumed.group).or_default().push(consumed);
    }
    for consumed in groups.values() {
        show(&mut report, "Sub", "#ConsumerGroup", "#ConsumerTime", consumed);
    }
    report.field("msgId", id).field("traces", &views);
    context.out.emit(report);
    Ok(())
}

fn show(report: &mut Report, kind: &str, group: &str, time: &str, views: &[&TraceView]) {
    let mut line = |cells: [&str; 6]| {
        let [kind, group, host, time, cost, status] = cells;
        report.text(format_args!("{kind:<10} {group:<20} {host:<20} {time:<20} {cost:<10} {status:<10}\n"));
    };
    line(["#Type", group, "#ClientHost", time, "#CostTimes", "#Status"]);
    for view in views {
        let cost = format!("{}ms", view.cost_millis);
        let status = if view.is_success { "success" } else { "failed" };
        line([kind, &view.group, &view.client_host, &format::seconds(view.timestamp), &cost, status]);
    }
    report.text("\n");
}

/// What a trace message says about a message (`TraceDataEncoder`); what is cut short is passed over.
fn views(message: &StoredMessage, id: &str) -> Vec<TraceView> {
    let body = String::from_utf8_lossy(&message.body);
    let client_host = message.born_host.ip().to_string();
    body.split(BETWEEN_TRACES)
        .filter_map(|trace| {
            let fields: Vec<&str> = trace.split(BETWEEN_FIELDS).collect();
            let text = |at: usize| fields.get(at).copied();
            let number = |at: usize| text(at).and_then(|text| text.parse().ok());
            let is_true = |at: usize| text(at).is_some_and(|text| text.eq_ignore_ascii_case("true"));
            let view = match *fields.first()? {
                "Pub" if text(5)? == id => TraceView {
                    is_send: true,
                    group: text(3)?.to_owned(),
                    client_host: client_host.clone(),
                    timestamp: number(1)?,
                    cost_millis: number(10)?,
                    is_success: is_true(if fields.len() == 13 { 12 } else { 13 }),
                },
                "SubAfter" if text(2)? == id => TraceView {
                    is_send: false,
                    group: text(8).unwrap_or_default().to_owned(),
                    client_host: client_host.clone(),
                    timestamp: number(7).unwrap_or(0),
                    cost_millis: number(3)?,
                    is_success: is_true(4),
                },
                _ => return None,
            };
            Some(view)
        })
        .collect()
}
