//! `setConsumeMode`.

use common::fastjson;
use remoting::{header::NoHeader, request::SetMessageRequestMode};
use serde::Serialize;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    output,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "setConsumeMode",
    Category::Consumer,
    "Set consume message mode. pull/pop etc.",
    &[
        broker_addr("create subscription group to which broker"),
        cluster_name("create subscription group to which cluster"),
        Opt::value("t", "topicName", "topic name").required(),
        Opt::value("g", "groupName", "consumer group name").required(),
        Opt::value("m", "mode", "consume mode. PULL/POP").required(),
        Opt::value("q", "popShareQueueNum", "num of queue which share in pop mode"),
    ],
    |context| Box::pin(set_mode(context)),
);

/// `SetMessageRequestModeRequestBody`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestMode<'a> {
    consumer_group: &'a str,
    mode: &'a str,
    pop_share_queue_num: i32,
    topic: &'a str,
}

async fn set_mode(context: &Context) -> Result<(), AdminError> {
    let mode = RequestMode {
        consumer_group: context.need("groupName")?,
        mode: context.need("mode")?,
        pop_share_queue_num: context.number("popShareQueueNum")?.unwrap_or(0),
        topic: context.need("topicName")?,
    };
    if !matches!(mode.mode, "PULL" | "POP") {
        return Err(context.usage(format!("--mode is neither PULL nor POP: {}", mode.mode)));
    }
    let addrs = context.chosen_brokers(Reach::Masters).await?;
    let mut report = Report::new();
    let mut failed = 0;
    for addr in &addrs {
        match context.remote.ask::<SetMessageRequestMode>(addr, NoHeader {}, fastjson::to_vec(&mode)).await {
            Ok(_) => drop(report.text(format_args!("set consume mode to {addr} success.\n"))),
            Err(error) => {
                failed += 1;
                output::complain(context.spec.name, &error.into());
            }
        }
    }
    if failed < addrs.len() {
        report.text(format_args!(
            "topic[{}] group[{}] consume mode[{}] popShareQueueNum[{}]",
            mode.topic, mode.consumer_group, mode.mode, mode.pop_share_queue_num
        ));
        report.field("brokerAddrs", &addrs).field("mode", &mode);
        context.out.emit(report);
    }
    if failed > 0 { Err(AdminError::SomeFailed { failed, asked: addrs.len() }) } else { Ok(()) }
}
