//! What operators watch a server by: metrics, health, logs, doctor, and the addresses clients are told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    missing_docs,
    reason = "tests"
)]

use compat_tests::{Client, ClientVersion, Cluster, FAST, Options, ServerKind, ferrocket, free_port};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(200);

/// Labels every point has.
const COMMON: [&str; 4] = ["cluster", "node_id", "node_type", "otel_scope_name"];

/// Status and text of a page.
fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("HTTP port");
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("status");
    (status, body.to_owned())
}

/// Waits until something is so. Panics, with `what`, when it does not become so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(POLL);
    }
}

/// What was seen of a metric: its kinds of labels, and the ends of its buckets.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    kind: String,
    labels: BTreeSet<Vec<String>>,
    ends: BTreeSet<String>,
}

type Shapes = BTreeMap<String, Shape>;

/// Adds the metrics of a scrape to those seen before.
fn note(text: &str, shapes: &mut Shapes) {
    let mut kind = "";
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            kind = described.rsplit_once(' ').expect("a kind").1;
        }
        if line.starts_with('#') || !line.starts_with("rocketmq_") {
            continue;
        }
        let (name, rest) = line.split_once('{').expect("labels");
        let (labels, value) = rest.rsplit_once("} ").expect("a value");
        let number = value.split(' ').next().unwrap();
        assert!(number.parse::<f64>().is_ok(), "no number: {line}");
        let mut keys = Vec::new();
        let mut end = None;
        for label in labels.split("\",") {
            let (key, value) = label.split_once("=\"").expect("a label");
            match key {
                "le" => end = Some(value.trim_end_matches('"').to_owned()),
                "dc" => assert_eq!(value.trim_end_matches('"'), "one"),
                key => keys.push(key.to_owned()),
            }
        }
        for common in COMMON {
            assert!(keys.iter().any(|key| key == common), "{common} is missing: {line}");
        }
        keys.retain(|key| !COMMON.contains(&key.as_str()));
        keys.sort_unstable();
        let name = if kind == "histogram" {
            let part = ["_bucket", "_count", "_sum"].into_iter().find_map(|end| name.strip_suffix(end));
            part.expect("a part of a histogram")
        } else {
            name
        };
        let shape = shapes.entry(name.to_owned()).or_default();
        kind.clone_into(&mut shape.kind);
        shape.labels.insert(keys);
        shape.ends.extend(end);
    }
}

fn golden() -> Shapes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/metrics.json");
    let golden: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let shape = |value: &Value| Shape {
        kind: value["kind"].as_str().unwrap().to_owned(),
        labels: value["labels"].as_array().unwrap().iter().map(texts).collect(),
        ends: texts(&value["le"]).into_iter().collect(),
    };
    golden.as_object().unwrap().iter().map(|(name, value)| (name.clone(), shape(value))).collect()
}

/// Exactly the metrics of RocketMQ's broker, with its labels and buckets.
#[test]
fn metrics_are_rocketmqs() {
    let port = free_port();
    let conf = format!(
        "metricsExporterType=PROM\nmetricsPromExporterHost=127.0.0.1\nmetricsPromExporterPort={port}\n\
         metricsLabel=dc:one"
    );
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(&conf));
    let client = cluster.client(ClientVersion::V5_3_3);
    client.run("create-topic", &format!("topic=made group=made count=4 {FAST}"));
    let transactions = client.begin("transaction", &format!("topic=tx group=tx plan=c,r,u {FAST}"));
    client.run("produce-sync", "topic=pop group=pop-p count=12 keys=k");
    let pops = client.begin("pop-push", &format!("topic=pop group=pop count=12 fail=1 {FAST}"));
    let arguments = "topic=dead group=dead maxReconsumeTimes=1 delayLevel=1";
    let dead = client.begin("dlq", &format!("{arguments} {FAST}"));

    let (expected, mut seen) = (golden(), Shapes::new());
    let deadline = Instant::now() + LIMIT;
    while seen != expected && Instant::now() < deadline {
        let (status, text) = get(port, "/metrics");
        assert_eq!(status, 200);
        note(&text, &mut seen);
        thread::sleep(POLL);
    }
    for (name, shape) in &expected {
        assert_eq!(seen.get(name), Some(shape), "{name}");
    }
    let further: Vec<_> = seen.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(further.is_empty(), "RocketMQ has none of these: {further:?}");
    assert_eq!(get(port, "/-/healthy").1, "Exporter is Healthy.");
    transactions.tell("stop");
    transactions.finish();
    dead.finish();
    pops.finish();
}

/// The dashboard that is shipped asks for no metric that is not there.
#[test]
fn the_dashboard_asks_for_metrics_that_are_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/grafana-dashboard.json");
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str::<Value>(&text).unwrap();
    let known = golden();
    let asked = text.split("rocketmq_").skip(1).map(|rest| {
        let end = rest.find(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric()).unwrap();
        format!("rocketmq_{}", &rest[..end])
    });
    for name in asked {
        let parts = ["_bucket", "_count", "_sum"].into_iter().find_map(|end| name.strip_suffix(end));
        let is_known = known.contains_key(&name) || parts.is_some_and(|name| known.contains_key(name));
        assert!(is_known, "{name}");
    }
}

/// The sum of all points of a metric with these labels.
fn sum_of(text: &str, name: &str, labels: &[&str]) -> f64 {
    let of_metric =
        text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
    let matching = of_metric.filter(|line| labels.iter().all(|label| line.contains(label)));
    matching
        .map(|line| line.rsplit("} ").next().unwrap().split(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// Messages are counted as they come and go, and lag is what is not consumed.
#[test]
fn figures_are_those_of_the_messages() {
    let (port, namesrv_health, reached) = (free_port(), free_port(), "127.0.0.2");
    let broker_conf = format!(
        "brokerIP1=localhost\nmetricsExporterType=PROM\nmetricsPromExporterHost=127.0.0.1\n\
         metricsPromExporterPort={port}"
    );
    let namesrv_conf = format!(
        "answerWithReachedAddress=true\nhealthListenPort={namesrv_health}\nhealthListenHost=127.0.0.1"
    );
    let options = Options::ferrocket().with_broker_conf(&broker_conf).with_namesrv_conf(&namesrv_conf);
    if options.broker == ServerKind::Java {
        return; // These keys are this project's.
    }
    let cluster = Cluster::start(options);
    counted(&cluster, port);
    reached_address(&cluster, reached);
    doctor(&cluster);
    health(&cluster, port, namesrv_health);
}

fn counted(cluster: &Cluster, port: u16) {
    let client = cluster.client(ClientVersion::V5_3_3);
    client.run("produce-sync", "topic=count group=p count=20 keys=k tags=a,b");
    client.run("consume-push-concurrent", &format!("topic=count group=g count=20 {FAST}"));
    let text = get(port, "/metrics").1;
    let of_topic = [r#"topic="count""#];
    assert_eq!(sum_of(&text, "rocketmq_messages_in_total", &of_topic), 20.0);
    assert_eq!(sum_of(&text, "rocketmq_message_size_count", &of_topic), 20.0);
    let of_group = [r#"topic="count""#, r#"consumer_group="g""#];
    assert_eq!(sum_of(&text, "rocketmq_messages_out_total", &of_group), 20.0);
    assert!(sum_of(&text, "rocketmq_throughput_out_total", &of_group) > 20.0 * 100.0);
    let sends = [r#"request_code="send_message_v2""#, r#"response_code="success""#];
    assert_eq!(sum_of(&text, "rocketmq_rpc_latency_milliseconds_count", &sends), 20.0);
    client.run("longpoll-latency", &format!("topic=wait group=w count=5 interval=50 {FAST}"));
    let text = get(port, "/metrics").1;
    let polls = [r#"request_code="pull_message""#, r#"is_long_polling="true""#];
    assert!(sum_of(&text, "rocketmq_rpc_latency_milliseconds_count", &polls) > 0.0);
}

/// A client that has come by another address of the host is sent there, and a broker may announce a name.
fn reached_address(cluster: &Cluster, reached: &str) {
    let namesrv = cluster.namesrv_addr().replace("127.0.0.1", reached);
    let directory = cluster.path("reached");
    fs::create_dir_all(&directory).unwrap();
    let client = Client::start(ClientVersion::V5_3_3, &namesrv, &directory);
    client.run("produce-sync", "topic=reached group=p count=3");
    let route = client.run("route", "topic=reached");
    let text = format!("{route:?}");
    let port = cluster.broker_addr();
    let port = port.rsplit_once(':').unwrap().1;
    assert!(text.contains(&format!("{reached}:{port}")), "{text}");
    assert!(!text.contains(&format!("localhost:{port}")), "{text}");
}

/// The doctor finds a running broker in order, and says what is wrong with one that cannot be reached.
fn doctor(cluster: &Cluster) {
    let diagnose = |more: &str| {
        let conf = cluster.path("doctor.conf");
        let first = fs::read_to_string(cluster.path("broker.conf")).unwrap();
        fs::write(&conf, first + more).unwrap();
        let mut command = Command::new(ferrocket());
        command.args(["doctor", "--json", "-n", &cluster.namesrv_addr(), "-c"]).arg(&conf);
        let output = command.env_remove("NAMESRV_ADDR").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code(), lines)
    };
    let status = |lines: &[Value], check: &str| -> String {
        let line = lines.iter().find(|line| line["check"] == check);
        line.unwrap_or_else(|| panic!("no {check}: {lines:?}"))["status"].as_str().unwrap().to_owned()
    };
    let (_, lines) = diagnose("");
    for check in [
        "store",
        "ports",
        "replication port",
        "advertised address",
        "NameServer",
        "tables",
        "last run",
        "store format",
        "checkpoint",
        "CommitLog files",
        "ConsumeQueue files",
        "index files",
    ] {
        assert_eq!(status(&lines, check), "OK", "{check}: {lines:?}");
    }
    let (code, lines) = diagnose("\nbrokerIP1=192.0.2.1\nmappedFileSizeCommitLog=33554432\nnoSuchKey=1\n");
    assert_eq!(code, Some(1));
    assert_eq!(status(&lines, "advertised address"), "FAIL");
    assert_eq!(status(&lines, "CommitLog files"), "FAIL");
    assert_eq!(status(&lines, "configuration"), "WARN");
    // The running broker is another one for whom is announced at that address.
    assert_eq!(status(&lines, "clocks of peers"), "OK");
    let taken = cluster.broker_addr().rsplit_once(':').unwrap().1.to_owned();
    let (_, lines) = diagnose(&format!("\nhaListenPort={taken}\n"));
    assert_eq!(status(&lines, "replication port"), "WARN");
    let (code, lines) = diagnose("\nlistenPort=none\n");
    assert_eq!((code, lines.len()), (Some(2), 1));
}

/// A broker is ready while a NameServer knows it, and alive all the time.
fn health(cluster: &Cluster, port: u16, namesrv_health: u16) {
    assert_eq!(get(namesrv_health, "/readyz").0, 200);
    wait_until("ready", || get(port, "/readyz").0 == 200);
    cluster.kill_namesrv(0);
    wait_until("not ready without a NameServer", || get(port, "/readyz").0 == 503);
    assert!(get(port, "/readyz").1.contains("no NameServer knows this broker"));
    assert_eq!(get(port, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(port, "/nothing").0, 404);
    cluster.start_namesrv(0);
    wait_until("ready again", || get(port, "/readyz").0 == 200);
}

/// Log files under RocketMQ's names, as objects, with levels that change while the process runs.
#[test]
fn logs_go_where_they_are_configured_to() {
    let logs = tempfile::tempdir().unwrap();
    let lines = format!("logDirectory={}\nlogFormat=json\n", logs.path().display());
    let mut options = Options::ferrocket().with_namesrv_conf(&lines);
    options.namesrv = ServerKind::Ferrocket;
    let cluster = Cluster::prepare(options);
    cluster.start_namesrv(0);
    let text = || fs::read_to_string(logs.path().join("namesrv.log")).unwrap_or_default();
    let has = |wanted: &dyn Fn(&Value) -> bool| {
        text().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|line| wanted(&line))
    };
    wait_until("the start in the log", || has(&|line| line["message"] == "name server started"));
    assert!(!has(&|line| line["level"] == "DEBUG"));

    let conf = cluster.path("namesrv-0.conf");
    let first = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, first + "logLevel=debug\n").unwrap();
    let id = cluster.namesrv_id(0);
    kill_process(Pid::from_raw(id as i32).unwrap(), Signal::USR1).unwrap();
    wait_until("other levels", || has(&|line| line["message"] == "levels of the log changed"));
    let port = cluster.namesrv_addr().rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    wait_until("lines of that level", || {
        drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
        has(&|line| line["level"] == "DEBUG")
    });
}
