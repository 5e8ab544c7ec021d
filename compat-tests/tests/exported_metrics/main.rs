//! Metrics that a broker exports by itself, to a collector and to its log: what RocketMQ's broker exports is in
//! `golden/exported-metrics.json` (`COMPAT_SERVERS=java COMPAT_WRITE_EXPORTED=1` writes it).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod receiver;
mod shape;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use compat_tests::{ClientVersion, Cluster, FAST, Options, ServerKind, ferrocket};
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use serde_json::Value;

use shape::{Shapes, from_json, note, to_json};

const LIMIT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(200);

/// Messages that are read, and some that are not.
fn load(cluster: &Cluster) {
    let mut tool = Command::new(ferrocket());
    tool.args([
        "admin",
        "updateTopic",
        "-t",
        "read",
        "-b",
        &cluster.broker_addr(),
        "-n",
        &cluster.namesrv_addr(),
    ]);
    assert!(tool.output().unwrap().status.success());
    cluster.wait_for_route(0, "read");
    let client = cluster.client(ClientVersion::V5_3_3);
    client.run("produce-sync", &format!("topic=read group=p count=20 keys=k {FAST}"));
    client.run("consume-push-concurrent", &format!("topic=read group=g count=20 {FAST}"));
    client.run("produce-sync", &format!("topic=read group=p count=5 keys=k {FAST}"));
}

fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/exported-metrics.json")
}

/// What RocketMQ's broker exports under this load.
fn golden() -> Shapes {
    from_json(&serde_json::from_slice(&fs::read(golden_path()).unwrap()).unwrap())
}

/// Looks until everything expected was seen, and says what is not as expected.
fn compare(expected: &Shapes, mut look: impl FnMut(&mut Shapes)) {
    let mut seen = Shapes::new();
    let deadline = Instant::now() + LIMIT;
    while seen != *expected && Instant::now() < deadline {
        look(&mut seen);
    }
    for (name, shape) in expected {
        assert_eq!(seen.get(name), Some(shape), "{name}");
    }
    let further: Vec<_> = seen.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(further.is_empty(), "RocketMQ has none of these: {further:?}");
}

#[test]
fn a_collector_gets_what_rocketmqs_broker_sends() {
    let (addr, exports) = receiver::start();
    let conf = format!(
        "metricsExporterType=OTLP_GRPC\nmetricsGrpcExporterTarget=http://{addr}\n\
         metricsGrpcExporterHeader=token:secret\nmetricGrpcExporterIntervalInMills=200"
    );
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(&conf));
    load(&cluster);
    let look = |seen: &mut Shapes| {
        let export = exports.recv_timeout(LIMIT).unwrap();
        assert_eq!(export.token.as_deref(), Some("secret"));
        export.request.resource_metrics.iter().for_each(|exported| note(exported, seen));
    };
    if env::var_os("COMPAT_WRITE_EXPORTED").is_some() {
        return write_golden(look);
    }
    compare(&golden(), look);
}

/// Everything that comes within some seconds is all there is.
fn write_golden(mut look: impl FnMut(&mut Shapes)) {
    let mut seen = Shapes::new();
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        look(&mut seen);
    }
    let lines: Vec<String> =
        seen.iter().map(|(name, shape)| format!("  \"{name}\": {}", to_json(shape))).collect();
    fs::write(golden_path(), format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
}

/// A line of JSON for each export, as OTLP has it, of what has come since the line before.
#[test]
fn the_log_gets_what_rocketmqs_broker_writes() {
    let cluster = Cluster::prepare(Options::ferrocket());
    let is_ours = cluster.broker_kind() == ServerKind::Ferrocket;
    let log = if is_ours {
        cluster.path("logs/broker_metrics.log")
    } else {
        cluster.java_log("broker_metrics.log")
    };
    let conf = cluster.path("broker.conf");
    let first = fs::read_to_string(&conf).unwrap();
    let own =
        if is_ours { format!("logDirectory={}\n", cluster.path("logs").display()) } else { String::new() };
    let keys = "metricsExporterType=LOG\nmetricLoggingExporterIntervalInMills=200\nmetricsInDelta=true\n";
    fs::write(&conf, first + keys + &own).unwrap();
    cluster.start_namesrv(0);
    cluster.start_broker();
    load(&cluster);
    let mut expected = golden();
    for shape in expected.values_mut() {
        shape.kind = shape.kind.replace("cumulative", "delta");
        shape.labels = shape.labels.iter().map(|keys| with_aggregation(keys)).collect();
    }
    let mut read = 0;
    compare(&expected, |seen| {
        thread::sleep(POLL);
        let text = fs::read_to_string(&log).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[read..whole].lines() {
            let json = &line[line.find('{').unwrap()..];
            keys_are_otlps(&serde_json::from_str(json).unwrap());
            note(&serde_json::from_str::<ResourceMetrics>(json).unwrap(), seen);
        }
        read = whole;
    });
}

fn with_aggregation(keys: &[String]) -> Vec<String> {
    let keys: BTreeSet<String> = keys.iter().cloned().chain(["aggregation".to_owned()]).collect();
    keys.into_iter().collect()
}

/// What the parts of a line are called, and that its integers are texts, as the JSON of protocol buffers has them.
fn keys_are_otlps(line: &Value) {
    let metric = &line["scopeMetrics"][0]["metrics"][0];
    assert!(metric["name"].is_string(), "{line}");
    let kind = ["gauge", "sum", "histogram"].into_iter().find(|kind| metric[kind].is_object());
    let point = &metric[kind.unwrap()]["dataPoints"][0];
    assert!(point["timeUnixNano"].is_string() && point["startTimeUnixNano"].is_string(), "{point}");
    assert!(point["attributes"][0]["value"]["stringValue"].is_string(), "{point}");
}
