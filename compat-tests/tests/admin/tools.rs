//! Both tools against a cluster, and what of their outputs is compared.

use std::{
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use compat_tests::{Cluster, ferrocket, java_admin_tool};
use serde_json::Value;

use crate::comparable::comparable;

/// How long something may take to come about.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Runs our tool; the words are separated by blanks.
pub fn admin(cluster: &Cluster, words: &str) -> Output {
    let mut command = Command::new(ferrocket());
    command.arg("admin").args(words.split(' ')).env("NAMESRV_ADDR", cluster.namesrv_addr());
    command.stdin(Stdio::null()).output().unwrap()
}

/// What a command prints that has to succeed.
pub fn printed(cluster: &Cluster, words: &str) -> String {
    let output = admin(cluster, words);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {error}\n{}", cluster.log_tails());
    String::from_utf8(output.stdout).unwrap()
}

/// What a command says as JSON.
pub fn json(cluster: &Cluster, words: &str) -> Value {
    serde_json::from_str(&printed(cluster, &format!("{words} --json"))).unwrap()
}

/// Waits until something holds.
pub fn until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "waited in vain");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Java's tool runs them all, then ours does.
pub fn compare_all(cluster: &Cluster, commands: &[String]) {
    let words: Vec<&str> = commands.iter().map(String::as_str).collect();
    let java = java_admin_tool(cluster, &words);
    let differing: Vec<String> = words
        .iter()
        .zip(&java)
        .filter_map(|(words, java)| {
            let (java, ours) = (comparable(words, java), comparable(words, &printed(cluster, words)));
            (java != ours).then(|| format!("== {words}\njava: {java:#?}\nours: {ours:#?}"))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
