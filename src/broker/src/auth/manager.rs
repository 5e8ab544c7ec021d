//! The users and access control lists of a broker (`AuthenticationMetadataManager`,
//! `AuthorizationMetadataManager`).
//!
//! ```text
//! users.json   {"users":{"<name>":{UserInfo}}}
//! acls.json    {"acls":{"User:<name>":{AclInfo}}}
//! ```
//!
//! Invariant: a change is in its file when it is acknowledged.

use std::{collections::BTreeMap, sync::Arc};

use common::{config::AuthConfig, fastjson};
use parking_lot::Mutex;
use remoting::body::auth::{AclInfo, UserInfo};
use serde::{Deserialize, Serialize};

use super::{
    AuthError, acl,
    resource::{known, resource_key, subject_key, user_of},
};
use crate::metadata::{MetadataError, MetadataStore, TableFile};

/// Users there may be; each has one list at most.
const USERS_MAX: usize = 10_000;
const USER_TYPES: [&str; 2] = ["Super", "Normal"];
const USER_STATUSES: [&str; 2] = ["enable", "disable"];

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Users {
    users: BTreeMap<String, UserInfo>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Acls {
    acls: BTreeMap<String, AclInfo>,
}

#[derive(Debug, Default)]
struct State {
    users: Users,
    acls: Acls,
    changes: u64,
}

/// Users and access control lists.
#[derive(Debug)]
pub struct AuthMetadataManager {
    state: Mutex<State>,
    /// Held from a change until it is in the file.
    changing: Mutex<()>,
    users_file: TableFile,
    acls_file: TableFile,
    keeps_users: bool,
    keeps_acls: bool,
}

impl AuthMetadataManager {
    /// Reads both tables.
    ///
    /// # Errors
    /// When one of them was written before and cannot be read.
    pub fn load(config: &AuthConfig, metadata: &Arc<dyn MetadataStore>) -> Result<Self, MetadataError> {
        let users_file = TableFile::new("users.json", Arc::clone(metadata));
        let acls_file = TableFile::new("acls.json", Arc::clone(metadata));
        let users = users_file.load(fastjson::from_str)?.unwrap_or_default();
        let acls = acls_file.load(fastjson::from_str)?.unwrap_or_default();
        users_file.mark_written(0);
        acls_file.mark_written(0);
        let is_set =
            |provider: &Option<String>| provider.as_deref().is_some_and(|name| !name.trim().is_empty());
        Ok(Self {
            state: Mutex::new(State { users, acls, changes: 0 }),
            changing: Mutex::default(),
            users_file,
            acls_file,
            keeps_users: is_set(&config.authentication_metadata_provider),
            keeps_acls: is_set(&config.authorization_metadata_provider),
        })
    }

    /// Adds a user (`AUTH_CREATE_USER`); blocks on the disk.
    pub fn create_user(&self, name: &str, wanted: UserInfo) -> Result<(), AuthError> {
        let UserInfo { password, user_status, user_type, .. } = named(name, wanted)?;
        if password.as_deref().is_none_or(|password| password.trim().is_empty()) {
            return Err(AuthError::denied("password can not be blank"));
        }
        self.change_users(|state| {
            if state.users.users.contains_key(name) {
                return Err(AuthError::denied("The user is existed"));
            }
            if state.users.users.len() >= USERS_MAX {
                return Err(AuthError::Full("users"));
            }
            let user = UserInfo {
                password,
                user_status: user_status.or_else(|| Some("enable".to_owned())),
                user_type: user_type.or_else(|| Some("Normal".to_owned())),
                username: Some(name.to_owned()),
            };
            state.users.users.insert(name.to_owned(), user);
            Ok(())
        })
    }

    /// Changes what is said of a user (`AUTH_UPDATE_USER`); blocks on the disk.
    pub fn update_user(&self, name: &str, wanted: UserInfo) -> Result<(), AuthError> {
        let wanted = named(name, wanted)?;
        self.change_users(|state| {
            let user = state.users.users.get_mut(name);
            let user = user.ok_or_else(|| AuthError::denied("The user is not exist"))?;
            let password = wanted.password.filter(|password| !password.trim().is_empty());
            user.password = password.or_else(|| user.password.take());
            user.user_status = wanted.user_status.or_else(|| user.user_status.take());
            user.user_type = wanted.user_type.or_else(|| user.user_type.take());
            Ok(())
        })
    }

    /// Removes a user and their list (`AUTH_DELETE_USER`); blocks on the disk.
    pub fn delete_user(&self, name: &str) -> Result<(), AuthError> {
        if name.trim().is_empty() {
            return Err(AuthError::denied("username can not be blank"));
        }
        self.change_users(|state| {
            state.users.users.remove(name);
            state.acls.acls.remove(&format!("User:{name}"));
            Ok(())
        })
    }

    /// A user (`AUTH_GET_USER`).
    pub fn user(&self, name: &str) -> Result<Option<UserInfo>, AuthError> {
        if name.trim().is_empty() {
            return Err(AuthError::Invalid("The username is blank".to_owned()));
        }
        self.check_users()?;
        Ok(self.state.lock().users.users.get(name).cloned())
    }

    /// The users whose names contain a text (`AUTH_LIST_USER`).
    pub fn users(&self, filter: Option<&str>) -> Result<Vec<UserInfo>, AuthError> {
        self.check_users()?;
        let filter = filter.filter(|text| !text.trim().is_empty()).unwrap_or_default();
        let state = self.state.lock();
        let matching = state.users.users.iter().filter(|(name, _)| name.contains(filter));
        Ok(matching.map(|(_, user)| user.clone()).collect())
    }

    /// Puts policies into a user's list (`AUTH_CREATE_ACL`, `AUTH_UPDATE_ACL`); blocks on the disk.
    pub fn put_acl(&self, subject: Option<&str>, wanted: &AclInfo) -> Result<(), AuthError> {
        let subject =
            wanted.subject.as_deref().and_then(subject_key).or_else(|| subject.and_then(subject_key));
        let subject = subject.ok_or_else(|| AuthError::denied("The subject type is null."))?;
        let policies = acl::policies(wanted)?;
        self.change_acls(|state| {
            if !state.users.users.contains_key(user_of(&subject)) {
                return Err(AuthError::denied(format!("The subject of {subject} is not exist.")));
            }
            let empty = AclInfo { policies: None, subject: Some(subject.clone()) };
            let mut list = state.acls.acls.get(&subject).cloned().unwrap_or(empty);
            acl::merge(&mut list, policies)?;
            state.acls.acls.insert(subject, list);
            Ok(())
        })
    }

    /// Removes what a user's list says of a resource, or the whole of it (`AUTH_DELETE_ACL`); blocks on the disk.
    pub fn delete_acl(
        &self,
        subject: Option<&str>,
        policy_type: Option<&str>,
        resource: Option<&str>,
    ) -> Result<(), AuthError> {
        let subject =
            subject.and_then(subject_key).ok_or_else(|| AuthError::denied("The subject is null."))?;
        let resource = resource.filter(|text| !text.trim().is_empty());
        // RocketMQ takes a resource it cannot read for none, and removes the whole list.
        let unreadable = || AuthError::denied("The resource is null.");
        let resource = resource.map(|text| resource_key(text).ok_or_else(unreadable)).transpose()?;
        let policy_type = acl::policy_type(policy_type);
        self.change_acls(|state| {
            if !state.users.users.contains_key(user_of(&subject)) {
                return Err(AuthError::denied("The subject is not exist."));
            }
            let list = state.acls.acls.get_mut(&subject);
            let list = list.ok_or_else(|| AuthError::denied("The acl is not exist."))?;
            if resource.is_none_or(|resource| acl::remove(list, policy_type, &resource)) {
                state.acls.acls.remove(&subject);
            }
            Ok(())
        })
    }

    /// A user's list (`AUTH_GET_ACL`).
    pub fn acl(&self, subject: Option<&str>) -> Result<Option<AclInfo>, AuthError> {
        let subject =
            subject.and_then(subject_key).ok_or_else(|| AuthError::denied("The subject is null."))?;
        self.check_acls()?;
        let state = self.state.lock();
        if !state.users.users.contains_key(user_of(&subject)) {
            return Err(AuthError::denied("The subject is not exist."));
        }
        Ok(state.acls.acls.get(&subject).cloned())
    }

    /// The lists whose subjects contain a text, with what they say of resources that contain another; a subject
    /// that contains the latter is listed whole, as in RocketMQ (`AUTH_LIST_ACL`).
    pub fn acls(&self, subject: Option<&str>, resource: Option<&str>) -> Result<Vec<AclInfo>, AuthError> {
        self.check_acls()?;
        let text = |filter: Option<&str>| filter.filter(|text| !text.trim().is_empty()).map(str::to_owned);
        let (subject, resource) = (text(subject).unwrap_or_default(), text(resource).unwrap_or_default());
        let state = self.state.lock();
        let matching = state.acls.acls.iter().filter(|(key, _)| key.contains(&subject));
        Ok(matching
            .filter_map(|(key, list)| {
                if key.contains(&resource) { Some(list.clone()) } else { acl::about(list, &resource) }
            })
            .collect())
    }

    fn check_users(&self) -> Result<(), AuthError> {
        if self.keeps_users {
            Ok(())
        } else {
            Err(AuthError::NotConfigured("authenticationMetadataProvider"))
        }
    }

    fn check_acls(&self) -> Result<(), AuthError> {
        self.check_users()?;
        if self.keeps_acls { Ok(()) } else { Err(AuthError::NotConfigured("authorizationMetadataProvider")) }
    }

    fn change_users(
        &self,
        change: impl FnOnce(&mut State) -> Result<(), AuthError>,
    ) -> Result<(), AuthError> {
        self.check_users()?;
        self.change(change)
    }

    fn change_acls(&self, change: impl FnOnce(&mut State) -> Result<(), AuthError>) -> Result<(), AuthError> {
        self.check_acls()?;
        self.change(change)
    }

    fn change(&self, change: impl FnOnce(&mut State) -> Result<(), AuthError>) -> Result<(), AuthError> {
        let _changing = self.changing.lock();
        {
            let mut state = self.state.lock();
            change(&mut state)?;
            state.changes += 1;
        }
        Ok(self.persist()?)
    }

    /// Writes both tables if they have changed; blocks on the disk.
    ///
    /// # Errors
    /// When one cannot be written; it stays changed, and the next call tries again.
    pub fn persist(&self) -> Result<(), MetadataError> {
        self.users_file.persist(|written| {
            let state = self.state.lock();
            (written != Some(state.changes)).then(|| (state.changes, fastjson::to_vec_pretty(&state.users)))
        })?;
        self.acls_file.persist(|written| {
            let state = self.state.lock();
            (written != Some(state.changes)).then(|| (state.changes, fastjson::to_vec_pretty(&state.acls)))
        })
    }
}

/// What is wanted of a user, in RocketMQ's words.
fn named(name: &str, wanted: UserInfo) -> Result<UserInfo, AuthError> {
    if name.is_empty() {
        return Err(AuthError::Invalid("The username is blank".to_owned()));
    }
    if name.trim().is_empty() {
        return Err(AuthError::denied("username can not be blank"));
    }
    let word = |words: &[&'static str], what: &str, text: Option<String>| match text
        .filter(|text| !text.is_empty())
    {
        None => Ok(None),
        Some(text) => match known(words, &text) {
            Some(word) => Ok(Some(word.to_owned())),
            None => Err(AuthError::Invalid(format!("{what} is one of {}", words.join(", ")))),
        },
    };
    Ok(UserInfo {
        user_status: word(&USER_STATUSES, "userStatus", wanted.user_status)?,
        user_type: word(&USER_TYPES, "userType", wanted.user_type)?,
        ..wanted
    })
}

#[cfg(test)]
#[path = "manager_tests.rs"]
mod tests;
