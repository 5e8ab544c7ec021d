//! `ferrocket broker`.

use std::time::Duration;

use broker::broker::Broker;
use common::config::BrokerSettings;
use runtime::logging::Logging;

use crate::{
    args, configuration,
    log_setup::{self, LogLevels},
    machine,
    process::{self, Failure},
};

/// How long a broker may take to stop.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Runs a broker until it is told to stop, or prints its configuration.
pub(crate) fn run(arguments: &args::Broker, logging: &Logging) -> Result<(), Failure> {
    let file = arguments.file.config.as_deref();
    let overrides: Vec<_> = arguments
        .namesrv_addr
        .iter()
        .map(|addresses| ("namesrvAddr".to_owned(), addresses.clone()))
        .collect();
    let loaded = BrokerSettings::load_file(file, &overrides, &machine::defaults());
    let (settings, findings) = loaded.map_err(|error| configuration::located(&error, file))?;
    let _log_files = log_setup::apply(logging, &settings.process, log_setup::BROKER_FILES)?;
    configuration::report(&findings, file);
    if configuration::is_all(&arguments.file, || settings.effective(), || settings.important()) {
        return Ok(());
    }
    let name_servers = settings.broker.namesrv_addr.clone();
    process::serve(
        LogLevels { logging, file },
        async { Ok(Box::pin(Broker::start(settings, process::clock())).await?) },
        |broker| announce(broker, name_servers.as_deref()),
        async |broker| Ok(broker.stop(STOP_LIMIT).await?),
    )
}

/// RocketMQ's line, which scripts wait for.
fn announce(broker: &Broker, name_servers: Option<&str>) {
    let (name, addr) = (broker.name(), broker.announced_addr());
    let name_server = name_servers.map(|addrs| format!(" and name server is {addrs}")).unwrap_or_default();
    process::print([format!("The broker[{name}, {addr}] boot success. serializeType=JSON{name_server}")]);
}
