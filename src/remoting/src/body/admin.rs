//! Bodies of the requests operators and their tools make, by subject.
//!
//! Tables by queue have objects as keys ([`common::fastjson::ObjectKey`]) and exist in the raw dialect
//! only: clients of every language read them in that form.

mod broker;
mod clients;
mod offsets;
mod running_info;
mod stats;
mod tables;

pub use broker::*;
pub use clients::*;
pub use offsets::*;
pub use running_info::*;
pub use stats::*;
pub use tables::*;

#[cfg(test)]
mod tests;
