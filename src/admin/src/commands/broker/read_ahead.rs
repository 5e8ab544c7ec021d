//! `setCommitLogReadAheadMode`.

use bytes::Bytes;
use remoting::{headers::broker::SetCommitLogReadModeRequestHeader, request::SetCommitlogReadMode};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::Context,
    error::AdminError,
    java,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "setCommitLogReadAheadMode",
    Category::Broker,
    "Set read ahead mode for all commitlog files.",
    &[
        broker_addr("set which broker"),
        cluster_name("set which cluster"),
        Opt::value(
            "m",
            "commitLogReadAheadMode",
            "set the CommitLog read ahead mode; 0 is default, 1 random read",
        )
        .required(),
    ],
    |context| Box::pin(set(context)),
);

async fn set(context: &Context) -> Result<(), AdminError> {
    let mode = context.need("commitLogReadAheadMode")?;
    if !matches!(mode, "0" | "1") {
        return Err(context.usage("set the read mode error; 0 is default, 1 random read"));
    }
    for (title, addr) in context.titled_brokers().await? {
        let Some(addr) = addr else { continue };
        let header = SetCommitLogReadModeRequestHeader { read_ahead_mode: Some(mode.to_owned()) };
        let response = context.remote.ask::<SetCommitlogReadMode>(&addr, header, Bytes::new()).await?;
        let mut report = Report::new();
        let remark = response.remark.filter(|remark| !remark.is_empty());
        report.text(format_args!(
            " ============{title}============\ncommitLog set readAhead mode rstStr{}\n",
            java::or_null(remark.as_ref())
        ));
        report.field("brokerAddr", &addr).field("mode", mode).field("remark", remark);
        context.out.emit(report);
    }
    Ok(())
}
