//! Replication: `haStatus` and `getSyncStateSet`.

use std::collections::BTreeMap;

use client::broker::BrokerError;
use common::fastjson;
use remoting::{
    header::NoHeader,
    request::{ControllerGetSyncStateData, GetBrokerHaStatus},
};
use serde::{Deserialize, Serialize};

use super::{
    controller,
    options::{broker_addr, cluster_name},
};
use crate::{
    command::{Category, Opt, Spec},
    context::{Context, Reach},
    error::AdminError,
    format, java,
    report::{Cell, Column, Pad, Report, Table, row},
};

const INTERVAL: Opt = Opt::value("i", "interval", "the interval(second) of get info");

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "haStatus",
        Category::HighAvailability,
        "Fetch ha runtime status data.",
        &[cluster_name("which cluster"), broker_addr("which broker to fetch"), INTERVAL],
        |context| Box::pin(context.at_interval(async || ha_status(context).await)),
    ),
    Spec::new(
        "getSyncStateSet",
        Category::HighAvailability,
        "Fetch syncStateSet for target brokers.",
        &[
            Opt::value("a", "controllerAddress", "the address of controller").required(),
            cluster_name("which cluster"),
            Opt::value("b", "brokerName", "which broker to fetch"),
            INTERVAL,
        ],
        |context| Box::pin(context.at_interval(async || sync_state_set(context).await)),
    ),
];

/// `HARuntimeInfo`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HaRuntimeInfo {
    ha_client_runtime_info: HaClientRuntimeInfo,
    ha_connection_info: Vec<HaConnectionRuntimeInfo>,
    in_sync_slave_nums: i32,
    master: bool,
    master_commit_log_max_offset: i64,
}

/// `HAConnectionRuntimeInfo`: a slave as its master sees it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HaConnectionRuntimeInfo {
    addr: Option<String>,
    diff: i64,
    in_sync: bool,
    slave_ack_offset: i64,
    transfer_from_where: i64,
    transferred_byte_in_second: i64,
}

/// `HAClientRuntimeInfo`: a slave as it sees itself.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HaClientRuntimeInfo {
    last_read_timestamp: i64,
    last_write_timestamp: i64,
    master_addr: Option<String>,
    master_flush_offset: i64,
    max_offset: i64,
    transferred_byte_in_second: i64,
}

const SLAVES: &[Column] = &[
    Column::left("addr", "#SlaveAddr", 32),
    Column::left("slaveAckOffset", "#SlaveAckOffset", 16).gap(" "),
    Column::new("diff", "#Diff", Pad::Right(16)).gap(" "),
    Column::new("transferKbPerSecond", "#TransferSpeed(KB/s)", Pad::Right(16)).gap(" "),
    Column::new("status", "#Status", Pad::Right(16)).gap(" "),
    Column::new("transferFromWhere", "#TransferFromWhere", Pad::Right(16)),
];

async fn ha_status(context: &Context) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Masters).await? {
        let info: HaRuntimeInfo = context.remote.body::<GetBrokerHaStatus, _>(&addr, NoHeader {}).await?;
        let mut report = Report::new();
        report.field("brokerAddr", &addr);
        if info.master {
            show_master(&mut report, &addr, &info);
        } else {
            show_slave(&mut report, &info.ha_client_runtime_info);
        }
        context.out.emit(report);
    }
    Ok(())
}

fn show_master(report: &mut Report, addr: &str, info: &HaRuntimeInfo) {
    report.text(format_args!(
        "\n#MasterAddr\t{addr}\n#MasterCommitLogMaxOffset\t{}\n#SlaveNum\t{}\n#InSyncSlaveNum\t{}\n",
        info.master_commit_log_max_offset,
        info.ha_connection_info.len(),
        info.in_sync_slave_nums
    ));
    let mut table = Table::new(SLAVES);
    for slave in &info.ha_connection_info {
        let speed = slave.transferred_byte_in_second as f64 / 1024.0;
        table.row(row![
            java::or_null(slave.addr.as_ref()),
            slave.slave_ack_offset,
            slave.diff,
            Cell::shown(speed, format!("{speed:.2}")),
            if slave.in_sync { "OK" } else { "Fall Behind" },
            slave.transfer_from_where,
        ]);
    }
    report.table("slaves", &table).field("isMaster", true);
    report.field("masterCommitLogMaxOffset", info.master_commit_log_max_offset);
    report.field("inSyncSlaveNums", info.in_sync_slave_nums);
}

fn show_slave(report: &mut Report, info: &HaClientRuntimeInfo) {
    report.text(format_args!(
        "\n#MasterAddr\t{}\n#CommitLogMaxOffset\t{}\n#TransferSpeed(KB/s)\t{:.2}\n#LastReadTime\t{}\n\
         #LastWriteTime\t{}\n#MasterFlushOffset\t{}\n",
        java::or_null(info.master_addr.as_ref()),
        info.max_offset,
        info.transferred_byte_in_second as f64 / 1024.0,
        format::millis(info.last_read_timestamp),
        format::millis(info.last_write_timestamp),
        info.master_flush_offset
    ));
    report.field("isMaster", false).field("slave", info);
}

/// `BrokerReplicasInfo`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BrokerReplicasInfo {
    replicas_info_table: BTreeMap<String, ReplicasInfo>,
}

/// `ReplicasInfo`: a group of brokers as its controller sees it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicasInfo {
    in_sync_replicas: Vec<ReplicaIdentity>,
    master_address: Option<String>,
    master_broker_id: Option<i64>,
    master_epoch: Option<i32>,
    not_in_sync_replicas: Vec<ReplicaIdentity>,
    sync_state_set_epoch: Option<i32>,
}

/// `ReplicaIdentity`: a broker of such a group.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaIdentity {
    alive: Option<bool>,
    broker_address: Option<String>,
    broker_id: Option<i64>,
    broker_name: Option<String>,
}

impl ReplicaIdentity {
    fn as_java_shows(&self) -> String {
        format!(
            "ReplicaIdentity{{brokerName='{}', brokerId={}, brokerAddress='{}', alive={}}}",
            java::or_null(self.broker_name.as_ref()),
            java::or_null(self.broker_id),
            java::or_null(self.broker_address.as_ref()),
            java::or_null(self.alive)
        )
    }
}

async fn sync_state_set(context: &Context) -> Result<(), AdminError> {
    let address = context.need("controllerAddress")?.split(';').next().unwrap_or_default();
    let names: Vec<String> = match (context.get("brokerName"), context.get("clusterName")) {
        (Some(name), _) => vec![name.to_owned()],
        (None, Some(cluster)) => {
            let info = context.remote.cluster_info().await?;
            let groups = crate::context::groups_of(&info, cluster)?;
            groups.into_iter().map(|group| group.broker_name.clone()).collect()
        }
        (None, None) => return Err(context.usage("name a broker with -b or a cluster with -c")),
    };
    let leader = controller::leader_of(context, address).await?;
    let response = context
        .remote
        .ask::<ControllerGetSyncStateData>(&leader, NoHeader {}, fastjson::to_vec(&names))
        .await?;
    let info: BrokerReplicasInfo = fastjson::from_slice(&response.body)
        .map_err(|source| BrokerError::Body { addr: leader.clone(), source })?;
    let mut report = Report::new();
    for (name, group) in &info.replicas_info_table {
        report.text(format_args!(
            "\n#brokerName\t{name}\n#MasterBrokerId\t{}\n#MasterAddr\t{}\n#MasterEpoch\t{}\n\
             #SyncStateSetEpoch\t{}\n#SyncStateSetNums\t{}\n",
            java::or_null(group.master_broker_id),
            java::or_null(group.master_address.as_ref()),
            java::or_null(group.master_epoch),
            java::or_null(group.sync_state_set_epoch),
            group.in_sync_replicas.len()
        ));
        for member in &group.in_sync_replicas {
            report.text(format_args!("\nInSyncReplica:\t{}\n", member.as_java_shows()));
        }
        for member in &group.not_in_sync_replicas {
            report.text(format_args!("\nNotInSyncReplica:\t{}\n", member.as_java_shows()));
        }
    }
    report.field("replicas", info.replicas_info_table);
    context.out.emit(report);
    Ok(())
}
