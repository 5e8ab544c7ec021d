//! `printMsg`, and walking through a queue.

use client::puller::{PullStatus, Puller};
use client::routes::RoutedQueue;
use common::names::TOOLS_CONSUMER_GROUP;

use super::text::{self, Charset};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    java,
    report::Report,
};

pub(super) const CHARSET: Opt = Opt::value("c", "charsetName", "CharsetName(eg: UTF-8)");
pub(super) const EXPRESSION: Opt = Opt::value("s", "subExpression", "Subscribe Expression(eg: TagA || TagB)");
pub(super) const BEGIN: Opt =
    Opt::value("b", "beginTimestamp", "Begin timestamp[currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]");
pub(super) const END: Opt =
    Opt::value("e", "endTimestamp", "End timestamp[currentTimeMillis|yyyy-MM-dd#HH:mm:ss:SSS]");

pub(super) const SPEC: Spec = Spec::new(
    "printMsg",
    Category::Message,
    "Print Message Detail.",
    &[
        TOPIC,
        CHARSET,
        EXPRESSION,
        BEGIN,
        END,
        Opt::value("d", "printBody", "print body"),
        Opt::value("l", "lmqParentTopic", "Lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(print(context)),
);

/// Messages of one pull.
pub(super) const PULLED_MAX: i32 = 32;

async fn print(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let charset = Charset::given(context, "charsetName")?.unwrap_or(Charset::Utf8);
    let charset = Some(charset).filter(|_| context.is_true("printBody") != Some(false));
    let expression = context.get("subExpression").unwrap_or("*");
    let puller = context.puller(TOOLS_CONSUMER_GROUP);
    let queues = queues(context, &puller, topic).await?;
    for queue in &queues {
        let (begin, end) = bounds(context, &puller, queue).await?;
        say(context, queue, &format!("minOffset={begin}, maxOffset={end}, {}\n", java::queue(&queue.queue)));
        let mut offset = begin;
        while offset < end && !context.out.is_closed() {
            let pulled = puller.pull(queue, expression, offset, PULLED_MAX).await?;
            offset = pulled.next_begin_offset.max(offset);
            for message in &pulled.messages {
                context.out.emit(text::line(message, &queue.queue.broker_name, charset));
            }
            let status = pulled.status;
            let ended = |what: &str| {
                format!("{} {what}. status={}, offset={offset}\n", java::queue(&queue.queue), status.name())
            };
            match status {
                PullStatus::Found => {}
                PullStatus::NoMatchedMsg => say(context, queue, &ended("no matched msg")),
                PullStatus::NoNewMsg | PullStatus::OffsetIllegal => {
                    say(context, queue, &ended("print msg finished"));
                    break;
                }
            }
        }
        say(context, queue, &format!("{}\n", "-".repeat(56)));
    }
    Ok(())
}

/// Text between messages, of which JSON says nothing.
pub(super) fn say(context: &Context, _queue: &RoutedQueue, text: &str) {
    if !context.out.is_json() {
        let mut report = Report::new();
        report.text(text);
        context.out.emit(report);
    }
}

/// The queues of the topic; those of its parent for a light queue.
async fn queues(context: &Context, puller: &Puller, topic: &str) -> Result<Vec<RoutedQueue>, AdminError> {
    let parent = context.get("lmqParentTopic");
    let mut queues = puller.queues(parent.unwrap_or(topic)).await?;
    if queues.is_empty() {
        // Says that there is no route.
        context.remote.route(parent.unwrap_or(topic)).await?;
    }
    for routed in &mut queues {
        topic.clone_into(&mut routed.queue.topic);
    }
    Ok(queues)
}

/// Where to begin and end: at the ends of the queue, unless moments are given.
pub(super) async fn bounds(
    context: &Context,
    puller: &Puller,
    queue: &RoutedQueue,
) -> Result<(i64, i64), AdminError> {
    let begin = match text::moment(context, "beginTimestamp")? {
        Some(moment) => puller.search_offset(queue, moment).await?,
        None => puller.min_offset(queue).await?,
    };
    let end = match text::moment(context, "endTimestamp")? {
        Some(moment) => puller.search_offset(queue, moment).await?,
        None => puller.max_offset(queue).await?,
    };
    Ok((begin, end))
}
