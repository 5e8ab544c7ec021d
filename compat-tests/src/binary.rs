//! The `ferrocket` binary under test.

use crate::build;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// `FERROCKET_BIN`, or the workspace's binary of the profile the test was built with, brought up to date once a process.
pub fn ferrocket() -> &'static Path {
    BINARY.get_or_init(|| match env::var_os("FERROCKET_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "FERROCKET_BIN: no file {}", path.display());
            path
        }
        None => built(),
    })
}

fn built() -> PathBuf {
    let profile = build::profile_directory();
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(build::repository()).args([
        "build",
        "--quiet",
        "--package",
        "cli",
        "--bin",
        "ferrocket",
    ]);
    if profile.file_name().is_some_and(|name| name == "release") {
        command.arg("--release");
    }
    command.arg("--target-dir").arg(profile.parent().expect("target directory"));
    build::exclusively("ferrocket", || build::run("cargo build", &mut command));
    profile.join("ferrocket")
}
