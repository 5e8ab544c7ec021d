//! What the last run has left in the store's directory: how it ended, who it was, and what kind of files it made.

use std::{fs, path::Path, sync::Arc};

use ::broker::settings::store_options;
use ::store::{
    checkpoint::Checkpoint,
    consume_queue::QueueKind,
    foreign::{self, ForeignKind},
    fs::OsFileSystem,
    index_file::Layout,
    offline::{SizesFrom, StoreDir},
    options::StoreOptions,
};
use common::config::BrokerSettings;
use runtime::clock::{Clock, SystemClock};

use super::{Diagnosis, store_dir::State};

/// How far ahead of the clock a checkpoint may be.
const CLOCK_SLACK_MILLIS: i64 = 5_000;

pub(super) fn check(settings: &BrokerSettings, state: &State) -> Vec<Diagnosis> {
    let options = store_options(settings);
    let mut diagnoses = vec![last_end(&options.root_dir, state), format(&options)];
    // Without a CommitLog there was no run.
    let Ok(configured) = StoreDir::open(Arc::new(OsFileSystem), options.clone(), SizesFrom::Options) else {
        return diagnoses;
    };
    diagnoses.push(checkpoint(&configured, SystemClock::new().now_millis()));
    diagnoses.extend(file_sizes(&options));
    diagnoses
}

fn last_end(root: &Path, state: &State) -> Diagnosis {
    if state.is_in_use() || !root.join("abort").exists() {
        return Diagnosis::ok("last run", if state.is_in_use() { "it goes on" } else { "it ended in order" });
    }
    Diagnosis::warn(
        "last run",
        "it did not end in order",
        "nothing, the next start recovers; `ferrocket store check` tells before",
    )
}

/// Whether there are files of set-ups of RocketMQ that are not read here.
fn format(options: &StoreOptions) -> Diagnosis {
    let check = "store format";
    let found = match foreign::find(&OsFileSystem, options) {
        Ok(found) => found,
        Err(error) => return Diagnosis::fail(check, error.to_string(), "look at the disk"),
    };
    let Some(worst) = found.iter().max_by_key(|foreign| foreign.kind.hides_messages()) else {
        return Diagnosis::ok(check, "nothing but files that are read here");
    };
    let shown: Vec<String> =
        found.iter().map(|foreign| format!("{} in {}", foreign.kind, foreign.path.display())).collect();
    let detail = format!("not read here: {}", shown.join(", "));
    let fix = match worst.kind {
        ForeignKind::QueuesInRocksDb => {
            "move that directory away, then `ferrocket store rebuild-queues --write` makes the queues from the CommitLog"
        }
        ForeignKind::DLedgerLog => {
            "stay with RocketMQ's broker, or drain this one and begin with an empty store"
        }
        ForeignKind::TableInRocksDb => {
            "have RocketMQ's broker write them as JSON (mqadmin exportMetadataInRocksDB), then move these directories away"
        }
        ForeignKind::PopsInRocksDb => {
            "let consumers finish on RocketMQ's broker with popConsumerKVServiceEnable=false before"
        }
    };
    if worst.kind.hides_messages() {
        Diagnosis::fail(check, detail, fix)
    } else {
        Diagnosis::warn(check, detail, fix)
    }
}

/// How much the next start has to read, and who wrote last.
fn checkpoint(dir: &StoreDir, now_millis: i64) -> Diagnosis {
    let check = "checkpoint";
    match dir.checkpoint() {
        Err(error) => Diagnosis::fail(
            check,
            error.to_string(),
            "move it away: the next start reads the whole CommitLog then, and nothing is lost",
        ),
        Ok(None) => Diagnosis::warn(
            check,
            "there is none: the next start reads the whole CommitLog",
            "nothing, but give the first start its time",
        ),
        Ok(Some(checkpoint)) => with_checkpoint(check, &checkpoint, now_millis),
    }
}

fn with_checkpoint(check: &'static str, checkpoint: &Checkpoint, now_millis: i64) -> Diagnosis {
    let newest = checkpoint.physic_msg_timestamp.max(checkpoint.logics_msg_timestamp);
    if newest > now_millis + CLOCK_SLACK_MILLIS {
        let ahead = (newest - now_millis) / 1_000;
        return Diagnosis::fail(
            check,
            format!("the newest message is of {ahead} s in the future: the clock was set back, or is wrong"),
            "set the clock by NTP before the broker starts",
        );
    }
    let writer = if checkpoint.recover_phy_offset.is_some() { "this broker" } else { "RocketMQ's broker" };
    Diagnosis::ok(check, format!("written last by {writer}"))
}

/// Lengths other than configured, kind by kind.
fn file_sizes(options: &StoreOptions) -> Vec<Diagnosis> {
    let found = match StoreDir::open(Arc::new(OsFileSystem), options.clone(), SizesFrom::Files) {
        Ok(dir) => dir.options().clone(),
        Err(error) => {
            let fix = "`ferrocket store check` tells more";
            return vec![Diagnosis::fail("CommitLog files", error.to_string(), fix)];
        }
    };
    let mut diagnoses = vec![
        size(
            "CommitLog files",
            "mappedFileSizeCommitLog",
            found.commit_log_file_size_bytes,
            options.commit_log_file_size_bytes,
        ),
        size(
            "ConsumeQueue files",
            "mappedFileSizeConsumeQueue",
            found.consume_queue_file_size_bytes,
            // Files hold whole units.
            options.consume_queue_file_size_bytes.next_multiple_of(QueueKind::Simple.unit_bytes() as u64),
        ),
    ];
    diagnoses.extend(index_size(options));
    diagnoses
}

/// Index files have no length of their own: what lies where follows from the configuration alone.
fn index_size(options: &StoreOptions) -> Option<Diagnosis> {
    let layout = Layout { slot_count: options.max_hash_slot_count, item_count: options.max_index_count };
    let mut lengths = fs::read_dir(options.root_dir.join("index")).ok()?.flatten();
    let (found, configured) = (lengths.next()?.metadata().ok()?.len(), layout.file_bytes());
    let detail = format!("of {found} bytes, maxHashSlotNum and maxIndexNum make {configured}");
    Some(if found == configured {
        Diagnosis::ok("index files", detail)
    } else {
        let fix =
            "set both as they were, or have `ferrocket store rebuild-index --write` make the files anew";
        Diagnosis::fail("index files", detail, fix)
    })
}

fn size(check: &'static str, key: &str, found: u64, configured: u64) -> Diagnosis {
    let detail = format!("of {found} bytes, {key}={configured}");
    if found == configured {
        return Diagnosis::ok(check, detail);
    }
    Diagnosis::fail(check, detail, format!("set {key}={found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn options(root: &Path) -> StoreOptions {
        StoreOptions { max_hash_slot_count: 10, max_index_count: 10, ..StoreOptions::at(root) }
    }

    #[test]
    fn foreign_files_are_told_the_worst_first() {
        let root = tempfile::tempdir().unwrap();
        let options = options(root.path());
        assert_eq!(format(&options).status, Status::Ok);
        fs::create_dir_all(root.path().join("config/topics/CURRENT")).unwrap();
        assert_eq!(format(&options).status, Status::Warn);
        fs::create_dir_all(root.path().join("consumequeue/CURRENT")).unwrap();
        let worst = format(&options);
        assert_eq!(worst.status, Status::Fail);
        assert!(worst.fix.contains("rebuild-queues") && worst.detail.contains("config/topics"), "{worst:?}");
    }

    #[test]
    fn a_checkpoint_tells_who_wrote_last_and_whether_the_clock_was_set_back() {
        let mut checkpoint = Checkpoint { physic_msg_timestamp: 90_000, ..Checkpoint::default() };
        let told = |checkpoint: &Checkpoint| with_checkpoint("checkpoint", checkpoint, 100_000);
        assert!(told(&checkpoint).detail.contains("RocketMQ's broker"));
        checkpoint.recover_phy_offset = Some(0);
        assert!(told(&checkpoint).detail.contains("this broker"));
        checkpoint.physic_msg_timestamp = 200_000;
        assert_eq!(told(&checkpoint).status, Status::Fail);
        assert!(told(&checkpoint).detail.contains("100 s"), "{:?}", told(&checkpoint));
    }

    #[test]
    fn files_of_other_lengths_are_told_with_the_key_to_set() {
        let root = tempfile::tempdir().unwrap();
        let mut options = options(root.path());
        options.commit_log_file_size_bytes = 1_024;
        options.consume_queue_file_size_bytes = 101;
        let write = |path: &str, len: usize| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; len]).unwrap();
        };
        write("commitlog/00000000000000000000", 2_048);
        write("consumequeue/T/0/00000000000000000000", 120);
        write("index/20240203040506789", 280);
        let found = file_sizes(&options);
        let status: Vec<_> = found.iter().map(|diagnosis| diagnosis.status).collect();
        assert_eq!(status, [Status::Fail, Status::Ok, Status::Ok], "{found:?}");
        assert_eq!(found[0].fix, "set mappedFileSizeCommitLog=2048");
        write("consumequeue/T/0/00000000000000000000", 240);
        write("index/20240203040506789", 300);
        assert!(file_sizes(&options).iter().all(|diagnosis| diagnosis.status == Status::Fail));
    }
}
