//! `deleteSubGroup`.

use bytes::Bytes;
use common::names::{dlq_topic, retry_topic};
use remoting::{headers::consumer::DeleteSubscriptionGroupRequestHeader, request::DeleteSubscriptiongroup};

use crate::{
    command::{Category, Opt, Spec},
    commands::{
        options::{broker_addr, cluster_name},
        topic::delete_topic,
    },
    context::{Context, Reach},
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "deleteSubGroup",
    Category::Consumer,
    "Delete subscription group from broker.",
    &[
        broker_addr("delete subscription group from which broker"),
        cluster_name("delete subscription group from which cluster"),
        Opt::value("g", "groupName", "subscription group name").required(),
        Opt::value("r", "removeOffset", "remove offset"),
    ],
    |context| Box::pin(delete(context)),
)
.harm("deletes a consumer group, and with a cluster its retry topic and dead letters")
.note("From a cluster the group's retry topic and its dead letters are deleted as well.");

async fn delete(context: &Context) -> Result<(), AdminError> {
    let group = context.need("groupName")?;
    let clean_offset = context.is_true("removeOffset") == Some(true);
    for addr in context.chosen_brokers(Reach::Masters).await? {
        let header = DeleteSubscriptionGroupRequestHeader { group_name: group.to_owned(), clean_offset };
        context.remote.ask::<DeleteSubscriptiongroup>(&addr, header, Bytes::new()).await?;
        let place = match (context.get("brokerAddr"), context.get("clusterName")) {
            (None, Some(cluster)) => format!("broker [{addr}] in cluster [{cluster}]"),
            _ => format!("broker [{addr}]"),
        };
        context.say(
            format!("delete subscription group [{group}] from {place} success.\n"),
            &[("group", group), ("brokerAddr", &addr)],
        );
    }
    if let (None, Some(cluster)) = (context.get("brokerAddr"), context.get("clusterName")) {
        delete_topic(context, &retry_topic(group), cluster).await?;
        delete_topic(context, &dlq_topic(group), cluster).await?;
    }
    Ok(())
}
