mod durability;
mod extending;
mod faults;
mod getting;
pub(crate) mod harness;
mod many_queues;
mod putting;
mod reopening;
mod retaining;
