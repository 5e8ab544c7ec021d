//! Stores that Java's broker 5.3.3 wrote, opened by ours: every answer is the one that Java's broker gave.
//!
//! `golden/stores` has the stores, packed, and what Java's broker said to whatever can be asked about them. How they are
//! made is told there; [`making`] does it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod answers;
mod archive;
mod making;

use answers::Answers;
use archive::Archive;
use compat_tests::{ClientVersion, Cluster, FAST, Options};
use std::fs;

const V5: ClientVersion = ClientVersion::V5_3_3;

/// The stores without light queues and those with them, whose brokers keep offsets in another file.
#[test]
fn every_answer_is_that_of_java() {
    let (light, other): (Vec<_>, Vec<_>) = archive::chosen().partition(|archive| archive.has_light_queues());
    ask_about(&other, archive::BROKER_CONF);
    ask_about(&light, &format!("{}{}", archive::BROKER_CONF, archive::LIGHT_QUEUES_CONF));
}

/// One store after the other below one name server, so that one client process asks about all of them.
fn ask_about(archives: &[Archive], conf: &str) {
    if archives.is_empty() {
        return;
    }
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(conf));
    for archive in archives {
        eprintln!("{}", archive.name());
        // The clients notice the end of one broker before another has its address.
        assert!(matches!(cluster.stop_broker().code(), Some(0 | 143)));
        fs::remove_dir_all(cluster.store()).unwrap();
        archive.unpack(cluster.path(""));
        cluster.start_broker();
        let expected = archive.expected();
        let asked = format!("broker={} light={} {FAST}", cluster.broker_addr(), archive.light_queues());
        let said = cluster.client(V5).run("store-answers", &asked);
        expected.assert_answered_by(&Answers::from(&said));
        let (topics, count) = archive.due();
        if count > 0 {
            let asked = format!("broker={} topics={topics} count={count} {FAST}", cluster.broker_addr());
            let due = cluster.client(V5).run("store-due", &asked);
            expected.assert_came_due(&Answers::from(&due));
        }
    }
}

#[test]
#[ignore = "writes golden/stores again with Java's broker"]
fn make() {
    making::all();
}
