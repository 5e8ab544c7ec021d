//! Which messages a consumer gets: what it subscribed to, ready to be asked of every message.
//!
//! Groups that subscribe with an SQL92 expression are kept in [`ConsumerFilterManager`], compiled, and outlive
//! their members and the broker's restarts. [`ExpressionFilter`] is what any way of reading hands to the store.

mod data;
mod expression;
mod file;
mod manager;
mod table;

#[cfg(test)]
mod tests;

pub use data::ConsumerFilterData;
pub use expression::ExpressionFilter;
pub use manager::{CheckError, ConsumerFilterManager, FilterDataError};
