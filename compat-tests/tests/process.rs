//! What a process does around its servers: how it starts, what it prints, how it stops, what it exits with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::wire::{Wire, code, pull_fields, send_fields};
use compat_tests::{Process, Standalone, ferrocket};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(120);
/// Longer than any test waits.
const PARKED: Duration = Duration::from_secs(600);

/// Runs a command of the binary to its end, in a directory that is its home.
fn run(program: &Path, home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home).env("HOME", home);
    command.env_remove("NAMESRV_ADDR").env_remove("ROCKETMQ_HOME");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A directory with one configuration file in it.
fn with_file(content: &str) -> (TempDir, String) {
    let home = TempDir::with_prefix("process-").unwrap();
    let file = home.path().join("broker.conf");
    fs::write(&file, content).unwrap();
    (home, file.to_str().unwrap().to_owned())
}

#[test]
fn sigterm_answers_parked_pulls_and_leaves_nothing_behind() {
    let mut server = Standalone::ephemeral();
    assert!(server.store.join("abort").exists());
    let mut wire = Wire::connect(&server.broker).unwrap();
    let sent = wire.call(code::SEND_MESSAGE_V2, &send_fields("parked"), b"first").unwrap();
    assert_eq!(sent.code(), 0, "{}", sent.header);
    let parked: Vec<i32> = (0..20)
        .map(|_| wire.ask(code::PULL_MESSAGE, &pull_fields("parked", 1, PARKED), &[]).unwrap())
        .collect();
    // One that needs no waiting, behind those that do: when it is answered, they are parked.
    let last = wire.ask(code::GET_MAX_OFFSET, &json!({ "topic": "parked", "queueId": "0" }), &[]).unwrap();
    assert_eq!(wire.read().unwrap().opaque(), i64::from(last));

    // Waits no longer than a fifth of what they would park.
    let status = server.process.terminate();
    assert_eq!(status.code(), Some(0), "{}", server.process.log_tail());
    let mut answered: Vec<i64> = parked
        .iter()
        .map(|_| {
            let answer = wire.read().unwrap();
            // PULL_NOT_FOUND
            assert_eq!(answer.code(), 19, "{}", answer.header);
            answer.opaque()
        })
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, parked.iter().copied().map(i64::from).collect::<Vec<_>>());
    assert!(wire.read_to_end().unwrap().is_empty());
    assert!(!server.store.exists(), "{} is still there", server.store.display());
}

/// Whenever the signal comes, be it before the start is complete.
#[test]
fn sigterm_at_any_moment_leaves_no_temporary_store() {
    let home = TempDir::with_prefix("process-").unwrap();
    let log = home.path().join("log");
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    for round in 0..20 {
        let mut command = Command::new(ferrocket());
        command.args(["--ephemeral", "--port", "0"]).env("TMPDIR", &temporary).env("HOME", home.path());
        let mut server = Process::start("ephemeral", &mut command, &log);
        if round % 2 == 0 {
            let deadline = Instant::now() + LONG;
            while fs::read_dir(&temporary).unwrap().next().is_none() {
                assert!(Instant::now() < deadline, "no store");
            }
        }
        thread::sleep(Duration::from_micros(round * 400));
        let status = server.terminate();
        // Before it can hear of signals at all, one ends it, and there is nothing to leave behind.
        assert!(status.code() == Some(0) || (round % 2 == 1 && status.code().is_none()), "{status}");
        assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{}", server.log_tail());
    }
}

#[test]
fn nobody_has_to_read_what_is_printed() {
    let home = TempDir::with_prefix("process-").unwrap();
    let mut command = Command::new(ferrocket());
    command.args(["broker", "-p"]).current_dir(home.path()).env("HOME", home.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && !text(&output.stderr).contains("panicked"), "{output:?}");
}

#[test]
fn standalone_follows_its_configuration_file() {
    let (home, file) = with_file("brokerName=own\nbrokerIP1=10.1.2.3\nstorePathRootDir=elsewhere\n");
    let mut command = Command::new(ferrocket());
    command.args(["--port", "0", "--json", "-c", &file]).current_dir(home.path()).env("HOME", home.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ports: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(ports["broker"].as_str().unwrap().starts_with("10.1.2.3:"), "{line}");
    assert_eq!(ports["store"].as_str().map(Path::new), Some(home.path().join("elsewhere").as_path()));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_orderly_stop_removes_abort_and_a_start_finds_everything() {
    let home = TempDir::with_prefix("process-").unwrap();
    let store = home.path().join("store");
    for round in 0..3 {
        let mut server = Standalone::on_store(&store);
        assert_eq!(server.store, store);
        assert!(store.join("abort").exists());
        let mut wire = Wire::connect(&server.broker).unwrap();
        let sent = wire.call(code::SEND_MESSAGE_V2, &send_fields("kept"), b"body").unwrap();
        assert_eq!(sent.field("queueOffset"), round.to_string(), "{}", sent.header);
        assert_eq!(server.process.terminate().code(), Some(0), "{}", server.process.log_tail());
        assert!(!store.join("abort").exists(), "abort is still there");
    }
}

#[test]
fn standalone_announces_all_ports() {
    let server = Standalone::ephemeral();
    let port = |address: &str| address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    assert_eq!(port(&server.fast), port(&server.broker) - 2);
    for address in [&server.namesrv, &server.broker, &server.fast] {
        assert_eq!(Wire::connect(address).unwrap().call(9999, &json!({}), &[]).unwrap().code(), 3);
    }
    let mut namesrv = Wire::connect(&server.namesrv).unwrap();
    let route = namesrv.call(code::GET_ROUTEINFO_BY_TOPIC, &json!({ "topic": "TBW102" }), &[]).unwrap();
    assert_eq!(route.code(), 0, "the broker is registered when it is announced");
    assert!(text(&route.body).contains(&server.broker), "{}", text(&route.body));
}

/// Length, time of change and content of every file below a directory.
fn snapshot(directory: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::metadata(&path).unwrap();
        if metadata.is_dir() {
            files.insert(path.clone(), (metadata.modified().unwrap(), Vec::new()));
            files.append(&mut snapshot(&path));
        } else {
            // The rest of a preallocated file is a hole.
            let mut content = Vec::new();
            File::open(&path).unwrap().take(1 << 20).read_to_end(&mut content).unwrap();
            files.insert(path, (metadata.modified().unwrap(), content));
        }
    }
    files
}

/// Waits until every thread of a process has stopped, which each does when it is done in the kernel.
fn wait_until_stopped(process: u32) {
    let is_stopped = |task: fs::DirEntry| {
        // A thread that has ended meanwhile has no state.
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let state = status.lines().find(|line| line.starts_with("State:"));
        state.is_none_or(|state| state.contains("T (stopped)"))
    };
    let deadline = Instant::now() + LONG;
    while !fs::read_dir(format!("/proc/{process}/task")).unwrap().all(|task| is_stopped(task.unwrap())) {
        assert!(Instant::now() < deadline, "a thread does not stop");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_process_on_a_store_ends_at_once_and_changes_nothing() {
    let home = TempDir::with_prefix("process-").unwrap();
    let store = home.path().join("store");
    let conf = home.path().join("broker.conf");
    let lines =
        format!("storePathRootDir={}\nmappedFileSizeCommitLog=1048576\nlistenPort=0\n", store.display());
    fs::write(&conf, lines).unwrap();
    let server = Standalone::on_store(&store);
    let mut wire = Wire::connect(&server.broker).unwrap();
    assert_eq!(wire.call(code::SEND_MESSAGE_V2, &send_fields("alone"), b"body").unwrap().code(), 0);
    // The first one holds its breath, so that every change is the second one's.
    let first = Pid::from_raw(server.process.id().cast_signed()).unwrap();
    kill_process(first, Signal::STOP).unwrap();
    wait_until_stopped(server.process.id());
    let before = snapshot(&store);
    let second = run(ferrocket(), home.path(), &["broker", "-c", conf.to_str().unwrap()]);
    let after = snapshot(&store);
    kill_process(first, Signal::CONT).unwrap();

    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(said.contains("another process") && said.contains(store.to_str().unwrap()), "{said}");
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, file) in &before {
        assert!(after[path] == *file, "{} has changed", path.display());
    }
    assert_eq!(wire.call(code::SEND_MESSAGE_V2, &send_fields("alone"), b"body").unwrap().code(), 0);
}

#[test]
fn check_config_says_where_a_file_is_wrong() {
    for (content, expected) in [
        ("brokerName=a\nlistenPort=ten\n", "line 2"),
        ("brokerName=a\n\n# a comment\nlistenPort=70000\n", "line 4"),
        ("flushDiskType=SOMETIMES\n", "line 1"),
        ("brokerName=a\nmessageDelayLevel=1s 5x\n", "line 2"),
        ("\nenableDLegerCommitLog=true\n", "line 2"),
    ] {
        let (home, file) = with_file(content);
        for arguments in [&["broker", "--check-config", "-c", &file], &["broker", "-c", &file, "-p"]] {
            let output = run(ferrocket(), home.path(), arguments);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{content:?}: {said}");
            assert!(said.contains(&file) && said.contains(expected), "{content:?}: {said}");
            assert!(output.stdout.is_empty());
        }
        // A check leaves no trace.
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
    let (home, file) = with_file("clusterTest=true\n");
    let output = run(ferrocket(), home.path(), &["namesrv", "--check-config", "-c", &file]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[test]
fn check_config_passes_what_is_right_and_names_what_is_odd() {
    let (home, file) = with_file(
        "brokerName=a\nbrokerNmae=b\nlistenPort=10911\nserverWorkerThreads=16\nfileReservedTime=48\n",
    );
    let output = run(ferrocket(), home.path(), &["broker", "--check-config", "-c", &file]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(output.stdout.is_empty());
    assert!(said.contains("brokerNmae") && said.contains("line 2"), "{said}");
    assert!(said.contains("serverWorkerThreads") && !said.contains("fileReservedTime"), "{said}");

    let missing = run(ferrocket(), home.path(), &["broker", "--check-config", "-c", "nowhere.conf"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("nowhere.conf"), "{}", text(&missing.stderr));
}

#[test]
fn launcher_names_print_the_configuration() {
    let (home, file) = with_file("brokerName=named\ndefaultTopicQueueNums=3\nkvConfigPath=/tmp/kv.json\n");
    let link = |name: &str| {
        let link = home.path().join(name);
        symlink(ferrocket(), &link).unwrap();
        link
    };
    let (mqbroker, mqnamesrv) = (link("mqbroker"), link("mqnamesrv"));

    let all = run(&mqbroker, home.path(), &["-n", "a:9876;b:9876", "-c", &file, "-p"]);
    assert_eq!(all.status.code(), Some(0), "{}", text(&all.stderr));
    let lines: Vec<&str> = text(&all.stdout).lines().collect();
    for line in [
        "namesrvAddr=a:9876;b:9876",
        "brokerName=named",
        "defaultTopicQueueNums=3",
        "flushDiskType=ASYNC_FLUSH",
    ] {
        assert!(lines.contains(&line), "no {line} in\n{}", text(&all.stdout));
    }
    assert!(lines.len() > 400, "{} lines", lines.len());

    let important = run(&mqbroker, home.path(), &["-c", &file, "-m"]);
    assert_eq!(important.status.code(), Some(0), "{}", text(&important.stderr));
    let lines: Vec<&str> = text(&important.stdout).lines().collect();
    assert!(lines.contains(&"brokerName=named") && lines.len() < 100, "{}", text(&important.stdout));
    assert!(!lines.iter().any(|line| line.starts_with("defaultTopicQueueNums")));

    let namesrv = run(&mqnamesrv, home.path(), &["-c", &file, "-p"]);
    assert_eq!(namesrv.status.code(), Some(0), "{}", text(&namesrv.stderr));
    let lines: Vec<&str> = text(&namesrv.stdout).lines().collect();
    assert!(lines.contains(&"kvConfigPath=/tmp/kv.json") && lines.contains(&"listenPort=9876"), "{lines:?}");
}

#[test]
fn a_port_that_is_taken_stops_the_start() {
    let server = Standalone::ephemeral();
    let port = server.broker.rsplit_once(':').unwrap().1;
    let (home, file) =
        with_file(&format!("listenPort={port}\nstorePathRootDir=store\nmappedFileSizeCommitLog=1048576\n"));
    let output = run(ferrocket(), home.path(), &["broker", "-c", &file]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(port) && said.contains("listen"), "{said}");
    assert!(!home.path().join("store/abort").exists(), "abort is left of a start that failed");
}

#[test]
fn name_servers_are_looked_up_and_topics_registered_one_by_one() {
    let server = Standalone::ephemeral();
    let port = server.namesrv.rsplit_once(':').unwrap().1;
    let (home, file) = with_file(
        "brokerName=second\nlistenPort=0\nbrokerIP1=127.0.0.1\nstorePathRootDir=store\n\
         mappedFileSizeCommitLog=1048576\nfetchNameSrvAddrByDnsLookup=true\nenableSingleTopicRegister=true\n\
         diskMinFreeBytes=1048576\n",
    );
    let mut command = Command::new(ferrocket());
    command.args(["broker", "-c", &file, "-n", &format!("localhost:{port}")]).current_dir(home.path());
    let mut second = Process::start_piped("second", &mut command, &home.path().join("log"));
    let (_stdin, stdout) = second.pipes();
    let mut boot = String::new();
    BufReader::new(stdout).read_line(&mut boot).unwrap();
    let address = boot.strip_prefix("The broker[second, ").and_then(|rest| rest.split(']').next());
    let address = address.unwrap_or_else(|| panic!("{boot:?}\n{}", second.log_tail()));
    let mut namesrv = Wire::connect(&server.namesrv).unwrap();
    let mut route = |topic: &str| {
        let answer = namesrv.call(code::GET_ROUTEINFO_BY_TOPIC, &json!({ "topic": topic }), &[]).unwrap();
        String::from_utf8(answer.body).unwrap()
    };
    let deadline = Instant::now() + LONG;
    while !route("TBW102").contains(address) {
        assert!(Instant::now() < deadline, "not registered\n{}", second.log_tail());
        thread::sleep(Duration::from_millis(10));
    }
    let mut broker = Wire::connect(address).unwrap();
    let sent = broker.call(code::SEND_MESSAGE_V2, &send_fields("single"), b"body").unwrap();
    assert_eq!(sent.code(), 0, "{}", sent.header);
    assert!(
        route("single").contains(address),
        "a new topic is announced before its first message is answered"
    );
    assert!(route("TBW102").contains(address), "and no other is forgotten for it");
}
