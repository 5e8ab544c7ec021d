//! `consumerConnection`.

use remoting::{
    body::heartbeat::{ConsumeFromWhere, ConsumeType, MessageModel},
    version::version_name,
};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::broker_addr,
    context::Context,
    error::AdminError,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "consumerConnection",
    Category::Consumer,
    "Query consumer's socket connection, client version and subscription.",
    &[Opt::value("g", "consumerGroup", "consumer group name").required(), broker_addr("broker address")],
    |context| Box::pin(connection(context)),
);

const CLIENTS: &[Column] = &[
    Column::left("clientId", "#ClientId", 36).gap(" "),
    Column::left("clientAddr", "#ClientAddr", 22).gap(" "),
    Column::left("language", "#Language", 10).gap(" "),
    Column::left("version", "#Version", 0),
];

const SUBSCRIPTIONS: &[Column] =
    &[Column::left("topic", "#Topic", 20).gap(" "), Column::left("subString", "#SubExpression", 0)];

async fn connection(context: &Context) -> Result<(), AdminError> {
    let group = context.need("consumerGroup")?;
    let connection = match context.get("brokerAddr") {
        Some(addr) => context.remote.consumer_connection_at(addr, group).await?,
        None => context.remote.consumer_connection(group).await?,
    };
    let mut clients = Table::new(CLIENTS);
    for client in &connection.connection_set {
        clients.row(row![
            &client.client_id,
            &client.client_addr,
            &client.language,
            Cell::of(version_name(client.version)),
        ]);
    }
    let mut subscriptions = Table::new(SUBSCRIPTIONS);
    for subscription in connection.subscription_table.values() {
        subscriptions.row(row![&subscription.topic, &subscription.sub_string]);
    }
    let named = |name: Option<&'static str>| name.unwrap_or("null");
    let consume_type = named(connection.consume_type.map(ConsumeType::name));
    let message_model = named(connection.message_model.map(MessageModel::name));
    let begin = named(connection.consume_from_where.map(ConsumeFromWhere::name));
    let mut report = Report::new();
    report.table("connections", &clients).text("\nBelow is subscription:\n");
    report.table("subscriptions", &subscriptions);
    report.text(format_args!(
        "\nConsumeType: {consume_type}\nMessageModel: {message_model}\nConsumeFromWhere: {begin}\n"
    ));
    report.field("group", group).field("consumeType", connection.consume_type);
    report.field("messageModel", connection.message_model);
    report.field("consumeFromWhere", connection.consume_from_where);
    context.out.emit(report);
    Ok(())
}
