//! `queryMsgByUniqueKey`.

use super::{
    detail::{self, Shown},
    directly,
};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    remote::messages::Query,
};

pub(super) const SPEC: Spec = Spec::new(
    "queryMsgByUniqueKey",
    Category::Message,
    "Query Message by Unique key.",
    &[
        Opt::value("i", "msgId", "Message Id").required(),
        Opt::value("g", "consumerGroup", "consumer group name"),
        Opt::value("d", "clientId", "The consumer's client id"),
        TOPIC,
        Opt::flag("a", "showAll", "Print all message, the limit is 32"),
        Opt::value("c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(query(context)),
);

async fn query(context: &Context) -> Result<(), AdminError> {
    let (topic, id) = (context.need("topic")?, context.need("msgId")?);
    if let (Some(group), Some(client_id)) = (context.get("consumerGroup"), context.get("clientId")) {
        return directly::consume(context, group, client_id, topic, id).await;
    }
    let query = Query {
        cluster: context.get("cluster"),
        topic,
        key: id,
        is_unique_id: true,
        max: 32,
        begin: 0,
        end: i64::MAX,
    };
    let mut messages = context.remote.query(&query).await?;
    messages.sort_by_key(|message| message.store_timestamp);
    let count = if context.has("showAll") { messages.len() } else { 1 };
    for (place, message) in messages.iter().take(count).enumerate() {
        let suffix = if place > 0 { format!("_{place}") } else { String::new() };
        let shown = Shown { with_offset_id: false, charset: None, suffix, track_end: "" };
        detail::show(context, message, &shown).await?;
    }
    if messages.is_empty() {
        return Err(AdminError::Missing {
            what: format!("no message of {topic} has the id {id}"),
            advice: "check topic and id; messages are kept for fileReservedTime hours",
        });
    }
    Ok(())
}
