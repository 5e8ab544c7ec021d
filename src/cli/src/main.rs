//! `ferrocket`: NameServer, broker, or both, in one binary.
//!
//! Lives here: command lines and what a process does around its servers: configuration files, signals,
//! exit codes. May not live here: anything a server does.

mod args;
mod broker;
mod configuration;
mod doctor;
mod log_setup;
mod machine;
mod namesrv;
mod process;
mod standalone;
mod store;

use std::process::ExitCode;

use ::admin::CalledAs;
use args::Command;
use runtime::logging;

fn main() -> ExitCode {
    // What admin prints is for people and scripts; a log would be in the way.
    let outcome = match args::parse() {
        Command::Standalone(standalone) => standalone::run(&standalone, &logging::init()),
        Command::Namesrv(namesrv) => namesrv::run(&namesrv, &logging::init()),
        Command::Broker(broker) => broker::run(&broker, &logging::init()),
        Command::Doctor(doctor) => {
            logging::init();
            return doctor::run(&doctor);
        }
        Command::Store(command) => {
            logging::init();
            return store::run(&command);
        }
        Command::Bench(command) => {
            logging::init();
            return bench::run(&command);
        }
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
