//! Headers about the controller.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct AlterSyncStateSetRequestHeader {
    pub broker_name: Option<String>,
    pub master_broker_id: Option<i64>,
    pub master_epoch: Option<i32>,
    pub invoke_time: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct AlterSyncStateSetResponseHeader {
    pub new_sync_state_set_epoch: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ElectMasterRequestHeader {
    #[header(default)]
    pub cluster_name: String,
    #[header(default)]
    pub broker_name: String,
    #[header(default = -1)]
    pub broker_id: i64,
    #[header(default)]
    pub designate_elect: bool,
    pub invoke_time: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ElectMasterResponseHeader {
    pub master_broker_id: Option<i64>,
    pub master_address: Option<String>,
    pub master_epoch: Option<i32>,
    pub sync_state_set_epoch: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RegisterBrokerToControllerRequestHeader {
    pub cluster_name: Option<String>,
    pub broker_name: Option<String>,
    pub broker_id: Option<i64>,
    pub broker_address: Option<String>,
    pub invoke_time: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct RegisterBrokerToControllerResponseHeader {
    pub cluster_name: Option<String>,
    pub broker_name: Option<String>,
    pub master_broker_id: Option<i64>,
    pub master_address: Option<String>,
    pub master_epoch: Option<i32>,
    pub sync_state_set_epoch: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetReplicaInfoRequestHeader {
    pub broker_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetReplicaInfoResponseHeader {
    pub master_broker_id: Option<i64>,
    pub master_address: Option<String>,
    pub master_epoch: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetMetaDataResponseHeader {
    pub group: Option<String>,
    pub controller_leader_id: Option<String>,
    pub controller_leader_address: Option<String>,
    pub is_leader: Option<bool>,
    pub peers: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct NotifyBrokerRoleChangedRequestHeader {
    pub master_address: Option<String>,
    pub master_epoch: Option<i32>,
    pub sync_state_set_epoch: Option<i32>,
    pub master_broker_id: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CleanControllerBrokerDataRequestHeader {
    pub cluster_name: Option<String>,
    pub broker_name: String,
    pub broker_controller_ids_to_clean: Option<String>,
    #[header(default)]
    pub is_clean_living_broker: bool,
    pub invoke_time: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetNextBrokerIdRequestHeader {
    pub cluster_name: Option<String>,
    pub broker_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetNextBrokerIdResponseHeader {
    pub cluster_name: Option<String>,
    pub broker_name: Option<String>,
    pub next_broker_id: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ApplyBrokerIdRequestHeader {
    pub cluster_name: Option<String>,
    pub broker_name: Option<String>,
    pub applied_broker_id: Option<i64>,
    pub register_check_code: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ApplyBrokerIdResponseHeader {
    pub cluster_name: Option<String>,
    pub broker_name: Option<String>,
}
