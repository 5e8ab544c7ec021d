//! Consumer groups.

mod config;
mod connection;
mod delete;
mod mode;
mod monitor;
mod progress;
mod status;
mod update;
mod update_list;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[
    update::SPEC,
    update_list::SPEC,
    mode::SPEC,
    delete::SPEC,
    connection::SPEC,
    progress::SPEC,
    status::SPEC,
    monitor::SPEC,
    config::SPEC,
];
