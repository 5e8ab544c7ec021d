//! `getAcl` and `listAcl`.

use super::{
    AclInfo,
    acl::{acl_at, acls_at},
};
use crate::{
    command::{Category, Opt, Spec},
    commands::options::{broker_addr, cluster_name},
    context::{Context, Reach},
    error::AdminError,
    java,
    report::{Cell, Column, Report, Table, row},
};

pub(super) const SPECS: &[Spec] = &[
    Spec::new(
        "getAcl",
        Category::Auth,
        "Get acl from cluster.",
        &[
            broker_addr("get acl for which broker").choice(),
            cluster_name("get acl for specified cluster").choice(),
            Opt::value("s", "subject", "the subject of acl to get"),
        ],
        |context| Box::pin(get(context)),
    ),
    Spec::new(
        "listAcl",
        Category::Auth,
        "List acl from cluster.",
        &[
            broker_addr("list acl for which broker.").choice(),
            cluster_name("list acl for specified cluster.").choice(),
            Opt::value("s", "subject", "the subject of acl to filter."),
            Opt::value("r", "resource", "the resource of acl to filter."),
        ],
        |context| Box::pin(list(context)),
    ),
];

const COLUMNS: &[Column] = &[
    Column::left("subject", "#Subject", 16),
    Column::left("policyType", "#PolicyType", 10),
    Column::left("resource", "#Resource", 22),
    Column::left("actions", "#Actions", 20),
    Column::left("sourceIps", "#SourceIp", 24),
    Column::left("decision", "#Decision", 10),
];

async fn get(context: &Context) -> Result<(), AdminError> {
    let mut is_known = false;
    for addr in context.chosen_brokers(Reach::Masters).await? {
        if let Some(acl) = acl_at(context, &addr, context.get("subject")).await? {
            is_known = true;
            show(context, &addr, &[acl]);
        }
    }
    if is_known {
        return Ok(());
    }
    Err(AdminError::Missing {
        what: format!("there is no acl of {}", context.get("subject").unwrap_or_default()),
        advice: "see the acls with listAcl",
    })
}

async fn list(context: &Context) -> Result<(), AdminError> {
    for addr in context.chosen_brokers(Reach::Masters).await? {
        let acls = acls_at(context, &addr, context.get("subject"), context.get("resource")).await?;
        if !acls.is_empty() {
            show(context, &addr, &acls);
        }
    }
    Ok(())
}

fn show(context: &Context, addr: &str, acls: &[AclInfo]) {
    let mut table = Table::new(COLUMNS);
    for acl in acls {
        let subject = java::or_null(acl.subject.as_ref());
        let policies = acl.policies.as_deref().unwrap_or_default();
        if policies.is_empty() {
            table.row(row![&subject, "", "", "", "", ""]);
        }
        for policy in policies {
            for entry in policy.entries.iter().flatten() {
                table.row(row![
                    &subject,
                    java::or_null(policy.policy_type.as_ref()),
                    java::or_null(entry.resource.as_ref()),
                    Cell::shown(&entry.actions, java::list(entry.actions.as_deref())),
                    Cell::shown(&entry.source_ips, java::list(entry.source_ips.as_deref())),
                    java::or_null(entry.decision.as_ref()),
                ]);
            }
        }
    }
    let mut report = Report::new();
    report.table("acls", &table).field("brokerAddr", addr);
    context.out.emit(report);
}
