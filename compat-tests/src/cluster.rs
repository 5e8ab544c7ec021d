//! Name servers and a broker, each ours or Java's, with a store in a temporary directory.
//!
//! Both kinds read the same `.conf` files and take the same flags, which is part of what is tested.

use crate::binary;
use crate::client::{Client, ClientVersion};
use crate::java;
use crate::ports;
use crate::probe;
use crate::process::Process;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long for a virtual machine that starts while twenty others want the two processors.
const START_LIMIT: Duration = Duration::from_secs(240);
const WRITE_LIMIT: Duration = Duration::from_secs(180);
/// Every broker that creates topics automatically has it.
const TEMPLATE_TOPIC: &str = "TBW102";

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// This project's.
    Ferrocket,
    /// Release 5.3.3 of Apache `RocketMQ`.
    Java,
}

impl ServerKind {
    /// Ours, unless `COMPAT_SERVERS=java` asks for a proof of the expectations.
    fn effective(self) -> Self {
        if env::var("COMPAT_SERVERS").is_ok_and(|value| value == "java") { Self::Java } else { self }
    }
}

/// What a cluster consists of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose name servers.
    pub namesrv: ServerKind,
    /// How many of them.
    pub namesrv_count: usize,
    /// Whose broker.
    pub broker: ServerKind,
    /// Further lines of `broker.conf`.
    pub broker_conf: String,
    /// Further lines of every `namesrv.conf`.
    pub namesrv_conf: String,
    /// How long an orderly consumer owns a queue without renewing that.
    queue_lock_millis: Option<u64>,
}

impl Options {
    /// A cluster with one kind of name server and one of broker.
    pub fn new(namesrv: ServerKind, broker: ServerKind) -> Self {
        Self {
            namesrv: namesrv.effective(),
            namesrv_count: 1,
            broker: broker.effective(),
            broker_conf: String::new(),
            namesrv_conf: String::new(),
            queue_lock_millis: None,
        }
    }

    /// Only ours.
    pub fn ferrocket() -> Self {
        Self::new(ServerKind::Ferrocket, ServerKind::Ferrocket)
    }

    /// Only Java's.
    pub fn java() -> Self {
        Self::new(ServerKind::Java, ServerKind::Java)
    }

    /// With several name servers, which share nothing.
    #[must_use]
    pub fn with_name_servers(mut self, count: usize) -> Self {
        self.namesrv_count = count;
        self
    }

    /// Adds lines to every `namesrv.conf`.
    #[must_use]
    pub fn with_namesrv_conf(mut self, lines: &str) -> Self {
        self.namesrv_conf.push_str(lines);
        self.namesrv_conf.push('\n');
        self
    }

    /// Orderly consumers own queues for so long without renewing that, not for a minute. Java's broker has a system
    /// property for it.
    #[must_use]
    pub fn with_queue_locks_of(mut self, millis: u64) -> Self {
        self.queue_lock_millis = Some(millis);
        self.with_broker_conf(&format!("rebalanceLockMaxLiveTime={millis}"))
    }

    /// Adds lines to `broker.conf`.
    #[must_use]
    pub fn with_broker_conf(mut self, lines: &str) -> Self {
        self.broker_conf.push_str(lines);
        self.broker_conf.push('\n');
        self
    }
}

/// See the module. Dropping it ends every process and removes the directory.
pub struct Cluster {
    options: Options,
    broker_kind: Mutex<ServerKind>,
    namesrv_ports: Vec<u16>,
    broker_port: u16,
    // In this order: clients end first, then the broker, then the NameServer, then the directory goes.
    clients: [OnceLock<Client>; 3],
    broker: Mutex<Option<Process>>,
    namesrv: Vec<Mutex<Option<Process>>>,
    directory: Directory,
}

impl Cluster {
    /// Starts all servers and waits until the broker can be found.
    pub fn start(options: Options) -> Self {
        let cluster = Self::prepare(options);
        for index in 0..cluster.namesrv.len() {
            cluster.start_namesrv(index);
        }
        cluster.start_broker();
        cluster
    }

    /// Lays out the directory, starts nothing.
    pub fn prepare(options: Options) -> Self {
        let count = options.namesrv_count;
        let cluster = Self {
            broker_kind: Mutex::new(options.broker),
            options,
            namesrv_ports: (0..count).map(|_| ports::free_port()).collect(),
            broker_port: ports::free_port(),
            clients: [const { OnceLock::new() }; 3],
            broker: Mutex::new(None),
            namesrv: (0..count).map(|_| Mutex::new(None)).collect(),
            directory: Directory::new(),
        };
        cluster.write_configuration();
        cluster
    }

    fn write_configuration(&self) {
        for (index, port) in self.namesrv_ports.iter().enumerate() {
            let kv = self.path(&format!("kv-{index}.json"));
            let conf =
                format!("listenPort={port}\nkvConfigPath={}\n{}", kv.display(), self.options.namesrv_conf);
            fs::write(self.path(&format!("namesrv-{index}.conf")), conf).expect("configuration file");
        }
        let mut conf = String::new();
        for (key, value) in [
            ("brokerClusterName", "DefaultCluster"),
            ("brokerName", "broker-a"),
            ("brokerId", "0"),
            ("brokerRole", "ASYNC_MASTER"),
            ("flushDiskType", "ASYNC_FLUSH"),
            ("brokerIP1", "127.0.0.1"),
            ("autoCreateTopicEnable", "true"),
            ("mappedFileSizeCommitLog", "16777216"),
            ("mappedFileSizeConsumeQueue", "120000"),
            // On a loaded machine a slow start of the virtual machine is no reason to refuse.
            ("waitTimeMillsInSendQueue", "60000"),
            ("osPageCacheBusyTimeOutMills", "60000"),
            // A disk that is three quarters full is no reason to delete what the tests want kept, nor is a fuller one.
            ("diskMaxUsedSpaceRatio", "95"),
            ("cleanFileForciblyEnable", "false"),
            // Nor to refuse messages while there is room. Java's broker does not know this key.
            ("diskMinFreeBytes", "16777216"),
            ("maxHashSlotNum", "50000"),
            ("maxIndexNum", "200000"),
        ] {
            writeln!(conf, "{key}={value}").expect("text");
        }
        writeln!(conf, "listenPort={}", self.broker_port).expect("text");
        writeln!(conf, "storePathRootDir={}", self.store().display()).expect("text");
        conf.push_str(&self.options.broker_conf);
        fs::write(self.path("broker.conf"), conf).expect("broker.conf");
    }

    /// Starts a name server; again after it was stopped.
    pub fn start_namesrv(&self, index: usize) {
        let mut command = match self.options.namesrv {
            ServerKind::Ferrocket => self.ferrocket("namesrv"),
            ServerKind::Java => self.java_server("org.apache.rocketmq.namesrv.NamesrvStartup"),
        };
        command.arg("-c").arg(self.path(&format!("namesrv-{index}.conf")));
        let name = format!("namesrv-{index}");
        let mut process = Process::start(&name, &mut command, &self.path(&format!("{name}.log")));
        process.wait_for_port(self.namesrv_ports[index], START_LIMIT);
        *lock(&self.namesrv[index]) = Some(process);
    }

    /// Starts the broker; again after it was stopped or killed. Returns when it accepts connections and is registered.
    pub fn start_broker(&self) {
        let mut process = self.spawn_broker();
        process.wait_for_port(self.broker_port, START_LIMIT);
        self.adopt_broker(process);
    }

    /// Takes a broker that accepts connections for the cluster's, once it is registered.
    pub fn adopt_broker(&self, mut process: Process) {
        self.wait_for_registration(&mut process);
        *self.broker.lock().unwrap() = Some(process);
    }

    /// Its port opens before it registers, and Java's repeats a registration that failed only after 30 s.
    fn wait_for_registration(&self, process: &mut Process) {
        let deadline = Instant::now() + START_LIMIT;
        let known = |port: &u16| probe::has_route(&format!("127.0.0.1:{port}"), TEMPLATE_TOPIC);
        let running =
            |index: usize| lock(&self.namesrv[index]).as_mut().is_some_and(|p| p.exit_status().is_none());
        while !(0..self.namesrv.len()).all(|index| !running(index) || known(&self.namesrv_ports[index])) {
            if let Some(status) = process.exit_status() {
                panic!("the broker ended with {status} before it registered\n{}", process.log_tail());
            }
            assert!(Instant::now() < deadline, "the broker does not register\n{}", process.log_tail());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts another broker of the cluster, under another name and with its own store; again after it has ended.
    /// Returns when it is registered. The process is the caller's.
    pub fn start_further_broker(&self, kind: ServerKind, name: &str) -> Process {
        let conf = self.path(&format!("{name}.conf"));
        if !conf.exists() {
            let first = fs::read_to_string(self.path("broker.conf")).expect("broker.conf");
            let own = format!(
                "brokerName={name}\nlistenPort={}\nstorePathRootDir={}\n",
                ports::free_port(),
                self.path(&format!("store-{name}")).display()
            );
            fs::write(&conf, first + &own).expect("configuration file");
        }
        let mut command = match kind.effective() {
            ServerKind::Ferrocket => self.ferrocket("broker"),
            ServerKind::Java => self.java_server("org.apache.rocketmq.broker.BrokerStartup"),
        };
        command.arg("-n").arg(self.namesrv_addr()).arg("-c").arg(&conf);
        let process = Process::start(name, &mut command, &self.path(&format!("{name}.log")));
        // Every broker registers a topic of its own name.
        self.wait_for_route(0, name);
        process
    }

    /// Starts a server of a Java class, of a kind a cluster does not have by itself, with `name.conf` of the cluster's
    /// directory. Waits for nothing.
    pub fn start_java_server(&self, class: &str, name: &str) -> Process {
        let mut command = self.java_server(class);
        command.arg("-n").arg(self.namesrv_addr()).arg("-c").arg(self.path(&format!("{name}.conf")));
        Process::start(name, &mut command, &self.path(&format!("{name}.log")))
    }

    /// Starts a broker process and waits for nothing, whether or not another runs on this store.
    pub fn spawn_broker(&self) -> Process {
        let mut command = match self.broker_kind() {
            ServerKind::Ferrocket => self.ferrocket("broker"),
            ServerKind::Java => self.java_server("org.apache.rocketmq.broker.BrokerStartup"),
        };
        command.arg("-n").arg(self.namesrv_addr()).arg("-c").arg(self.path("broker.conf"));
        let log = self.path("broker.log");
        let _ = fs::remove_file(&log);
        Process::start("broker", &mut command, &log)
    }

    /// The broker's process. Panics when none was started.
    pub fn with_broker<T>(&self, act: impl FnOnce(&mut Process) -> T) -> T {
        act(lock(&self.broker).as_mut().expect("a broker"))
    }

    /// Ends a name server as a crash does.
    pub fn kill_namesrv(&self, index: usize) {
        lock(&self.namesrv[index]).as_mut().expect("a name server").kill();
    }

    /// The process id of a name server.
    pub fn namesrv_id(&self, index: usize) -> u32 {
        lock(&self.namesrv[index]).as_mut().expect("a name server").id()
    }

    /// Waits until a name server knows a route to a topic. Panics when that takes longer than a broker's next report.
    pub fn wait_for_route(&self, index: usize, topic: &str) {
        let address = format!("127.0.0.1:{}", self.namesrv_ports[index]);
        let deadline = Instant::now() + START_LIMIT;
        while !probe::has_route(&address, topic) {
            assert!(
                Instant::now() < deadline,
                "no route to {topic} at name server {index}\n{}",
                self.log_tails()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command of Java's `mqadmin` and returns what it printed.
    pub fn mqadmin(&self, arguments: &str) -> String {
        let mut command = self.java_server("org.apache.rocketmq.tools.command.MQAdminStartup");
        command.args(arguments.split_whitespace()).arg("-n").arg(self.namesrv_addr());
        let output = command.output().expect("mqadmin");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Stops the broker as an operator does.
    pub fn stop_broker(&self) -> ExitStatus {
        self.with_broker(Process::terminate)
    }

    /// Ends the broker as a crash does.
    pub fn kill_broker(&self) {
        self.with_broker(Process::kill);
    }

    fn ferrocket(&self, role: &str) -> Command {
        let mut command = Command::new(binary::ferrocket());
        command.arg(role).env("ROCKETMQ_HOME", self.path("")).env_remove("NAMESRV_ADDR");
        command
    }

    fn java_server(&self, class: &str) -> Command {
        let mut command = java::java("servers", &self.path("java-home"), 512);
        if let Some(millis) = self.options.queue_lock_millis {
            command.arg(format!("-Drocketmq.broker.rebalance.lockMaxLiveTime={millis}"));
        }
        command.arg(class).env("ROCKETMQ_HOME", self.path("")).env_remove("NAMESRV_ADDR");
        command
    }

    /// The client process of a version, started at its first use.
    pub fn client(&self, version: ClientVersion) -> &Client {
        let slot = &self.clients[version as usize];
        slot.get_or_init(|| self.new_client(version))
    }

    /// A further client process, of the caller's own.
    pub fn new_client(&self, version: ClientVersion) -> Client {
        Client::start(version, &self.namesrv_addr(), self.directory.path())
    }

    /// `127.0.0.1:port` of every name server, separated by `;`.
    pub fn namesrv_addr(&self) -> String {
        let addresses: Vec<String> =
            self.namesrv_ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        addresses.join(";")
    }

    /// `127.0.0.1:port` of the broker.
    pub fn broker_addr(&self) -> String {
        format!("127.0.0.1:{}", self.broker_port)
    }

    /// Whose broker it has.
    pub fn broker_kind(&self) -> ServerKind {
        *self.broker_kind.lock().unwrap()
    }

    /// From its next start on the broker is of this kind, on the same store with the same configuration.
    pub fn exchange_broker(&self, kind: ServerKind) {
        *self.broker_kind.lock().unwrap() = kind;
    }

    /// A log file of Java's broker: `store.log`, `broker.log` and others.
    pub fn java_log(&self, name: &str) -> PathBuf {
        self.path("java-home/logs/rocketmqlogs").join(name)
    }

    /// The broker's `storePathRootDir`.
    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// Waits until a line of `consumerOffset.json` says that a group is at that offset in queue 0 of a topic: from then on a
    /// kill cannot take it. Ours are written after a second, Java's after five, and when the disk has time for it.
    pub fn wait_for_written_offset(&self, topic: &str, group: &str, offset: i64) {
        let file = self.store().join("config/consumerOffset.json");
        let written = format!("\"{topic}@{group}\":{{0:{offset}}}");
        let is_written = || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            text.split_whitespace().collect::<String>().contains(&written)
        };
        let deadline = Instant::now() + WRITE_LIMIT;
        while !is_written() {
            assert!(Instant::now() < deadline, "no {written} in {}", file.display());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A file in the directory of the cluster.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The last lines the servers logged.
    pub fn log_tails(&self) -> String {
        let processes = self.namesrv.iter().chain([&self.broker]);
        let tails: Vec<String> =
            processes.filter_map(|process| lock(process).as_ref().map(Process::log_tail)).collect();
        tails.join("\n")
    }
}

fn lock(process: &Mutex<Option<Process>>) -> MutexGuard<'_, Option<Process>> {
    process.lock().unwrap()
}

/// A temporary directory that `COMPAT_KEEP` keeps.
enum Directory {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Directory {
    fn new() -> Self {
        let directory = TempDir::with_prefix("compat-").expect("temporary directory");
        if env::var_os("COMPAT_KEEP").is_none() {
            return Self::Temporary(directory);
        }
        let path = directory.keep();
        eprintln!("kept: {}", path.display());
        Self::Kept(path)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }
}
