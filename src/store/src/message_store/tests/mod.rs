mod durability;
mod faults;
mod getting;
pub(crate) mod harness;
mod many_queues;
mod putting;
mod reopening;
mod repairing;
mod retaining;
