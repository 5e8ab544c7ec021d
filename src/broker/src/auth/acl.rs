//! One access control list: reading what an operator wrote, and merging it into what is there.

use remoting::body::auth::{AclInfo, PolicyEntryInfo, PolicyInfo};

use super::{
    AuthError,
    resource::{action, is_ip_or_range, known, resource_key},
};

/// Entries one list takes.
const ENTRIES_MAX: usize = 10_000;

/// The policies of a list as they are kept.
///
/// # Errors
/// When one of them makes no sense; the texts are RocketMQ's.
pub(super) fn policies(info: &AclInfo) -> Result<Vec<PolicyInfo>, AuthError> {
    let wanted = info.policies.as_deref().unwrap_or_default();
    let filled = wanted.iter().filter(|policy| policy.entries.as_ref().is_some_and(|all| !all.is_empty()));
    let policies: Vec<PolicyInfo> = filled.map(policy).collect::<Result<_, _>>()?;
    if policies.is_empty() {
        return Err(AuthError::denied("The policies is empty."));
    }
    Ok(policies)
}

/// The kind of policies a name stands for, `Custom` without one.
pub(super) fn policy_type(name: Option<&str>) -> &'static str {
    known(&["Custom", "Default"], name.unwrap_or_default()).unwrap_or("Custom")
}

fn policy(wanted: &PolicyInfo) -> Result<PolicyInfo, AuthError> {
    let entries = wanted.entries.iter().flatten().map(entry).collect::<Result<_, _>>()?;
    let policy_type = policy_type(wanted.policy_type.as_deref()).to_owned();
    Ok(PolicyInfo { entries: Some(entries), policy_type: Some(policy_type) })
}

fn entry(wanted: &PolicyEntryInfo) -> Result<PolicyEntryInfo, AuthError> {
    let resource = wanted.resource.as_deref().and_then(resource_key);
    let resource = resource.ok_or_else(|| AuthError::denied("The resource is null."))?;
    let actions: Vec<String> =
        wanted.actions.iter().flatten().filter_map(|name| action(name)).map(str::to_owned).collect();
    if actions.is_empty() {
        return Err(AuthError::denied("The actions is empty."));
    }
    if actions.iter().any(|action| action == "Any") {
        return Err(AuthError::denied("The actions can not be Any."));
    }
    for source_ip in wanted.source_ips.iter().flatten() {
        if source_ip.trim().is_empty() {
            return Err(AuthError::denied("The source ip is empty."));
        }
        if !is_ip_or_range(source_ip) {
            return Err(AuthError::denied("The source ip is invalid."));
        }
    }
    let decision = known(&["Allow", "Deny"], wanted.decision.as_deref().unwrap_or_default());
    let decision = decision.ok_or_else(|| AuthError::denied("The decision is null or illegal."))?;
    Ok(PolicyEntryInfo {
        actions: Some(actions),
        decision: Some(decision.to_owned()),
        resource: Some(resource),
        source_ips: wanted.source_ips.clone().filter(|ips| !ips.is_empty()),
    })
}

/// Puts policies into a list: an entry for a resource takes the place of the one that is there.
///
/// # Errors
/// When the list has no room for them.
pub(super) fn merge(list: &mut AclInfo, wanted: Vec<PolicyInfo>) -> Result<(), AuthError> {
    let policies = list.policies.get_or_insert_default();
    for new in wanted {
        let Some(old) = policies.iter_mut().find(|old| old.policy_type == new.policy_type) else {
            policies.push(new);
            continue;
        };
        let entries = old.entries.get_or_insert_default();
        for entry in new.entries.into_iter().flatten() {
            match entries.iter_mut().find(|old| old.resource == entry.resource) {
                Some(old) => *old = entry,
                None => entries.push(entry),
            }
        }
    }
    let count: usize = policies.iter().map(|policy| policy.entries.as_ref().map_or(0, Vec::len)).sum();
    if count > ENTRIES_MAX { Err(AuthError::Full("entries of an ACL")) } else { Ok(()) }
}

/// Takes the entry for a resource out of a list; whether nothing is left of it.
pub(super) fn remove(list: &mut AclInfo, policy_type: &str, resource: &str) -> bool {
    let policies = list.policies.get_or_insert_default();
    for policy in policies.iter_mut().filter(|policy| policy.policy_type.as_deref() == Some(policy_type)) {
        let entries = policy.entries.get_or_insert_default();
        entries.retain(|entry| entry.resource.as_deref() != Some(resource));
    }
    policies.retain(|policy| policy.entries.as_ref().is_some_and(|entries| !entries.is_empty()));
    policies.is_empty()
}

/// What of a list has to do with resources whose names contain a text; `None` when that is nothing.
pub(super) fn about(list: &AclInfo, resource_filter: &str) -> Option<AclInfo> {
    let mut list = list.clone();
    let is_about =
        |entry: &PolicyEntryInfo| entry.resource.as_ref().is_some_and(|key| key.contains(resource_filter));
    let policies = list.policies.get_or_insert_default();
    for policy in policies.iter_mut() {
        policy.entries.get_or_insert_default().retain(is_about);
    }
    policies.retain(|policy| policy.entries.as_ref().is_some_and(|entries| !entries.is_empty()));
    (!policies.is_empty()).then_some(list)
}
