//! What the README promises about a store, tried on the process itself: full disks, offsets of consumers, damage in the
//! middle of the log, limits of a pull, the deletion of old files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

use compat_tests::wire::{Answer, Wire, code, pull_fields, send_fields};
use compat_tests::{Cluster, Options, Process, ServerKind, ferrocket, free_port};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(180);
const MIB: u64 = 1 << 20;
/// RocketMQ's `SERVICE_NOT_AVAILABLE`.
const NOT_AVAILABLE: i64 = 14;
const UPDATE_CONSUMER_OFFSET: i32 = 15;
const QUERY_CONSUMER_OFFSET: i32 = 14;

/// A file system of its own for a broker, in a mount namespace that a sleeping process keeps.
struct SmallDisk {
    holder: Process,
    home: TempDir,
    bytes: u64,
}

impl SmallDisk {
    /// `None` where namespaces are not allowed.
    fn new(bytes: u64) -> Option<Self> {
        let home = TempDir::with_prefix("small-disk-").unwrap();
        let mount = home.path().join("mount");
        fs::create_dir(&mount).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={bytes} tmpfs {} && echo mounted && exec sleep 600",
            mount.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        let mut holder = Process::start_piped("disk", &mut command, &home.path().join("disk.log"));
        let mut line = String::new();
        BufReader::new(holder.pipes().1).read_line(&mut line).unwrap();
        if line.trim() == "mounted" {
            return Some(Self { holder, home, bytes });
        }
        eprintln!("not tried: no namespaces here\n{}", holder.log_tail());
        None
    }

    fn mount(&self) -> PathBuf {
        self.home.path().join("mount")
    }

    /// A path of the mount as seen from here.
    fn seen(&self, name: &str) -> PathBuf {
        let inside = self.mount().join(name);
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(inside.strip_prefix("/").unwrap())
    }

    /// A broker whose store is on it.
    fn broker(&self, port: u16, lines: &str) -> Process {
        let conf = self.home.path().join("broker.conf");
        let store = self.mount().join("store");
        let common = format!(
            "storePathRootDir={}\nlistenPort={port}\nmappedFileSizeCommitLog=4194304\nmappedFileSizeConsumeQueue=20000\nmaxHashSlotNum=100\nmaxIndexNum=400\ncleanResourceInterval=200\nbrokerIP1=127.0.0.1\n",
            store.display()
        );
        fs::write(&conf, common + lines).unwrap();
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.holder.id().to_string(),
            "--user",
            "--mount",
            "--preserve-credentials",
        ]);
        command.arg(ferrocket()).args(["broker", "-c"]).arg(&conf).env("HOME", self.home.path());
        command.env_remove("NAMESRV_ADDR").env_remove("ROCKETMQ_HOME");
        let mut broker = Process::start("broker", &mut command, &self.home.path().join("broker.log"));
        broker.wait_for_port(port, LONG);
        broker
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("broker.log")).unwrap()
    }

    /// Takes space until so much is used, at most all.
    fn fill_to(&self, used_bytes: u64) {
        let statistics = rustix::fs::statvfs(self.seen("")).unwrap();
        let used = (statistics.f_blocks - statistics.f_bfree) * statistics.f_frsize;
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.seen("ballast")).unwrap();
        for _ in 0..used_bytes.saturating_sub(used).div_ceil(4096) {
            if ballast.write_all(&[1; 4096]).is_err() {
                break;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.seen("ballast")).unwrap();
    }
}

fn send(wire: &mut Wire, topic: &str, body: &[u8]) -> Answer {
    wire.call(code::SEND_MESSAGE_V2, &send_fields(topic), body).unwrap()
}

/// Repeats until it holds. Panics when it does not within three minutes.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn commit_log_files(store: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(store.join("commitlog")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// By its ratios: the oldest files go at 85 %, nothing is taken at 90 %, and both end by themselves.
#[test]
fn a_disk_at_its_ratios_refuses_and_heals() {
    let Some(disk) = SmallDisk::new(96 * MIB) else { return };
    let port = free_port();
    let mut broker = disk.broker(port, "");
    let mut wire = Wire::connect(&format!("127.0.0.1:{port}")).unwrap();
    for _ in 0..24 {
        assert_eq!(send(&mut wire, "t", &vec![b'x'; 500_000]).code(), 0);
    }
    let before = commit_log_files(&disk.seen("store"));
    let mut refused = None;
    until("a full disk is refused", || {
        // Files that are deleted make room.
        disk.fill_to(disk.bytes * 93 / 100);
        let answer = send(&mut wire, "t", b"one more");
        refused = (answer.code() != 0).then_some(answer);
        refused.is_some()
    });
    let refused = refused.unwrap();
    let remark = refused.header["remark"].as_str().unwrap_or_default();
    assert_eq!(refused.code(), NOT_AVAILABLE, "{remark}");
    assert!(remark.contains(disk.mount().to_str().unwrap()), "{remark}");
    assert!(remark.contains("% used") && remark.contains("90%"), "{remark}");
    until("the oldest files are deleted", || commit_log_files(&disk.seen("store"))[0] > before[0]);
    disk.free();
    until("messages are taken again", || send(&mut wire, "t", b"again").code() == 0);
    until("the end of it is logged", || disk.log().contains("disk space is back"));
    assert!(broker.terminate().success(), "{}", broker.log_tail());
}

/// By an absolute limit, and with no space left at all: nothing acknowledged is lost, no configuration is emptied.
#[test]
fn a_disk_without_any_space_loses_nothing() {
    let Some(disk) = SmallDisk::new(48 * MIB) else { return };
    let (port, conf) = (free_port(), "cleanFileForciblyEnable=false\ndiskMinFreeBytes=1048576\n");
    let mut broker = disk.broker(port, conf);
    let mut wire = Wire::connect(&format!("127.0.0.1:{port}")).unwrap();
    let mut acknowledged = 0;
    assert_eq!(send(&mut wire, "t", b"first").code(), 0);
    acknowledged += 1;
    make_group(&mut wire, "g");
    let config = disk.seen("store/config");
    until("topics are on disk", || config.join("topics.json").exists());
    disk.fill_to(u64::MAX);
    let mut remark = String::new();
    until("a full disk is refused", || {
        let answer = send(&mut wire, "t", &vec![b'x'; 200_000]);
        acknowledged += i64::from(answer.code() == 0);
        remark = answer.header["remark"].as_str().unwrap_or_default().to_owned();
        answer.code() == NOT_AVAILABLE
    });
    assert!(remark.contains(disk.mount().to_str().unwrap()) && remark.contains("bytes left"), "{remark}");
    // Groups and offsets come all the same; none of it can be written.
    for round in 0..20 {
        let mut offset = consumer_offset("g");
        offset["commitOffset"] = Value::from(round.to_string());
        assert_eq!(wire.call(UPDATE_CONSUMER_OFFSET, &offset, &[]).unwrap().code(), 0);
        make_group(&mut wire, "g");
        let unkept = pull_as(&mut wire, &format!("new-{round}"));
        assert_eq!(unkept.code(), 0, "{}", unkept.header);
        thread::sleep(Duration::from_millis(100));
        assert!(broker.exit_status().is_none(), "{}", broker.log_tail());
    }
    broker.kill();
    for entry in fs::read_dir(&config).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read_to_string(&path).unwrap();
        let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
        assert!(is_temporary || !content.trim().is_empty(), "{} is empty", path.display());
    }
    disk.free();
    let mut broker = disk.broker(port, conf);
    let mut wire = Wire::connect(&format!("127.0.0.1:{port}")).unwrap();
    let max = wire.call(code::GET_MAX_OFFSET, &json!({ "topic": "t", "queueId": "0" }), &[]).unwrap();
    assert!(max.field("offset").parse::<i64>().unwrap() >= acknowledged, "{} of {acknowledged}", max.header);
    until("messages are taken again", || send(&mut wire, "t", b"again").code() == 0);
    assert!(broker.terminate().success(), "{}", broker.log_tail());
}

/// A limit of free bytes holds before the disk is full, and takes the place of the ratios.
#[test]
fn an_absolute_limit_takes_the_place_of_the_ratios() {
    let Some(disk) = SmallDisk::new(64 * MIB) else { return };
    let port = free_port();
    let mut broker = disk.broker(port, "diskMinFreeBytes=2097152\ncleanFileForciblyEnable=false\n");
    let mut wire = Wire::connect(&format!("127.0.0.1:{port}")).unwrap();
    assert_eq!(send(&mut wire, "t", b"first").code(), 0);
    thread::sleep(Duration::from_secs(1));
    // 92 % used, which the ratios would refuse.
    disk.fill_to(59 * MIB);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(send(&mut wire, "t", b"second").code(), 0, "{}", disk.log());
    disk.fill_to(63 * MIB);
    until("too little free space is refused", || send(&mut wire, "t", b"third").code() == NOT_AVAILABLE);
    disk.free();
    until("messages are taken again", || send(&mut wire, "t", b"again").code() == 0);
    assert!(broker.terminate().success(), "{}", broker.log_tail());
}

fn consumer_offset(group: &str) -> Value {
    json!({ "consumerGroup": group, "topic": "t", "queueId": "0" })
}

/// A group is made by its first pull.
fn make_group(wire: &mut Wire, group: &str) {
    let answer = pull_as(wire, group);
    assert_eq!(answer.code(), 0, "{}", answer.header);
}

fn pull_as(wire: &mut Wire, group: &str) -> Answer {
    let mut fields = pull_fields("t", 0, Duration::ZERO);
    fields["consumerGroup"] = Value::from(group);
    wire.call(code::PULL_MESSAGE, &fields, &[]).unwrap()
}

/// Offsets a second old survive a kill. Two seconds here, or when a disk that does other things too has time for them.
#[test]
fn consumer_offsets_outlive_a_kill() {
    let cluster = Cluster::start(Options::ferrocket());
    if cluster.broker_kind() == ServerKind::Java {
        // Java's broker writes them each five seconds.
        return;
    }
    let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
    for round in 1..4 {
        assert_eq!(send(&mut wire, "t", b"body").code(), 0);
        make_group(&mut wire, "g");
        let mut fields = consumer_offset("g");
        fields["commitOffset"] = Value::from(round.to_string());
        assert_eq!(wire.call(UPDATE_CONSUMER_OFFSET, &fields, &[]).unwrap().code(), 0);
        thread::sleep(Duration::from_secs(2));
        cluster.wait_for_written_offset("t", "g", round);
        cluster.kill_broker();
        cluster.start_broker();
        wire = Wire::connect(&cluster.broker_addr()).unwrap();
        let answer = wire.call(QUERY_CONSUMER_OFFSET, &consumer_offset("g"), &[]).unwrap();
        assert_eq!(answer.field("offset"), round.to_string(), "{}", answer.header);
    }
}

/// Damage in the middle is told with file and place, costs the messages it hit, and nothing behind it.
#[test]
fn damage_in_the_middle_costs_only_what_it_hit() {
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf("mappedFileSizeCommitLog=65536"));
    if cluster.broker_kind() == ServerKind::Java {
        // Java's broker deletes what follows.
        return;
    }
    let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
    for _ in 0..40 {
        assert_eq!(send(&mut wire, "t", &[b'x'; 10_000]).code(), 0);
    }
    cluster.kill_broker();
    // Six messages to a file; one behind them may have been made ahead.
    let before = commit_log_files(&cluster.store())[..7].to_vec();
    let checkpoint = cluster.store().join("checkpoint");
    // Without a position of its own the checkpoint sends recovery through the whole log.
    OpenOptions::new().write(true).open(checkpoint).unwrap().write_all_at(&[0; 4096], 0).unwrap();
    let damaged = &before[2];
    OpenOptions::new().write(true).open(damaged).unwrap().write_all_at(b"damage", 25_000).unwrap();
    // A torn record at the very end, as a crash leaves one.
    cluster.start_broker();
    let log = fs::read_to_string(cluster.path("broker.log")).unwrap();
    let told =
        log.lines().find(|line| line.contains("commit log is damaged")).unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains(damaged.to_str().unwrap()) && told.contains("from_phy_offset="), "{told}");
    let after = commit_log_files(&cluster.store());
    assert!(before.iter().all(|file| after.contains(file)), "{before:?} {after:?}");
    let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
    let seen: Vec<i64> = offsets_from(&mut wire, 0);
    assert_eq!(seen.len(), 39, "{seen:?}");
    assert_eq!(seen.last(), Some(&39));
}

/// The offsets of all messages from one on.
fn offsets_from(wire: &mut Wire, first: i64) -> Vec<i64> {
    let mut offsets = Vec::new();
    let mut next = first;
    loop {
        let answer = wire.call(code::PULL_MESSAGE, &pull_fields("t", next, Duration::ZERO), &[]).unwrap();
        let following = answer.field("nextBeginOffset").parse().unwrap();
        if answer.code() == 0 {
            offsets.extend(offsets_of(&answer.body));
        } else if following == next {
            return offsets;
        }
        next = following;
    }
}

fn offsets_of(mut records: &[u8]) -> Vec<i64> {
    let mut offsets = Vec::new();
    while !records.is_empty() {
        let size = u32::from_be_bytes(records[..4].try_into().unwrap()) as usize;
        offsets.push(i64::from_be_bytes(records[20..28].try_into().unwrap()));
        records = &records[size..];
    }
    offsets
}

/// One pull brings 32 messages or 256 KiB from memory, 8 or 64 KiB from disk, unless the keys say otherwise.
#[test]
fn pulls_have_the_limits_of_their_keys() {
    let pulled = |conf: &str| {
        let cluster = Cluster::start(Options::ferrocket().with_broker_conf(conf));
        let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
        for (topic, size) in [("small", 10), ("large", 10_000)] {
            for _ in 0..50 {
                assert_eq!(send(&mut wire, topic, &vec![b'x'; size]).code(), 0);
            }
        }
        ["small", "large"].map(|topic| {
            let mut fields = pull_fields(topic, 0, Duration::ZERO);
            fields["maxMsgNums"] = Value::from("60");
            let mut count = 0;
            // Java's queues follow the log.
            until("messages", || {
                let answer = wire.call(code::PULL_MESSAGE, &fields, &[]).unwrap();
                count = if answer.code() == 0 { offsets_of(&answer.body).len() } else { 0 };
                count > 1
            });
            count
        })
    };
    thread::scope(|scope| {
        let hot = scope.spawn(|| pulled(""));
        let cold = scope.spawn(|| pulled("accessMessageInMemoryMaxRatio=0"));
        let other = "maxTransferCountOnMessageInMemory=20\nmaxTransferBytesOnMessageInMemory=50000";
        let other = scope.spawn(move || pulled(other));
        assert_eq!(hot.join().unwrap(), [32, 25]);
        assert_eq!(cold.join().unwrap(), [8, 6]);
        assert_eq!(other.join().unwrap(), [20, 4]);
    });
}

/// Expired files go in the hours of `deleteWhen`, and in no other.
#[test]
fn expired_files_go_in_their_hour() {
    let local = Command::new("date").arg("+%H").output().unwrap();
    let hour: u32 = String::from_utf8(local.stdout).unwrap().trim().parse().unwrap();
    let other = (hour + 12) % 24;
    let every: Vec<String> = (0..24).map(|hour| format!("{hour:02}")).collect();
    let files_after = |delete_when: &str, reserved: u32, are_deleted: bool| {
        let conf = format!(
            "mappedFileSizeCommitLog=65536\ncleanResourceInterval=200\nfileReservedTime={reserved}\ndeleteWhen={delete_when}"
        );
        let cluster = Cluster::start(Options::ferrocket().with_broker_conf(&conf));
        let mut wire = Wire::connect(&cluster.broker_addr()).unwrap();
        for _ in 0..40 {
            assert_eq!(send(&mut wire, "t", &[b'x'; 10_000]).code(), 0);
        }
        let first = || {
            let first = commit_log_files(&cluster.store())[0].clone();
            first.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap()
        };
        if are_deleted {
            until("expired files are deleted", || first() > 0);
        } else {
            // Fifteen rounds of cleaning.
            thread::sleep(Duration::from_secs(3));
        }
        first()
    };
    thread::scope(|scope| {
        let now = scope.spawn(|| files_after(&every.join(";"), 0, true));
        let reserved = scope.spawn(|| files_after(&every.join(";"), 72, false));
        let later = scope.spawn(|| files_after(&format!("{other:02}"), 0, false));
        assert!(now.join().unwrap() > 0, "expired files are still there");
        assert_eq!(reserved.join().unwrap(), 0, "files were deleted that had not expired");
        assert_eq!(later.join().unwrap(), 0, "files were deleted at another hour");
    });
}
