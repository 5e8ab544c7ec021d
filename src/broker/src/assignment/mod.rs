//! Which queues of a topic each member of a group has, where the broker decides that: what a group's members
//! divide ([`routes`]), how ([`strategy`]), and whether they pull or pop ([`request_mode`]).

pub mod request_mode;
pub mod routes;
pub mod strategy;
