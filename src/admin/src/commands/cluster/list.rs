//! `clusterList`.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use remoting::{body::kv::KvTable, body::route::ClusterInfo};

use crate::{
    command::{Category, Opt, Spec},
    context::{Context, groups_of},
    error::AdminError,
    output,
    report::{Cell, Column, Pad, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "clusterList",
    Category::Cluster,
    "List cluster infos.",
    &[
        Opt::flag("m", "moreStats", "Print more stats"),
        Opt::value("i", "interval", "specify intervals numbers, it is in seconds"),
        Opt::value("c", "clusterName", "which cluster"),
    ],
    |context| Box::pin(context.at_interval(async || list_once(context).await)),
)
.watched();

const BASE: &[Column] = &[
    Column::left("clusterName", "#Cluster Name", 22),
    Column::left("brokerName", "#Broker Name", 22),
    Column::left("brokerId", "#BID", 4),
    Column::left("brokerAddr", "#Addr", 22).gap(" "),
    Column::left("version", "#Version", 16),
    Column::new("inTps", "#InTPS(LOAD)", Pad::Right(16)),
    Column::new("outTps", "#OutTPS(LOAD)", Pad::Right(30)),
    Column::left("timer", "#Timer(Progress)", 22),
    Column::left("pageCacheLockTimeMillis", "#PCWait(ms)", 11).cell(Pad::Right(11)),
    Column::left("earliestMessageHours", "#Hour", 12),
    Column::left("commitLogDiskRatio", "#SPACE", 8),
    Column::left("isActive", "#ACTIVATED", 10).cell(Pad::Right(10)),
];

const MORE: &[Column] = &[
    Column::left("clusterName", "#Cluster Name", 16),
    Column::left("brokerName", "#Broker Name", 32).gap(" "),
    Column::new("inTotalYesterday", "#InTotalYest", Pad::Right(14)).gap(" "),
    Column::new("outTotalYesterday", "#OutTotalYest", Pad::Right(14)).gap(" "),
    Column::new("inTotalToday", "#InTotalToday", Pad::Right(14)).gap(" "),
    Column::new("outTotalToday", "#OutTotalToday", Pad::Right(14)),
];

async fn list_once(context: &Context) -> Result<(), AdminError> {
    let info = context.remote.cluster_info().await?;
    let clusters: Vec<String> = match context.get("clusterName") {
        Some(cluster) if !cluster.is_empty() => vec![cluster.to_owned()],
        _ => info.cluster_addr_table.keys().cloned().collect(),
    };
    let mut members = Vec::new();
    for cluster in &clusters {
        members.extend(members_of(&info, cluster)?);
    }
    let asked = members.iter().map(|member| context.remote.runtime_info(&member.addr));
    let answers = join_all(asked).await;
    let mut table = Table::new(if context.has("moreStats") { MORE } else { BASE });
    let mut failed = 0;
    for (member, answer) in members.iter().zip(answers) {
        let figures = answer.unwrap_or_else(|error| {
            failed += 1;
            output::complain(context.spec.name, &error.into());
            KvTable::default()
        });
        let figures = Figures(&figures.table);
        table.row(if context.has("moreStats") {
            totals(member, &figures)
        } else {
            loads(member, &figures, context.now())
        });
    }
    let mut report = Report::new();
    report.table("brokers", &table);
    context.out.emit(report);
    if failed > 0 { Err(AdminError::SomeFailed { failed, asked: members.len() }) } else { Ok(()) }
}

/// A broker of a cluster.
struct Member {
    cluster: String,
    name: String,
    id: i64,
    addr: String,
}

fn members_of(info: &ClusterInfo, cluster: &str) -> Result<Vec<Member>, AdminError> {
    let groups = groups_of(info, cluster)?;
    let members = groups.into_iter().flat_map(|group| {
        group.broker_addrs.iter().map(|(id, addr)| Member {
            cluster: cluster.to_owned(),
            name: group.broker_name.clone(),
            id: *id,
            addr: addr.clone(),
        })
    });
    Ok(members.collect())
}

/// What a broker says of itself.
struct Figures<'a>(&'a BTreeMap<String, String>);

impl Figures<'_> {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    fn text_or<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.0.get(key).map_or(default, String::as_str)
    }

    fn number(&self, key: &str) -> f64 {
        self.text(key).split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
    }

    fn count(&self, key: &str) -> i64 {
        self.text(key).parse().unwrap_or_default()
    }
}

fn loads(member: &Member, figures: &Figures<'_>, now: i64) -> Vec<Cell> {
    let (incoming, outgoing) = (figures.number("putTps"), figures.number("getTransferredTps"));
    let incoming_load = format!(
        "{incoming:9.2}({},{}ms)",
        figures.text("sendThreadPoolQueueSize"),
        figures.text("sendThreadPoolQueueHeadWaitTimeMills")
    );
    let outgoing_load = format!(
        "{outgoing:9.2}({},{}ms|{},{}ms)",
        figures.text("pullThreadPoolQueueSize"),
        figures.text("pullThreadPoolQueueHeadWaitTimeMills"),
        figures.text_or("ackThreadPoolQueueSize", "N"),
        figures.text_or("ackThreadPoolQueueHeadWaitTimeMills", "N"),
    );
    let timer = format!(
        "{}-{}({:.1}w, {:.1}, {:.1})",
        figures.count("timerReadBehind"),
        figures.count("timerOffsetBehind"),
        figures.count("timerCongestNum") as f64 / 10_000.0,
        figures.number("timerEnqueueTps"),
        figures.number("timerDequeueTps"),
    );
    let earliest = figures.0.get("earliestMessageTimeStamp").and_then(|millis| millis.parse::<i64>().ok());
    let hours = earliest.map_or(0.0, |earliest| (now - earliest) as f64 / 3_600_000.0);
    let space = figures.number("commitLogDiskRatio");
    row![
        &member.cluster,
        &member.name,
        member.id,
        &member.addr,
        figures.text("brokerVersionDesc"),
        Cell::shown(incoming, incoming_load),
        Cell::shown(outgoing, outgoing_load),
        timer,
        figures.text("pageCacheLockTimeMills"),
        Cell::shown(hours, format!("{hours:.2}")),
        Cell::shown(space, format!("{space:.4}")),
        figures.text("brokerActive").eq_ignore_ascii_case("true"),
    ]
}

fn totals(member: &Member, figures: &Figures<'_>) -> Vec<Cell> {
    let between = |later, earlier| figures.count(later) - figures.count(earlier);
    row![
        &member.cluster,
        &member.name,
        between("msgPutTotalTodayMorning", "msgPutTotalYesterdayMorning"),
        between("msgGetTotalTodayMorning", "msgGetTotalYesterdayMorning"),
        between("msgPutTotalTodayNow", "msgPutTotalTodayMorning"),
        between("msgGetTotalTodayNow", "msgGetTotalTodayMorning"),
    ]
}
