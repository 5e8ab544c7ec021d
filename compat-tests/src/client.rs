//! A client process: one version of the unmodified Java client, running scenarios on request.
//!
//! The protocol is the driver's `serve` mode: orders on its standard input, JSON lines on its output, each with the id of
//! the run it belongs to. Scenarios of one process run at the same time.

use crate::event::{Event, named};
use crate::java;
use crate::process::Process;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const HEAP_MEGABYTES: u32 = 512;
/// Longer than any scenario's own limit.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// Arguments for scenarios that should not wait: clients look routes up each second, so that they find new topics and
/// retry topics, and beat every three, so that a subscription lost in a race of the client's own is told again. The first
/// send of a virtual machine has time enough on a busy machine, and so has everything that is waited for.
pub const FAST: &str = "poll=1000 heartbeat=3000 timeout=240 sendTimeout=60000";
/// What scenarios have that are given no limits: enough on a busy machine, too.
const PATIENT: &str = "timeout=240 sendTimeout=60000";

/// The releases of the Java client that the drivers are built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientVersion {
    /// 5.3.3
    V5_3_3,
    /// 4.9.8
    V4_9_8,
    /// 4.7.1
    V4_7_1,
}

impl ClientVersion {
    /// All of them, newest first.
    pub const ALL: [Self; 3] = [Self::V5_3_3, Self::V4_9_8, Self::V4_7_1];

    /// The module of `java-interop`.
    fn module(self) -> &'static str {
        match self {
            Self::V5_3_3 => "client-5.3.3",
            Self::V4_9_8 => "client-4.9.8",
            Self::V4_7_1 => "client-4.7.1",
        }
    }

    /// For names of topics and groups.
    pub fn label(self) -> &'static str {
        match self {
            Self::V5_3_3 => "v533",
            Self::V4_9_8 => "v498",
            Self::V4_7_1 => "v471",
        }
    }
}

type Inbox = Arc<Mutex<HashMap<String, Sender<Event>>>>;

/// See the module.
#[derive(Debug)]
pub struct Client {
    namesrv: String,
    process: Mutex<Process>,
    orders: Arc<Mutex<ChildStdin>>,
    inbox: Inbox,
    next_run: AtomicU32,
}

impl Client {
    /// Starts the process; its scenarios use these name servers.
    pub fn start(version: ClientVersion, namesrv: &str, directory: &Path) -> Self {
        let home = directory.join(version.module());
        std::fs::create_dir_all(&home).expect("home of the client");
        let mut command = java::java(version.module(), &home, HEAP_MEGABYTES);
        command.args(["ferrocket.interop.Driver", "serve"]);
        let mut process = Process::start_piped(version.module(), &mut command, &home.join("stderr.log"));
        let (stdin, stdout) = process.pipes();
        let inbox = Inbox::default();
        deliver(stdout, Arc::clone(&inbox));
        Self {
            namesrv: namesrv.to_owned(),
            process: Mutex::new(process),
            orders: Arc::new(Mutex::new(stdin)),
            inbox,
            next_run: AtomicU32::new(1),
        }
    }

    /// Begins a scenario with `key=value` arguments separated by blanks; of two for one key the later counts.
    pub fn begin(&self, scenario: &str, arguments: &str) -> Run<'_> {
        let id = self.next_run.fetch_add(1, Ordering::Relaxed).to_string();
        let (sender, events) = channel();
        self.inbox.lock().unwrap().insert(id.clone(), sender);
        let order = format!("start {id} {scenario} namesrv={} {PATIENT} {arguments}", self.namesrv);
        writeln!(self.orders.lock().unwrap(), "{}", order.trim_end()).expect("order to the client");
        let title = format!("{scenario} {arguments}");
        Run { client: self, id, title, events, seen: Vec::new() }
    }

    /// Runs a scenario to its end. Panics when it fails.
    pub fn run(&self, scenario: &str, arguments: &str) -> Vec<Event> {
        self.begin(scenario, arguments).finish()
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&self) {
        self.process.lock().unwrap().kill();
    }

    fn log_tail(&self) -> String {
        self.process.lock().unwrap().log_tail()
    }
}

/// Hands each line to its run. Ends with the process, which closes every run's channel.
fn deliver(stdout: ChildStdout, inbox: Inbox) {
    let reading = move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Some(event) = Event::parse(&line) else { continue };
            let id = event.0["run"].as_str().unwrap_or_default().to_owned();
            if let Some(run) = inbox.lock().unwrap().get(&id) {
                let _ = run.send(event);
            }
        }
        inbox.lock().unwrap().clear();
    };
    thread::Builder::new().name("client-output".to_owned()).spawn(reading).expect("thread");
}

/// One scenario in a client process.
#[derive(Debug)]
pub struct Run<'c> {
    client: &'c Client,
    id: String,
    title: String,
    events: Receiver<Event>,
    seen: Vec<Event>,
}

impl Run<'_> {
    /// Sends a command to it.
    pub fn tell(&self, command: &str) {
        writeln!(self.client.orders.lock().unwrap(), "tell {} {command}", self.id)
            .expect("order to the client");
    }

    /// Waits for the next event of a name. Panics when it does not come.
    pub fn wait_for(&mut self, name: &str, timeout: Duration) -> Event {
        self.wait_until(name, timeout, |event| event.name() == name)
    }

    /// Waits for an event. Panics, naming `what`, when it does not come.
    pub fn wait_until(&mut self, what: &str, timeout: Duration, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + timeout;
        loop {
            let event =
                self.next(deadline).unwrap_or_else(|reason| self.fail(&format!("{reason} for {what}")));
            if wanted(&event) {
                return event;
            }
            if event.name() == "end" {
                self.fail(&format!("ended before {what}: {}", event.0));
            }
        }
    }

    /// Waits for its end and returns all it printed. Panics when it failed.
    pub fn finish(mut self) -> Vec<Event> {
        match self.wait_for_end() {
            Ok(()) => self.seen,
            Err(reason) => self.fail(&reason),
        }
    }

    /// Waits for its end and returns all it printed, or why it failed.
    pub fn outcome(mut self) -> Result<Vec<Event>, String> {
        self.wait_for_end().map(|()| self.seen)
    }

    fn wait_for_end(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + RUN_LIMIT;
        loop {
            let event = self.next(deadline)?;
            if event.name() == "end" {
                let reason = event.0["reason"].as_str().unwrap_or("no reason").to_owned();
                return if event.0["ok"] == true { Ok(()) } else { Err(reason) };
            }
        }
    }

    /// What was read of it so far.
    pub fn seen(&self) -> &[Event] {
        &self.seen
    }

    /// What it printed until the process ended or `quiet` passed without a line.
    pub fn drain(mut self, quiet: Duration) -> Vec<Event> {
        while self.next(Instant::now() + quiet).is_ok() {}
        self.seen
    }

    fn next(&mut self, deadline: Instant) -> Result<Event, String> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.events.recv_timeout(left) {
            Ok(event) => {
                self.seen.push(event.clone());
                Ok(event)
            }
            Err(RecvTimeoutError::Timeout) => Err("waited in vain".to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("the client process ended".to_owned()),
        }
    }

    fn fail(&self, reason: &str) -> ! {
        let last: Vec<String> =
            self.seen.iter().rev().take(5).rev().map(|event| shortened(&event.0.to_string())).collect();
        let kinds =
            ["sent", "message"].map(|kind| format!("{} {kind}", named(&self.seen, kind).len())).join(", ");
        panic!(
            "{}: {reason}\n{kinds}; last events:\n{}\n{}",
            self.title,
            last.join("\n"),
            self.client.log_tail()
        )
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(600).collect()
}
