//! The command line, RocketMQ's launcher flags included.

use std::{
    ffi::OsString,
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};

use crate::store::args::StoreCommand;

/// A RocketMQ NameServer and broker.
#[derive(Debug, Parser)]
#[command(name = "ferrocket", version, about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// NameServer and broker in one process, for this machine (the default)
    Standalone(Standalone),
    /// A NameServer, as mqnamesrv
    Namesrv(Namesrv),
    /// A broker, as mqbroker
    Broker(Broker),
    /// Examine, list and repair the store of a stopped broker, RocketMQ's or this one
    Store(StoreCommand),
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
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// Address clients are told to connect to [default: the one listened on]
    #[arg(long, value_name = "HOST")]
    pub(crate) advertise: Option<String>,
    /// Broker configuration file, as broker.conf
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
    /// Print the important configuration items and exit
    #[arg(short = 'm', long = "printImportantConfig")]
    pub(crate) print_important: bool,
    #[command(flatten)]
    pub(crate) file: ConfigFile,
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
    /// Check the configuration and exit
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// Reads the command line; under the name of a RocketMQ launcher the binary is that command.
pub(crate) fn parse() -> Command {
    let line = CommandLine::parse_from(with_command_of_name(std::env::args_os().collect()));
    line.command.unwrap_or_else(|| Command::Standalone(default_standalone()))
}

/// What `standalone` without flags means.
fn default_standalone() -> Standalone {
    #[derive(Parser)]
    struct Bare {
        #[command(flatten)]
        standalone: Standalone,
    }
    Bare::parse_from(["ferrocket"]).standalone
}

fn with_command_of_name(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let name = arguments.first().and_then(|program| Path::new(program).file_stem());
    let command = match name.and_then(|name| name.to_str()) {
        Some("mqnamesrv") => "namesrv",
        Some("mqbroker") => "broker",
        _ => return arguments,
    };
    arguments.insert(1, command.into());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Command {
        let arguments = line.iter().map(OsString::from).collect();
        CommandLine::parse_from(with_command_of_name(arguments)).command.unwrap()
    }

    #[test]
    fn launcher_names_are_commands() {
        let Command::Broker(broker) =
            parsed(&["/opt/bin/mqbroker", "-n", "a:9876;b:9876", "-c", "b.conf", "-m"])
        else {
            panic!("not a broker");
        };
        assert_eq!(broker.namesrv_addr.as_deref(), Some("a:9876;b:9876"));
        assert_eq!(broker.file.config.as_deref(), Some(Path::new("b.conf")));
        assert!(broker.print_important);
        assert!(matches!(parsed(&["mqnamesrv"]), Command::Namesrv(_)));
        assert!(matches!(parsed(&["ferrocket", "namesrv", "-p"]), Command::Namesrv(_)));
    }

    #[test]
    fn standalone_is_the_default() {
        let standalone = default_standalone();
        assert_eq!((standalone.port, standalone.broker_port), (9876, None));
        assert!(standalone.listen.is_loopback());
    }
}
