//! Users and access control lists.

mod acl;
mod acl_tables;
mod user;

use serde::{Deserialize, Serialize};

use crate::command::Spec;

pub(super) const SPECS: &[&[Spec]] = &[user::SPECS, acl::SPECS, acl_tables::SPECS];

/// `UserInfo`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UserInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

/// `AclInfo`: what a subject may do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AclInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<PolicyInfo>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
}

/// `PolicyInfo`: rules of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PolicyInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<PolicyEntryInfo>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_type: Option<String>,
}

/// `PolicyEntryInfo`: a rule about a resource.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PolicyEntryInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ips: Option<Vec<String>>,
}
