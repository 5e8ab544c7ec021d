//! The broker is killed again and again under load, and every message it acknowledged is there afterwards.
//!
//! Producers log what was acknowledged and where; kills come at random moments, some of them while the broker recovers.
//! After the last one everything is read back: each acknowledged message at its place and unchanged, no other message
//! that nobody sent, none twice, no offset left out.
//!
//! `COMPAT_KILLS=1000` kills more often, `COMPAT_SEED=7` repeats the moments of an earlier run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use compat_tests::wire::{Answer, Wire, code, pull_fields, send_fields};
use compat_tests::{Cluster, Options};
use message::record::{RecordView, Scanned, scan};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

const TOPIC: &str = "killed";
/// One for each queue of the topic.
const PRODUCERS: u64 = 4;
/// Requests a producer has under way.
const DEPTH: u64 = 16;
const KILLS: u32 = 30;
/// Messages acknowledged between two kills, on average at least.
const ACKS_PER_KILL: usize = 10;
const LONG: Duration = Duration::from_secs(120);

/// Files so small that kills meet their ends.
const SMALL_FILES: &str = "mappedFileSizeCommitLog=262144
mappedFileSizeConsumeQueue=2000
maxHashSlotNum=100
maxIndexNum=500
";

#[test]
fn nothing_acknowledged_is_lost() {
    kill_loop(SMALL_FILES, kills());
}

#[test]
fn nothing_acknowledged_after_a_flush_is_lost() {
    kill_loop("flushDiskType=SYNC_FLUSH\n", kills() / 3);
}

fn kills() -> u32 {
    std::env::var("COMPAT_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

fn seed() -> u64 {
    std::env::var("COMPAT_SEED").map_or_else(|_| rand::rng().random(), |seed| seed.parse().unwrap())
}

fn kill_loop(broker_conf: &str, kills: u32) {
    let seed = seed();
    eprintln!("{kills} kills, COMPAT_SEED={seed}");
    let mut moments = StdRng::seed_from_u64(seed);
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(broker_conf));
    let load = Load::default();
    let address = cluster.broker_addr();
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let (load, address) = (&load, address.as_str());
            scope.spawn(move || load.produce(address, producer));
        }
        for kill in 1..=kills as usize {
            // Kills meet a load, however slow the disk.
            load.wait_for_acks(ACKS_PER_KILL * kill + 1);
            thread::sleep(Duration::from_millis(moments.random_range(10..150)));
            cluster.kill_broker();
            if moments.random_ratio(1, 4) {
                let mut recovering = cluster.spawn_broker();
                thread::sleep(Duration::from_micros(moments.random_range(0..10_000)));
                recovering.kill();
            }
            cluster.start_broker();
        }
        load.ends.store(true, Ordering::Relaxed);
    });
    let acks = load.acks.into_inner().unwrap();
    assert!(acks.len() > ACKS_PER_KILL * kills as usize, "only {} acknowledged", acks.len());
    let seen = Log::read(&address);
    seen.verify(&acks);
    eprintln!("{} acknowledged, {} in the log", acks.len(), seen.messages.len());

    assert!(cluster.stop_broker().success());
    cluster.start_broker();
    Log::read(&address).verify(&acks);
}

/// Where a message is: queue and offset.
type Place = (u64, i64);
/// Which message it is: producer and number.
type Identity = (u64, u64);

/// The producers and what they were promised.
#[derive(Default)]
struct Load {
    ends: AtomicBool,
    acks: Mutex<Vec<(Place, Identity)>>,
}

impl Load {
    /// Sends until the end; what a connection has under way when it breaks is neither counted nor sent again.
    fn produce(&self, address: &str, producer: u64) {
        let mut number = 0;
        while !self.ends.load(Ordering::Relaxed) {
            match Wire::connect(address) {
                Ok(mut wire) => while self.round(&mut wire, producer, &mut number).is_ok() {},
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Waits until so many are acknowledged in all, or for long.
    fn wait_for_acks(&self, count: usize) {
        let deadline = Instant::now() + LONG;
        while self.acks.lock().unwrap().len() < count && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// One burst; an error when the connection ends or the load does.
    fn round(&self, wire: &mut Wire, producer: u64, number: &mut u64) -> std::io::Result<()> {
        if self.ends.load(Ordering::Relaxed) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let mut fields = send_fields(TOPIC);
        fields["e"] = Value::from(producer.to_string());
        let mut under_way = BTreeMap::new();
        for _ in 0..DEPTH {
            let opaque = wire.ask(code::SEND_MESSAGE_V2, &fields, &body((producer, *number)))?;
            under_way.insert(i64::from(opaque), (producer, *number));
            *number += 1;
        }
        for _ in 0..DEPTH {
            let answer = wire.read()?;
            let identity = under_way.remove(&answer.opaque()).unwrap();
            // Whoever starts or stops may refuse, and then has promised nothing.
            if answer.code() == 0 {
                self.acks.lock().unwrap().push((place(&answer), identity));
            }
        }
        Ok(())
    }
}

fn place(answer: &Answer) -> Place {
    (answer.field("queueId").parse().unwrap(), answer.field("queueOffset").parse().unwrap())
}

/// Says which message it is, in up to 3 KiB.
fn body((producer, number): Identity) -> Vec<u8> {
    let mut body = format!("{producer} {number} ").into_bytes();
    body.resize(body.len() + (number * 37 % 3_000) as usize, b'x');
    body
}

/// Everything in the broker.
struct Log {
    messages: BTreeMap<Place, Identity>,
}

impl Log {
    fn read(address: &str) -> Self {
        let mut wire = Wire::connect(address).unwrap();
        let mut messages = BTreeMap::new();
        for queue in 0..PRODUCERS {
            let mut next = 0;
            while let Some(records) = pull(&mut wire, queue, next) {
                for record in records_of(&records) {
                    assert_eq!(record.queue_offset(), next, "queue {queue} leaves offsets out");
                    messages.insert((queue, next), identity(&record));
                    next += 1;
                }
            }
        }
        Self { messages }
    }

    fn verify(&self, acks: &[(Place, Identity)]) {
        for (place, identity) in acks {
            assert_eq!(self.messages.get(place), Some(identity), "acknowledged, and not there");
        }
        let different: BTreeSet<_> = self.messages.values().collect();
        assert_eq!(different.len(), self.messages.len(), "a message is there twice");
    }
}

/// The records from an offset on; `None` at the end of the queue.
fn pull(wire: &mut Wire, queue: u64, queue_offset: i64) -> Option<Vec<u8>> {
    const PULL_NOT_FOUND: i64 = 19;
    let mut fields = pull_fields(TOPIC, queue_offset, Duration::ZERO);
    fields["queueId"] = Value::from(queue.to_string());
    let answer = wire.call(code::PULL_MESSAGE, &fields, &[]).unwrap();
    match answer.code() {
        0 => Some(answer.body),
        PULL_NOT_FOUND => None,
        code => panic!("pull answered {code}: {}", answer.header),
    }
}

fn records_of(mut bytes: &[u8]) -> Vec<RecordView<'_>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let Ok(Scanned::Record(record)) = scan(bytes) else { panic!("what was pulled is no record") };
        bytes = &bytes[record.total_size()..];
        records.push(record);
    }
    records
}

/// Which message a record holds; its body has to be exactly that of the message.
fn identity(record: &RecordView<'_>) -> Identity {
    let text = String::from_utf8_lossy(record.body());
    let mut words = text.split(' ').take(2).map(|word| word.parse().unwrap());
    let identity = (words.next().unwrap(), words.next().unwrap());
    assert!(record.body() == body(identity), "message {identity:?} was changed");
    identity
}
