//! `createAcl`, `updateAcl`, `deleteAcl` and `copyAcl`.

use bytes::Bytes;
use client::broker::BrokerError;
use common::fastjson;
use remoting::{
    headers::auth::{
        CreateAclRequestHeader, DeleteAclRequestHeader, GetAclRequestHeader, ListAclsRequestHeader,
        UpdateAclRequestHeader,
    },
    request::{AuthCreateAcl, AuthDeleteAcl, AuthGetAcl, AuthListAcl, AuthUpdateAcl},
};
use serde::de::DeserializeOwned;

use super::{AclInfo, PolicyEntryInfo, PolicyInfo};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
};

const SUBJECT: Opt = Opt::value("s", "subject", "the subject of the acl, e.g. User:alice").required();
const RESOURCES: Opt =
    Opt::value("r", "resources", "the resources of the acl, e.g. Topic:T,Group:G").required();
const ACTIONS: Opt = Opt::value("a", "actions", "the actions of the acl, e.g. Pub,Sub").required();
const SOURCE_IP: Opt = Opt::value("i", "sourceIp", "the sourceIps of the acl");
const DECISION: Opt = Opt::value("d", "decision", "the decision of the acl: Allow or Deny").required();

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "createAcl",
        Category::Auth,
        "Create acl to cluster.",
        &[
            cluster_name("create acl to which cluster").choice(),
            broker_addr("create acl to which broker").choice(),
            SUBJECT,
            RESOURCES,
            ACTIONS,
            SOURCE_IP,
            DECISION,
        ],
        |context| Box::pin(create(context)),
    ),
    Spec::new(
        "updateAcl",
        Category::Auth,
        "Update acl to cluster.",
        &[
            cluster_name("update acl to which cluster").choice(),
            broker_addr("update acl to which broker").choice(),
            SUBJECT,
            RESOURCES,
            ACTIONS,
            SOURCE_IP,
            DECISION,
        ],
        |context| Box::pin(update(context)),
    ),
    Spec::new(
        "deleteAcl",
        Category::Auth,
        "Delete acl from cluster.",
        &[
            cluster_name("delete acl from which cluster").choice(),
            broker_addr("delete acl from which broker").choice(),
            SUBJECT,
            Opt::value("r", "resources", "the resources of acl to delete"),
        ],
        |context| Box::pin(delete(context)),
    )
    .harm("deletes what a user may do"),
    Spec::new(
        "copyAcl",
        Category::Auth,
        "Copy acl to cluster.",
        &[
            Opt::value("f", "fromBroker", "the source broker that the acls copy from").required(),
            Opt::value("t", "toBroker", "the target broker that the acls copy to").required(),
            Opt::value("s", "subjects", "the subject list of acl to copy."),
        ],
        |context| Box::pin(copy(context)),
    ),
];

/// The rule the options describe, once for each resource (`AclInfo.of`).
fn given(context: &Context) -> Result<AclInfo, AdminError> {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let entry = |resource| PolicyEntryInfo {
        actions: context.get("actions").map(split),
        decision: context.get("decision").map(str::to_owned),
        resource: Some(resource),
        source_ips: context.get("sourceIp").map(split),
    };
    let entries = split(context.need("resources")?).into_iter().map(entry).collect();
    let policies = vec![PolicyInfo { entries: Some(entries), policy_type: None }];
    Ok(AclInfo { policies: Some(policies), subject: Some(context.need("subject")?.to_owned()) })
}

/// A body that may be absent.
pub(super) fn optional<T: DeserializeOwned>(addr: &str, body: &[u8]) -> Result<Option<T>, AdminError> {
    if body.is_empty() {
        return Ok(None);
    }
    let read = fastjson::from_slice(body);
    Ok(read.map_err(|source| BrokerError::Body { addr: addr.to_owned(), source })?)
}

async fn create_at(context: &Context, addr: &str, acl: &AclInfo) -> Result<(), AdminError> {
    let header = CreateAclRequestHeader { subject: acl.subject.clone() };
    context.remote.ask::<AuthCreateAcl>(addr, header, fastjson::to_vec(acl)).await?;
    Ok(())
}

async fn update_at(context: &Context, addr: &str, acl: &AclInfo) -> Result<(), AdminError> {
    let header = UpdateAclRequestHeader { subject: acl.subject.clone() };
    context.remote.ask::<AuthUpdateAcl>(addr, header, fastjson::to_vec(acl)).await?;
    Ok(())
}

/// What a subject may do by a broker's account; `None` when it knows nothing of it.
pub(super) async fn acl_at(
    context: &Context,
    addr: &str,
    subject: Option<&str>,
) -> Result<Option<AclInfo>, AdminError> {
    let header = GetAclRequestHeader { subject: subject.map(str::to_owned) };
    let response = context.remote.ask::<AuthGetAcl>(addr, header, Bytes::new()).await?;
    optional(addr, &response.body)
}

/// What a broker knows of subjects and resources.
pub(super) async fn acls_at(
    context: &Context,
    addr: &str,
    subject: Option<&str>,
    resource: Option<&str>,
) -> Result<Vec<AclInfo>, AdminError> {
    let header = ListAclsRequestHeader {
        subject_filter: subject.map(str::to_owned),
        resource_filter: resource.map(str::to_owned),
    };
    let response = context.remote.ask::<AuthListAcl>(addr, header, Bytes::new()).await?;
    Ok(optional(addr, &response.body)?.unwrap_or_default())
}

async fn create(context: &Context) -> Result<(), AdminError> {
    let acl = given(context)?;
    for addr in context.chosen_brokers(Reach::Everyone).await? {
        create_at(context, &addr, &acl).await?;
        context.say(format!("create acl to {addr} success.\n"), &[("brokerAddr", &addr)]);
    }
    Ok(())
}

async fn update(context: &Context) -> Result<(), AdminError> {
    let acl = given(context)?;
    for addr in context.chosen_brokers(Reach::Everyone).await? {
        update_at(context, &addr, &acl).await?;
        context.say(format!("update acl to {addr} success.\n"), &[("brokerAddr", &addr)]);
    }
    Ok(())
}

async fn delete(context: &Context) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Everyone).await? {
        let header = DeleteAclRequestHeader {
            subject: Some(context.need("subject")?.to_owned()),
            policy_type: None,
            resource: context.get("resources").map(str::to_owned),
        };
        context.remote.ask::<AuthDeleteAcl>(&addr, header, Bytes::new()).await?;
        context.say(format!("delete acl to {addr} success.\n"), &[("brokerAddr", &addr)]);
    }
    Ok(())
}

async fn copy(context: &Context) -> Result<(), AdminError> {
    let (source, target) = (context.need("fromBroker")?, context.need("toBroker")?);
    let mut acls = Vec::new();
    match context.get("subjects").filter(|subjects| !subjects.is_empty()) {
        Some(subjects) => {
            for subject in subjects.split(',').filter(|subject| !subject.is_empty()) {
                acls.extend(acl_at(context, source, Some(subject)).await?);
            }
        }
        None => acls = acls_at(context, source, None, None).await?,
    }
    for acl in &acls {
        let subject = acl.subject.as_deref();
        if acl_at(context, target, subject).await?.is_none() {
            create_at(context, target, acl).await?;
        } else {
            update_at(context, target, acl).await?;
        }
        let subject = subject.unwrap_or("null");
        context.say(
            format!("copy acl of {subject} from {source} to {target} success.\n"),
            &[("subject", subject), ("fromBroker", source), ("toBroker", target)],
        );
    }
    Ok(())
}
