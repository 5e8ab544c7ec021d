//! `exportMetrics`.

use std::collections::{BTreeMap, BTreeSet};

use common::names::{SCHEDULE_TOPIC, TRANS_HALF_TOPIC};
use remoting::{body::admin::SubscriptionGroupWrapper, command::CURRENT_VERSION_NAME, version::version_name};
use serde_json::{Value, json};

use super::{
    FILE_PATH,
    metadata::{user_groups, user_topics},
    write,
};
use crate::{
    command::{Category, Opt, Spec},
    commands::{
        broker::config_of,
        stats::{counted, day_sum},
    },
    context::{Context, groups_of},
    error::AdminError,
};

pub(super) const SPEC: Spec = Spec::new(
    "exportMetrics",
    Category::Export,
    "Export metrics.",
    &[Opt::value("c", "clusterName", "choose a cluster to export").required(), FILE_PATH],
    |context| Box::pin(export(context)),
);

/// What goes through brokers: messages a second in this minute, and in a day.
#[derive(Default)]
struct Flow {
    in_tps: f64,
    out_tps: f64,
    trans_in_tps: f64,
    schedule_in_tps: f64,
    day_in: i64,
    day_out: i64,
    trans_day_in: i64,
    schedule_day_in: i64,
}

impl Flow {
    fn add(&mut self, other: &Self) {
        self.in_tps += other.in_tps;
        self.out_tps += other.out_tps;
        self.trans_in_tps += other.trans_in_tps;
        self.schedule_in_tps += other.schedule_in_tps;
        self.day_in += other.day_in;
        self.day_out += other.day_out;
        self.trans_day_in += other.trans_day_in;
        self.schedule_day_in += other.schedule_day_in;
    }

    fn of_day(&self) -> Value {
        json!({
            "normalOneDayInNum": self.day_in,
            "normalOneDayOutNum": self.day_out,
            "scheduleOneDayInNum": self.schedule_day_in,
            "transOneDayInNum": self.trans_day_in,
        })
    }
}

async fn export(context: &Context) -> Result<(), AdminError> {
    let info = context.remote.cluster_info().await?;
    let mut total = Flow::default();
    let mut brokers = BTreeMap::new();
    for group in groups_of(&info, context.need("clusterName")?)? {
        let Some(addr) = group.master_addr() else { continue };
        let figures = context.remote.runtime_info(addr).await?.table;
        let figure = |key: &str| figures.get(key).map(String::as_str);
        let config = config_of(context, addr).await?;
        let groups = user_groups(context, addr).await?;
        let flow = flow_of(context, addr, &figures).await;
        total.add(&flow);
        let topics = user_topics(context, addr, false).await?.topic_config_table.len();
        let broker = json!({
            "runtimeEnv": known([
                ("cpuNum", config.get("clientCallbackExecutorThreads")),
                ("totalMemKBytes", figure("totalMemKBytes")),
            ]),
            "runtimeQuota": {
                "diskRatio": known(
                    ["commitLogDiskRatio", "consumeQueueDiskRatio"].map(|key| (key, figure(key))),
                ),
                "groupSize": groups.subscription_group_table.len(),
                "messageAverageSize": figure("putMessageAverageSize"),
                "oneDayNum": flow.of_day(),
                "topicSize": topics,
                "tps": {
                    "normalInTps": flow.in_tps,
                    "normalOutTps": flow.out_tps,
                    "scheduleInTps": flow.schedule_in_tps,
                    "transInTps": flow.trans_in_tps,
                },
            },
            "runtimeVersion": {
                "clientInfo": clients_of(context, &groups).await,
                "rocketmqVersion": CURRENT_VERSION_NAME,
            },
        });
        brokers.insert(group.broker_name.clone(), broker);
    }
    let result = json!({
        "evaluateReport": brokers,
        "totalData": {
            "totalOneDayNum": total.of_day(),
            "totalTps": {
                "totalNormalInTps": total.in_tps,
                "totalNormalOutTps": total.out_tps,
                "totalScheduleInTps": total.schedule_in_tps,
                "totalTransInTps": total.trans_in_tps,
            },
        },
    });
    write(context, "metrics.json", &result, "")
}

/// What a broker says; a figure it does not give is left out.
fn known<'a, const N: usize>(figures: [(&'a str, Option<&'a str>); N]) -> BTreeMap<&'a str, &'a str> {
    figures.into_iter().filter_map(|(key, figure)| Some((key, figure?))).collect()
}

async fn flow_of(context: &Context, addr: &str, figures: &BTreeMap<String, String>) -> Flow {
    let text = |key: &str| figures.get(key).map_or("", String::as_str);
    let tps = |key: &str| text(key).split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0);
    let count = |key: &str| text(key).parse::<i64>().unwrap_or(0);
    // A broker that never saw such a message counts none.
    let transactions = counted(context, addr, "TOPIC_PUT_NUMS", TRANS_HALF_TOPIC).await.unwrap_or_default();
    let delayed = counted(context, addr, "TOPIC_PUT_NUMS", SCHEDULE_TOPIC).await.unwrap_or_default();
    Flow {
        in_tps: tps("putTps"),
        out_tps: tps("getTransferredTps"),
        trans_in_tps: transactions.stats_minute.tps,
        schedule_in_tps: delayed.stats_minute.tps,
        day_in: count("msgPutTotalTodayMorning") - count("msgPutTotalYesterdayMorning"),
        day_out: count("msgGetTotalTodayMorning") - count("msgGetTotalYesterdayMorning"),
        trans_day_in: day_sum(&transactions),
        schedule_day_in: day_sum(&delayed),
    }
}

/// Languages and versions of those who consume.
async fn clients_of(context: &Context, groups: &SubscriptionGroupWrapper) -> BTreeSet<String> {
    let mut clients = BTreeSet::new();
    for group in groups.subscription_group_table.keys() {
        let Ok(connection) = context.remote.consumer_connection(group).await else { continue };
        let named = connection.connection_set.iter();
        clients.extend(named.map(|client| format!("{}%{}", client.language, version_name(client.version))));
    }
    clients
}
