//! Stores with batch and light queues.

use message::{property_names as names, sys_flag};

use super::{assert_sound, checked, content, kinds, stop, store_dir};
use crate::{
    message_store::tests::{
        harness::{Harness, message},
        kinds::with_batch_topic,
    },
    offline::{FindingKind, Quiet, RebuildMode, Severity, UnitFilter, dump_units, rebuild_queues},
    options::Switch,
    put::PendingMessage,
};

/// A stopped store whose records are singles, batches of three and members of a light queue.
fn store_of_kinds() -> Harness {
    let mut harness = Harness::new();
    harness.options.light_queues = Switch::On;
    harness.options.batch_consume_queue_file_size_bytes = 10 * 46;
    with_batch_topic(&harness, "batches");
    let store = harness.open();
    for number in 0..60 {
        let mut properties = message("t", 0, number).properties;
        let message = match number % 3 {
            0 => message("batches", 0, number),
            1 => {
                properties.set(names::INNER_NUM, "3");
                let sys_flag = sys_flag::INNER_BATCH;
                PendingMessage { sys_flag, properties, ..message("batches", 0, number) }
            }
            _ => {
                properties.set(names::INNER_MULTI_DISPATCH, "%LMQ%a");
                PendingMessage { properties, ..message("fed", 0, number) }
            }
        };
        let _durability = store.put(&[message]).unwrap().durability;
    }
    stop(store);
    harness
}

#[test]
fn all_kinds_are_checked() {
    let harness = store_of_kinds();
    let report = checked(&harness);
    assert!(report.findings.kept().is_empty(), "{:#?}", report.findings);
    let queues = &report.queues;
    assert_eq!((queues.queue_count, queues.light_queue_count, queues.batch_queue_count), (3, 1, 1));
    assert_eq!(queues.unit_count, 80);
    let file = harness.root().join("batchconsumequeue/batches/0/00000000000000000460");
    // The physical offset, the base and the number of messages of a unit.
    for (position, kind) in [
        (5 * 46 + 6, FindingKind::UnitOrder),
        (5 * 46 + 34, FindingKind::UnitOrder),
        (5 * 46 + 37, FindingKind::WrongUnit),
    ] {
        super::flip(&file, position);
        let found = kinds(&checked(&harness));
        assert!(found.contains(&(Severity::Damage, kind)), "{position}: {found:?}");
        super::flip(&file, position);
    }
    assert_sound(&harness);
    std::fs::remove_dir_all(harness.root().join("batchconsumequeue/batches")).unwrap();
    assert_eq!(kinds(&checked(&harness)), [(Severity::Damage, FindingKind::MissingUnit)]);
}

#[test]
fn all_kinds_are_rebuilt() {
    let harness = store_of_kinds();
    let roots = ["consumequeue", "batchconsumequeue"].map(|name| harness.root().join(name));
    let before = roots.each_ref().map(|root| content(root));
    let planned = rebuild_queues(&store_dir(&harness), RebuildMode::DryRun, &Quiet).unwrap();
    assert_eq!((planned.entry_count, planned.container_count), (80, 3));
    let rebuild = || rebuild_queues(&store_dir(&harness), RebuildMode::Write, &Quiet).unwrap();
    assert_eq!((rebuild().entry_count, rebuild().superseded_count), (80, 0));
    assert_eq!(roots.each_ref().map(|root| content(root)), before);
    for root in &roots {
        std::fs::remove_dir_all(root).unwrap();
    }
    assert_eq!(rebuild().container_count, 3);
    assert_eq!(roots.each_ref().map(|root| content(root)), before);
    assert_sound(&harness);
}

#[test]
fn units_of_batches_are_listed_by_the_offsets_they_stand_for() {
    let harness = store_of_kinds();
    let filter =
        UnitFilter { topic: Some("batches".into()), queue_id: Some(0), queue_offsets: 2..9, limit: 100 };
    let mut found = Vec::new();
    dump_units(&store_dir(&harness), &filter, &Quiet, &mut |dumped| {
        found.push((dumped.queue_offset, dumped.message_count));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(found, [(1, 3), (4, 1), (5, 3), (8, 1)]);
}
