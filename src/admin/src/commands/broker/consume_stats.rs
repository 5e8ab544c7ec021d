//! `brokerConsumeStats`.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use remoting::{
    body::admin::ConsumeStats, headers::consumer::GetConsumeStatsInBrokerHeader,
    request::GetBrokerConsumeStats,
};
use serde::Deserialize;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::broker_addr,
    context::Context,
    error::AdminError,
    format,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "brokerConsumeStats",
    Category::Broker,
    "Fetch broker consume stats data.",
    &[
        broker_addr("Broker address").required(),
        Opt::value("t", "timeoutMillis", "request timeout Millis"),
        Opt::value("l", "level", "threshold of print diff"),
        Opt::value("o", "order", "order topic"),
    ],
    |context| Box::pin(stats(context)),
);

const COLUMNS: &[Column] = &[
    Column::left("topic", "#Topic", 64),
    Column::left("group", "#Group", 64),
    Column::left("brokerName", "#Broker Name", 32),
    Column::left("queueId", "#QID", 4),
    Column::left("brokerOffset", "#Broker Offset", 20),
    Column::left("consumerOffset", "#Consumer Offset", 20),
    Column::left("diff", "#Diff", 20),
    Column::left("lastTimestamp", "#LastTime", 0),
];

/// `ConsumeStatsList`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConsumeStatsList {
    consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
    total_diff: i64,
}

async fn stats(context: &Context) -> Result<(), AdminError> {
    let addr = context.need("brokerAddr")?;
    let limit = Duration::from_millis(context.number("timeoutMillis")?.unwrap_or(50_000));
    let level: i64 = context.number("level")?.unwrap_or(0);
    let header = GetConsumeStatsInBrokerHeader { is_order: context.is_true("order") == Some(true) };
    let asked = context.remote.brokers.body::<GetBrokerConsumeStats, _>(addr, header, Bytes::new(), limit);
    let list: ConsumeStatsList = asked.await?;
    let mut table = Table::new(COLUMNS);
    let groups = list.consume_stats_list.iter().flatten();
    for (group, stats) in groups.flat_map(|(group, all)| all.iter().map(move |stats| (group, stats))) {
        for (queue, offsets) in &stats.offset_table {
            let diff = offsets.broker_offset - offsets.consumer_offset;
            if diff < level || offsets.last_timestamp <= 0 {
                continue;
            }
            table.row(row![
                Cell::cut(&queue.0.topic, 64),
                group,
                Cell::cut(&queue.0.broker_name, 32),
                queue.0.queue_id,
                offsets.broker_offset,
                offsets.consumer_offset,
                diff,
                Cell::shown(offsets.last_timestamp, format::seconds(offsets.last_timestamp)),
            ]);
        }
    }
    let mut report = Report::new();
    report.table("queues", &table).text(format_args!("\nDiff Total: {}\n", list.total_diff));
    report.field("diffTotal", list.total_diff);
    context.out.emit(report);
    Ok(())
}
