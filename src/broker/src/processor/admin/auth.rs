//! Users and access control lists: `AUTH_CREATE_USER` and the like.

use std::sync::Arc;

use common::fastjson;
use remoting::{
    body::auth::{AclInfo, UserInfo},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{
        AuthCreateAcl, AuthCreateUser, AuthDeleteAcl, AuthDeleteUser, AuthGetAcl, AuthGetUser, AuthListAcl,
        AuthListUser, AuthUpdateAcl, AuthUpdateUser, Request,
    },
    router::Processor,
};
use serde::Serialize;

use super::{queues, read_body};
use crate::auth::{AuthError, AuthMetadataManager};

/// Keeps users and access control lists for operators.
pub struct AuthAdmin {
    pub(crate) auth: Arc<AuthMetadataManager>,
}

impl AuthAdmin {
    /// Changes something, which waits for the disk.
    async fn change<R: Request>(
        &self,
        change: impl FnOnce(&AuthMetadataManager) -> Result<(), AuthError> + Send + 'static,
    ) -> ReplyResult<R> {
        let auth = Arc::clone(&self.auth);
        queues::read(usize::MAX, move || change(&auth)).await??;
        Ok(Reply::success())
    }
}

/// An answer without a body stands for nothing found.
fn found<R: Request, T: Serialize>(found: Option<&T>) -> Reply<R> {
    found.map_or_else(Reply::success, |found| Reply::success().with_body(fastjson::to_vec(found)))
}

fn policies(body: &[u8]) -> Result<AclInfo, Refusal> {
    let acl: AclInfo = read_body(body, "acl")?;
    if acl.policies.as_ref().is_none_or(Vec::is_empty) {
        return Err(Refusal::system_error("The body of acl is null"));
    }
    Ok(acl)
}

impl Processor<AuthCreateUser> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthCreateUser>) -> ReplyResult<AuthCreateUser> {
        let name = incoming.header.username.unwrap_or_default();
        let wanted: UserInfo = read_body(&incoming.body, "user")?;
        tracing::info!(name, caller = %incoming.peer.peer_addr(), "user is to be created");
        self.change(move |auth| auth.create_user(&name, wanted)).await
    }
}

impl Processor<AuthUpdateUser> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthUpdateUser>) -> ReplyResult<AuthUpdateUser> {
        let name = incoming.header.username.unwrap_or_default();
        let wanted: UserInfo = read_body(&incoming.body, "user")?;
        tracing::info!(name, caller = %incoming.peer.peer_addr(), "user is to be changed");
        self.change(move |auth| auth.update_user(&name, wanted)).await
    }
}

impl Processor<AuthDeleteUser> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthDeleteUser>) -> ReplyResult<AuthDeleteUser> {
        let name = incoming.header.username.unwrap_or_default();
        tracing::info!(name, caller = %incoming.peer.peer_addr(), "user is to be deleted");
        self.change(move |auth| auth.delete_user(&name)).await
    }
}

impl Processor<AuthGetUser> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthGetUser>) -> ReplyResult<AuthGetUser> {
        let user = self.auth.user(incoming.header.username.as_deref().unwrap_or_default())?;
        Ok(found(user.as_ref()))
    }
}

impl Processor<AuthListUser> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthListUser>) -> ReplyResult<AuthListUser> {
        let users = self.auth.users(incoming.header.filter.as_deref())?;
        Ok(found(Some(&users).filter(|users| !users.is_empty())))
    }
}

impl Processor<AuthCreateAcl> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthCreateAcl>) -> ReplyResult<AuthCreateAcl> {
        let acl = policies(&incoming.body)?;
        let subject = incoming.header.subject;
        tracing::info!(subject, caller = %incoming.peer.peer_addr(), "ACL is to be changed");
        self.change(move |auth| auth.put_acl(subject.as_deref(), &acl)).await
    }
}

impl Processor<AuthUpdateAcl> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthUpdateAcl>) -> ReplyResult<AuthUpdateAcl> {
        let acl = policies(&incoming.body)?;
        let subject = incoming.header.subject;
        tracing::info!(subject, caller = %incoming.peer.peer_addr(), "ACL is to be changed");
        self.change(move |auth| auth.put_acl(subject.as_deref(), &acl)).await
    }
}

impl Processor<AuthDeleteAcl> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthDeleteAcl>) -> ReplyResult<AuthDeleteAcl> {
        let header = incoming.header;
        tracing::info!(subject = header.subject, caller = %incoming.peer.peer_addr(), "ACL is to be deleted");
        let delete = move |auth: &AuthMetadataManager| {
            let (subject, policy_type) = (header.subject.as_deref(), header.policy_type.as_deref());
            auth.delete_acl(subject, policy_type, header.resource.as_deref())
        };
        self.change(delete).await
    }
}

impl Processor<AuthGetAcl> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthGetAcl>) -> ReplyResult<AuthGetAcl> {
        let acl = self.auth.acl(incoming.header.subject.as_deref())?;
        Ok(found(acl.as_ref()))
    }
}

impl Processor<AuthListAcl> for AuthAdmin {
    async fn process(&self, incoming: Incoming<AuthListAcl>) -> ReplyResult<AuthListAcl> {
        let header = &incoming.header;
        let acls = self.auth.acls(header.subject_filter.as_deref(), header.resource_filter.as_deref())?;
        Ok(found(Some(&acls).filter(|acls| !acls.is_empty())))
    }
}
