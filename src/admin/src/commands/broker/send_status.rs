//! `sendMsgStatus`.

use client::producer::Outgoing;

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    java,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "sendMsgStatus",
    Category::Message,
    "Send msg to broker.",
    &[
        Opt::value("b", "brokerName", "Broker Name e.g. clusterName_brokerName as DefaultCluster_broker-a")
            .required(),
        Opt::value("s", "messageSize", "Message Size, Default: 128"),
        Opt::value("c", "count", "send message count, Default: 50"),
    ],
    |context| Box::pin(send(context)),
);

/// What bodies are filled with.
const FILLING: &str = "hello jodie";

async fn send(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("brokerName")?;
    let size: usize = context.number("messageSize")?.unwrap_or(128);
    let count: u64 = context.number("count")?.unwrap_or(50);
    let producer = context.producer("PID_SMSC");
    let filled = |size: usize| Outgoing::new(topic, FILLING.repeat(size.div_ceil(FILLING.len())));
    producer.send(&filled(16)).await?;
    for _ in 0..count {
        if context.out.is_closed() {
            break;
        }
        let begun = context.clock.monotonic();
        let result = producer.send(&filled(size)).await?;
        let millis = context.millis_since(begun);
        let mut report = Report::new();
        report.text(format_args!("rt={millis}ms, SendResult={}\n", java::send_result(&result)));
        report.field("rtMillis", millis).field("status", result.status.name());
        report.field("msgId", &result.msg_id).field("offsetMsgId", &result.offset_msg_id);
        report.field("queue", &result.queue).field("queueOffset", result.queue_offset);
        context.out.emit(report);
    }
    Ok(())
}
