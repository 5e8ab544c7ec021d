//! `brokerStatus`.

use crate::{
    command::{Category, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "brokerStatus",
    Category::Broker,
    "Fetch broker runtime status data.",
    &[broker_addr("Broker address").choice(), cluster_name("which cluster").choice()],
    |context| Box::pin(status(context)),
);

async fn status(context: &Context) -> Result<(), AdminError> {
    let addrs = context.chosen_brokers(Reach::Everyone).await?;
    let is_cluster = context.get("brokerAddr").is_none();
    context
        .each_broker(&addrs, async |addr| {
            let figures = context.remote.runtime_info(addr).await?.table;
            let mut report = Report::new();
            for (key, value) in &figures {
                if is_cluster {
                    report.text(format_args!("{addr:<24} {key:<32}: {value}\n"));
                } else {
                    report.text(format_args!("{key:<32}: {value}\n"));
                }
            }
            report.field("brokerAddr", addr).field("figures", figures);
            context.out.emit(report);
            Ok(())
        })
        .await
}
