//! `topicRoute`.

use common::fastjson;
use remoting::body::route::TopicRouteData;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "topicRoute",
    Category::Topic,
    "Examine topic route info.",
    &[TOPIC, Opt::flag("l", "list", "Use list format to print data")],
    |context| Box::pin(topic_route(context)),
);

const COLUMNS: &[Column] = &[
    Column::left("clusterName", "#ClusterName", 45).gap(" "),
    Column::left("brokerName", "#BrokerName", 32).gap(" "),
    Column::left("brokerAddrs", "#BrokerAddrs", 50).gap(" "),
    Column::left("readQueueNums", "#ReadQueue", 10).gap(" "),
    Column::left("writeQueueNums", "#WriteQueue", 11).gap(" "),
    Column::left("perm", "#Perm", 5),
];

async fn topic_route(context: &Context) -> Result<(), AdminError> {
    let route = context.remote.route(context.need("topic")?).await?;
    let mut report = Report::new();
    if context.has("list") {
        list(&mut report, route);
    } else {
        report.text(String::from_utf8_lossy(&fastjson::to_vec_pretty(&route))).text("\n");
        report.field("route", &route);
    }
    context.out.emit(report);
    Ok(())
}

fn list(report: &mut Report, mut route: TopicRouteData) {
    route.broker_datas.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
    let mut table = Table::new(COLUMNS);
    let (mut reads, mut writes) = (0, 0);
    for group in &route.broker_datas {
        let Some(queues) = route.queue_datas.iter().rfind(|queues| queues.broker_name == group.broker_name)
        else {
            continue;
        };
        reads += queues.read_queue_nums;
        writes += queues.write_queue_nums;
        let addrs: Vec<_> = group.broker_addrs.iter().map(|(id, addr)| format!("{id}={addr}")).collect();
        table.row(row![
            &group.cluster,
            &group.broker_name,
            Cell::shown(&group.broker_addrs, format!("{{{}}}", addrs.join(", "))),
            queues.read_queue_nums,
            queues.write_queue_nums,
            queues.perm.0,
        ]);
    }
    let mut total = Table::new(COLUMNS);
    total.row(row!["Total:", route.queue_datas.len(), "", reads, writes, ""]);
    report.table("brokers", &table).text("-".repeat(158)).text("\n").rows("total", &total);
}
