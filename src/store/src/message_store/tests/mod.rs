mod durability;
mod getting;
mod harness;
mod putting;
mod reopening;
mod retaining;
