//! Stores that Java's broker 5.3.3 wrote, opened by ours: every answer is the one that Java's broker gave.
//!
//! `golden/stores` has the stores, packed, and what Java's broker said to whatever can be asked about them. How they are
//! made is told there; [`making`] does it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod answers;
mod archive;
mod making;

use answers::Answers;
use archive::{Archive, Built, FEATURES, Feature};
use compat_tests::{ClientVersion, Cluster, FAST, Options, ServerKind};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const V5: ClientVersion = ClientVersion::V5_3_3;
const LONG: Duration = Duration::from_secs(60);

/// One store after the other below one name server, so that one client process asks about all of them.
#[test]
fn every_answer_is_that_of_java() {
    let cluster = Cluster::start(Options::ferrocket().with_broker_conf(archive::BROKER_CONF));
    for archive in archive::chosen() {
        eprintln!("{}", archive.name());
        // The clients notice the end of one broker before another has its address.
        assert!(matches!(cluster.stop_broker().code(), Some(0 | 143)));
        fs::remove_dir_all(cluster.store()).unwrap();
        archive.unpack(cluster.path(""));
        let before = kept_files(&cluster.store(), archive);
        if archive.features().any(|feature| feature.refuses_the_store() && !serves(&cluster, feature)) {
            refused(&cluster);
            assert_same(&before, &kept_files(&cluster.store(), archive));
            fs::remove_dir_all(cluster.store()).unwrap();
            cluster.start_broker();
            continue;
        }
        cluster.start_broker();
        let expected = archive.expected();
        let served = |feature: Feature| serves(&cluster, feature);
        let light = if served(Feature::LightQueues) { archive.light_queues() } else { "" };
        let asked = format!("broker={} light={light} {FAST}", cluster.broker_addr());
        let said = cluster.client(V5).run("store-answers", &asked);
        expected.assert_answered_by(&Answers::from(&said), &served);
        let (topics, count) = archive.due(&served);
        if count > 0 {
            let asked = format!("broker={} topics={topics} count={count} {FAST}", cluster.broker_addr());
            let due = cluster.client(V5).run("store-due", &asked);
            expected.assert_came_due(&Answers::from(&due), &served);
        }
        assert_same(&before, &kept_files(&cluster.store(), archive));
    }
}

#[test]
#[ignore = "writes golden/stores again with Java's broker"]
fn make() {
    making::all();
}

/// Java's broker has everything.
fn serves(cluster: &Cluster, feature: Feature) -> bool {
    cluster.broker_kind() == ServerKind::Java
        || FEATURES.iter().any(|(known, built)| *known == feature && *built == Built::Yes)
}

/// A broker that cannot serve all of a store says so instead of serving a part of it.
fn refused(cluster: &Cluster) {
    let mut broker = cluster.spawn_broker();
    let status = broker.wait(LONG).unwrap();
    assert!(!status.success() && broker.log_tail().contains("batch"), "{status}\n{}", broker.log_tail());
}

/// The files of what is not built yet, which must stay as they are.
fn kept_files(store: &Path, archive: Archive) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let unbuilt = FEATURES.iter().filter(|(feature, built)| *built == Built::No && archive.has(*feature));
    for path in unbuilt.flat_map(|(feature, _)| feature.files()) {
        collect(&store.join(path), &mut files);
    }
    files
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.is_file() {
        files.insert(path.to_owned(), fs::read(path).unwrap());
    }
}

fn assert_same(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, content) in before {
        assert!(after[path] == *content, "{} has changed", path.display());
    }
}
