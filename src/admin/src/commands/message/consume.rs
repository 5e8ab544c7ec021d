//! `consumeMessage`.

use client::puller::{PullStatus, Puller};
use client::routes::RoutedQueue;
use common::names::TOOLS_CONSUMER_GROUP;

use super::{
    by_offset::named_queue,
    print::{BEGIN, END, say},
    text::{self, Charset},
};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    java,
};

pub(super) const SPEC: Spec = Spec::new(
    "consumeMessage",
    Category::Message,
    "Consume message.",
    &[
        TOPIC,
        Opt::value("b", "brokerName", "Broker name"),
        Opt::value("i", "queueId", "Queue Id"),
        Opt::value("o", "offset", "Queue offset"),
        Opt::value("g", "consumerGroup", "Consumer group name"),
        Opt { short: "s", ..BEGIN },
        END,
        Opt::value("c", "MessageNumber", "Number of message to be consumed"),
    ],
    |context| Box::pin(consume(context)),
)
.note("Reads messages; the group's offsets stay where they are.");

/// Messages read unless that is given.
const DEFAULT_COUNT: i64 = 128;
/// Most messages of one pull.
const PULLED_MAX: i64 = 1024;

/// Moments between which messages were stored; 0 is not given.
struct Span {
    begin: i64,
    end: i64,
}

async fn consume(context: &Context) -> Result<(), AdminError> {
    let count: i64 = context.number("MessageNumber")?.unwrap_or(DEFAULT_COUNT);
    if count <= 0 {
        return Err(context.usage("Please input a positive messageNumber!"));
    }
    let span = span(context)?;
    let puller = context.puller(context.get("consumerGroup").unwrap_or(TOOLS_CONSUMER_GROUP));
    let offset: Option<i64> = context.number("offset")?;
    match (context.get("queueId"), context.get("brokerName"), offset) {
        (Some(_), None, _) => Err(context.usage("Please set the brokerName before queueId!")),
        (None, _, Some(_)) => Err(context.usage("Please set queueId before offset!")),
        (Some(_), Some(_), _) => of_queue(context, &puller, &span, offset.unwrap_or(0), count).await,
        (None, _, None) => of_topic(context, &puller, &span, count).await,
    }
}

fn span(context: &Context) -> Result<Span, AdminError> {
    let now = context.now();
    let begin = text::moment(context, "beginTimestamp")?.unwrap_or(0);
    let end = text::moment(context, "endTimestamp")?.unwrap_or(0);
    if begin > now {
        return Err(context.usage("Please set the beginTimestamp before now!"));
    }
    if end > now {
        return Err(context.usage("Please set the endTimestamp before now!"));
    }
    if end > 0 && begin > end {
        return Err(context
            .usage("Please make sure that the beginTimestamp is less than or equal to the endTimestamp"));
    }
    Ok(Span { begin, end })
}

async fn bounds(puller: &Puller, queue: &RoutedQueue, span: &Span) -> Result<(i64, i64), AdminError> {
    let begin = match span.begin {
        0 => puller.min_offset(queue).await?,
        moment => puller.search_offset(queue, moment).await?,
    };
    let end = match span.end {
        0 => puller.max_offset(queue).await?,
        moment => puller.search_offset(queue, moment).await?,
    };
    Ok((begin, end))
}

async fn of_topic(context: &Context, puller: &Puller, span: &Span, count: i64) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let queues = puller.queues(topic).await?;
    if queues.is_empty() {
        context.remote.route(topic).await?;
    }
    let mut left = count;
    for queue in &queues {
        if left == 0 {
            break;
        }
        let (begin, mut end) = bounds(puller, queue, span).await?;
        if end - begin > left {
            let id = queue.queue.queue_id;
            say(context, queue, &format!("The older {left} message of the {id} queue will be provided\n"));
            end = begin + left - 1;
            left = 0;
        } else {
            // RocketMQ's own count, which takes a queue for one message more than it holds.
            left = left - (end - begin) - 1;
        }
        read(context, puller, queue, begin, end).await?;
    }
    Ok(())
}

async fn of_queue(
    context: &Context,
    puller: &Puller,
    span: &Span,
    offset: i64,
    count: i64,
) -> Result<(), AdminError> {
    let queue = named_queue(context, puller).await?;
    let (begin, mut end) = bounds(puller, &queue, span).await?;
    if offset > end {
        say(context, &queue, &format!("{} no matched msg, offset={offset}\n", java::queue(&queue.queue)));
        return Ok(());
    }
    let begin = begin.max(offset);
    if end - begin > count {
        say(context, &queue, &format!("The oldler {count} message will be provided\n"));
        end = begin + count - 1;
    }
    read(context, puller, &queue, begin, end).await
}

async fn read(
    context: &Context,
    puller: &Puller,
    queue: &RoutedQueue,
    begin: i64,
    end: i64,
) -> Result<(), AdminError> {
    let mut offset = begin;
    while offset <= end && !context.out.is_closed() {
        let max = (end - offset + 1).min(PULLED_MAX) as i32;
        let pulled = puller.pull(queue, "*", offset, max).await?;
        offset = pulled.next_begin_offset;
        let status = pulled.status;
        let ended = |what: &str| {
            format!("{} {what}. status={}, offset={offset}\n", java::queue(&queue.queue), status.name())
        };
        match status {
            PullStatus::Found => {
                say(context, queue, "Consume ok\n");
                for message in &pulled.messages {
                    context.out.emit(text::line(message, &queue.queue.broker_name, Some(Charset::Utf8)));
                }
            }
            PullStatus::NoMatchedMsg => say(context, queue, &ended("no matched msg")),
            PullStatus::NoNewMsg | PullStatus::OffsetIllegal => {
                say(context, queue, &ended("print msg finished"));
                break;
            }
        }
    }
    Ok(())
}
