//! Runs an operation in a process of its own under Callgrind, and reads what that counted.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::Path,
    process::{Command, Output},
};

use crate::operations::Operation;

const FUNCTIONS_SHOWN: usize = 40;

/// What makes counts differ although the code is the same.
///
/// # Errors
/// When one of the tools cannot be run.
pub(crate) fn tools() -> io::Result<BTreeMap<String, String>> {
    let version = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let output = output.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    Ok(BTreeMap::from([
        ("compiler".to_owned(), version("rustc", "--version")?),
        ("libc".to_owned(), version("getconf", "GNU_LIBC_VERSION")?),
        ("valgrind".to_owned(), version("valgrind", "--version")?),
        ("processor".to_owned(), processor().to_owned()),
    ]))
}

/// What Valgrind's processor can do depends on what the real one can.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2";
    }
    env::consts::ARCH
}

/// Instructions of one operation, on average.
///
/// # Errors
/// When it cannot be performed, or nothing was counted.
pub(crate) fn count(operation: &Operation, profile: &Path) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*::meter::counted*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["--perform", operation.name])
        .output()?;
    let text = succeeded(operation.name, &output).and_then(|()| fs::read_to_string(profile))?;
    let counted = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok());
    let counted = counted.filter(|counted| *counted > 0);
    let counted =
        counted.ok_or_else(|| io::Error::other(format!("{}: nothing was counted", operation.name)))?;
    Ok(counted / operation.times as u64)
}

/// A function's share in an operation that was counted.
pub(crate) struct Function {
    /// Instructions of all times the operation was performed.
    pub(crate) instructions: u64,
    pub(crate) name: String,
}

/// The functions that take most, alone or with what they call.
///
/// # Errors
/// When there is no profile to be read.
pub(crate) fn functions(profile: &Path, inclusive: bool) -> io::Result<Vec<Function>> {
    let output = Command::new("callgrind_annotate")
        .arg(format!("--inclusive={}", if inclusive { "yes" } else { "no" }))
        .args(["--threshold=100", "--auto=no"])
        .arg(profile)
        .output()?;
    succeeded("callgrind_annotate", &output)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let functions = text.lines().filter_map(function);
    // What takes all of it is the whole, and who called what was counted.
    let total = text.lines().find(|line| line.contains("PROGRAM TOTALS")).and_then(instructions);
    let parts = functions.filter(|function| Some(function.instructions) != total);
    Ok(parts.take(FUNCTIONS_SHOWN).collect())
}

/// Reads `  1,234 ( 5.67%)  file:function [object]`.
fn function(line: &str) -> Option<Function> {
    let instructions = instructions(line)?;
    let (_, name) = line.split_once(")  ")?;
    let name = name.rsplit_once(" [").map_or(name, |(name, _)| name);
    let (_, name) = name.split_once(':')?;
    Some(Function { instructions, name: name.to_owned() })
}

/// The number at the start of a line, which has a comma every three digits.
fn instructions(line: &str) -> Option<u64> {
    line.trim_start().split(' ').next()?.replace(',', "").parse().ok()
}

fn succeeded(what: &str, output: &Output) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{what}: {}\n{said}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_an_annotation_reads() {
        let read = |line| function(line).map(|function| (function.instructions, function.name));
        let line = "  5,299,200 (15.42%)  ???:message::properties::PropertyString::get [/a b/instructions]";
        assert_eq!(read(line), Some((5_299_200, "message::properties::PropertyString::get".to_owned())));
        let line = "247,626 ( 0.23%)  ./string/x.S:__memcmp [/usr/lib/libc.so.6]";
        assert_eq!(read(line), Some((247_626, "__memcmp".to_owned())));
        assert_eq!(read("34,392,595 (100.0%)  PROGRAM TOTALS"), None);
        assert_eq!(read("Ir                   file:function"), None);
    }
}
