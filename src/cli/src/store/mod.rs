//! `ferrocket store`: arguments and printing around `store::offline`.

pub(crate) mod args;
mod check;
mod dump;
mod output;
mod rebuild;
mod watch;

use std::{path::Path, process::ExitCode, sync::Arc};

use ::broker::settings::store_options;
use ::store::{
    fs::OsFileSystem,
    offline::{OfflineError, SizesFrom, StoreDir},
};
use common::config::BrokerSettings;
use serde_json::json;

use crate::{configuration, machine, process::Failure};
use args::{Action, Store, StoreCommand};
use output::Output;
use watch::Watch;

/// Something is wrong with the store.
const DAMAGED: u8 = 1;
/// There is no result.
const FAILED: u8 = 2;
/// What shells make of Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs one of the store commands; answers what to exit with.
pub(crate) fn run(command: &StoreCommand) -> ExitCode {
    let (store, outcome) = match &command.action {
        Action::Check(check) => (&check.store, check::run(check)),
        Action::Dump(dump) => (&dump.store, dump::run(dump)),
        Action::RebuildQueues(rebuild) => (&rebuild.store, rebuild::queues(rebuild)),
        Action::RebuildIndex(rebuild) => (&rebuild.store, rebuild::index(rebuild)),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("ferrocket: {failure}");
        if store.json {
            // Whoever reads the output must not take silence for a result.
            let failed = json!({ "result": "failed", "error": failure.to_string() });
            Output::new().line(&failed.to_string());
        }
        let interrupted = matches!(failure.downcast_ref(), Some(OfflineError::Interrupted));
        ExitCode::from(if interrupted { INTERRUPTED } else { FAILED })
    })
}

/// The store a command is about.
fn open(store: &Store) -> Result<StoreDir, Failure> {
    let file = store.config.as_deref();
    let loaded = BrokerSettings::load_file(file, &[], &machine::defaults());
    let (settings, _) = loaded.map_err(|error| configuration::located(&error, file))?;
    let mut options = store_options(&settings);
    options.root_dir.clone_from(&store.dir);
    let sizes = if file.is_some() { SizesFrom::Options } else { SizesFrom::Files };
    if file.is_none() {
        options.commit_log_dir = None;
    }
    Ok(StoreDir::open(Arc::new(OsFileSystem), options, sizes)?)
}

/// Says what to do about a store that is in use.
fn with_advice(error: OfflineError, advice: &str) -> Failure {
    if is_in_use(&error) { format!("{error}; {advice}").into() } else { error.into() }
}

fn is_in_use(error: &OfflineError) -> bool {
    matches!(error, OfflineError::Open(::store::error::OpenError::InUse { .. }))
}

/// A path as it is printed.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn watch() -> Result<Watch, Failure> {
    Watch::new()
}
