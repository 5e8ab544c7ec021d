mod durability;
mod faults;
mod getting;
pub(crate) mod harness;
mod putting;
mod reopening;
mod retaining;
