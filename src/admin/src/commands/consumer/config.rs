//! `getConsumerConfig`.

use client::routes::addr_of;
use common::group::SubscriptionGroupConfig;
use remoting::{
    body::admin::SubscriptionGroupWrapper, header::NoHeader, request::GetAllSubscriptiongroupConfig,
};
use serde_json::json;

use super::update::policy_as_java_shows;
use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "getConsumerConfig",
    Category::Consumer,
    "Get consumer config by subscription group name.",
    &[Opt::value("g", "groupName", "subscription group name").required()],
    |context| Box::pin(config(context)),
);

async fn config(context: &Context) -> Result<(), AdminError> {
    let group = context.need("groupName")?;
    let info = context.remote.cluster_info().await?;
    let mut report = Report::new();
    let mut found = Vec::new();
    for (name, brokers) in &info.broker_addr_table {
        let Some(addr) = addr_of(brokers) else { continue };
        let groups: SubscriptionGroupWrapper =
            context.remote.body::<GetAllSubscriptiongroupConfig, _>(addr, NoHeader {}).await?;
        let Some(config) = groups.subscription_group_table.get(group) else { continue };
        let line = "=".repeat(29);
        report.text(format_args!("{line}{}:{name}{line}\n", brokers.cluster));
        for (field, value) in fields(config) {
            report.text(format_args!("{field:<40}=  {value}\n"));
        }
        found.push(json!({ "clusterName": brokers.cluster, "brokerName": name, "groupConfig": config }));
    }
    report.field("configs", &found);
    context.out.emit(report);
    if found.is_empty() {
        return Err(AdminError::Missing {
            what: format!("no broker knows the group {group}"),
            advice: "see the groups with consumerProgress, make one with updateSubGroup",
        });
    }
    Ok(())
}

/// The fields in the order of RocketMQ's class.
fn fields(config: &SubscriptionGroupConfig) -> [(&'static str, String); 15] {
    let attributes: Vec<_> = config.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let subscriptions = config.subscription_data_set.as_ref();
    [
        ("groupName", config.group_name.clone()),
        ("consumeEnable", config.consume_enable.to_string()),
        ("consumeFromMinEnable", config.consume_from_min_enable.to_string()),
        ("consumeBroadcastEnable", config.consume_broadcast_enable.to_string()),
        ("consumeMessageOrderly", config.consume_message_orderly.to_string()),
        ("retryQueueNums", config.retry_queue_nums.to_string()),
        ("retryMaxTimes", config.retry_max_times.to_string()),
        ("groupRetryPolicy", policy_as_java_shows(&config.group_retry_policy)),
        ("brokerId", config.broker_id.to_string()),
        ("whichBrokerWhenConsumeSlowly", config.which_broker_when_consume_slowly.to_string()),
        ("notifyConsumerIdsChangedEnable", config.notify_consumer_ids_changed_enable.to_string()),
        ("groupSysFlag", config.group_sys_flag.to_string()),
        ("consumeTimeoutMinute", config.consume_timeout_minute.to_string()),
        ("subscriptionDataSet", subscriptions.map_or_else(String::new, |set| json!(set).to_string())),
        ("attributes", format!("{{{}}}", attributes.join(", "))),
    ]
}
