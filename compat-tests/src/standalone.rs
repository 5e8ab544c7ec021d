//! `ferrocket standalone` as other people's tests embed it: free ports, one JSON line.

use crate::binary;
use crate::process::Process;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};
use tempfile::TempDir;

/// A running `ferrocket standalone --port 0`; dropping it ends it.
#[derive(Debug)]
pub struct Standalone {
    /// The process.
    pub process: Process,
    /// `127.0.0.1:port` of the NameServer.
    pub namesrv: String,
    /// `127.0.0.1:port` of the broker.
    pub broker: String,
    /// `127.0.0.1:port` of the broker's fast port.
    pub fast: String,
    /// Its store.
    pub store: PathBuf,
    /// Kept open: whoever prints into a closed pipe is ended.
    _stdout: BufReader<ChildStdout>,
    _directory: TempDir,
}

impl Standalone {
    /// Starts one with a store of its own that goes with it.
    pub fn ephemeral() -> Self {
        Self::start(Command::new(binary::ferrocket()), &["--ephemeral"])
    }

    /// Starts one that may have no more than so many files open.
    pub fn with_open_files(count: u32) -> Self {
        let mut shell = Command::new("sh");
        let limited = format!("ulimit -n {count} && exec \"$@\"");
        shell.args(["-c", &limited, "sh"]).arg(binary::ferrocket());
        Self::start(shell, &["--ephemeral"])
    }

    /// Starts one on a store that stays.
    pub fn on_store(store: &Path) -> Self {
        let store = store.to_str().expect("a path that is text");
        Self::start(Command::new(binary::ferrocket()), &["--json", "--store", store])
    }

    fn start(mut command: Command, arguments: &[&str]) -> Self {
        let directory = TempDir::with_prefix("standalone-").expect("temporary directory");
        // However full the disk is, messages are taken and kept while there is room.
        let conf = directory.path().join("broker.conf");
        fs::write(&conf, "diskMinFreeBytes=16777216\n").expect("configuration file");
        command.args(["standalone", "--port", "0"]).args(arguments).arg("-c").arg(conf);
        command.env("TMPDIR", directory.path()).env_remove("NAMESRV_ADDR");
        let mut process = Process::start_piped("standalone", &mut command, &directory.path().join("log"));
        let (stdin, stdout) = process.pipes();
        drop(stdin);
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the first line");
        let started: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}\n{}", process.log_tail()));
        let address = |port: &str| format!("127.0.0.1:{}", started[port]);
        Self {
            namesrv: address("namesrvPort"),
            broker: address("brokerPort"),
            fast: address("fastPort"),
            store: PathBuf::from(started["store"].as_str().expect("a store")),
            process,
            _stdout: stdout,
            _directory: directory,
        }
    }

    /// Memory of its own in bytes: neither shared nor part of a file.
    pub fn anonymous_bytes(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = fs::read_to_string(path).expect("memory of a process");
        let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("a figure");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// Processor time it has used, in hundredths of a second.
    pub fn processor_ticks(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("a process");
        let (_, fields) = text.rsplit_once(')').expect("fields behind the name");
        let figure = |index| fields.split_whitespace().nth(index).and_then(|field| field.parse::<u64>().ok());
        // utime and stime, the 14th and 15th of all fields.
        figure(11).expect("utime") + figure(12).expect("stime")
    }
}
