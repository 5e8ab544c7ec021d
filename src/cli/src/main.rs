//! `ferrocket`: NameServer, broker, or both, in one binary.
//!
//! Lives here: command lines and what a process does around its servers: configuration files, signals,
//! exit codes. May not live here: anything a server does.

mod args;
mod broker;
mod configuration;
mod machine;
mod namesrv;
mod process;
mod standalone;
mod store;

use std::process::ExitCode;

use ::admin::CalledAs;
use args::Command;

fn main() -> ExitCode {
    let command = args::parse();
    // What admin prints is for people and scripts; a log would be in the way.
    if !matches!(command, Command::Admin(_)) {
        runtime::logging::init();
    }
    let outcome = match command {
        Command::Standalone(standalone) => standalone::run(&standalone),
        Command::Namesrv(namesrv) => namesrv::run(&namesrv),
        Command::Broker(broker) => broker::run(&broker),
        Command::Store(command) => return store::run(&command),
        Command::Bench(command) => return bench::run(&command),
        Command::Admin(admin) => {
            let called_as = if admin.is_launcher { CalledAs::Mqadmin } else { CalledAs::Admin };
            return ::admin::run(called_as, admin.words, process::clock());
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrocket: {error}");
            ExitCode::FAILURE
        }
    }
}
