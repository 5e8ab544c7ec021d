//! `topicClusterList`.

use std::collections::BTreeSet;

use crate::{
    command::{Category, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec =
    Spec::new("topicClusterList", Category::Topic, "Get cluster info for topic.", &[TOPIC], |context| {
        Box::pin(clusters(context))
    });

async fn clusters(context: &Context) -> Result<(), AdminError> {
    let route = context.remote.route(context.need("topic")?).await?;
    let info = context.remote.cluster_info().await?;
    let first = route.broker_datas.first().map(|group| group.broker_name.as_str()).unwrap_or_default();
    let holding = info.cluster_addr_table.iter().filter(|(_, names)| names.contains(first));
    let clusters: BTreeSet<&String> = holding.map(|(cluster, _)| cluster).collect();
    let mut report = Report::new();
    for cluster in &clusters {
        report.text(format_args!("{cluster}\n"));
    }
    report.field("clusters", clusters);
    context.out.emit(report);
    Ok(())
}
