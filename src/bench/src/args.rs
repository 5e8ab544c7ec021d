//! The command line of `ferrocket bench`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use remoting::command::SerializeType;

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchCommand {
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// A workload, or something to measure beside one.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Send messages
    Produce(Produce),
    /// Read what is in a topic by PULL, as a consumer that catches up
    Consume(Consume),
    /// Send messages to consumers that wait for them; latencies are from send to arrival
    EndToEnd(EndToEnd),
    /// Send half messages and commit them
    Transaction(Transaction),
    /// Send delayed messages; latencies are how late they arrive
    Delay(Delay),
    /// Create topics one by one
    CreateTopics(CreateTopics),
    /// Keep idle clients connected that send heartbeats
    Connections(Connections),
    /// Start a server process and measure the time to its first acknowledged message
    Start(Start),
    /// Serve as the floor: parse every frame, copy it into a mapped file, answer, and no more
    Floor(Floor),
    /// Measure the machine: loopback round trip, memory copy, fdatasync, sequential write
    Machine(Machine),
    /// Print results of --json as a Markdown table, and their plots as one HTML file
    Report(Report),
}

/// What every workload takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) servers: Servers,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Where the load goes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct Target {
    /// `NameServer` addresses: 'host:9876;host:9876'
    #[arg(short = 'n', long = "namesrv", value_name = "ADDRS", required_unless_present = "broker")]
    pub(crate) namesrv: Option<String>,
    /// A broker's address, without a `NameServer`
    #[arg(long, value_name = "ADDR", conflicts_with = "namesrv")]
    pub(crate) broker: Option<String>,
    /// Topic, created when missing
    #[arg(short = 't', long, default_value = "FerrocketBench")]
    pub(crate) topic: String,
    /// So many topics, whose names have a number at their end
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) topics: u32,
    /// Queues of each topic that is created
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) queues: u32,
    /// How the headers of requests are written
    #[arg(long, value_enum, default_value_t = HeaderKind::Json)]
    pub(crate) header: HeaderKind,
}

/// How headers are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum HeaderKind {
    /// As JSON, which is what clients do by themselves
    Json,
    /// In `RocketMQ`'s binary layout
    Binary,
}

impl HeaderKind {
    pub(crate) fn serialize_type(self) -> SerializeType {
        match self {
            Self::Json => SerializeType::Json,
            Self::Binary => SerializeType::RocketMq,
        }
    }
}

/// How much load, and for how long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub(crate) struct Pace {
    /// Seconds that count
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// Seconds before, which do not [default: 2, or 0 with --requests or --existing]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) warmup: Option<Duration>,
    /// End after so many requests, warm-up included
    #[arg(long, value_name = "COUNT")]
    pub(crate) requests: Option<u64>,
    /// Open loop: so many messages a second, latencies counted from the moment each was due [default: closed loop]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Requests in flight on each connection [default: 64 where that makes sense]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) in_flight: Option<u32>,
    /// Connections that send
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) connections: u32,
    /// Give up when nothing comes for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// What is measured beside the load, and what it is compared with.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct Servers {
    /// What the server is called in reports
    #[arg(long, default_value = "server")]
    pub(crate) name: String,
    /// Its process, for processor time and memory
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// A second broker, measured in turn with the first
    #[arg(long, value_name = "ADDR")]
    pub(crate) compare: Option<String>,
    /// What it is called
    #[arg(long, value_name = "NAME", default_value = "compared", requires = "compare")]
    pub(crate) compare_name: String,
    /// Its process
    #[arg(long, value_name = "PID", requires = "compare")]
    pub(crate) compare_pid: Option<u32>,
    /// Also measure the floor, a server that does the least any broker must, and give shares of it
    #[arg(long)]
    pub(crate) floor: bool,
    /// How often each server is measured; medians are reported [default: 5 with --compare or --floor, else 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) pairs: Option<u32>,
}

/// Where results go beside standard output.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// What the line is called in reports [default: the workload]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Write the results as JSON; '-' is standard output, in place of the summary
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with plots of latencies and throughput
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// No line of progress on standard error
    #[arg(long, short = 'q')]
    pub(crate) quiet: bool,
}

/// What a message is like.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Shape {
    /// Bytes of a body
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(32..=4_194_304))]
    pub(crate) size: u32,
    /// Messages in one request
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(crate) batch: u32,
}

/// Flags of `produce`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Produce {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// Afterwards read everything that was acknowledged and compare it
    #[arg(long)]
    pub(crate) read_back: bool,
}

/// Flags of `consume`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Consume {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Messages that are put into the topic before
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub(crate) messages: u64,
    /// Bytes of a body
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(32..=4_194_304))]
    pub(crate) size: u32,
    /// Messages asked for in one pull
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) batch: u32,
    /// Put nothing into the topic: read what an earlier run has left, from the oldest message on, once
    #[arg(long)]
    pub(crate) existing: bool,
}

/// Flags of `end-to-end`.
#[derive(Clone, Debug, Args)]
pub(crate) struct EndToEnd {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// Connections that wait for messages
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) consumers: u32,
}

/// Flags of `transaction`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Transaction {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Bytes of a body
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(32..=4_194_304))]
    pub(crate) size: u32,
    /// Afterwards read everything that was committed and compare it
    #[arg(long)]
    pub(crate) read_back: bool,
}

/// Flags of `delay`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Delay {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Bytes of a body
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(32..=4_194_304))]
    pub(crate) size: u32,
    /// Delay level, from 1, of the levels a broker has by default
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=18), conflicts_with = "deliver_after")]
    pub(crate) level: u32,
    /// In place of a level: seconds until the delivery time each message names
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) deliver_after: Option<Duration>,
}

/// Flags of `create-topics`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CreateTopics {
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Flags of `connections`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connections {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Seconds between two heartbeats of a client
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) heartbeat: Duration,
}

/// Flags of `start`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Start {
    /// Address its broker will listen on
    #[arg(long, value_name = "ADDR")]
    pub(crate) broker: String,
    /// Topic, created when missing
    #[arg(short = 't', long, default_value = "FerrocketBench")]
    pub(crate) topic: String,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Leave the server running, as process PID of the JSON line
    #[arg(long)]
    pub(crate) keep: bool,
    /// Where its output goes [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// The server's command line
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Flags of `floor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Floor {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Where the mapped file is made [default: the directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// End with the process that has started it
    #[arg(long)]
    pub(crate) with_parent: bool,
}

/// Flags of `machine`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Machine {
    /// Where files are made: on the disk the stores are on [default: the directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Bytes written in sequence, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub(crate) write: u64,
    /// Write the results as JSON; '-' is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Flags of `report`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Report {
    /// Files that --json has written
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write a page with the plots of all of them
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the latencies of the first file as an SVG image
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print one median of the first file, and nothing else: such as `compared.perSecond`
    #[arg(long, value_name = "ROLE.FIGURE")]
    pub(crate) value: Option<String>,
}

/// Longer times are no benchmark, and would not fit everywhere.
const SECONDS_MAX: f64 = 1e6;

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=SECONDS_MAX).contains(number));
    number.map(Duration::from_secs_f64).ok_or_else(|| format!("not a number of seconds up to {SECONDS_MAX}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.001..=1e9).contains(number));
    number.ok_or_else(|| "not a number of messages a second".to_owned())
}
