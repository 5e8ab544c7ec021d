//! How long a broker takes to start, against the size of its store: prints a table for ours and one for Java's.
//!
//! ```console
//! $ cargo test --release -p compat-tests --test start_up -- --ignored --nocapture --test-threads 1
//! ```
//!
//! `COMPAT_MEBIBYTES=100,500` takes other sizes. The time is that from the start of the process until its port is open,
//! with the store in the page cache; after a kill under load and after an orderly stop.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::wire::{Wire, code, send_fields};
use compat_tests::{Cluster, Options};
use serde_json::Value;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 4;
const QUEUES: usize = 8;
/// Requests a connection has under way.
const DEPTH: usize = 64;
const BODY_BYTES: usize = 1024;
/// In turn, so that a disturbance meets both kinds of exits.
const ROUNDS: usize = 3;

const BROKER_CONF: &str = "mappedFileSizeCommitLog=1073741824
mappedFileSizeConsumeQueue=6000000
maxHashSlotNum=5000000
maxIndexNum=20000000
";

#[test]
#[ignore = "a measurement"]
fn ferrocket() {
    table("Ferrocket", &Options::ferrocket());
}

#[test]
#[ignore = "a measurement"]
fn java() {
    table("Java", &Options::java());
}

fn table(name: &str, options: &Options) {
    eprintln!("| {name} | killed | stopped |\n|---|---|---|");
    let sizes = std::env::var("COMPAT_MEBIBYTES").unwrap_or_else(|_| "100,500,1000,2200".to_owned());
    for size in sizes.split(',') {
        let [killed, stopped] = measure(options.clone(), size.parse().unwrap());
        eprintln!("| {size} MiB | {killed:.3} s | {stopped:.3} s |");
    }
}

/// Medians in seconds after a kill and after an orderly stop.
fn measure(options: Options, mebibytes: u64) -> [f64; 2] {
    let cluster = Cluster::start(options.with_broker_conf(BROKER_CONF));
    fill(&cluster.broker_addr(), mebibytes << 20);
    let mut killed = Vec::new();
    let mut stopped = Vec::new();
    for _ in 0..ROUNDS {
        under_load(&cluster.broker_addr(), || cluster.kill_broker());
        killed.push(timed_start(&cluster));
        let _ = cluster.stop_broker();
        stopped.push(timed_start(&cluster));
    }
    [median(killed), median(stopped)]
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn timed_start(cluster: &Cluster) -> f64 {
    let began = Instant::now();
    let mut broker = cluster.spawn_broker();
    while TcpStream::connect(cluster.broker_addr()).is_err() {
        assert!(broker.exit_status().is_none(), "{}", broker.log_tail());
        thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed().as_secs_f64();
    cluster.adopt_broker(broker);
    took
}

/// Sends until the broker has taken so many bytes of bodies.
fn fill(address: &str, bytes: u64) {
    let rounds = bytes / (CONNECTIONS * DEPTH * BODY_BYTES) as u64;
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut wire = Wire::connect(address).unwrap();
                for round in 0..rounds {
                    burst(&mut wire, connection + round as usize).unwrap();
                }
            });
        }
    });
}

/// Sends for two seconds, then acts while it goes on.
fn under_load(address: &str, act: impl FnOnce()) {
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut wire = Wire::connect(address).unwrap();
                while burst(&mut wire, connection).is_ok() {
                    // A load that does not change the size of the store by much.
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        thread::sleep(Duration::from_secs(2));
        act();
    });
}

fn burst(wire: &mut Wire, queue: usize) -> std::io::Result<()> {
    let mut fields = send_fields("large");
    fields["d"] = Value::from(QUEUES.to_string());
    fields["e"] = Value::from((queue % QUEUES).to_string());
    for _ in 0..DEPTH {
        wire.ask(code::SEND_MESSAGE_V2, &fields, &[b'x'; BODY_BYTES])?;
    }
    for _ in 0..DEPTH {
        wire.read()?;
    }
    Ok(())
}
