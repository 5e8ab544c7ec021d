//! Brokers and topics as they are known now (`RouteInfoManager`).
//!
//! [`tables`] holds plain tables; what changes or reads them are functions on these tables, by subject:
//! [`register`], [`unregister`], [`pickup`], [`topics`]. [`manager`] puts one lock around all of it.

mod manager;
mod pickup;
mod register;
mod tables;
mod topics;
mod unregister;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    manager::{RouteInfoManager, Submit},
    pickup::ActingMaster,
    register::{RegisterError, RegisterPolicy, Registration},
    tables::{BrokerAddr, MinBrokerIdChange},
    topics::{TopicKind, WritePermission},
    unregister::{Cause, Departure},
};
