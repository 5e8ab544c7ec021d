//! `statsAll`.

use common::names::{DLQ_GROUP_TOPIC_PREFIX, RETRY_GROUP_TOPIC_PREFIX};
use remoting::{
    body::{admin::BrokerStatsData, route::TopicRouteData},
    headers::consumer::ViewBrokerStatsDataRequestHeader,
    request::ViewBrokerStatsData,
};

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    report::{Cell, Column, Pad, Report, Table, row},
};

pub(super) const SPECS: &[Spec] = &[Spec::new(
    "statsAll",
    Category::Stats,
    "Topic and Consumer tps stats.",
    &[
        Opt::flag("a", "activeTopic", "print active topic only"),
        Opt::value("t", "topic", "print select topic only"),
    ],
    |context| Box::pin(all(context)),
)];

const COLUMNS: &[Column] = &[
    Column::left("topic", "#Topic", 64),
    Column::left("consumerGroup", "#Consumer Group", 64).gap(" "),
    Column::new("accumulation", "#Accumulation", Pad::Right(12)).gap(" "),
    Column::new("inTps", "#InTPS", Pad::Right(11)).gap(" "),
    Column::new("outTps", "#OutTPS", Pad::Right(11)).gap(" "),
    Column::new("in24Hours", "#InMsg24Hour", Pad::Right(14)).gap(" "),
    Column::new("out24Hours", "#OutMsg24Hour", Pad::Right(14)),
];

async fn all(context: &Context) -> Result<(), AdminError> {
    let topics = context.remote.topics().await?.topic_list;
    let selected = context.get("topic").filter(|topic| !topic.is_empty());
    let is_own = |topic: &str| {
        topic.starts_with(RETRY_GROUP_TOPIC_PREFIX) || topic.starts_with(DLQ_GROUP_TOPIC_PREFIX)
    };
    let mut table = Table::new(COLUMNS);
    for topic in topics.iter().filter(|topic| !is_own(topic)) {
        if selected.is_none_or(|selected| selected == topic) {
            // A topic may be gone by now, or its broker: the others are shown all the same.
            let _ = of_topic(context, topic, &mut table).await;
        }
    }
    let mut report = Report::new();
    report.table("topics", &table);
    context.out.emit(report);
    Ok(())
}

async fn of_topic(context: &Context, topic: &str, table: &mut Table) -> Result<(), AdminError> {
    let route = context.remote.route(topic).await?;
    let groups = context.remote.groups_of_topic(topic).await?.group_list;
    let only_active = context.has("activeTopic");
    let incoming = rate(context, &route, "TOPIC_PUT_NUMS", topic).await;
    if groups.is_empty() && (!only_active || incoming.day > 0) {
        table.row(row![Cell::cut(topic, 64), "", 0, tps(incoming.tps), "", incoming.day, "NO_CONSUMER"]);
    }
    for group in &groups {
        let outgoing = rate(context, &route, "GROUP_GET_NUMS", &format!("{topic}@{group}")).await;
        if only_active && incoming.day == 0 && outgoing.day == 0 {
            continue;
        }
        let stats = context.remote.consume_stats(None, group, Some(topic)).await;
        let behind: i64 = stats.map_or(0, |stats| {
            stats.offset_table.values().map(|offsets| offsets.broker_offset - offsets.consumer_offset).sum()
        });
        table.row(row![
            Cell::cut(topic, 64),
            Cell::cut(group, 64),
            behind.max(0),
            tps(incoming.tps),
            tps(outgoing.tps),
            incoming.day,
            outgoing.day,
        ]);
    }
    Ok(())
}

fn tps(tps: f64) -> Cell {
    Cell::shown(tps, format!("{tps:.2}"))
}

/// How much goes through all brokers of a topic.
#[derive(Default)]
struct Rate {
    tps: f64,
    day: i64,
}

/// A broker that never counted anything refuses, which is as good as nothing.
async fn rate(context: &Context, route: &TopicRouteData, name: &str, key: &str) -> Rate {
    let mut rate = Rate::default();
    for addr in route.broker_datas.iter().filter_map(|group| group.master_addr()) {
        if let Ok(stats) = counted(context, addr, name, key).await {
            rate.tps += stats.stats_minute.tps;
            rate.day += day_sum(&stats);
        }
    }
    rate
}

/// What a broker counted under a name and key.
pub(super) async fn counted(
    context: &Context,
    addr: &str,
    name: &str,
    key: &str,
) -> Result<BrokerStatsData, AdminError> {
    let header = ViewBrokerStatsDataRequestHeader { stats_name: name.to_owned(), stats_key: key.to_owned() };
    Ok(context.remote.body::<ViewBrokerStatsData, _>(addr, header).await?)
}

/// The longest span that counted anything (`compute24HourSum`).
pub(super) fn day_sum(stats: &BrokerStatsData) -> i64 {
    let spans = [stats.stats_day.sum, stats.stats_hour.sum, stats.stats_minute.sum];
    spans.into_iter().find(|sum| *sum != 0).unwrap_or(0)
}
