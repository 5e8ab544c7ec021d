//! What the NameServer answers, by subject; [`crate::router`] says which request goes where.

mod cluster;
mod config;
mod kv;
mod registration;
mod route;
mod topic;

pub(crate) use self::{
    cluster::ClusterProcessor, config::ConfigProcessor, kv::KvProcessor, registration::RegistrationProcessor,
    route::RouteProcessor, topic::TopicProcessor,
};
