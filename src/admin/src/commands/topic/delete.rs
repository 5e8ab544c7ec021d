//! `deleteTopic`.

use bytes::Bytes;
use remoting::{
    headers::topic::{DeleteTopicFromNamesrvRequestHeader, DeleteTopicRequestHeader},
    request::{DeleteTopicInBroker, DeleteTopicInNamesrv},
};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::{Context, Reach},
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "deleteTopic",
    Category::Topic,
    "Delete topic from broker and NameServer.",
    &[TOPIC, Opt::value("c", "clusterName", "delete topic from which cluster").required()],
    |context| Box::pin(delete(context)),
)
.harm("deletes a topic with all its messages");

async fn delete(context: &Context) -> Result<(), AdminError> {
    let (topic, cluster) = (context.need("topic")?, context.need("clusterName")?);
    let masters = context.cluster_brokers(cluster, Reach::Masters).await?;
    delete_in_brokers(context, &masters, topic).await?;
    context.say(
        format!("delete topic [{topic}] from cluster [{cluster}] success.\n"),
        &[("topic", topic), ("clusterName", cluster)],
    );
    let header = DeleteTopicFromNamesrvRequestHeader {
        topic: topic.to_owned(),
        cluster_name: Some(cluster.to_owned()),
    };
    context.remote.tell_names::<DeleteTopicInNamesrv>(header).await?;
    context.say(
        format!("delete topic [{topic}] from NameServer success.\n"),
        &[("topic", topic), ("namesrvAddr", &context.remote.names.addrs().join(";"))],
    );
    Ok(())
}

/// Deletes a topic in all brokers of a cluster and all `NameServers` without a word (`MQAdminExt.deleteTopic`).
pub(in crate::commands) async fn delete_topic(
    context: &Context,
    topic: &str,
    cluster: &str,
) -> Result<(), AdminError> {
    let everyone = context.cluster_brokers(cluster, Reach::Everyone).await?;
    delete_in_brokers(context, &everyone, topic).await?;
    let header = DeleteTopicFromNamesrvRequestHeader { topic: topic.to_owned(), cluster_name: None };
    context.remote.tell_names::<DeleteTopicInNamesrv>(header).await?;
    context.remote.delete_order_conf(topic).await
}

async fn delete_in_brokers(context: &Context, addrs: &[String], topic: &str) -> Result<(), AdminError> {
    for addr in addrs {
        let header = DeleteTopicRequestHeader { topic: topic.to_owned() };
        context.remote.ask::<DeleteTopicInBroker>(addr, header, Bytes::new()).await?;
    }
    Ok(())
}
