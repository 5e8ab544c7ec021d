//! The Go client's driver.

use crate::build;
use crate::event::Event;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

static DRIVER: OnceLock<PathBuf> = OnceLock::new();

/// Runs a scenario of the Go driver, which is built at its first use. Panics when it fails.
pub fn go_driver(namesrv: &str, scenario: &str, arguments: &str) -> Vec<Event> {
    let driver = DRIVER.get_or_init(built);
    let output = Command::new(driver)
        .arg(scenario)
        .arg(format!("namesrv={namesrv}"))
        .args(arguments.split_whitespace())
        .output()
        .expect("go driver");
    let text = String::from_utf8_lossy(&output.stdout);
    let events: Vec<Event> = text.lines().filter_map(Event::parse).collect();
    let last = events.last().map(|event| event.0.to_string()).unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr);
    let from = errors.len().saturating_sub(3000);
    let tail = errors.get(from..).unwrap_or(&errors);
    assert!(output.status.success(), "go {scenario} {arguments}: {last}\n{tail}");
    events
}

fn built() -> PathBuf {
    let sources = build::repository().join("compat-tests/go-driver");
    let product = build::scratch().join("go-driver");
    build::when_changed(
        "go-driver",
        std::slice::from_ref(&sources),
        || product.is_file(),
        || {
            build::run(
                "go build",
                Command::new("go").current_dir(&sources).arg("build").arg("-o").arg(&product).arg("."),
            );
        },
    );
    product
}
