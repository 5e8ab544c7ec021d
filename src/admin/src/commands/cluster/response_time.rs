//! `clusterRT`.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use client::producer::{Outgoing, Producer};

use crate::{
    command::{Category, Opt, Spec},
    context::Context,
    error::AdminError,
    report::{Cell, Column, Pad, Report, Table, row},
};

pub(super) const SPEC: Spec = Spec::new(
    "clusterRT",
    Category::Cluster,
    "List All clusters Message Send RT.",
    &[
        Opt::value("a", "amount", "message amount | default 100"),
        Opt::value("s", "size", "message size | default 128 Byte"),
        Opt::value("c", "cluster", "cluster name | default display all cluster"),
        Opt::value("p", "printAsTlog", "print as tlog | default false"),
        Opt::value("m", "machineRoom", "machine room name | default noname"),
        Opt::value("i", "interval", "print interval | default 10 seconds"),
    ],
    |context| Box::pin(measure(context)),
)
.note("Sends messages to the topic of each broker's name, and goes on until it is stopped.");

const COLUMNS: &[Column] = &[
    Column::left("clusterName", "#Cluster Name", 24),
    Column::left("brokerName", "#Broker Name", 24),
    Column::left("rtMillis", "#RT", 4).cell(Pad::Left(8)),
    Column::left("sent", "#successCount", 8).cell(Pad::Left(16)),
    Column::left("failed", "#failCount", 8).cell(Pad::Left(16)),
];

/// What a broker took, and how long it took for one.
struct Measured {
    millis: f64,
    sent: u64,
    failed: u64,
}

async fn measure(context: &Context) -> Result<(), AdminError> {
    let info = context.remote.cluster_info().await?;
    let clusters: Vec<String> = match context.get("cluster") {
        Some(cluster) => vec![cluster.to_owned()],
        None => info.cluster_addr_table.keys().cloned().collect(),
    };
    let pause = Duration::from_secs(context.number("interval")?.unwrap_or(10));
    let is_log = context.is_true("printAsTlog") == Some(true);
    let producer = context.producer(&context.now().to_string());
    if !is_log {
        let mut report = Report::new();
        report.table("brokers", &Table::new(COLUMNS));
        if !context.out.is_json() {
            context.out.emit(report);
        }
    }
    while !context.out.is_closed() {
        for cluster in &clusters {
            let names = info.cluster_addr_table.get(cluster).ok_or_else(|| AdminError::Missing {
                what: format!("there is no cluster {cluster}"),
                advice: "see the clusters with clusterList",
            })?;
            for name in names {
                let measured = send(context, &producer, name).await?;
                show(context, cluster, name, &measured, is_log);
            }
        }
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

async fn send(context: &Context, producer: &Producer, topic: &str) -> Result<Measured, AdminError> {
    let amount: u64 = context.number("amount")?.unwrap_or(100);
    let size: usize = context.number("size")?.unwrap_or(128);
    let message = Outgoing::new(topic, "a".repeat(size));
    let (mut millis, mut sent, mut failed) = (0.0, 0, 0);
    for place in 0..amount {
        let begun = context.clock.monotonic();
        match producer.send(&message).await {
            Ok(_) => sent += 1,
            Err(_) => failed += 1,
        }
        if place > 0 {
            millis += context.millis_since(begun) as f64;
        }
    }
    Ok(Measured { millis: millis / amount.saturating_sub(1) as f64, sent, failed })
}

fn show(context: &Context, cluster: &str, name: &str, measured: &Measured, is_log: bool) {
    let mut report = Report::new();
    if is_log {
        let room = context.get("machineRoom").unwrap_or("noname");
        let now = china_time(context.now());
        report.text(format_args!("{now}|{room}|{cluster}|{name}|{:.0}\n", measured.millis));
        report.field("clusterName", cluster).field("brokerName", name).field("rtMillis", measured.millis);
    } else {
        let mut table = Table::new(COLUMNS);
        table.row(row![
            cluster,
            name,
            Cell::shown(measured.millis, format!("{:.2}", measured.millis)),
            Cell::of(measured.sent),
            Cell::of(measured.failed),
        ]);
        report.rows("brokers", &table);
    }
    context.out.emit(report);
}

/// The time in China, which this line of RocketMQ's has everywhere.
fn china_time(millis: i64) -> String {
    let zone = FixedOffset::east_opt(8 * 3600);
    let time =
        DateTime::from_timestamp_millis(millis).zip(zone).map(|(time, zone)| time.with_timezone(&zone));
    time.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}
