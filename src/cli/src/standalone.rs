//! `ferrocket standalone`: a NameServer and a broker for this machine.

use std::{
    env,
    net::IpAddr,
    path::{Path, PathBuf},
};

use broker::broker::Broker;
use common::config::{BrokerSettings, NamesrvSettings};
use namesrv::NameServer;
use tempfile::TempDir;

use crate::{
    args::Standalone,
    broker::STOP_LIMIT,
    configuration, machine,
    process::{self, Failure},
};

/// RocketMQ's broker port.
const BROKER_PORT: u16 = 10911;
/// Size of a CommitLog file in an ephemeral store, which a test fills in part.
const EPHEMERAL_COMMIT_LOG_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Runs both servers until they are told to stop.
pub(crate) fn run(arguments: Standalone) -> Result<(), Failure> {
    let place = StorePlace::choose(&arguments)?;
    process::block_on(serve(arguments, place))
}

/// Where the store is; a temporary one goes with this value.
struct StorePlace {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl StorePlace {
    fn choose(arguments: &Standalone) -> Result<Self, Failure> {
        if arguments.ephemeral {
            let directory = TempDir::with_prefix("ferrocket-")?;
            return Ok(Self { path: directory.path().to_owned(), _temporary: Some(directory) });
        }
        let path = arguments.store.clone().or_else(data_directory);
        let path = path.ok_or("cannot tell the user's data directory, use --store DIR")?;
        Ok(Self { path: std::path::absolute(path)?, _temporary: None })
    }
}

/// `$XDG_DATA_HOME/ferrocket`, else `~/.local/share/ferrocket`.
fn data_directory() -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/share")))?;
    Some(data.join("ferrocket"))
}

async fn serve(arguments: Standalone, place: StorePlace) -> Result<(), Failure> {
    let name_server = NameServer::start(namesrv_settings(&arguments, &place.path)?, process::clock())?;
    let name_server_addr = client_addr(&arguments, name_server.local_addr().port());
    let settings = broker_settings(&arguments, &place.path, &name_server_addr)?;
    let broker = match Box::pin(Broker::start(settings, process::clock())).await {
        Ok(broker) => broker,
        Err(error) => {
            name_server.stop(STOP_LIMIT).await;
            return Err(error.into());
        }
    };
    announce(&arguments, &broker, &name_server_addr, &place.path);
    process::stop_requested().await?;
    // The broker unregisters first, so that no client is sent to a broker that is gone.
    let stopped = broker.stop(STOP_LIMIT).await;
    name_server.stop(STOP_LIMIT).await;
    Ok(stopped?)
}

fn namesrv_settings(arguments: &Standalone, store: &Path) -> Result<NamesrvSettings, Failure> {
    let under_store = |name: &str| store.join("namesrv").join(name).display().to_string();
    let overrides = [
        ("listenPort".to_owned(), arguments.port.to_string()),
        ("bindAddress".to_owned(), arguments.listen.to_string()),
        ("kvConfigPath".to_owned(), under_store("kvConfig.json")),
        ("configStorePath".to_owned(), under_store("namesrv.properties")),
    ];
    let (settings, _) = NamesrvSettings::load(b"", &overrides, &machine::defaults())?;
    Ok(settings)
}

fn broker_settings(
    arguments: &Standalone,
    store: &Path,
    name_server: &str,
) -> Result<BrokerSettings, Failure> {
    let default_port = if arguments.port == 0 { 0 } else { BROKER_PORT };
    let mut overrides = vec![
        ("namesrvAddr".to_owned(), name_server.to_owned()),
        ("listenPort".to_owned(), arguments.broker_port.unwrap_or(default_port).to_string()),
        ("bindAddress".to_owned(), arguments.listen.to_string()),
        ("brokerIP1".to_owned(), advertised(arguments)),
        ("brokerIP2".to_owned(), advertised(arguments)),
        ("storePathRootDir".to_owned(), store.display().to_string()),
    ];
    if arguments.ephemeral {
        let bytes = EPHEMERAL_COMMIT_LOG_FILE_BYTES.to_string();
        overrides.push(("mappedFileSizeCommitLog".to_owned(), bytes));
    }
    let file = arguments.config.as_deref();
    let loaded = BrokerSettings::load_file(file, &overrides, &machine::defaults());
    let (settings, findings) = loaded.map_err(|error| configuration::located(&error, file))?;
    configuration::report(&findings, file);
    Ok(settings)
}

/// The host clients are told to connect to.
fn advertised(arguments: &Standalone) -> String {
    match (&arguments.advertise, arguments.listen) {
        (Some(host), _) => host.clone(),
        (None, listen) if listen.is_unspecified() => machine::defaults().local_address,
        (None, IpAddr::V6(listen)) => format!("[{listen}]"),
        (None, IpAddr::V4(listen)) => listen.to_string(),
    }
}

/// Where a process on this machine reaches a port of ours.
fn client_addr(arguments: &Standalone, port: u16) -> String {
    match arguments.listen {
        listen if listen.is_unspecified() => format!("127.0.0.1:{port}"),
        IpAddr::V6(listen) => format!("[{listen}]:{port}"),
        IpAddr::V4(listen) => format!("{listen}:{port}"),
    }
}

#[expect(clippy::print_stdout, reason = "people and test harnesses read it")]
fn announce(arguments: &Standalone, broker: &Broker, name_server: &str, store: &Path) {
    if arguments.json || arguments.ephemeral {
        let line = serde_json::json!({
            "namesrv": name_server,
            "broker": broker.announced_addr(),
            "namesrvPort": name_server.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()),
            "brokerPort": broker.local_addr().port(),
            "fastPort": broker.fast_addr().map(|addr| addr.port()),
            "store": store,
        });
        println!("{line}");
        return;
    }
    println!("NameServer  {name_server}");
    println!("Broker      {} (listening on {})", broker.announced_addr(), broker.local_addr());
    println!("Store       {}", store.display());
    println!(
        "First message: point any RocketMQ client at namesrvAddr={name_server}; topics are created on first use."
    );
    println!("Ctrl-C stops both.");
}
