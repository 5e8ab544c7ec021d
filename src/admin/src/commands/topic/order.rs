//! `updateOrderConf`.

use common::names::NAMESPACE_ORDER_TOPIC_CONFIG;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "updateOrderConf",
    Category::Topic,
    "Create or update or delete order conf.",
    &[
        TOPIC,
        Opt::value("v", "orderConf", "set order conf [eg. brokerName1:num;brokerName2:num]"),
        Opt::value("m", "method", "option type [eg. put|get|delete").required(),
    ],
    |context| Box::pin(update(context)),
);

async fn update(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    match context.need("method")? {
        "get" => {
            let conf = context.remote.kv(NAMESPACE_ORDER_TOPIC_CONFIG, topic).await?;
            let conf = conf.unwrap_or_else(|| "null".to_owned());
            context.say(
                format!("get orderConf success. topic=[{topic}], orderConf=[{conf}] "),
                &[("topic", topic), ("orderConf", &conf)],
            );
        }
        "put" => {
            let conf = context.get("orderConf").filter(|conf| !conf.is_empty());
            let conf = conf.ok_or_else(|| context.usage("please set orderConf with option -v."))?;
            context.remote.set_order_conf(topic, conf).await?;
            context.say(
                format!("update orderConf success. topic=[{topic}], orderConf=[{conf}]"),
                &[("topic", topic), ("orderConf", conf)],
            );
        }
        "delete" => {
            context.remote.delete_order_conf(topic).await?;
            context.say(format!("delete orderConf success. topic=[{topic}]"), &[("topic", topic)]);
        }
        other => return Err(context.usage(format!("--method is none of put, get and delete: {other}"))),
    }
    Ok(())
}
