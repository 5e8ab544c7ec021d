//! `queryMsgByKey`.

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    remote::messages::Query,
    report::{Column, Pad, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "queryMsgByKey",
    Category::Message,
    "Query Message by Key.",
    &[
        TOPIC,
        Opt::value("k", "msgKey", "Message Key").required(),
        Opt::value("b", "beginTimestamp", "Begin timestamp(ms). default:0, eg:1676730526212"),
        Opt::value("e", "endTimestamp", "End timestamp(ms). default:Long.MAX_VALUE, eg:1676730526212"),
        Opt::value("m", "maxNum", "The maximum number of messages returned by the query, default:64"),
        Opt::value("c", "cluster", "Cluster name or lmq parent topic, lmq is used to find the route."),
    ],
    |context| Box::pin(query(context)),
);

const COLUMNS: &[Column] = &[
    Column::left("msgId", "#Message ID", 50).gap(" "),
    Column::new("queueId", "#QID", Pad::Right(4)).gap(" "),
    Column::new("queueOffset", "#Offset", Pad::Right(40)),
];

async fn query(context: &Context) -> Result<(), AdminError> {
    let query = Query {
        cluster: context.get("cluster"),
        topic: context.need("topic")?,
        key: context.need("msgKey")?,
        is_unique_id: false,
        max: context.number("maxNum")?.unwrap_or(64),
        begin: context.number("beginTimestamp")?.unwrap_or(0),
        end: context.number("endTimestamp")?.unwrap_or(i64::MAX),
    };
    let mut table = Table::new(COLUMNS);
    for message in context.remote.query(&query).await? {
        table.row(row![message.msg_id(), message.queue_id, message.queue_offset]);
    }
    let mut report = Report::new();
    report.table("messages", &table).field("topic", query.topic).field("key", query.key);
    context.out.emit(report);
    Ok(())
}
