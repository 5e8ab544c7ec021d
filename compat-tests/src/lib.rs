//! Whole processes side by side: name servers and brokers, ours or Java's, under unmodified clients.
//!
//! What lives here is the harness; the tests are in `tests/`. The drivers are in `java-interop` and `go-driver`: they run
//! scenarios and print what they observe as JSON lines, and the tests here decide whether that is right.
//!
//! - [`Cluster`] starts servers of either [`ServerKind`] and stops them, whatever happens to the test.
//! - [`Client`] is a process of one client version that runs any number of scenarios; a [`Run`] is one of them.
//! - [`Standalone`] is one process with both servers, [`wire`] speaks to servers without any client.
//! - [`suite`] runs many scenarios on one cluster at once, because most of them mainly wait.
//!
//! `cargo test -p compat-tests` tests ours; with `-- --include-ignored` everything also runs against Java's servers, which
//! proves that what is expected is what RocketMQ does.
//!
//! Environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `FERROCKET_BIN` | the binary to test; otherwise it is built with the profile of the test |
//! | `COMPAT_SERVERS=java` | Java's servers take the place of ours in every test |
//! | `COMPAT_ONLY=text` | only scenarios whose name contains it |
//! | `COMPAT_KEEP=1` | leave the directories of a run (stores, logs) and print where they are |

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a harness fails its test by panicking, with the reason in the text"
)]

mod admin_tool;
mod binary;
mod build;
mod client;
mod cluster;
mod event;
mod exchange;
mod go;
mod java;
mod popper;
mod ports;
mod probe;
mod process;
mod standalone;
mod suite;
pub mod wire;

pub use admin_tool::java_admin_tool;
pub use binary::ferrocket;
pub use client::{Client, ClientVersion, FAST, Run};
pub use cluster::{Cluster, Options, ServerKind};
pub use event::{Event, named};
pub use exchange::{assert_acked_is_kept, assert_delivered, assert_in_order};
pub use go::go_driver;
pub use popper::{Popper, keys_of, send_keyed};
pub use ports::free_port;
pub use process::Process;
pub use standalone::Standalone;
pub use suite::{Scenario, Suite};
