//! `exportPopRecord`.

use bytes::Bytes;
use remoting::{header::NoHeader, request::PopRollback};

use crate::{
    command::{Category, Opt, Spec},
    commands::{
        broker::config_of,
        options::{broker_addr, cluster_name},
    },
    context::{Context, groups_of},
    error::AdminError,
    output,
    remote::LIMIT,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "exportPopRecord",
    Category::Export,
    "Export pop consumer record",
    &[
        cluster_name("choose one cluster to export"),
        broker_addr("choose one broker to export"),
        Opt::value("d", "dryRun", "no actual changes will be made"),
    ],
    |context| Box::pin(export(context)),
)
.note("RocketMQ takes '-d false' for a dry run, and so does this tool; everything else is none.");

async fn export(context: &Context) -> Result<(), AdminError> {
    let mut brokers = Vec::new();
    if let Some(addr) = context.get("brokerAddr") {
        let name = config_of(context, addr).await?.get("brokerName").unwrap_or("null").to_owned();
        brokers.push((name, addr.to_owned()));
    } else if let Some(cluster) = context.get("clusterName") {
        let info = context.remote.cluster_info().await?;
        for group in groups_of(&info, cluster)? {
            let addrs = group.broker_addrs.values();
            brokers.extend(addrs.map(|addr| (group.broker_name.clone(), addr.clone())));
        }
    } else {
        return Err(context.usage("name a broker with -b or a cluster with -c"));
    }
    let is_dry = context.get("dryRun").is_some_and(|text| text.eq_ignore_ascii_case("false"));
    let mut failed = 0;
    for (name, addr) in &brokers {
        let mut report = Report::new();
        report.field("brokerName", name).field("brokerAddr", addr).field("dryRun", is_dry);
        let place = format!("brokerName={name}, brokerAddr={addr}, dryRun={is_dry}");
        match roll_back(context, addr, is_dry).await {
            Ok(()) => drop(report.text(format_args!("Export broker records, {place}\n"))),
            Err(error) => {
                failed += 1;
                report.text(format_args!("Export broker records error, {place}\n"));
                report.field("error", error.to_string());
                output::complain(context.spec.name, &error);
            }
        }
        context.out.emit(report);
    }
    if failed > 0 { Err(AdminError::SomeFailed { failed, asked: brokers.len() }) } else { Ok(()) }
}

async fn roll_back(context: &Context, addr: &str, is_dry: bool) -> Result<(), AdminError> {
    if !is_dry {
        context.remote.brokers.ask::<PopRollback>(addr, NoHeader {}, Bytes::new(), LIMIT * 6).await?;
    }
    Ok(())
}
