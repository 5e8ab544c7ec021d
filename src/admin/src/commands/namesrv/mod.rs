//! `NameServers`.

mod config;
mod kv;
mod write_perm;

use crate::command::Spec;

pub(super) const SPECS: &[&[Spec]] = &[kv::SPECS, write_perm::SPECS, config::SPECS];
