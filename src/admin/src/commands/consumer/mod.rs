//! Consumer groups.

mod progress;
mod update;

use crate::command::Spec;

pub(super) const SPECS: &[Spec] = &[update::SPEC, progress::SPEC];
