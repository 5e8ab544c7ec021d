//! `updateBrokerConfig` and `getBrokerConfig`.

use bytes::Bytes;
use common::properties::Properties;
use remoting::{
    header::NoHeader,
    request::{GetBrokerConfig, UpdateBrokerConfig},
};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    configuration,
    context::{Context, Reach},
    error::AdminError,
    report::Report,
};

pub(super) const UPDATE: Spec = Spec::new(
    "updateBrokerConfig",
    Category::Broker,
    "Update broker's config.",
    &[
        broker_addr("update which broker"),
        cluster_name("update which cluster"),
        Opt::value("a", "updateAllBroker", "update all brokers include slave"),
        Opt::value("k", "key", "config key").required(),
        Opt::value("v", "value", "config value").required(),
    ],
    |context| Box::pin(update(context)),
);

pub(super) const GET: Spec = Spec::new(
    "getBrokerConfig",
    Category::Broker,
    "Get broker config by cluster or special broker.",
    &[broker_addr("get which broker"), cluster_name("get which cluster")],
    |context| Box::pin(get(context)),
);

async fn update(context: &Context) -> Result<(), AdminError> {
    let (key, value) = (context.need("key")?, context.need("value")?);
    let reach = if context.get("updateAllBroker").is_some() { Reach::Everyone } else { Reach::Masters };
    let addrs = context.chosen_brokers(reach).await?;
    let body = configuration::entry(key, value);
    context
        .each_broker(&addrs, async |addr| {
            context.remote.ask::<UpdateBrokerConfig>(addr, NoHeader {}, body.clone()).await?;
            context.say(
                format!("update broker config success, {addr}\n"),
                &[("brokerAddr", addr), ("key", key), ("value", value)],
            );
            Ok(())
        })
        .await
}

async fn get(context: &Context) -> Result<(), AdminError> {
    for (title, addr) in context.titled_brokers().await? {
        let mut report = Report::new();
        report.text(format_args!("============{title}============\n"));
        if let Some(addr) = addr {
            let config = of_broker(context, &addr).await?;
            configuration::show(&mut report, &config);
            report.text("\n").field("brokerAddr", &addr);
        }
        context.out.emit(report);
    }
    Ok(())
}

/// The configuration of a broker.
pub(in crate::commands) async fn of_broker(context: &Context, addr: &str) -> Result<Properties, AdminError> {
    let response = context.remote.ask::<GetBrokerConfig>(addr, NoHeader {}, Bytes::new()).await?;
    configuration::read(addr, &response.body)
}
