//! `consumerProgress`.

use std::collections::BTreeMap;

use common::{fastjson::ObjectKey, names::RETRY_GROUP_TOPIC_PREFIX};
use remoting::{
    body::{
        admin::{ConsumeStats, ConsumerConnection},
        consumer::MessageQueue,
        heartbeat::ConsumeType,
    },
    version::version_name,
};

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    format,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "consumerProgress",
    Category::Consumer,
    "Query consumer's progress, speed.",
    &[
        Opt::value("g", "groupName", "consumer group name"),
        Opt::value("t", "topicName", "topic name"),
        Opt::value("s", "showClientIP", "Show Client IP per Queue"),
        Opt::value("c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(progress(context)),
)
.watched();

const QUEUES: &[Column] = &[
    Column::left("topic", "#Topic", 64),
    Column::left("brokerName", "#Broker Name", 32),
    Column::left("queueId", "#QID", 4),
    Column::left("brokerOffset", "#Broker Offset", 20),
    Column::left("consumerOffset", "#Consumer Offset", 20),
    Column::left("diff", "#Diff", 20).gap(" "),
    Column::left("inflight", "#Inflight", 20).gap(" ").head_gap(""),
    Column::left("lastTimestamp", "#LastTime", 0),
];

const QUEUES_WITH_CLIENTS: &[Column] = &[
    Column::left("topic", "#Topic", 64),
    Column::left("brokerName", "#Broker Name", 32),
    Column::left("queueId", "#QID", 4),
    Column::left("brokerOffset", "#Broker Offset", 20),
    Column::left("consumerOffset", "#Consumer Offset", 20),
    Column::left("clientIp", "#Client IP", 20).gap(" "),
    Column::left("diff", "#Diff", 20).gap(" "),
    Column::left("inflight", "#Inflight", 20).gap(" ").head_gap(""),
    Column::left("lastTimestamp", "#LastTime", 0),
];

const GROUPS: &[Column] = &[
    Column::left("group", "#Group", 64),
    Column::left("count", "#Count", 6),
    Column::left("version", "#Version", 24).gap(" "),
    Column::left("type", "#Type", 5),
    Column::left("model", "#Model", 14),
    Column::left("tps", "#TPS", 7),
    Column::left("diffTotal", "#Diff Total", 0),
];

async fn progress(context: &Context) -> Result<(), AdminError> {
    let report = match context.get("groupName") {
        Some(group) => of_group(context, group).await?,
        None => of_all_groups(context).await?,
    };
    context.out.emit(report);
    Ok(())
}

async fn of_group(context: &Context, group: &str) -> Result<Report, AdminError> {
    let topic = context.get("topicName");
    let cluster = context.get("cluster").filter(|_| topic.is_some());
    let stats = context.remote.consume_stats(cluster, group, topic).await?;
    let clients = match context.is_true("showClientIP") {
        Some(true) => Some(clients_of_queues(context, group).await.unwrap_or_default()),
        _ => None,
    };
    let mut table = Table::new(if clients.is_some() { QUEUES_WITH_CLIENTS } else { QUEUES });
    let (mut diff_total, mut inflight_total) = (0, 0);
    for (queue, offsets) in &stats.offset_table {
        let diff = offsets.broker_offset - offsets.consumer_offset;
        let inflight = offsets.pull_offset - offsets.consumer_offset;
        diff_total += diff;
        inflight_total += inflight;
        let consumed_at = offsets.last_timestamp;
        let mut cells = row![
            Cell::cut(&queue.0.topic, 64),
            Cell::cut(&queue.0.broker_name, 32),
            queue.0.queue_id,
            offsets.broker_offset,
            offsets.consumer_offset,
            diff,
            inflight,
            Cell::shown(
                consumed_at,
                if consumed_at == 0 { "N/A".to_owned() } else { format::seconds(consumed_at) }
            ),
        ];
        if let Some(clients) = &clients {
            cells.insert(5, Cell::of(clients.get(queue).map_or("N/A", String::as_str)));
        }
        table.row(cells);
    }
    let mut report = Report::new();
    report.table("queues", &table);
    report.text(format_args!(
        "\nConsume TPS: {:.2}\nConsume Diff Total: {diff_total}\nConsume Inflight Total: {inflight_total}\n",
        stats.consume_tps
    ));
    report.field("group", group).field("consumeTps", stats.consume_tps);
    report.field("diffTotal", diff_total).field("inflightTotal", inflight_total);
    Ok(report)
}

/// Which client consumes each queue, by its address.
async fn clients_of_queues(
    context: &Context,
    group: &str,
) -> Result<BTreeMap<ObjectKey<MessageQueue>, String>, AdminError> {
    let connection = context.remote.consumer_connection(group).await?;
    let mut clients = BTreeMap::new();
    for member in &connection.connection_set {
        let running = context.remote.running_info(group, &member.client_id, false).await?;
        let ip = member.client_id.split('@').next().unwrap_or_default();
        clients.extend(running.mq_table.into_keys().map(|queue| (queue, ip.to_owned())));
    }
    Ok(clients)
}

async fn of_all_groups(context: &Context) -> Result<Report, AdminError> {
    let topics = context.remote.topics().await?.topic_list;
    let mut table = Table::new(GROUPS);
    for group in topics.iter().filter_map(|topic| topic.strip_prefix(RETRY_GROUP_TOPIC_PREFIX)) {
        let group = group.split('+').next().unwrap_or(group);
        let stats = context.remote.consume_stats(None, group, None).await.ok();
        let connection = context.remote.consumer_connection(group).await.ok();
        table.row(group_row(group, stats.as_ref(), connection.as_ref()));
    }
    let mut report = Report::new();
    report.table("groups", &table);
    Ok(report)
}

fn group_row(
    group: &str,
    stats: Option<&ConsumeStats>,
    connection: Option<&ConsumerConnection>,
) -> Vec<Cell> {
    let members = connection.map_or(0, |connection| connection.connection_set.len());
    let version =
        connection.and_then(|connection| connection.connection_set.iter().map(|member| member.version).min());
    let consume_type = connection.and_then(|connection| connection.consume_type);
    let model = connection.and_then(|connection| connection.message_model);
    let diff: i64 = stats.map_or(0, |stats| {
        stats.offset_table.values().map(|offsets| offsets.broker_offset - offsets.consumer_offset).sum()
    });
    let type_shown = match consume_type {
        _ if members == 0 => "",
        Some(ConsumeType::Actively) => "PULL",
        _ => "PUSH",
    };
    let model_shown = match (consume_type, model) {
        (Some(ConsumeType::Passively), Some(model)) if members > 0 => model.name(),
        _ => "",
    };
    row![
        Cell::cut(group, 64),
        members,
        version.map_or_else(|| "OFFLINE".to_owned(), version_name),
        type_shown,
        model_shown,
        stats.map_or(0, |stats| stats.consume_tps as i64),
        diff,
    ]
}
