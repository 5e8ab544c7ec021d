//! `printMsgByQueue`.

use std::{cmp::Reverse, collections::BTreeMap};

use client::puller::PullStatus;
use common::names::TOOLS_CONSUMER_GROUP;
use message::property_names::TAGS;

use super::{
    by_offset::named_queue,
    print::{BEGIN, CHARSET, END, EXPRESSION, PULLED_MAX, bounds},
    text::{self, Charset},
};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "printMsgByQueue",
    Category::Message,
    "Print Message Detail by queueId.",
    &[
        TOPIC,
        Opt::value("a", "brokerName", "broker name").required(),
        Opt::value("i", "queueId", "queue id").required(),
        CHARSET,
        EXPRESSION,
        BEGIN,
        END,
        Opt::value("p", "printMsg", "print msg. eg: true | false(default)"),
        Opt::value("d", "printBody", "print body. eg: true | false(default)"),
        Opt::value("f", "calculate", "calculate by tag. eg: true | false(default)"),
    ],
    |context| Box::pin(print(context)),
);

async fn print(context: &Context) -> Result<(), AdminError> {
    let is_on = |option| context.is_true(option) == Some(true);
    let charset = Charset::given(context, "charsetName")?.unwrap_or(Charset::Utf8);
    let charset = Some(charset).filter(|_| is_on("printBody"));
    let expression = context.get("subExpression").unwrap_or("*");
    let puller = context.puller(TOOLS_CONSUMER_GROUP);
    let queue = named_queue(context, &puller).await?;
    let (mut offset, end) = bounds(context, &puller, &queue).await?;
    let mut tags: BTreeMap<String, u64> = BTreeMap::new();
    while offset < end && !context.out.is_closed() {
        let pulled = puller.pull(&queue, expression, offset, PULLED_MAX).await?;
        if pulled.status != PullStatus::Found {
            break;
        }
        offset = pulled.next_begin_offset.max(offset + 1);
        for message in &pulled.messages {
            if let Some(tag) = message.property(TAGS).filter(|tag| !tag.trim().is_empty()) {
                *tags.entry(tag.to_owned()).or_default() += 1;
            }
            if is_on("printMsg") {
                context.out.emit(text::line(message, &queue.queue.broker_name, charset));
            }
        }
    }
    if is_on("calculate") {
        let mut counts: Vec<_> = tags.iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(**count));
        let mut report = Report::new();
        for (tag, count) in counts {
            report.text(format_args!("Tag: {tag:<30} Count: {count}\n"));
        }
        report.field("tags", tags);
        context.out.emit(report);
    }
    Ok(())
}
