//! `ferrocket admin`: RocketMQ's `mqadmin`, every command of it, against any RocketMQ server.
//!
//! Lives here: what each command is called, takes, asks of which server, and prints. May not live here:
//! how a request travels (`client`, `remoting`), and anything a server does.
//!
//! Invariants: a command is defined once, by its `Spec`, from which its command line, help and completions
//! come; what it prints is RocketMQ's text to the byte where scripts read it, and with `--json` the same as
//! JSON; what failed is told on standard error with what to do about it, and the exit status is not 0, also
//! where Java's tool says nothing.

mod attributes;
mod command;
mod commands;
mod configuration;
mod context;
mod error;
mod file;
mod format;
mod java;
mod line;
mod output;
mod remote;
mod report;
mod running_info;
mod static_topic;

use std::{ffi::OsString, io, process::ExitCode, sync::Arc};

use clap::{ArgMatches, Command};
use runtime::clock::Clock;

pub use error::AdminError;

use context::Context;

/// How the tool was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledAs {
    /// As RocketMQ's launcher.
    Mqadmin,
    /// As a command of the binary.
    Admin,
}

impl CalledAs {
    fn name(self) -> &'static str {
        match self {
            Self::Mqadmin => "mqadmin",
            Self::Admin => "admin",
        }
    }
}

/// Runs the tool with the words after its name; answers what to exit with.
///
/// 0 when all went well, 1 when something failed, 2 when the command line is wrong.
pub fn run(called_as: CalledAs, words: Vec<OsString>, clock: Arc<dyn Clock>) -> ExitCode {
    let mut arguments = vec![OsString::from(called_as.name())];
    arguments.extend(words);
    let mut command = line::command(called_as.name());
    if called_as == CalledAs::Admin {
        command = command.bin_name("ferrocket admin");
    }
    let matches = match command.try_get_matches_from(line::in_common_form(arguments)) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Some((name, matches)) = matches.subcommand() else { return ExitCode::from(2) };
    if name == line::COMPLETIONS {
        return completions(called_as, matches);
    }
    let Some(spec) = commands::find(name) else { return ExitCode::from(2) };
    let context = Context::new(spec, matches.clone(), clock);
    match in_runtime(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(spec.name, &error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// A command talks to few servers at a time: one thread does, and starts at once.
fn in_runtime(context: &Context) -> Result<(), AdminError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| AdminError::Failed(format!("no runtime: {error}")))?;
    runtime.block_on(execute(context))
}

async fn execute(context: &Context) -> Result<(), AdminError> {
    if let Some(harm) = context.spec.harm
        && !context.is_confirmed()
        && !output::is_wanted(&format!("{} {harm}.", context.spec.name))
    {
        return Err(AdminError::NotConfirmed);
    }
    let Some(pause) = context.watch() else { return (context.spec.call)(context).await };
    while !context.out.is_closed() {
        context.out.clear();
        if let Err(error) = (context.spec.call)(context).await {
            output::complain(context.spec.name, &error);
        }
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

fn completions(called_as: CalledAs, matches: &ArgMatches) -> ExitCode {
    let Some(shell) = matches.get_one::<clap_complete::Shell>(line::SHELL) else { return ExitCode::from(2) };
    let (mut command, name) = match called_as {
        CalledAs::Mqadmin => (line::command("mqadmin"), "mqadmin"),
        CalledAs::Admin => (Command::new("ferrocket").subcommand(line::command("admin")), "ferrocket"),
    };
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command, name, &mut script);
    match io::Write::write_all(&mut io::stdout(), &script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
