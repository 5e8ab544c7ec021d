//! The command line, RocketMQ's launcher flags included.

use std::{
    ffi::OsString,
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};

use crate::store::args::StoreCommand;

/// A RocketMQ NameServer and broker; without a command both in one process, for this machine
#[derive(Debug, Parser)]
#[command(name = "ferrocket", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    standalone: Standalone,
}

/// The command line of a RocketMQ launcher, which has no commands.
#[derive(Debug, Parser)]
#[command(version)]
struct LauncherLine<F: Args> {
    #[command(flatten)]
    flags: F,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// NameServer and broker in one process, for this machine (the default)
    Standalone(Box<Standalone>),
    /// A NameServer, as mqnamesrv
    Namesrv(Namesrv),
    /// A broker, as mqbroker
    Broker(Broker),
    /// Look for what is wrong with a broker's machine, configuration and store, and say what to do
    Doctor(Doctor),
    /// Examine, list and repair the store of a stopped broker, RocketMQ's or this one
    Store(StoreCommand),
    /// Put load on a RocketMQ server, ours or any other, verify what it does, and compare
    Bench(Box<bench::BenchCommand>),
    /// Look at and change NameServers and brokers of any cluster, as mqadmin
    #[command(disable_help_flag = true)]
    Admin(Admin),
}

/// Words of `admin`, which has a command line of its own.
#[derive(Debug, Args)]
pub(crate) struct Admin {
    /// A command of mqadmin and its options; 'help' lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) words: Vec<OsString>,
    /// Whether the binary was called as mqadmin
    #[arg(skip)]
    pub(crate) is_launcher: bool,
}

/// Flags of `standalone`.
#[derive(Debug, Args)]
pub(crate) struct Standalone {
    /// Directory of the store [default: ferrocket under the user's data directory]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub(crate) store: Option<PathBuf>,
    /// Keep the store in a temporary directory and remove it at the end
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Port of the NameServer, which is all a client needs; 0 takes free ones for it and the broker
    #[arg(long, value_name = "PORT", default_value_t = 9876)]
    pub(crate) port: u16,
    /// Port of the broker; 0 takes a free one [default: 10911, or 0 with --port 0]
    #[arg(long, value_name = "PORT")]
    pub(crate) broker_port: Option<u16>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub(crate) listen: Option<IpAddr>,
    /// Address clients are told to connect to [default: the one listened on]
    #[arg(long, value_name = "HOST")]
    pub(crate) advertise: Option<String>,
    /// Tell clients to connect to the address by which they have reached the NameServer, where that is one of this host
    #[arg(long)]
    pub(crate) reached_address: bool,
    /// Broker configuration file, as broker.conf; what a flag says wins
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON line with addresses and ports, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `namesrv`.
#[derive(Debug, Args)]
pub(crate) struct Namesrv {
    /// NameServer addresses; taken for the launcher's sake and not used
    #[arg(short = 'n', long = "namesrvAddr", value_name = "ADDRS")]
    pub(crate) namesrv_addr: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

/// Flags of `broker`.
#[derive(Debug, Args)]
pub(crate) struct Broker {
    /// NameServer addresses: 'host:9876;host:9876'
    #[arg(short = 'n', long = "namesrvAddr", value_name = "ADDRS")]
    pub(crate) namesrv_addr: Option<String>,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The broker's configuration file
    #[arg(short = 'c', long = "configFile", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// NameServer addresses: 'host:9876;host:9876'
    #[arg(short = 'n', long = "namesrvAddr", value_name = "ADDRS")]
    pub(crate) namesrv_addr: Option<String>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags about the configuration file.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// Configuration file in Java's properties syntax
    #[arg(short = 'c', long = "configFile", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print all configuration items and exit
    #[arg(short = 'p', long = "printConfigItem")]
    pub(crate) print: bool,
    /// Print the important configuration items and exit
    #[arg(short = 'm', long = "printImportantConfig")]
    pub(crate) print_important: bool,
    /// Check the configuration and exit
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// Reads the command line; under the name of a RocketMQ launcher the binary is that launcher.
pub(crate) fn parse() -> Command {
    parse_from(std::env::args_os().collect()).unwrap_or_else(|error| error.exit())
}

fn parse_from(arguments: Vec<OsString>) -> Result<Command, clap::Error> {
    let name = arguments.first().and_then(|program| Path::new(program).file_stem());
    match name.and_then(|name| name.to_str()) {
        Some("mqnamesrv") => Ok(Command::Namesrv(LauncherLine::try_parse_from(arguments)?.flags)),
        Some("mqbroker") => Ok(Command::Broker(LauncherLine::try_parse_from(arguments)?.flags)),
        Some("mqadmin") => {
            Ok(Command::Admin(Admin { words: arguments.into_iter().skip(1).collect(), is_launcher: true }))
        }
        _ => {
            let line = CommandLine::try_parse_from(arguments)?;
            Ok(line.command.unwrap_or(Command::Standalone(Box::new(line.standalone))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Command {
        parse_from(line.iter().map(OsString::from).collect()).unwrap()
    }

    fn refused(line: &[&str]) -> String {
        parse_from(line.iter().map(OsString::from).collect()).unwrap_err().to_string()
    }

    #[test]
    fn launcher_names_are_commands() {
        let line = ["/opt/bin/mqbroker", "-n", "a:9876;b:9876", "-c", "b.conf", "-m"];
        let Command::Broker(broker) = parsed(&line) else { panic!("not a broker") };
        assert_eq!(broker.namesrv_addr.as_deref(), Some("a:9876;b:9876"));
        assert_eq!(broker.file.config.as_deref(), Some(Path::new("b.conf")));
        assert!(broker.file.print_important);
        assert!(matches!(parsed(&["mqnamesrv", "-m"]), Command::Namesrv(_)));
        assert!(matches!(parsed(&["ferrocket", "namesrv", "-p"]), Command::Namesrv(_)));
        assert!(refused(&["mqbroker", "-h"]).contains("Usage: mqbroker [OPTIONS]"));
    }

    #[test]
    fn standalone_is_the_default() {
        let Command::Standalone(bare) = parsed(&["ferrocket"]) else { panic!("not standalone") };
        assert_eq!((bare.port, bare.broker_port, bare.listen), (9876, None, None));
        for line in
            [&["ferrocket", "--port", "0", "--ephemeral"][..], &["ferrocket", "standalone", "--port", "0"]]
        {
            let Command::Standalone(standalone) = parsed(line) else { panic!("not standalone") };
            assert_eq!(standalone.port, 0);
        }
        assert!(refused(&["ferrocket", "--port", "0", "broker"]).contains("cannot be used with"));
    }
}
