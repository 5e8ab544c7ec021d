//! `updateSubGroup`.

use std::fmt::Write;

use common::{
    fastjson,
    group::{GroupRetryPolicy, GroupRetryPolicyType, SubscriptionGroupConfig},
};
use serde_json::Value;

use crate::{
    attributes,
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    output,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "updateSubGroup",
    Category::Consumer,
    "Update or create subscription group.",
    &[
        broker_addr("create subscription group to which broker"),
        cluster_name("create subscription group to which cluster"),
        Opt::value("g", "groupName", "consumer group name").required(),
        Opt::value("s", "consumeEnable", "consume enable"),
        Opt::value("m", "consumeFromMinEnable", "from min offset"),
        Opt::value("d", "consumeBroadcastEnable", "broadcast"),
        Opt::value("o", "consumeMessageOrderly", "consume message orderly"),
        Opt::value("q", "retryQueueNums", "retry queue nums"),
        Opt::value("r", "retryMaxTimes", "retry max times"),
        Opt::value(
            "p",
            "groupRetryPolicy",
            "the json string of retry policy ( exp: {\"type\":\"EXPONENTIAL\",\"exponentialRetryPolicy\":\
             {\"initial\":5000,\"max\":7200000,\"multiplier\":2}} {\"type\":\"CUSTOMIZED\",\
             \"customizedRetryPolicy\":{\"next\":[1000,5000,10000]}} )",
        ),
        Opt::value("i", "brokerId", "consumer from which broker id"),
        Opt::value("w", "whichBrokerWhenConsumeSlowly", "which broker id when consume slowly"),
        Opt::value("a", "notifyConsumerIdsChanged", "notify consumerId changed"),
        Opt::value("", "attributes", "attribute(+a=b,+c=d,-e)"),
    ],
    |context| Box::pin(update(context)),
);

async fn update(context: &Context) -> Result<(), AdminError> {
    let config = config(context)?;
    let addrs = context.chosen_brokers(Reach::Masters).await?;
    let mut failed = 0;
    let mut report = Report::new();
    for addr in &addrs {
        match context.remote.create_group(addr, &config).await {
            Ok(()) => drop(report.text(format_args!("create subscription group to {addr} success.\n"))),
            Err(error) => {
                failed += 1;
                output::complain(context.spec.name, &error);
            }
        }
    }
    if failed < addrs.len() {
        report.text(as_java_shows(&config)).field("brokerAddrs", &addrs).field("groupConfig", &config);
        context.out.emit(report);
    }
    if failed > 0 { Err(AdminError::SomeFailed { failed, asked: addrs.len() }) } else { Ok(()) }
}

/// What is not given has RocketMQ's default, except that the tool forbids broadcasting and beginning at the
/// oldest message.
fn config(context: &Context) -> Result<SubscriptionGroupConfig, AdminError> {
    let mut config = SubscriptionGroupConfig {
        consume_broadcast_enable: context.is_true("consumeBroadcastEnable") == Some(true),
        consume_from_min_enable: context.is_true("consumeFromMinEnable") == Some(true),
        ..SubscriptionGroupConfig::new(context.need("groupName")?)
    };
    config.consume_enable = context.is_true("consumeEnable").unwrap_or(config.consume_enable);
    config.consume_message_orderly = context.is_true("consumeMessageOrderly") == Some(true);
    config.notify_consumer_ids_changed_enable =
        context.is_true("notifyConsumerIdsChanged").unwrap_or(config.notify_consumer_ids_changed_enable);
    if let Some(queues) = context.number("retryQueueNums")? {
        config.retry_queue_nums = queues;
    }
    if let Some(times) = context.number("retryMaxTimes")? {
        config.retry_max_times = times;
    }
    if let Some(policy) = context.get("groupRetryPolicy") {
        config.group_retry_policy = fastjson::from_str(policy)
            .map_err(|error| context.usage(format!("--groupRetryPolicy cannot be read: {error}")))?;
    }
    if let Some(id) = context.number("brokerId")? {
        config.broker_id = id;
    }
    if let Some(id) = context.number("whichBrokerWhenConsumeSlowly")? {
        config.which_broker_when_consume_slowly = id;
    }
    if let Some(alterations) = context.get("attributes") {
        config.attributes = attributes::parse(alterations)?;
    }
    Ok(config)
}

/// `SubscriptionGroupConfig.toString`.
fn as_java_shows(config: &SubscriptionGroupConfig) -> String {
    let attributes: Vec<_> = config.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!(
        "SubscriptionGroupConfig{{groupName={}, consumeEnable={}, consumeFromMinEnable={}, \
         consumeBroadcastEnable={}, consumeMessageOrderly={}, retryQueueNums={}, retryMaxTimes={}, \
         groupRetryPolicy={}, brokerId={}, whichBrokerWhenConsumeSlowly={}, \
         notifyConsumerIdsChangedEnable={}, groupSysFlag={}, consumeTimeoutMinute={}, \
         subscriptionDataSet=null, attributes={{{}}}}}",
        config.group_name,
        config.consume_enable,
        config.consume_from_min_enable,
        config.consume_broadcast_enable,
        config.consume_message_orderly,
        config.retry_queue_nums,
        config.retry_max_times,
        policy_as_java_shows(&config.group_retry_policy),
        config.broker_id,
        config.which_broker_when_consume_slowly,
        config.notify_consumer_ids_changed_enable,
        config.group_sys_flag,
        config.consume_timeout_minute,
        attributes.join(", "),
    )
}

/// `GroupRetryPolicy.toString`.
pub(super) fn policy_as_java_shows(policy: &GroupRetryPolicy) -> String {
    let kind = match policy.kind {
        GroupRetryPolicyType::Exponential => "EXPONENTIAL",
        GroupRetryPolicyType::Customized => "CUSTOMIZED",
    };
    let part = |name: &str, value: &Option<Value>, fields: &[&str]| {
        let Some(value) = value else { return "null".to_owned() };
        let mut text = format!("{name}{{");
        for (place, field) in fields.iter().enumerate() {
            let value = value.get(field).map_or_else(|| "null".to_owned(), shown);
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{field}={value}", if place > 0 { ", " } else { "" });
        }
        text + "}"
    };
    format!(
        "GroupRetryPolicy{{type={kind}, exponentialRetryPolicy={}, customizedRetryPolicy={}}}",
        part("ExponentialRetryPolicy", &policy.exponential_retry_policy, &["initial", "max", "multiplier"]),
        part("CustomizedRetryPolicy", &policy.customized_retry_policy, &["next"]),
    )
}

/// A JSON value as Java shows it: an array has blanks after its commas.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(Value::to_string).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
