use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::{
    consume_queue::{ConsumeQueueOptions, ConsumeQueueTable},
    fs::OsFileSystem,
};

/// Five units of 200 bytes in a file.
const BIT_MAP_BYTES: usize = 180;

struct Fixture {
    root: TempDir,
    queue: Arc<ConsumeQueue>,
}

impl Fixture {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let options = ConsumeQueueOptions::default();
        let table =
            ConsumeQueueTable::open(Arc::new(OsFileSystem), root.path().join("consumequeue"), &options)
                .unwrap();
        Self { queue: table.get_or_create("T", 3).unwrap(), root }
    }

    fn open(&self) -> ConsumeQueueExt {
        let options = StoreOptions {
            consume_queue_ext: true.into(),
            consume_queue_ext_file_size_bytes: 1024,
            ..StoreOptions::at(self.root.path())
        };
        ConsumeQueueExt::new(Arc::new(OsFileSystem), &options)
    }

    fn put(&self, extensions: &ConsumeQueueExt, number: i64) -> Unit {
        let tags_code = extensions.put(&self.queue, &extension(number));
        let unit = Unit { phy_offset: number * 100, size_bytes: 100, tags_code };
        self.queue.append(self.queue.max_queue_offset(), unit).unwrap();
        unit
    }

    fn get(&self, extensions: &ConsumeQueueExt, unit: &Unit) -> Option<Extension> {
        extensions.get(Disk::MayWait, self.queue.topic(), 3, unit)
    }

    fn file(&self, base: u64) -> std::path::PathBuf {
        self.root.path().join(Path::new("consumequeue_ext/T/3")).join(format!("{base:020}"))
    }
}

fn extension(number: i64) -> Extension {
    Extension {
        tags_code: number,
        store_timestamp: 1_000 + number,
        bit_map: vec![number as u8; BIT_MAP_BYTES],
    }
}

#[test]
fn units_follow_one_another_and_files_end_with_a_mark() {
    let fixture = Fixture::new();
    let extensions = fixture.open();
    let units: Vec<Unit> = (0..7).map(|number| fixture.put(&extensions, number)).collect();
    let positions: Vec<u64> = units.iter().map(|unit| position_of(unit.tags_code).unwrap()).collect();
    assert_eq!(positions, [0, 200, 400, 600, 800, 1024, 1224]);
    for (number, unit) in (0..).zip(&units) {
        assert_eq!(fixture.get(&extensions, unit), Some(extension(number)));
    }
    let first = std::fs::read(fixture.file(0)).unwrap();
    assert_eq!((first.len(), &first[1000..1002]), (1024, &[0xFF, 0xFF][..]));
    extensions.sync().unwrap();
}

#[test]
fn a_store_that_is_opened_again_goes_on_behind_its_last_unit() {
    let fixture = Fixture::new();
    let first = fixture.put(&fixture.open(), 0);
    // Written, but its unit was lost.
    fixture.open().put(&fixture.queue, &extension(9));
    let extensions = fixture.open();
    let second = fixture.put(&extensions, 1);
    assert_eq!(position_of(second.tags_code), Some(200));
    assert_eq!(fixture.get(&extensions, &first), Some(extension(0)));
    assert_eq!(fixture.get(&extensions, &second), Some(extension(1)));
    // A unit without extension: nobody knows where the last one ended.
    let plain = Unit { phy_offset: 300, size_bytes: 100, tags_code: 5 };
    fixture.queue.append(2, plain).unwrap();
    assert_eq!(position_of(fixture.put(&fixture.open(), 3).tags_code), Some(1024));
}

#[test]
fn bits_that_are_not_trusted_are_set() {
    let fixture = Fixture::new();
    let extensions = fixture.open();
    let unit = fixture.put(&extensions, 4);
    extensions.distrust(fixture.queue.topic(), 3, &unit).unwrap();
    let expected = Extension { bit_map: vec![0xFF; BIT_MAP_BYTES], ..extension(4) };
    assert_eq!(fixture.get(&extensions, &unit), Some(expected));
}

#[test]
fn files_go_with_the_units_that_point_to_them() {
    let fixture = Fixture::new();
    let extensions = fixture.open();
    let units: Vec<Unit> = (0..11).map(|number| fixture.put(&extensions, number)).collect();
    let delete_below = |unit| extensions.delete_files_below(fixture.queue.topic(), 3, unit).unwrap();
    delete_below(&units[5]);
    assert!(fixture.file(0).exists());
    delete_below(&units[6]);
    assert!(!fixture.file(0).exists() && fixture.file(1024).exists());
    assert_eq!(fixture.get(&extensions, &units[0]), None);
    assert!(extensions.has("T", 3));
    extensions.delete_topic("T").unwrap();
    assert!(!extensions.has("T", 3) && !fixture.root.path().join("consumequeue_ext/T").exists());
}

#[test]
fn what_is_too_large_or_of_another_length_says_nothing() {
    let fixture = Fixture::new();
    let extensions = fixture.open();
    let unit = fixture.put(&extensions, 0);
    let huge = Extension { bit_map: vec![0; 40_000], ..extension(7) };
    assert_eq!(extensions.put(&fixture.queue, &huge), 7);
    std::fs::OpenOptions::new().write(true).open(fixture.file(0)).unwrap().set_len(100).unwrap();
    assert_eq!(fixture.get(&fixture.open(), &unit), None);
}
