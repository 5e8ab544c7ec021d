//! `ferrocket standalone`: a NameServer and a broker for this machine.

use std::{
    env,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use broker::broker::Broker;
use common::{
    config::{self, BrokerSettings, NamesrvSettings},
    properties::Properties,
};
use namesrv::NameServer;
use runtime::{log_files::LogFilesGuard, logging::Logging};
use tempfile::TempDir;

use crate::{
    args::Standalone,
    broker::STOP_LIMIT,
    configuration,
    log_setup::{self, LogLevels},
    machine,
    process::{self, Failure},
};

/// RocketMQ's broker port.
const BROKER_PORT: u16 = 10911;
/// Size of a CommitLog file in an ephemeral store, which a test fills in part.
const EPHEMERAL_COMMIT_LOG_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Runs both servers until they are told to stop.
pub(crate) fn run(arguments: &Standalone, logging: &Logging) -> Result<(), Failure> {
    process::serve(
        LogLevels { logging, file: arguments.config.as_deref() },
        Servers::start(arguments, logging),
        |servers| announce(arguments, servers),
        async |servers: Servers| servers.stop().await,
    )
}

/// What flags and configuration file come to; a flag wins.
struct Plan {
    name_server_port: u16,
    listen: IpAddr,
    /// The host clients are told to connect to.
    advertise: String,
    store: PathBuf,
    /// Whether routes name the address by which a client has come.
    answers_with_reached_address: bool,
    /// Set over what the file says.
    broker_overrides: Vec<(String, String)>,
    config: Option<PathBuf>,
    /// What stands in `config`.
    file: Properties,
    /// Removed with this value.
    _temporary: Option<TempDir>,
}

impl Plan {
    fn make(arguments: &Standalone) -> Result<Self, Failure> {
        let config = arguments.config.as_deref();
        let file = config.map(config::read).transpose();
        let file = file.map_err(|error| configuration::located(&error, config))?.unwrap_or_default();
        if arguments.ephemeral && file.get("storePathCommitLog").is_some() {
            return Err(
                "--ephemeral has no place for the storePathCommitLog of the configuration file".into()
            );
        }
        if file.get("namesrvAddr").is_some() {
            tracing::warn!(
                "namesrvAddr has no effect: the broker registers with the NameServer of this process"
            );
        }
        let listen = match (arguments.listen, file.get("bindAddress")) {
            (Some(listen), _) => listen,
            (None, Some(text)) => text.parse().map_err(|_| format!("bindAddress={text} is no IP address"))?,
            (None, None) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let temporary = arguments.ephemeral.then(|| TempDir::with_prefix("ferrocket-")).transpose()?;
        let store = store_path(arguments, &file, temporary.as_ref())?;
        let advertise = arguments.advertise.clone().or_else(|| file.get("brokerIP1").map(str::to_owned));
        let mut plan = Self {
            name_server_port: arguments.port,
            listen,
            advertise: advertise.unwrap_or_else(|| host_of(listen)),
            store,
            answers_with_reached_address: arguments.reached_address,
            broker_overrides: Vec::new(),
            config: config.map(Path::to_owned),
            file: Properties::default(),
            _temporary: temporary,
        };
        plan.broker_overrides = plan.overrides(arguments, &file);
        plan.file = file;
        Ok(plan)
    }

    fn overrides(&self, arguments: &Standalone, file: &Properties) -> Vec<(String, String)> {
        let mut overrides = vec![
            ("bindAddress".to_owned(), self.listen.to_string()),
            ("brokerIP1".to_owned(), self.advertise.clone()),
            ("storePathRootDir".to_owned(), self.store.display().to_string()),
        ];
        let mut set = |key: &str, value: String| overrides.push((key.to_owned(), value));
        match arguments.broker_port {
            Some(port) => set("listenPort", port.to_string()),
            None if arguments.port == 0 => set("listenPort", "0".to_owned()),
            None if file.get("listenPort").is_none() => set("listenPort", BROKER_PORT.to_string()),
            None => {}
        }
        if arguments.advertise.is_some() || file.get("brokerIP2").is_none() {
            set("brokerIP2", self.advertise.clone());
        }
        if arguments.ephemeral && file.get("mappedFileSizeCommitLog").is_none() {
            set("mappedFileSizeCommitLog", EPHEMERAL_COMMIT_LOG_FILE_BYTES.to_string());
        }
        overrides
    }

    fn namesrv_settings(&self) -> Result<NamesrvSettings, Failure> {
        let under_store = |name: &str| self.store.join("namesrv").join(name).display().to_string();
        let overrides = [
            ("listenPort".to_owned(), self.name_server_port.to_string()),
            ("bindAddress".to_owned(), self.listen.to_string()),
            ("kvConfigPath".to_owned(), under_store("kvConfig.json")),
            ("configStorePath".to_owned(), under_store("namesrv.properties")),
            ("answerWithReachedAddress".to_owned(), self.answers_with_reached_address.to_string()),
        ];
        let (settings, _) = NamesrvSettings::load(b"", &overrides, &machine::defaults())?;
        Ok(settings)
    }

    fn broker_settings(&self, name_server: &str) -> Result<BrokerSettings, Failure> {
        let mut overrides = self.broker_overrides.clone();
        overrides.push(("namesrvAddr".to_owned(), name_server.to_owned()));
        let file = self.config.as_deref();
        let loaded = BrokerSettings::from_properties(self.file.clone(), &overrides, &machine::defaults());
        let (mut settings, findings) = loaded.map_err(|error| configuration::located(&error, file))?;
        configuration::report(&findings, file);
        settings.file.clone_from(&self.config);
        Ok(settings)
    }

    /// Where a process on this machine reaches a port of ours.
    fn client_addr(&self, port: u16) -> String {
        match self.listen {
            listen if listen.is_unspecified() => format!("127.0.0.1:{port}"),
            listen => SocketAddr::new(listen, port).to_string(),
        }
    }
}

/// Flag, file, or the user's data directory.
fn store_path(
    arguments: &Standalone,
    file: &Properties,
    temporary: Option<&TempDir>,
) -> Result<PathBuf, Failure> {
    if let Some(temporary) = temporary {
        return Ok(temporary.path().to_owned());
    }
    let path = arguments.store.clone().or_else(|| file.get("storePathRootDir").map(PathBuf::from));
    let path =
        path.or_else(data_directory).ok_or("cannot tell the user's data directory, use --store DIR")?;
    Ok(std::path::absolute(path)?)
}

/// `$XDG_DATA_HOME/ferrocket`, else `~/.local/share/ferrocket`.
fn data_directory() -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/share")))?;
    Some(data.join("ferrocket"))
}

/// The host clients are told to connect to when nobody says another.
fn host_of(listen: IpAddr) -> String {
    match listen {
        listen if listen.is_unspecified() => machine::defaults().local_address,
        IpAddr::V6(listen) => format!("[{listen}]"),
        IpAddr::V4(listen) => listen.to_string(),
    }
}

/// Both servers, running.
struct Servers {
    name_server: NameServer,
    name_server_addr: String,
    broker: Broker,
    /// Last, as a temporary store goes with it.
    plan: Plan,
    _log_files: Option<LogFilesGuard>,
}

impl Servers {
    async fn start(arguments: &Standalone, logging: &Logging) -> Result<Self, Failure> {
        let plan = Plan::make(arguments)?;
        let name_server = NameServer::start(plan.namesrv_settings()?, process::clock())?;
        let name_server_addr = plan.client_addr(name_server.local_addr().port());
        let settings = plan.broker_settings(&name_server_addr)?;
        let log_files = log_setup::apply(logging, &settings.process, log_setup::BROKER_FILES)?;
        match Box::pin(Broker::start(settings, process::clock())).await {
            Ok(broker) => Ok(Self { name_server, name_server_addr, broker, plan, _log_files: log_files }),
            Err(error) => {
                name_server.stop(STOP_LIMIT).await;
                Err(error.into())
            }
        }
    }

    /// The broker unregisters first, so that no client is sent to a broker that is gone.
    async fn stop(self) -> Result<(), Failure> {
        let stopped = self.broker.stop(STOP_LIMIT).await;
        self.name_server.stop(STOP_LIMIT).await;
        Ok(stopped?)
    }
}

fn announce(arguments: &Standalone, servers: &Servers) {
    let Servers { name_server, name_server_addr, broker, plan, .. } = servers;
    if arguments.json || arguments.ephemeral {
        let line = serde_json::json!({
            "namesrv": name_server_addr,
            "broker": broker.announced_addr(),
            "namesrvPort": name_server.local_addr().port(),
            "brokerPort": broker.local_addr().port(),
            "fastPort": broker.fast_addr().map(|addr| addr.port()),
            "store": plan.store,
        });
        process::print([line.to_string()]);
        return;
    }
    process::print([
        format!("NameServer  {name_server_addr}"),
        format!("Broker      {} (listening on {})", broker.announced_addr(), broker.local_addr()),
        format!("Store       {}", plan.store.display()),
        format!(
            "First message: point any RocketMQ client at namesrvAddr={name_server_addr}; topics are created on \
             first use."
        ),
        "Ctrl-C stops both.".to_owned(),
    ]);
}
