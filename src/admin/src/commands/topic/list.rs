//! `topicList`.

use std::collections::BTreeSet;

use common::names::{DLQ_GROUP_TOPIC_PREFIX, RETRY_GROUP_TOPIC_PREFIX};
use remoting::body::route::ClusterInfo;

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    report::{Cell, Column, Pad, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "topicList",
    Category::Topic,
    "Fetch all topic list from name server.",
    &[Opt::flag("c", "clusterModel", "clusterModel")],
    |context| Box::pin(topic_list(context)),
);

const COLUMNS: &[Column] = &[
    Column::left("clusterName", "#Cluster Name", 20),
    Column::left("topic", "#Topic", 48).cell(Pad::Left(64)),
    Column::left("consumerGroup", "#Consumer Group", 48).cell(Pad::Left(64)),
];

async fn topic_list(context: &Context) -> Result<(), AdminError> {
    let topics = context.remote.topics().await?.topic_list;
    let mut report = Report::new();
    if context.has("clusterModel") {
        report.table("topics", &by_cluster(context, topics).await?);
    } else {
        for topic in &topics {
            report.text(format_args!("{topic}\n"));
        }
        report.field("topics", topics);
    }
    context.out.emit(report);
    Ok(())
}

/// The topics with their cluster and the groups that read them; retry topics and dead letters are left out.
async fn by_cluster(context: &Context, topics: BTreeSet<String>) -> Result<Table, AdminError> {
    let info = context.remote.cluster_info().await?;
    let mut table = Table::new(COLUMNS);
    let own = |topic: &String| {
        topic.starts_with(RETRY_GROUP_TOPIC_PREFIX) || topic.starts_with(DLQ_GROUP_TOPIC_PREFIX)
    };
    for topic in topics.iter().filter(|topic| !own(topic)) {
        let cluster = cluster_of(context, &info, topic).await.unwrap_or_default();
        let groups = context.remote.groups_of_topic(topic).await.unwrap_or_default().group_list;
        let groups = if groups.is_empty() { BTreeSet::from([String::new()]) } else { groups };
        for group in &groups {
            table.row(row![Cell::cut(&cluster, 20), Cell::cut(topic, 64), Cell::cut(group, 64)]);
        }
    }
    Ok(table)
}

async fn cluster_of(context: &Context, info: &ClusterInfo, topic: &str) -> Option<String> {
    let route = context.remote.route(topic).await.ok()?;
    let broker = &route.broker_datas.first()?.broker_name;
    info.cluster_addr_table.iter().find(|(_, names)| names.contains(broker)).map(|(name, _)| name.clone())
}
