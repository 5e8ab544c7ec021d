//! `updateTopicPerm`.

use common::{permission::Permission, topic::TopicConfig};
use remoting::body::route::{MASTER_ID, TopicRouteData};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::{TOPIC, broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "updateTopicPerm",
    Category::Topic,
    "Update topic perm.",
    &[
        broker_addr("create topic to which broker"),
        cluster_name("create topic to which cluster"),
        TOPIC,
        Opt::value("p", "perm", "set topic's permission(2|4|6), intro[2:W; 4:R; 6:RW]").required(),
    ],
    |context| Box::pin(update(context)),
);

async fn update(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let perm = Permission(context.number("perm")?.unwrap_or(0));
    let route = context.remote.route(topic).await?;
    let first = route
        .queue_datas
        .first()
        .ok_or_else(|| AdminError::Failed(format!("the route of {topic} names no queues")))?;
    let config = TopicConfig {
        perm,
        read_queue_nums: first.read_queue_nums,
        topic_sys_flag: first.topic_sys_flag,
        write_queue_nums: first.write_queue_nums,
        ..TopicConfig::new(topic, 0)
    };
    if let Some(addr) = context.get("brokerAddr") {
        return update_one(context, &route, &config, addr).await;
    }
    for addr in context.chosen_brokers(Reach::Masters).await? {
        context.remote.create_topic(&addr, &config).await?;
        emit(context, &config, first.perm, &addr, false);
    }
    Ok(())
}

async fn update_one(
    context: &Context,
    route: &TopicRouteData,
    config: &TopicConfig,
    addr: &str,
) -> Result<(), AdminError> {
    let mut groups = route.broker_datas.iter();
    let is_master = |addrs: &remoting::body::route::BrokerAddrs| {
        addrs.get(&MASTER_ID).is_some_and(|master| master == addr)
    };
    let group = groups.find(|group| is_master(&group.broker_addrs)).ok_or_else(|| AdminError::Missing {
        what: "updateTopicPerm error broker not exit or broker is not master!".to_owned(),
        advice: "see where the topic is with topicRoute",
    })?;
    let queues = route.queue_datas.iter().find(|queues| queues.broker_name == group.broker_name);
    let old = queues.map_or(Permission(0), |queues| queues.perm);
    if old == config.perm {
        context.say("new perm equals to the old one!\n".to_owned(), &[("brokerAddr", addr)]);
        return Ok(());
    }
    context.remote.create_topic(addr, config).await?;
    emit(context, config, old, addr, true);
    Ok(())
}

fn emit(context: &Context, config: &TopicConfig, old: Permission, addr: &str, with_config: bool) {
    let mut report = Report::new();
    let new = config.perm.0;
    report.text(format_args!("update topic perm from {} to {new} in {addr} success.\n", old.0));
    if with_config {
        report.text(format_args!("{config}.\n"));
    }
    report.field("brokerAddr", addr).field("oldPerm", old.0).field("perm", new);
    context.out.emit(report);
}
