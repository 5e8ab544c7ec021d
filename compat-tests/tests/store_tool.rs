//! `ferrocket store` on the store of a broker that runs, and after it has stopped.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::wire::{Wire, code, send_fields};
use compat_tests::{Standalone, ferrocket};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs a store command with `--json` to its end.
fn tool(store: &Path, arguments: &[&str]) -> (i32, Value) {
    let Output { status, stdout, stderr } =
        Command::new(ferrocket()).arg("store").args(arguments).arg(store).arg("--json").output().unwrap();
    let parsed = serde_json::from_slice(&stdout);
    (status.code().unwrap(), parsed.unwrap_or_else(|error| panic!("{error}: {stdout:?} {stderr:?}")))
}

#[test]
fn a_store_is_checked_listed_and_repaired() {
    let home = TempDir::with_prefix("store-tool-").unwrap();
    let store = home.path().join("store");
    let mut server = Standalone::on_store(&store);
    let mut wire = Wire::connect(&server.broker).unwrap();
    for body in ["first", "second", "third"] {
        let sent = wire.call(code::SEND_MESSAGE_V2, &send_fields("told"), body.as_bytes()).unwrap();
        assert_eq!(sent.code(), 0, "{}", sent.header);
    }

    let (exit, refused) = tool(&store, &["check"]);
    assert_eq!((exit, &refused["result"]), (2, &Value::from("failed")));
    assert!(
        refused["error"].as_str().unwrap().contains(&format!("pid {}", server.process.id())),
        "{refused}"
    );
    assert_eq!(tool(&store, &["rebuild-queues", "--write"]).0, 2);
    let (exit, live) = tool(&store, &["check", "--live"]);
    assert_eq!((exit, &live["commitLog"]["records"]), (0, &Value::from(3)), "{live}");
    assert_eq!(server.process.terminate().code(), Some(0), "{}", server.process.log_tail());

    let (exit, clean) = tool(&store, &["check"]);
    assert_eq!((exit, &clean["result"]), (0, &Value::from("clean")), "{clean}");
    let (exit, third) = tool(&store, &["dump", "--topic", "told", "--from-queue-offset", "2", "--body"]);
    assert_eq!((exit, &third["body"]), (0, &Value::from("third")), "{third}");

    fs::remove_dir_all(store.join("consumequeue")).unwrap();
    fs::remove_dir_all(store.join("index")).unwrap();
    assert_eq!(tool(&store, &["check"]).0, 1);
    let (exit, planned) = tool(&store, &["rebuild-queues"]);
    assert_eq!(
        (exit, &planned["result"], &planned["entries"]),
        (0, &Value::from("dry-run"), &Value::from(3))
    );
    assert!(!store.join("consumequeue").exists());
    for command in ["rebuild-queues", "rebuild-index"] {
        let (exit, written) = tool(&store, &[command, "--write"]);
        assert_eq!((exit, &written["result"]), (0, &Value::from("written")), "{written}");
    }
    assert_eq!(tool(&store, &["check"]).0, 0);

    let log = store.join("commitlog").join(format!("{:020}", 0));
    let second = usize::try_from(third["phyOffset"].as_u64().unwrap()).unwrap() / 2;
    let file = OpenOptions::new().write(true).open(log).unwrap();
    file.write_all_at(b"damage", second as u64 + 100).unwrap();
    let (exit, damaged) = tool(&store, &["check"]);
    assert_eq!((exit, &damaged["result"]), (1, &Value::from("damaged")), "{damaged}");
}
