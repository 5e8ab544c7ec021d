//! `ferrocket namesrv`.

use std::time::Duration;

use common::config::NamesrvSettings;
use namesrv::NameServer;
use runtime::logging::Logging;

use crate::{
    args, configuration,
    log_setup::{self, LogLevels},
    machine,
    process::{self, Failure},
};

/// How long a NameServer may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs a NameServer until it is told to stop, or prints its configuration.
pub(crate) fn run(arguments: &args::Namesrv, logging: &Logging) -> Result<(), Failure> {
    let file = arguments.file.config.as_deref();
    let loaded = NamesrvSettings::load_file(file, &[], &machine::defaults());
    let (settings, findings) = loaded.map_err(|error| configuration::located(&error, file))?;
    let _log_files = log_setup::apply(logging, &settings.process, log_setup::NAMESRV_FILES)?;
    configuration::report(&findings, file);
    if configuration::is_all(&arguments.file, || settings.effective(), || settings.important()) {
        return Ok(());
    }
    process::serve(
        LogLevels { logging, file },
        async { Ok(NameServer::start(settings, process::clock())?) },
        announce,
        async |server| {
            server.stop(STOP_LIMIT).await;
            Ok(())
        },
    )
}

/// RocketMQ's line, which scripts wait for.
fn announce(server: &NameServer) {
    let addr = server.local_addr();
    process::print([format!("The Name Server boot success. serializeType=JSON, address {addr}")]);
}
