//! Builds that several test processes may ask for at once: one does it, the others wait, later ones find it done.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("parent of compat-tests").to_owned()
}

/// Where cargo put this test: `target/<profile>`.
pub fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("path of the test");
    let deps = test.parent().expect("directory of the test");
    let profile = if deps.ends_with("deps") { deps.parent().expect("profile directory") } else { deps };
    profile.to_owned()
}

/// A directory beside it for stamps, locks and what tests leave behind.
pub fn scratch() -> PathBuf {
    let directory = profile_directory().join("compat-tests");
    fs::create_dir_all(&directory).expect("scratch directory");
    directory
}

/// Runs `build` under a lock named `name`.
pub fn exclusively(name: &str, build: impl FnOnce()) {
    let lock = File::create(scratch().join(format!("{name}.lock"))).expect("lock file");
    lock.lock().expect("lock");
    build();
}

/// Runs a build unless the files under `sources` are what they were at its last success and `complete` says that its
/// products are there.
pub fn when_changed(name: &str, sources: &[PathBuf], complete: impl Fn() -> bool, build: impl FnOnce()) {
    exclusively(name, || {
        let stamp = scratch().join(format!("{name}.stamp"));
        let now = fingerprint(sources);
        if fs::read_to_string(&stamp).is_ok_and(|before| before == now) && complete() {
            return;
        }
        build();
        assert!(complete(), "{name}: the build succeeded but its products are missing");
        fs::write(&stamp, now).expect("stamp");
    });
}

/// Runs a command to its end. Panics with its output when it fails.
pub fn run(what: &str, command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error} ({command:?})"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what} failed: {command:?}\n{text}");
}

fn fingerprint(sources: &[PathBuf]) -> String {
    let mut hasher = DefaultHasher::new();
    for source in sources {
        hash_into(source, &mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn hash_into(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path).expect("source directory").map(|entry| entry.expect("entry").path()).collect();
        entries.sort();
        entries.retain(|entry| entry.file_name().is_none_or(|name| name != "target"));
        for entry in &entries {
            hash_into(entry, hasher);
        }
    } else if let Ok(content) = fs::read(path) {
        path.hash(hasher);
        content.hash(hasher);
    }
}
