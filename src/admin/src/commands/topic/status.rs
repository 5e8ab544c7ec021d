//! `topicStatus`.

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    format,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "topicStatus",
    Category::Topic,
    "Examine topic Status info.",
    &[TOPIC, Opt::value("c", "cluster", "cluster name or lmq parent topic, lmq is used to find the route.")],
    |context| Box::pin(topic_status(context)),
)
.watched();

const COLUMNS: &[Column] = &[
    Column::left("brokerName", "#Broker Name", 32),
    Column::left("queueId", "#QID", 4),
    Column::left("minOffset", "#Min Offset", 20),
    Column::left("maxOffset", "#Max Offset", 20).gap("    "),
    Column::left("lastUpdateTimestamp", "#Last Updated", 0),
];

async fn topic_status(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let stats = match context.get("cluster") {
        Some(routed_as) => context.remote.topic_stats_routed_as(topic, routed_as).await?,
        None => context.remote.topic_stats(topic).await?,
    };
    let mut table = Table::new(COLUMNS);
    for (queue, offsets) in &stats.offset_table {
        let stored_at = offsets.last_update_timestamp;
        table.row(row![
            Cell::cut(&queue.0.broker_name, 32),
            queue.0.queue_id,
            offsets.min_offset,
            offsets.max_offset,
            Cell::shown(stored_at, if stored_at > 0 { format::millis(stored_at) } else { String::new() }),
        ]);
    }
    let mut report = Report::new();
    report.table("queues", &table);
    report.text(format_args!("\nTopic Put TPS: {}\n", format::double(stats.topic_put_tps)));
    report.field("topic", topic).field("topicPutTps", stats.topic_put_tps);
    context.out.emit(report);
    Ok(())
}
