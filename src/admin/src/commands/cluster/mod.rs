//! Clusters.

mod list;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[list::SPEC];
