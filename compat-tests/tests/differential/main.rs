//! What an observer of the wire sees: requests sent by hand, and the codes, remarks, fields and records answered.
//!
//! Each expectation holds for Java's broker, which the ignored test proves. Where Java's remark is the text of an
//! exception, only the code is compared.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod asker;
mod groups;
mod offsets;
mod refused;
mod stored;

use compat_tests::{Cluster, Options};
use std::thread;

/// Half messages and delivery times are refused, whatever the defaults are.
const CONFIGURATION: &str = "rejectTransactionMessage=true
timerWheelEnable=false";

#[test]
fn on_ferrocket() {
    everything(&Cluster::start(Options::ferrocket().with_broker_conf(CONFIGURATION)));
}

#[test]
#[ignore = "proves the expectations on Java's servers"]
fn on_java() {
    everything(&Cluster::start(Options::java().with_broker_conf(CONFIGURATION)));
}

fn everything(cluster: &Cluster) {
    let broker = &cluster.broker_addr();
    thread::scope(|scope| {
        for check in [
            refused::sends,
            refused::batches,
            stored::properties_of_sent,
            stored::delayed,
            stored::given_back,
            stored::sent_again,
            offsets::pulls,
            offsets::answers,
            groups::heartbeats,
            groups::locks,
            groups::replies,
        ] {
            scope.spawn(move || check(broker));
        }
    });
}
