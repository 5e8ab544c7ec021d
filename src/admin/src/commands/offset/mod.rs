//! Consumer offsets.

mod clone;
mod old;
mod reset;
mod skip;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[clone::SPEC, reset::SPEC, skip::SPEC];
