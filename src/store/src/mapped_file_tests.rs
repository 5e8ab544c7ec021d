use super::*;
use crate::fs::OsFileSystem;

fn file(dir: &Path, size: usize) -> Arc<MappedFile> {
    let path = dir.join("00000000000000000000");
    Arc::new(MappedFile::create(Arc::new(OsFileSystem), &path, 0, size).unwrap())
}

#[test]
fn bytes_are_seen_once_published() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 1 << 16);
    let mut writer = file.writer().unwrap();
    writer.write(5, |target| target.copy_from_slice(b"hello")).unwrap();
    assert!(file.slice(0, 5, 0).is_none());
    writer.publish(5);
    assert_eq!(file.slice(0, 5, 0).unwrap(), "hello");
    assert!(file.slice(0, 6, 0).is_none());
    assert!(file.slice(usize::MAX, 2, 0).is_none());
}

#[test]
fn there_is_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 1 << 16);
    let writer = file.writer().unwrap();
    assert!(file.writer().is_none());
    drop(writer);
    assert!(file.writer().is_some());
}

#[test]
fn slices_outlive_the_file_object() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 1 << 16);
    let mut writer = file.writer().unwrap();
    writer.write(3, |target| target.copy_from_slice(b"abc")).unwrap();
    writer.publish(3);
    let bytes = file.slice(1, 2, 0).unwrap();
    drop((writer, file));
    assert_eq!(bytes, "bc");
}

#[test]
fn a_full_file_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 4096);
    let mut writer = file.writer().unwrap();
    assert!(matches!(writer.write(4097, |_| ()), Err(WriteError::Full)));
    writer.write(4096, |target| target.fill(1)).unwrap();
    writer.publish(4096);
    assert!(file.is_full());
    assert!(matches!(writer.write(1, |_| ()), Err(WriteError::Full)));
}

#[test]
fn an_idle_old_file_is_unmapped_and_mapped_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 4096);
    let mut writer = file.writer().unwrap();
    writer.write(4096, |target| target.fill(7)).unwrap();
    writer.publish(4096);
    file.unmap_idle(10);
    assert!(file.mapping.read().is_some());
    drop(writer);
    file.sync().unwrap();
    file.release_handle();
    file.unmap_idle(10);
    assert!(file.mapping.read().is_none());
    assert_eq!(file.slice(0, 1, 10).unwrap()[0], 7);
    assert!(file.writer().is_none());
}

#[test]
fn what_is_in_memory_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 1 << 20);
    assert_eq!(file.resident_bytes(0, 500_000), 0, "never touched");
    let mut writer = file.writer().unwrap();
    writer.write(500_000, |target| target.fill(1)).unwrap();
    writer.publish(500_000);
    assert_eq!(file.resident_bytes(0, 500_000), 500_000);
    assert_eq!(file.resident_bytes(499_999, 1), 1);
}

#[test]
fn pages_can_be_populated_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(dir.path(), 1 << 20);
    file.reserve(1 << 18).unwrap();
    file.clear(1 << 20).unwrap();
    assert_eq!(file.cleared(), 1 << 18);
    match file.populate(1 << 20) {
        Ok(()) => assert_eq!(file.populated(), 1 << 18),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidInput),
    }
}
