//! `brokerStatus`.

use crate::{
    command::{Category, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    output,
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
    let mut failed = 0;
    for addr in &addrs {
        let figures = match context.remote.runtime_info(addr).await {
            Ok(figures) => figures.table,
            Err(error) => {
                failed += 1;
                output::complain(context.spec.name, &error.into());
                continue;
            }
        };
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
    }
    if failed > 0 { Err(AdminError::SomeFailed { failed, asked: addrs.len() }) } else { Ok(()) }
}
