//! `checkMsgSendRT`.

use client::producer::Outgoing;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    output,
    report::{Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "checkMsgSendRT",
    Category::Message,
    "Check message send response time.",
    &[
        TOPIC,
        Opt::value("a", "amount", "message amount | default 100"),
        Opt::value("s", "size", "message size | default 128 Byte"),
    ],
    |context| Box::pin(check(context)),
);

const COLUMNS: &[Column] = &[
    Column::left("brokerName", "#Broker Name", 32),
    Column::left("queueId", "#QID", 4),
    Column::left("isSent", "#Send Result", 20).gap("    "),
    Column::left("rtMillis", "#RT", 0),
];

async fn check(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let amount: usize = context.number("amount")?.unwrap_or(100);
    let size: usize = context.number("size")?.unwrap_or(128);
    let producer = context.producer(&context.now().to_string());
    let queues = producer.queues(topic).await?;
    let message = Outgoing::new(topic, "a".repeat(size));
    let (mut table, mut total, mut failed) = (Table::new(COLUMNS), 0, 0);
    for (place, queue) in queues.iter().cycle().take(amount).enumerate() {
        let begun = context.clock.monotonic();
        let sent = producer.send_to(&message, queue).await;
        let millis = context.millis_since(begun);
        let is_sent = sent.is_ok();
        if let Err(error) = sent {
            failed += 1;
            output::complain(context.spec.name, &error.into());
        }
        // The first one also connects.
        total += if place > 0 { millis } else { 0 };
        table.row(row![&queue.queue.broker_name, queue.queue.queue_id, is_sent, millis]);
    }
    let average = total as f64 / amount.saturating_sub(1) as f64;
    let shown = if average.is_nan() { "NaN".to_owned() } else { format!("{average:.2}") };
    let mut report = Report::new();
    report.table("sent", &table).text(format_args!("Avg RT: {shown}\n"));
    report.field("averageRtMillis", average).field("failed", failed);
    context.out.emit(report);
    if failed > 0 {
        Err(AdminError::Failed(format!("{failed} of {amount} messages were not sent")))
    } else {
        Ok(())
    }
}
