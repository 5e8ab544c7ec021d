//! Brokers.

mod status;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[status::SPEC];
