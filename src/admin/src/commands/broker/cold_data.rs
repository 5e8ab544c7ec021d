//! Reading old data slowly: `getColdDataFlowCtrInfo`, `updateColdDataFlowCtrGroupConfig` and
//! `removeColdDataFlowCtrGroupConfig`.

use bytes::Bytes;
use common::fastjson;
use remoting::{
    header::NoHeader,
    request::{GetColdDataFlowCtrInfo, RemoveColdDataFlowCtrConfig, UpdateColdDataFlowCtrConfig},
};
use serde_json::Value;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    configuration,
    context::{Context, Reach},
    error::AdminError,
    format,
    report::Report,
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "getColdDataFlowCtrInfo",
        Category::Broker,
        "Get cold data flow ctr info.",
        &[broker_addr("get from which broker"), cluster_name("get from which cluster")],
        |context| Box::pin(get(context)),
    ),
    Spec::new(
        "updateColdDataFlowCtrGroupConfig",
        Category::Broker,
        "Add or update cold data flow ctr group config.",
        &[
            broker_addr("update which broker"),
            cluster_name("update which cluster"),
            Opt::value("g", "consumerGroup", "specific consumerGroup").required(),
            Opt::value("v", "threshold", "cold read threshold value").required(),
        ],
        |context| Box::pin(update(context)),
    ),
    Spec::new(
        "removeColdDataFlowCtrGroupConfig",
        Category::Broker,
        "Remove consumer from cold ctr config.",
        &[
            broker_addr("update which broker"),
            cluster_name("update which cluster"),
            Opt::value("g", "consumerGroup", "the consumer group will remove from the config").required(),
        ],
        |context| Box::pin(remove(context)),
    ),
];

async fn get(context: &Context) -> Result<(), AdminError> {
    for (title, addr) in context.titled_brokers().await? {
        let Some(addr) = addr else { continue };
        let response = context.remote.ask::<GetColdDataFlowCtrInfo>(&addr, NoHeader {}, Bytes::new()).await?;
        let mut report = Report::new();
        report.text(format_args!(" ============{title}============\n"));
        if response.body.is_empty() {
            report.text(format_args!("Broker[{addr}] has no cold ctr table !\n"));
        } else {
            let mut info: Value = fastjson::from_slice(&response.body)
                .map_err(|error| AdminError::Failed(format!("answer of {addr}: {error}")))?;
            show_times(&mut info);
            report.text(String::from_utf8_lossy(&fastjson::to_vec_pretty(&info))).text("\n");
            report.field("info", info);
        }
        report.field("brokerAddr", &addr);
        context.out.emit(report);
    }
    Ok(())
}

/// Milliseconds in the table of groups become times.
fn show_times(info: &mut Value) {
    let groups = info.get_mut("runtimeTable").and_then(Value::as_object_mut);
    for group in groups.into_iter().flat_map(serde_json::Map::values_mut).filter_map(Value::as_object_mut) {
        for (millis, shown) in
            [("lastColdReadTimeMills", "lastColdReadTimeFormat"), ("createTimeMills", "createTimeFormat")]
        {
            if let Some(at) = group.remove(millis).and_then(|at| at.as_i64()) {
                group.insert(shown.to_owned(), format::seconds(at).into());
            }
        }
    }
}

async fn update(context: &Context) -> Result<(), AdminError> {
    let (group, threshold) = (context.need("consumerGroup")?, context.need("threshold")?);
    let body = configuration::entry(group, threshold);
    let addrs = context.chosen_brokers(Reach::Masters).await?;
    context
        .each_broker(&addrs, async |addr| {
            context.remote.ask::<UpdateColdDataFlowCtrConfig>(addr, NoHeader {}, body.clone()).await?;
            context.say(
                format!("updateColdDataFlowCtrGroupConfig success, {addr}\n"),
                &[("brokerAddr", addr), ("group", group), ("threshold", threshold)],
            );
            Ok(())
        })
        .await
}

async fn remove(context: &Context) -> Result<(), AdminError> {
    let group = context.need("consumerGroup")?;
    let addrs = context.chosen_brokers(Reach::Masters).await?;
    context
        .each_broker(&addrs, async |addr| {
            let body = group.as_bytes().to_vec();
            context.remote.ask::<RemoveColdDataFlowCtrConfig>(addr, NoHeader {}, body).await?;
            context.say(
                format!("remove broker cold read threshold success, {addr}\n"),
                &[("brokerAddr", addr), ("group", group)],
            );
            Ok(())
        })
        .await
}
