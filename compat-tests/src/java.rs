//! Java: the drivers and servers of `java-interop`, built once, and commands that run them.

use crate::build;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

static BUILT: Once = Once::new();
/// How often an orderly consumer renews its locks; in RocketMQ every 20 s unless this is set.
const LOCK_INTERVAL_MILLIS: u32 = 2_000;

/// A `java` command with the class path of a module of `java-interop`, a home directory of its own for logs and offsets,
/// and a small heap.
pub fn java(module: &str, home: &Path, heap_megabytes: u32) -> Command {
    BUILT.call_once(build_modules);
    let directory = modules().join(module).join("target");
    let mut class_path = directory.join("classes").into_os_string();
    class_path.push(":");
    class_path.push(fs::read_to_string(directory.join("classpath.txt")).expect("class path").trim());
    let mut command = Command::new("java");
    command
        .arg(format!("-Xmx{heap_megabytes}m"))
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxDirectMemorySize=256m", "-Xshare:auto"])
        // The netty of the oldest clients reflects into the class library, which Java 8 allowed.
        .args(["--add-opens", "java.base/java.nio=ALL-UNNAMED"])
        .args(["--add-opens", "java.base/java.lang=ALL-UNNAMED"])
        .args(["--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED"])
        .arg(format!("-Duser.home={}", home.display()))
        .arg(format!("-Drocketmq.client.rebalance.lockInterval={LOCK_INTERVAL_MILLIS}"))
        .arg(format!("-Drocketmq.client.logRoot={}", home.display()))
        .arg(format!("-Drocketmq.client.localOffsetStoreDir={}/.rocketmq_offsets", home.display()))
        .arg("-cp")
        .arg(class_path);
    command
}

fn modules() -> PathBuf {
    build::repository().join("java-interop")
}

fn build_modules() {
    build::when_changed("java-interop", &[modules()], complete, || {
        // Offline first: with everything in the local repository Maven must not ask for anything.
        let offline = Command::new("mvn").current_dir(modules()).args(ARGUMENTS).arg("-o").output();
        if !offline.is_ok_and(|output| output.status.success()) {
            build::run("mvn", Command::new("mvn").current_dir(modules()).args(ARGUMENTS));
        }
    });
}

const ARGUMENTS: [&str; 3] = ["--quiet", "--batch-mode", "process-classes"];

/// Every jar on the class paths is still in Maven's local repository.
fn complete() -> bool {
    ["client-5.3.3", "client-4.9.8", "client-4.7.1", "servers"].iter().all(|module| {
        let class_path =
            fs::read_to_string(modules().join(module).join("target/classpath.txt")).unwrap_or_default();
        !class_path.is_empty() && class_path.trim().split(':').all(|jar| Path::new(jar).exists())
    })
}
