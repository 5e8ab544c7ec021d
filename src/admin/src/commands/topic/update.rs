//! `updateTopic`.

use common::{
    permission::Permission,
    topic::{TOPIC_SYS_FLAG_UNIT, TOPIC_SYS_FLAG_UNIT_SUB, TopicConfig},
};

use crate::{
    attributes,
    command::{Category, Opt, Spec},
    commands::options::{TOPIC, broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "updateTopic",
    Category::Topic,
    "Update or create topic.",
    &[
        broker_addr("create topic to which broker").choice(),
        cluster_name("create topic to which cluster").choice(),
        Opt::value("a", "attributes", "attribute(+a=b,+c=d,-e)"),
        TOPIC,
        Opt::value("r", "readQueueNums", "set read queue nums"),
        Opt::value("w", "writeQueueNums", "set write queue nums"),
        Opt::value("p", "perm", "set topic's permission(2|4|6), intro[2:W 4:R; 6:RW]"),
        Opt::value("o", "order", "set topic's order(true|false)"),
        Opt::value("u", "unit", "is unit topic (true|false)"),
        Opt::value("s", "hasUnitSub", "has unit sub (true|false)"),
    ],
    |context| Box::pin(update_topic(context)),
);

async fn update_topic(context: &Context) -> Result<(), AdminError> {
    let config = config(context)?;
    let addrs = context.chosen_brokers(Reach::Masters).await?;
    let mut report = Report::new();
    match context.get("clusterName") {
        None => {
            for addr in &addrs {
                context.remote.create_topic(addr, &config).await?;
                let set = set_order_of_broker(context, &config, addr).await?;
                report.text(set.unwrap_or_default());
                report.text(format_args!("create topic to {addr} success.\n"));
            }
        }
        Some(cluster) => {
            for addr in &addrs {
                context.remote.create_topic(addr, &config).await?;
                report.text(format_args!("create topic to {addr} success.\n"));
            }
            report.text(set_order_of_cluster(context, &config, cluster).await?.unwrap_or_default());
        }
    }
    report.text(format_args!("{config}\n")).field("brokerAddrs", &addrs).field("topicConfig", &config);
    context.out.emit(report);
    Ok(())
}

fn config(context: &Context) -> Result<TopicConfig, AdminError> {
    let mut config = TopicConfig::new(context.need("topic")?, 8);
    if let Some(alterations) = context.get("attributes") {
        config.attributes = attributes::parse(alterations)?;
    }
    if let Some(queues) = context.number("readQueueNums")? {
        config.read_queue_nums = queues;
    }
    if let Some(queues) = context.number("writeQueueNums")? {
        config.write_queue_nums = queues;
    }
    if let Some(perm) = context.number("perm")? {
        config.perm = Permission(perm);
    }
    let bit = |option, bit| if context.is_true(option) == Some(true) { bit } else { 0 };
    config.topic_sys_flag = bit("unit", TOPIC_SYS_FLAG_UNIT) | bit("hasUnitSub", TOPIC_SYS_FLAG_UNIT_SUB);
    config.order = context.is_true("order") == Some(true);
    Ok(config)
}

async fn set_order_of_broker(
    context: &Context,
    config: &TopicConfig,
    addr: &str,
) -> Result<Option<String>, AdminError> {
    if !config.order {
        return Ok(None);
    }
    let info = context.remote.cluster_info().await?;
    let group =
        info.broker_addr_table.values().find(|group| group.broker_addrs.values().any(|at| at == addr));
    let name = &group
        .ok_or_else(|| AdminError::Missing {
            what: format!("no broker of any cluster has the address {addr}"),
            advice: "see the addresses with clusterList",
        })?
        .broker_name;
    let own = format!("{name}:{}", config.write_queue_nums);
    context.remote.set_order_conf_of_broker(&config.topic_name, &own).await?;
    Ok(Some(format!("set broker orderConf. isOrder=true, orderConf=[{own}]\n")))
}

async fn set_order_of_cluster(
    context: &Context,
    config: &TopicConfig,
    cluster: &str,
) -> Result<Option<String>, AdminError> {
    if !config.order {
        return Ok(None);
    }
    let info = context.remote.cluster_info().await?;
    let names = info.cluster_addr_table.get(cluster).into_iter().flatten();
    let parts: Vec<_> = names.map(|name| format!("{name}:{}", config.write_queue_nums)).collect();
    let conf = parts.join(";");
    context.remote.set_order_conf(&config.topic_name, &conf).await?;
    Ok(Some(format!("set cluster orderConf. isOrder=true, orderConf=[{conf}]\n")))
}
