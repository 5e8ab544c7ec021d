//! `consumerStatus`.

use std::{collections::BTreeMap, path::Path};

use remoting::{
    body::admin::{ConsumerConnection, ConsumerRunningInfo},
    version::version_name,
};

use crate::{
    command::{Category, Opt, Spec},
    commands::options::broker_addr,
    context::Context,
    error::AdminError,
    file, output,
    report::{Column, Report, Table, row},
    running_info,
};

pub(super) const SPEC: Spec = Spec::new(
    "consumerStatus",
    Category::Consumer,
    "Query consumer's internal data structure.",
    &[
        Opt::value("g", "consumerGroup", "consumer group name").required(),
        Opt::value("i", "clientId", "The consumer's client id"),
        broker_addr("broker address"),
        Opt::flag("s", "jstack", "Run jstack command in the consumer progress"),
    ],
    |context| Box::pin(status(context)),
)
.note("Without --clientId what each member says is written to <now>/<clientId> under the current directory.");

const COLUMNS: &[Column] = &[
    Column::left("index", "#Index", 10).gap(" "),
    Column::left("clientId", "#ClientId", 40).gap(" "),
    Column::left("version", "#Version", 20).gap(" "),
    Column::left("file", "#ConsumerRunningInfoFile", 0),
];

async fn status(context: &Context) -> Result<(), AdminError> {
    let group = context.need("consumerGroup")?;
    let connection = match context.get("brokerAddr") {
        Some(addr) => context.remote.consumer_connection_at(addr, group).await?,
        None => context.remote.consumer_connection(group).await?,
    };
    let with_stacks = context.has("jstack");
    let mut report = Report::new();
    if let Some(client_id) = context.get("clientId") {
        let info = context.remote.running_info(group, client_id, with_stacks).await?;
        report.text(running_info::in_full(&info)).field("clientId", client_id).field("runningInfo", &info);
        context.out.emit(report);
        return Ok(());
    }
    let (table, members) = ask_all(context, group, &connection, with_stacks).await?;
    let failed = connection.connection_set.len() - members.len();
    report.table("clients", &table);
    judge(&mut report, &members, context.now());
    report.field("runningInfos", &members);
    context.out.emit(report);
    if failed > 0 {
        return Err(AdminError::Failed(format!("{failed} clients did not answer")));
    }
    Ok(())
}

type Members = BTreeMap<String, ConsumerRunningInfo>;

async fn ask_all(
    context: &Context,
    group: &str,
    connection: &ConsumerConnection,
    with_stacks: bool,
) -> Result<(Table, Members), AdminError> {
    let now = context.now().to_string();
    let (mut table, mut members) = (Table::new(COLUMNS), Members::new());
    for client in &connection.connection_set {
        let info = match context.remote.running_info(group, &client.client_id, with_stacks).await {
            Ok(info) => info,
            Err(error) => {
                output::complain(context.spec.name, &error);
                continue;
            }
        };
        let name = client.client_id.replace('/', "_");
        let path = format!("{now}/{name}");
        file::write(Path::new(&path), running_info::in_full(&info).as_bytes())?;
        table.row(row![members.len() + 1, &client.client_id, version_name(client.version), path]);
        members.insert(client.client_id.clone(), info);
    }
    Ok((table, members))
}

fn judge(report: &mut Report, members: &Members, now: i64) {
    if members.is_empty() {
        return;
    }
    let is_same = running_info::have_one_subscription(members, now);
    report.field("sameSubscription", is_same);
    if !is_same {
        report.text("\n\nWARN: Different subscription in the same group of consumer!!!");
        return;
    }
    report.text("\n\nSame subscription in the same group of consumer\n\nRebalance OK\n");
    let stuck: String =
        members.iter().map(|(client_id, info)| running_info::stuck_queues(client_id, info, now)).collect();
    report.text(&stuck).field("stuck", stuck.lines().collect::<Vec<_>>());
}
