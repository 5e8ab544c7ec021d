//! Topics.

mod delete;
mod list;
mod route;
mod status;
mod update;

pub(super) use delete::delete_topic;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[update::SPEC, delete::SPEC, route::SPEC, status::SPEC, list::SPEC];
