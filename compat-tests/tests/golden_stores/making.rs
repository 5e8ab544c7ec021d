//! Writing `golden/stores`: Java's broker fills a store and ends, the store is packed, and Java's broker is started on it
//! again and asked.

use crate::V5;
use crate::answers::Answers;
use crate::archive::{self, Archive, BROKER_CONF, Exit};
use compat_tests::{Cluster, FAST, Options};
use std::fs;
use std::thread;
use std::time::Duration;

pub fn all() {
    for archive in archive::chosen() {
        eprintln!("{}", archive.name());
        make(archive);
    }
}

fn make(archive: Archive) {
    let conf = format!("{BROKER_CONF}{}", archive.further_conf());
    let cluster = Cluster::start(Options::java().with_broker_conf(&conf));
    let client = cluster.client(V5);
    let fill = |what: &str, broker: &str| {
        client.run("store-fill", &format!("what={what} broker={broker} {FAST}"));
    };
    fill(if archive.content == "extended" { "messages" } else { archive.content }, &cluster.broker_addr());
    if archive.content == "messages" {
        with_another_address(&cluster, || {
            fill("addresses", &cluster.broker_addr().replace("127.0.0.1", "::1"));
        });
    }
    // Offsets of consumers and delay levels are written each half second.
    thread::sleep(Duration::from_millis(1_500));
    match archive.exit {
        Exit::Clean => _ = cluster.stop_broker(),
        Exit::Killed => cluster.kill_broker(),
    }
    archive.pack(&cluster.path(""));
    cluster.start_broker();
    let asked = format!("broker={} light={} {FAST}", cluster.broker_addr(), archive.light_queues());
    let mut answers = Answers::from(&client.run("store-answers", &asked));
    let (topics, count) = archive.due();
    if count > 0 {
        let asked =
            format!("broker={} topics={topics} count={count} poll=1000 timeout=150", cluster.broker_addr());
        answers = answers.with(Answers::from(&client.run("store-due", &asked)));
    }
    archive.record(&answers);
}

/// Lets the broker have an address of the other family for a while: its hosts and its clients' are longer then.
fn with_another_address(cluster: &Cluster, act: impl FnOnce()) {
    let file = cluster.path("broker.conf");
    let conf = fs::read_to_string(&file).unwrap();
    cluster.stop_broker();
    fs::write(&file, conf.replace("brokerIP1=127.0.0.1", "brokerIP1=::1")).unwrap();
    cluster.start_broker();
    act();
    fs::write(&file, conf).unwrap();
}
