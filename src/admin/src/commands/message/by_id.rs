//! `queryMsgById`.

use client::{producer::Outgoing, stored_message::StoredMessage};
use message::properties::PropertyString;

use super::{
    detail::{self, Shown},
    directly,
    text::Charset,
};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    java,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "queryMsgById",
    Category::Message,
    "Query Message by Id.",
    &[
        TOPIC,
        Opt::value("i", "msgId", "Message Id").required(),
        Opt::value("g", "consumerGroup", "consumer group name"),
        Opt::value("d", "clientId", "The consumer's client id"),
        Opt::value("s", "sendMessage", "resend message"),
        Opt::value("u", "unitName", "unit name"),
        Opt::value("f", "bodyFormat", "print message body by the specified format"),
        Opt::value("c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(query(context)),
)
.note("Several ids are separated by commas. With -g and -d the client consumes the messages now; with -s true they are sent again.");

async fn query(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let charset = Charset::given(context, "bodyFormat")?;
    let ids = context.need("msgId")?.split(',').map(str::trim).filter(|id| !id.is_empty());
    for id in ids {
        if let (Some(group), Some(client_id)) = (context.get("consumerGroup"), context.get("clientId")) {
            directly::consume(context, group, client_id, topic, id).await?;
            continue;
        }
        match context.is_true("sendMessage") {
            Some(true) => send_again(context, topic, id).await?,
            Some(false) => {}
            None => {
                let message = find(context, topic, id).await?;
                let shown = Shown { with_offset_id: true, charset, suffix: String::new(), track_end: "\n" };
                detail::show(context, &message, &shown).await?;
            }
        }
    }
    Ok(())
}

async fn find(context: &Context, topic: &str, id: &str) -> Result<StoredMessage, AdminError> {
    context.remote.find(context.get("cluster"), topic, id, context.now()).await
}

/// Sends the message once more, its properties included.
async fn send_again(context: &Context, topic: &str, id: &str) -> Result<(), AdminError> {
    let message = find(context, topic, id).await?;
    let pairs = message.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let again = Outgoing {
        topic: message.topic.clone(),
        properties: pairs.collect::<PropertyString>(),
        flag: message.flag,
        body: message.body.clone(),
    };
    let result = context.producer("ReSendMsgById").send(&again).await?;
    let mut report = Report::new();
    report.text(format_args!("prepare resend msg. originalMsgId={id}{}", java::send_result(&result)));
    report.field("originalMsgId", id).field("status", result.status.name()).field("msgId", &result.msg_id);
    report.field("queue", &result.queue).field("queueOffset", result.queue_offset);
    context.out.emit(report);
    Ok(())
}
