//! Clusters.

mod list;
mod response_time;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[list::SPEC, response_time::SPEC];
