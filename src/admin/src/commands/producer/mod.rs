//! Producers.

use bytes::Bytes;
use remoting::{
    body::admin::{ProducerConnection, ProducerTableInfo},
    header::NoHeader,
    headers::consumer::GetProducerConnectionListRequestHeader,
    request::{GetAllProducerInfo, GetProducerConnectionList},
    version::version_name,
};

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    remote::{LIMIT, addrs_of},
    report::Report,
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "producerConnection",
        Category::Producer,
        "Query producer's socket connection and client version.",
        &[
            Opt::value("g", "producerGroup", "producer group name").required(),
            Opt::value("t", "topic", "topic name").required(),
        ],
        |context| Box::pin(connection(context)),
    ),
    Spec::new(
        "producer",
        Category::Producer,
        "Query producer's instances, connection, status, etc.",
        &[Opt::value("b", "broker", "broker address").required()],
        |context| Box::pin(all(context)),
    ),
];

async fn connection(context: &Context) -> Result<(), AdminError> {
    let (group, topic) = (context.need("producerGroup")?, context.need("topic")?);
    let route = context.remote.route(topic).await?;
    let missing = || AdminError::Missing {
        what: "Not found the producer group connection".to_owned(),
        advice: "see who produces with 'producer -b <brokerAddr>'",
    };
    let addr = addrs_of(&route).next().ok_or_else(missing)?;
    let header = GetProducerConnectionListRequestHeader { producer_group: group.to_owned() };
    let connection: ProducerConnection =
        context.remote.body::<GetProducerConnectionList, _>(addr, header).await?;
    if connection.connection_set.is_empty() {
        return Err(missing());
    }
    let mut report = Report::new();
    for (place, client) in connection.connection_set.iter().enumerate() {
        report.text(format_args!(
            "{:04}  {:<32} {:<22} {:<8} {}\n",
            place + 1,
            client.client_id,
            client.client_addr,
            client.language,
            version_name(client.version),
        ));
    }
    report.field("group", group).field("connections", &connection.connection_set);
    context.out.emit(report);
    Ok(())
}

async fn all(context: &Context) -> Result<(), AdminError> {
    let addr = context.need("broker")?;
    let asked = context.remote.brokers.body::<GetAllProducerInfo, ProducerTableInfo>(
        addr,
        NoHeader {},
        Bytes::new(),
        LIMIT,
    );
    let groups = asked.await?.data;
    let mut report = Report::new();
    for (group, clients) in &groups {
        if clients.is_empty() {
            report.text(format_args!("producer group ({group}) instances are empty\n"));
        }
        for client in clients {
            report.text(format_args!(
                "producer group ({group}) instance : clientId={},remoteIP={}, language={}, version={}, \
                 lastUpdateTimestamp={}\n",
                client.client_id,
                client.remote_ip,
                client.language,
                client.version,
                client.last_update_timestamp,
            ));
        }
    }
    report.field("groups", groups);
    context.out.emit(report);
    Ok(())
}
