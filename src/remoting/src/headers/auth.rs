//! Headers about users and access control lists.

use crate::header::Header;

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CreateUserRequestHeader {
    pub username: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct UpdateUserRequestHeader {
    pub username: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct DeleteUserRequestHeader {
    pub username: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetUserRequestHeader {
    pub username: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ListUsersRequestHeader {
    pub filter: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct CreateAclRequestHeader {
    pub subject: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct UpdateAclRequestHeader {
    pub subject: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct DeleteAclRequestHeader {
    pub subject: Option<String>,
    pub policy_type: Option<String>,
    pub resource: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct GetAclRequestHeader {
    pub subject: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Header)]
pub struct ListAclsRequestHeader {
    pub subject_filter: Option<String>,
    pub resource_filter: Option<String>,
}
