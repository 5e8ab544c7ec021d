//! Writing records and their units, segment after segment.

use std::{io, sync::Arc};

use message::record::{BLANK_HEADER_BYTES, BLANK_MAGIC, RecordView};

use super::{
    layout::{Dirs, Layout},
    segment::{Segment, unit_of},
};
use crate::{
    consume_queue::{BATCH_UNIT_BYTES, BatchUnit, Unit},
    fs::FileSystem,
    mapped_file::{FileWriter, MappedFile, WriteError},
    mapped_file_queue::file_name,
};

/// Where a record says where it is.
const PHY_OFFSET_AT: usize = 28;

/// Appends to the last of a row of segments.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    fs: Arc<dyn FileSystem>,
    layout: Layout,
    dirs: Dirs,
    /// Where the next segment begins.
    next_base: i64,
    open: Option<OpenSegment>,
    /// Whether a flush failed: nobody knows what is on the disk since.
    is_suspect: bool,
}

#[derive(Debug)]
struct OpenSegment {
    segment: Arc<Segment>,
    log: FileWriter,
    queue: FileWriter,
}

impl SegmentWriter {
    /// Begins with a new segment at `next_base`.
    pub(super) fn new(fs: Arc<dyn FileSystem>, layout: Layout, dirs: Dirs, next_base: i64) -> Self {
        Self { fs, layout, dirs, next_base, open: None, is_suspect: false }
    }

    /// Goes on with a segment whose files are open for writing.
    pub(super) fn resume(&mut self, segment: &Arc<Segment>) {
        let writers = segment.log().writer().zip(segment.queue().writer());
        self.open = writers.map(|(log, queue)| OpenSegment { segment: Arc::clone(segment), log, queue });
    }

    /// Makes room for a record of this size; a segment that was begun for it is to be made known to readers.
    pub(super) fn make_room(&mut self, size_bytes: usize) -> io::Result<Option<Arc<Segment>>> {
        if size_bytes > self.layout.max_record_bytes() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.open.as_ref().is_some_and(|open| open.takes(size_bytes)) {
            return Ok(None);
        }
        self.finish()?;
        self.open = Some(self.begin()?);
        Ok(self.open.as_ref().map(|open| Arc::clone(&open.segment)))
    }

    /// Appends a record there is room for.
    pub(super) fn append(&mut self, record: &RecordView<'_>) -> io::Result<()> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let phy_offset = open.log.phy_offset();
        open.log
            .write(record.total_size(), |target| {
                target.copy_from_slice(record.bytes());
                if let Some(place) = target.get_mut(PHY_OFFSET_AT..PHY_OFFSET_AT + 8) {
                    place.copy_from_slice(&phy_offset.to_be_bytes());
                }
            })
            .map_err(refused)?;
        write_unit(&mut open.queue, &unit_of(record, phy_offset))?;
        open.log.publish(record.total_size());
        open.queue.publish(BATCH_UNIT_BYTES);
        open.segment.publish_unit();
        Ok(())
    }

    /// Completes the last segment and makes it durable.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let remaining = open.log.remaining();
        if remaining >= BLANK_HEADER_BYTES {
            let blank = [(remaining as i32).to_be_bytes(), BLANK_MAGIC.to_be_bytes()].concat();
            open.log.write(blank.len(), |target| target.copy_from_slice(&blank)).map_err(refused)?;
        }
        if open.queue.remaining() >= BATCH_UNIT_BYTES {
            write_unit(&mut open.queue, &END_MARK)?;
        }
        self.sync()?;
        if let Some(OpenSegment { segment, log, queue }) = self.open.take() {
            drop((log, queue));
            segment.log().release_handle();
            segment.queue().release_handle();
        }
        Ok(())
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// When it fails, and whenever it has failed once.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.is_suspect {
            return Err(io::Error::other("an earlier flush failed"));
        }
        let Some(open) = &self.open else { return Ok(()) };
        let synced = open.segment.log().sync().and_then(|()| open.segment.queue().sync());
        self.is_suspect = synced.is_err();
        synced
    }

    fn begin(&mut self) -> io::Result<OpenSegment> {
        for dir in self.dirs.both() {
            make_dir(&*self.fs, self.layout.root(), dir)?;
        }
        let base = self.next_base;
        let log = self.create(&self.dirs.log, self.layout.log_file_bytes)?;
        let queue = self.create(&self.dirs.queue, self.layout.queue_file_bytes)?;
        let segment = Arc::new(Segment::new(log, queue, 0));
        let writers = segment.log().writer().zip(segment.queue().writer());
        let (log, queue) = writers.ok_or(io::ErrorKind::ResourceBusy)?;
        self.next_base = base + self.layout.log_file_bytes as i64;
        Ok(OpenSegment { segment, log, queue })
    }

    /// A file left by an attempt that failed is empty, as nothing was written before both were there.
    fn create(&self, dir: &std::path::Path, size: usize) -> io::Result<Arc<MappedFile>> {
        let path = dir.join(file_name(self.next_base));
        Ok(Arc::new(MappedFile::create(Arc::clone(&self.fs), &path, self.next_base, size)?))
    }
}

impl OpenSegment {
    /// Whether a record of this size leaves room for what ends a file.
    fn takes(&self, size_bytes: usize) -> bool {
        self.queue.remaining() > BATCH_UNIT_BYTES && self.log.remaining() >= size_bytes + BLANK_HEADER_BYTES
    }
}

/// What stands behind the last unit of a complete file.
const END_MARK: BatchUnit = BatchUnit {
    unit: Unit { phy_offset: -1, size_bytes: 0, tags_code: 0 },
    store_timestamp: 0,
    base_offset: 0,
    message_count: 0,
};

/// Writes a unit without publishing it.
fn write_unit(queue: &mut FileWriter, unit: &BatchUnit) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(BATCH_UNIT_BYTES);
    unit.encode_to(&mut bytes);
    queue.write(bytes.len(), |target| target.copy_from_slice(&bytes)).map_err(refused)
}

fn refused(error: WriteError) -> io::Error {
    match error {
        WriteError::Full => io::ErrorKind::FileTooLarge.into(),
        WriteError::NotReserved { error, .. } => error,
    }
}

/// Makes a directory below `root` and its parents, durably.
pub(super) fn make_dir(fs: &dyn FileSystem, root: &std::path::Path, dir: &std::path::Path) -> io::Result<()> {
    if fs.exists(dir) {
        return Ok(());
    }
    fs.create_dir_all(dir)?;
    // The root itself is an entry of the store's directory.
    let made = dir.ancestors().skip(1).take_while(|above| above.starts_with(root));
    made.chain(root.parent()).try_for_each(|above| fs.sync_dir(above))
}
