//! Counts the instructions of what servers do most, and compares them with a baseline.
//!
//! Times differ from run to run and from machine to machine; how many instructions an operation takes hardly does. Each
//! operation is performed under Callgrind in a process of its own. What prepares it is not counted, nor are other
//! threads and the kernel.

mod baseline;
mod callgrind;
mod meter;
mod operations;
mod peer;
mod report;
mod samples;

use std::{
    error::Error,
    io::{self, Write},
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
    thread,
};

use clap::Parser;

use crate::{
    baseline::Counts,
    meter::Meter,
    operations::{ALL, Operation},
    report::Table,
};

/// Counts the instructions of what servers do most, and compares them with the baseline.
#[derive(Debug, Parser)]
#[command(name = "bench/count-instructions")]
struct Args {
    /// Makes what was counted the baseline
    #[arg(long)]
    renew: bool,
    /// Only operations whose names contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Also prints the functions in which the instructions are spent
    #[arg(long)]
    functions: bool,
    /// The baseline
    #[arg(long, value_name = "FILE", default_value = "bench/instructions/baseline.json")]
    baseline: PathBuf,
    /// Where Callgrind's files go
    #[arg(long, value_name = "DIR", default_value = "target/instructions")]
    out: PathBuf,
    /// Performs one operation: what is run under Callgrind
    #[arg(long, value_name = "NAME", hide = true)]
    perform: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.perform {
        Some(name) => perform(name),
        None => run(&args),
    };
    outcome.unwrap_or_else(|error| {
        // Nowhere is left to complain to if this fails.
        let _ = writeln!(io::stderr(), "{error}");
        ExitCode::from(2)
    })
}

fn perform(name: &str) -> Result<ExitCode, Box<dyn Error>> {
    let operation = ALL.iter().find(|operation| operation.name == name).ok_or("no such operation")?;
    (operation.perform)(&Meter::of(operation.times));
    Ok(ExitCode::SUCCESS)
}

/// Counts, prints and compares.
fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    std::fs::create_dir_all(&args.out)?;
    let chosen: Vec<_> = ALL.iter().filter(|operation| operation.name.contains(&args.only)).collect();
    let counted = count_all(&chosen, &args.out);
    let mut now = Counts { tools: callgrind::tools()?, ..Counts::default() };
    for (operation, counted) in chosen.iter().zip(counted) {
        now.instructions.insert(operation.name.to_owned(), counted?);
    }
    let mut before = Counts::load(&args.baseline)?;
    if chosen.len() < ALL.len() {
        // The others are nobody's business now.
        before.instructions.retain(|name, _| now.instructions.contains_key(name));
    }
    let names: Vec<_> = chosen.iter().map(|operation| operation.name).collect();
    let compared = before.compare(&now, &names);
    let mut out = io::stdout().lock();
    write!(out, "{}", Table(&compared))?;
    if args.functions {
        for operation in &chosen {
            print_functions(&mut out, operation, &args.out)?;
        }
    }
    if args.renew {
        let is_whole = chosen.len() == ALL.len();
        let renewed = if is_whole { now } else { now.renewing(Counts::load(&args.baseline)?)? };
        renewed.save(&args.baseline)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(advice) = report::advice(&compared, &before, &now, "bench/count-instructions --renew") {
        write!(out, "\n{advice}")?;
    }
    let fails = compared.iter().any(|compared| compared.verdict.fails());
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// As many operations at a time as there are processors, which changes no count.
fn count_all(operations: &[&Operation], out: &Path) -> Vec<io::Result<u64>> {
    let waiting = Mutex::new(operations.iter().enumerate());
    let counted = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    // A statement of its own, so that the lock is free while there is counting.
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some((index, operation)) = next else { return };
                    let count = callgrind::count(operation, &profile(operation, out));
                    if let Ok(mut counted) = counted.lock() {
                        counted.push((index, count));
                    }
                }
            });
        }
    });
    let mut counted = counted.into_inner().unwrap_or_default();
    counted.sort_by_key(|(index, _)| *index);
    counted.into_iter().map(|(_, count)| count).collect()
}

/// Where Callgrind writes what it counts of an operation.
fn profile(operation: &Operation, out: &Path) -> PathBuf {
    let words = operation.name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    out.join(format!("{}.callgrind", words.join("-")))
}

fn print_functions(out: &mut impl Write, operation: &Operation, dir: &Path) -> Result<(), Box<dyn Error>> {
    for inclusive in [false, true] {
        let title = if inclusive { "with what they call" } else { "on their own" };
        writeln!(out, "\n{}: instructions of functions {title}", operation.name)?;
        for function in callgrind::functions(&profile(operation, dir), inclusive)? {
            let instructions = function.instructions / operation.times as u64;
            writeln!(out, "{:>10}  {}", report::grouped(instructions), function.name)?;
        }
    }
    Ok(())
}
