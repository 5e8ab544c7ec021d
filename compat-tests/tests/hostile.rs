//! Peers that mean harm or know no better: the rest keeps working, and memory stays bounded.
//!
//! Memory is what the process has of its own (`Anonymous` of `smaps_rollup`); each bound says where it comes from.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::Standalone;
use compat_tests::wire::{Wire, code, frame, oneway, pull_fields, send_fields};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;
/// What allocators and tasks may take beside what is counted.
const SLACK: usize = 48 * MIB;
/// What all connections of one listener may hold.
const BUDGET: usize = 256 * MIB;
const LONG: Duration = Duration::from_secs(120);

/// A client as it should be, on connections of its own.
struct Customer {
    namesrv: Wire,
    broker: Wire,
    topic: &'static str,
    sent: i64,
}

impl Customer {
    fn of(server: &Standalone, topic: &'static str) -> Self {
        let namesrv = Wire::connect(&server.namesrv).unwrap();
        Self { namesrv, broker: Wire::connect(&server.broker).unwrap(), topic, sent: 0 }
    }

    /// Sends a message and gets it, and its route.
    fn is_served(&mut self) {
        let body = format!("message {}", self.sent);
        let sent =
            self.broker.call(code::SEND_MESSAGE_V2, &send_fields(self.topic), body.as_bytes()).unwrap();
        assert_eq!(sent.code(), 0, "{}", sent.header);
        assert_eq!(sent.field("queueOffset"), self.sent.to_string());
        let pull = pull_fields(self.topic, self.sent, Duration::ZERO);
        let pulled = self.broker.call(code::PULL_MESSAGE, &pull, &[]).unwrap();
        assert_eq!(pulled.code(), 0, "{}", pulled.header);
        assert!(pulled.body.windows(body.len()).any(|window| window == body.as_bytes()));
        let route = self.namesrv.call(code::GET_ROUTEINFO_BY_TOPIC, &json!({ "topic": self.topic }), &[]);
        assert_eq!(route.unwrap().code(), 0);
        self.sent += 1;
    }
}

fn assert_bounded(server: &Standalone, before: u64, bound: usize) {
    let grown = server.anonymous_bytes().saturating_sub(before);
    eprintln!("{} KiB more, {} KiB allowed", grown / 1024, bound / 1024);
    assert!(grown <= bound as u64, "{} MiB more memory, {} allowed", grown as usize / MIB, bound / MIB);
}

/// Bytes without meaning, the same in each run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn lengths(total: i32, second: u32) -> Vec<u8> {
    [total.to_be_bytes(), second.to_be_bytes()].concat()
}

/// What no peer may say.
fn nonsense() -> Vec<Vec<u8>> {
    let with_header = |second: u32, header: &[u8]| {
        let total = 4 + header.len() as i32;
        [lengths(total, second | header.len() as u32), header.to_vec()].concat()
    };
    let binary = 1 << 24;
    let mut all = vec![
        b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n".to_vec(),
        // The hello of TLS 1.2, and of SSH.
        [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], noise(7, 500).as_slice()].concat(),
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        lengths(i32::MAX, 10),
        lengths(16 * MIB as i32 + 1, 10),
        lengths(-1, 10),
        lengths(i32::MIN, 0),
        lengths(0, 0),
        lengths(3, 0),
        // A header longer than its frame, and longer than any header.
        lengths(20, 21),
        lengths(12 * MIB as i32, 11 * MIB as u32),
        // An encoding nobody knows.
        lengths(100, 0x0900_000a),
        with_header(0, b"{\"code\":"),
        with_header(0, b"[]"),
        with_header(0, b""),
        with_header(0, &vec![b'['; 100_000]),
        with_header(0, &[0xff; 64]),
        with_header(binary, &[0; 5]),
        with_header(binary, &[0xff; 64]),
    ];
    all.extend((0..20).map(|seed| {
        // Anything but 0 in front is no length of a frame.
        let mut bytes = noise(seed, 1 + 97 * seed as usize);
        bytes[0] |= 1;
        [bytes, noise(seed, 16)].concat()
    }));
    all
}

#[test]
fn nonsense_closes_its_own_connection_only() {
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "among-nonsense");
    customer.is_served();
    for address in [&server.namesrv, &server.broker, &server.fast] {
        for bytes in nonsense() {
            let mut wire = Wire::connect(address).unwrap();
            // The server may be done with it before it has all.
            let _ = wire.write(&bytes);
            let start = &bytes[..bytes.len().min(24)];
            let answered = wire.read_to_end().unwrap_or_else(|error| panic!("{error} after {start:?}"));
            assert!(answered.is_empty(), "{} bytes in return for {start:?}", answered.len());
        }
        customer.is_served();
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_and_the_connection_goes_on() {
    let server = Standalone::ephemeral();
    for address in [&server.namesrv, &server.broker, &server.fast] {
        let mut wire = Wire::connect(address).unwrap();
        for unknown in [0, -1, 9999, i32::MAX, i32::MIN] {
            let answer = wire.call(unknown, &json!({}), b"body").unwrap();
            assert_eq!(answer.code(), 3, "{}", answer.header);
        }
    }
    let mut broker = Wire::connect(&server.broker).unwrap();
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let garbled: [(i32, Value, &[u8]); 5] = [
        (code::PULL_MESSAGE, json!({}), b""),
        (code::PULL_MESSAGE, json!({ "queueId": "twelve" }), b""),
        (code::SEND_MESSAGE_V2, json!({ "b": "../../etc" }), b"body"),
        (code::HEART_BEAT, json!({}), b"{\"clientID\":"),
        (code::HEART_BEAT, json!({}), &deep),
    ];
    for (code, fields, body) in garbled {
        let answer = broker.call(code, &fields, body).unwrap();
        assert_ne!(answer.code(), 0, "{}", answer.header);
    }
    Customer::of(&server, "after-garbled").is_served();
}

#[test]
fn half_frames_cost_what_has_arrived_of_them() {
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "among-halves");
    customer.is_served();
    let before = server.anonymous_bytes();
    let whole = frame(code::SEND_MESSAGE_V2, 0, 1, &send_fields("half"), &vec![7; 15 * MIB]);
    let mut halves: Vec<Wire> = (0..200).map(|_| Wire::connect(&server.broker).unwrap()).collect();
    for half in &mut halves {
        half.write(&whole[..1000]).unwrap();
    }
    customer.is_served();
    // Each has one read's room, whatever length it announced.
    assert_bounded(&server, before, 200 * 16 * 1024 + 8 * MIB);
}

#[test]
fn a_slow_writer_is_served() {
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "slowly");
    customer.is_served();
    let mut slow = Wire::connect(&server.broker).unwrap();
    for byte in frame(code::GET_MAX_OFFSET, 0, 1, &json!({ "topic": "slowly", "queueId": "0" }), &[]) {
        slow.write(&[byte]).unwrap();
        thread::yield_now();
    }
    assert_eq!(slow.read().unwrap().field("offset"), "1");
    customer.is_served();
}

#[test]
fn large_frames_that_never_end_share_one_budget() {
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "among-giants");
    customer.is_served();
    let before = server.anonymous_bytes();
    let whole = frame(code::SEND_MESSAGE_V2, 0, 1, &send_fields("giant"), &vec![7; 15 * MIB]);
    let all_but_one = &whole[..whole.len() - 1];
    let mut giants: Vec<Wire> = (0..24).map(|_| Wire::connect(&server.broker).unwrap()).collect();
    let mut taken = 0;
    let least = 8 * all_but_one.len();
    for giant in &mut giants {
        // A busy server may take its time for what it has to take.
        let patience = if taken > least { Duration::from_millis(100) } else { LONG };
        giant.set_write_timeout(patience).unwrap();
        taken += giant.write_some(all_but_one);
    }
    assert!(taken > least, "only {taken} bytes were taken: nothing was put to the test");
    // A buffer that grows is copied to one of twice its size.
    assert_bounded(&server, before, 2 * BUDGET + SLACK);
    customer.is_served();
    giants.iter().for_each(Wire::close);
    // What they held is there for others at once.
    let large = customer.broker.call(code::SEND_MESSAGE_V2, &send_fields("large"), &vec![7; 4 * MIB - 1024]);
    assert_eq!(large.unwrap().code(), 0);
}

#[test]
fn a_reader_that_never_reads_is_not_read_either() {
    const CONNECTIONS: usize = 12;
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "among-deaf");
    customer.is_served();
    for _ in 0..8 {
        let sent = customer.broker.call(code::SEND_MESSAGE_V2, &send_fields("big"), &vec![7; 200 * 1024]);
        assert_eq!(sent.unwrap().code(), 0);
    }
    let before = server.anonymous_bytes();
    let mut deaf = Vec::new();
    for (address, code, fields) in [
        (&server.broker, code::PULL_MESSAGE, pull_fields("big", 0, Duration::ZERO)),
        (&server.namesrv, code::GET_ROUTEINFO_BY_TOPIC, json!({ "topic": "TBW102" })),
    ] {
        let requests = frame(code, 0, 1, &fields, &[]).repeat(100_000);
        for _ in 0..CONNECTIONS {
            let mut wire = Wire::connect(address).unwrap();
            wire.set_receive_buffer(64 * 1024).unwrap();
            wire.set_write_timeout(Duration::from_millis(20)).unwrap();
            let taken = wire.write_some(&requests);
            assert!(taken < requests.len(), "everything was read");
            deaf.push(wire);
        }
    }
    customer.is_served();
    // Pulled messages are parts of mapped files; routes are made for each answer, 4 MiB for each
    // connection, in a buffer that doubles as it grows.
    assert_bounded(&server, before, CONNECTIONS * 8 * MIB + SLACK);
    deaf.iter().for_each(Wire::close);
    customer.is_served();
}

#[test]
fn pipelined_requests_are_all_answered_once_their_client_reads() {
    const COUNT: i32 = 50_000;
    let server = Standalone::ephemeral();
    let mut reader = Wire::connect(&server.namesrv).unwrap();
    let mut writer = reader.twin().unwrap();
    let fields = json!({ "topic": "TBW102" });
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..COUNT {
                writer.ask(code::GET_ROUTEINFO_BY_TOPIC, &fields, &[]).unwrap();
            }
        });
        let mut answered = BTreeSet::new();
        for _ in 0..COUNT {
            let answer = reader.read().unwrap();
            assert_eq!(answer.code(), 0, "{}", answer.header);
            assert!(answered.insert(answer.opaque()), "answered twice: {}", answer.header);
        }
        assert_eq!((answered.first(), answered.last()), (Some(&1), Some(&i64::from(COUNT))));
    });
}

#[test]
fn a_flood_of_oneway_requests_leaves_room_for_others() {
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "in-a-flood");
    customer.is_served();
    let before = server.anonymous_bytes();
    let floods = [
        (code::GET_MAX_OFFSET, json!({ "topic": "in-a-flood", "queueId": "0" })),
        // Nobody knows this code.
        (7777, json!({})),
        // Every one of these would park until somebody sends.
        (code::PULL_MESSAGE, pull_fields("in-a-flood", 1_000_000, LONG)),
    ];
    thread::scope(|scope| {
        let floods = floods.map(|(code, fields)| {
            let mut wire = Wire::connect(&server.broker).unwrap();
            let requests: Vec<u8> = (1..=500).flat_map(|opaque| oneway(code, opaque, &fields)).collect();
            scope.spawn(move || {
                for _ in 0..100 {
                    wire.write(&requests).unwrap();
                }
            })
        });
        while floods.iter().any(|flood| !flood.is_finished()) {
            customer.is_served();
        }
    });
    customer.is_served();
    assert_bounded(&server, before, SLACK);
}

#[test]
fn hoarded_long_polls_cost_their_own_connection_only() {
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "among-hoarders");
    customer.is_served();
    let before = server.anonymous_bytes();
    let requests: Vec<u8> = (1..=100_000)
        .flat_map(|opaque| frame(code::PULL_MESSAGE, 0, opaque, &pull_fields("among-hoarders", 1, LONG), &[]))
        .collect();
    let mut hoarder = Wire::connect(&server.broker).unwrap();
    hoarder.set_write_timeout(Duration::from_millis(300)).unwrap();
    let taken = hoarder.write_some(&requests);
    // At most 65,536 requests are under way on one connection.
    assert_bounded(&server, before, 65_536 * 2560 + SLACK);
    assert!(taken > 0);
    hoarder.close();
    customer.is_served();
}

#[test]
fn five_thousand_idle_connections_are_cheap() {
    const COUNT: usize = 5000;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    // Connections of this process, and of tests beside this one.
    let room = limit.maximum.map_or(COUNT, |maximum| maximum as usize * 2 / 3);
    let count = COUNT.min(room);
    if count < COUNT {
        eprintln!("only {count} connections, the hard limit of open files allows no more");
    }
    let server = Standalone::ephemeral();
    let mut customer = Customer::of(&server, "among-idle");
    customer.is_served();
    let before = server.anonymous_bytes();
    let idle: Vec<Wire> = (0..count).map(|_| Wire::connect(&server.broker).unwrap()).collect();
    for _ in 0..50 {
        customer.is_served();
    }
    assert_bounded(&server, before, count * 20 * 1024);
    drop(idle);
    customer.is_served();
}

#[test]
fn running_out_of_open_files_hurts_new_connections_only() {
    let server = Standalone::with_open_files(96);
    let mut customer = Customer::of(&server, "out-of-files");
    customer.is_served();
    let crowd: Vec<_> = (0..300).filter_map(|_| Wire::connect(&server.broker).ok()).collect();
    let (ticks, since) = (server.processor_ticks(), Instant::now());
    while since.elapsed() < Duration::from_secs(2) {
        // Files are kept for the store: new topics need some.
        customer.is_served();
        thread::sleep(Duration::from_millis(50));
    }
    let elapsed_ticks = since.elapsed().as_millis() as u64 / 10;
    let used = server.processor_ticks() - ticks;
    assert!(used < elapsed_ticks / 2, "{used} of {elapsed_ticks} ticks spent on refusing");
    for topic in ["more", "and-more", "still-more"] {
        Customer { topic, sent: 0, ..Customer::of_open(&mut customer) }.is_served();
    }
    drop(crowd);
    let deadline = Instant::now() + LONG;
    let fields = json!({ "topic": "out-of-files", "queueId": "0" });
    let reach = || Wire::connect(&server.broker)?.call(code::GET_MAX_OFFSET, &fields, &[]);
    while reach().is_err() {
        assert!(Instant::now() < deadline, "no new connection although there is room again");
        thread::sleep(Duration::from_millis(20));
    }
}

impl Customer {
    /// Another customer on the connections of this one.
    fn of_open(other: &mut Self) -> Self {
        let twin = |wire: &Wire| wire.twin().unwrap();
        Self { namesrv: twin(&other.namesrv), broker: twin(&other.broker), topic: other.topic, sent: 0 }
    }
}
