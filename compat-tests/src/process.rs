//! A child process with its output in a file.
//!
//! Invariant: when a [`Process`] is dropped its whole process group is dead, so no server or virtual machine outlives the
//! test that started it, also when that test panics.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(5);
/// Long for a virtual machine that stops while the machine is busy.
const STOP_LIMIT: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; both its outputs are appended to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("log file");
        let err = out.try_clone().expect("log file");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Self::spawn(name, command, log)
    }

    /// Starts a command whose standard input and output are [`Process::pipes`]; its errors are appended to `log`.
    pub fn start_piped(name: &str, command: &mut Command, log: &Path) -> Self {
        let err = File::options().create(true).append(true).open(log).expect("log file");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(err);
        Self::spawn(name, command, log)
    }

    fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let child = command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error} ({command:?})"));
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    /// Standard input and output of a process started with [`Process::start_piped`], once.
    pub fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        (self.child.stdin.take().expect("stdin"), self.child.stdout.take().expect("stdout"))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("state of a child")
    }

    /// Waits until the port accepts connections. Panics when the process ends first or the time is over.
    pub fn wait_for_port(&mut self, port: u16, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.exit_status() {
                panic!("{} ended with {status} before it listened on {port}\n{}", self.name, self.log_tail());
            }
            let waiting = Instant::now() < deadline;
            assert!(waiting, "{} does not listen on {port}\n{}", self.name, self.log_tail());
            thread::sleep(POLL);
        }
    }

    /// Waits for its end by itself; `None` when it still runs after the time.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            let status = self.exit_status();
            if status.is_some() || Instant::now() > deadline {
                return status;
            }
            thread::sleep(POLL);
        }
    }

    /// Asks it to stop (SIGTERM) and waits for it. Panics when it does not within two minutes.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let ended = self.wait(STOP_LIMIT);
        ended.unwrap_or_else(|| panic!("{} does not stop\n{}", self.name, self.log_tail()))
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// The last lines of its log, with a title.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("|-INFO in ")).collect();
        let from = lines.len().saturating_sub(60);
        format!("--- {} ({}), last lines:\n{}", self.name, self.log.display(), lines[from..].join("\n"))
    }

    fn signal(&mut self, signal: Signal) {
        // Once its end was seen, its id may belong to another process.
        if self.exit_status().is_none()
            && let Some(group) = Pid::from_raw(self.child.id() as i32)
        {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
