//! One compacted queue, RocketMQ's `CompactionLog`.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use message::record::RecordView;
use parking_lot::{Mutex, MutexGuard, RwLock};

use super::{
    exchange::{Decision, Exchange, set_aside},
    layout::{Dirs, Layout},
    leftovers,
    loading::{Loading, Originals},
    positions::Positions,
    segment::Segment,
    writer::SegmentWriter,
};
use crate::{error::OpenError, fs::FileSystem};

/// A compacted queue.
#[derive(Debug)]
pub(crate) struct CompactionLog {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) layout: Layout,
    topic: Arc<str>,
    queue_id: i32,
    pub(super) dirs: Dirs,
    /// Oldest first. Readers hold the lock while they read.
    pub(super) segments: RwLock<Vec<Arc<Segment>>>,
    writer: Mutex<SegmentWriter>,
    /// Held by who copies.
    copying: Mutex<()>,
    /// The queue offset of the next message to be copied.
    copied: AtomicI64,
    /// The queue offset up to which copies are on the disk.
    synced: AtomicI64,
    /// An exchange that was decided and published but is not done; who compacts holds the lock.
    pub(super) undone: Mutex<Option<Decision>>,
    /// When it is to be compacted next, as of the monotonic clock.
    pub(super) due: Mutex<std::time::Duration>,
    is_dirty: AtomicBool,
    pub(super) is_deleted: AtomicBool,
}

/// What is needed to open one.
pub(super) struct Opening<'a> {
    pub(super) fs: &'a Arc<dyn FileSystem>,
    pub(super) layout: &'a Layout,
    pub(super) positions: &'a Positions,
    pub(super) now_millis: i64,
}

impl CompactionLog {
    /// Completes what was interrupted and finds the end.
    pub(super) fn open(
        opening: &Opening<'_>,
        (topic, queue_id): (&Arc<str>, i32),
        originals: &Originals<'_>,
    ) -> Result<Self, OpenError> {
        let Opening { fs, layout, positions, now_millis } = *opening;
        let dirs = layout.dirs(topic, queue_id);
        let failed = || OpenError::io(&dirs.log);
        let exchange = Exchange { fs: &**fs, layout, topic, queue_id };
        if let Some(decision) = exchange.decided().map_err(failed())? {
            exchange.carry_out(&decision).map_err(failed())?;
            positions.set(topic, queue_id, decision.position)?;
        }
        exchange.clear().map_err(failed())?;
        leftovers::settle(&**fs, &dirs).map_err(failed())?;
        if originals.next_queue_offset == 0 {
            let has_some = fs.exists(&dirs.log) && !fs.read_dir(&dirs.log).map_err(failed())?.is_empty();
            if has_some {
                let to = layout.set_aside_dirs(topic, queue_id, now_millis);
                tracing::warn!(topic = &**topic, queue_id, to = %to.log.display(), "compacted files set aside: the queue is empty");
                set_aside(&**fs, layout.root(), &dirs, &to).map_err(failed())?;
                positions.remove(topic, &[queue_id])?;
            }
        }
        let segments = Loading { fs, layout, place: (topic, queue_id), dirs: &dirs, originals }.run()?;
        let next_base = segments.last().map_or(0, |last| last.base() + layout.log_file_bytes as i64);
        let mut writer = SegmentWriter::new(Arc::clone(fs), layout.clone(), dirs.clone(), next_base);
        if let Some(last) = segments.last() {
            writer.resume(last);
        }
        let end = bounds(&segments).1;
        Ok(Self {
            fs: Arc::clone(fs),
            layout: layout.clone(),
            topic: Arc::clone(topic),
            queue_id,
            dirs,
            segments: RwLock::new(segments),
            writer: Mutex::new(writer),
            copying: Mutex::default(),
            copied: AtomicI64::new(end),
            synced: AtomicI64::new(0),
            undone: Mutex::default(),
            due: Mutex::default(),
            is_dirty: AtomicBool::new(true),
            is_deleted: AtomicBool::new(false),
        })
    }

    /// Its topic.
    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Its queue id.
    pub(crate) fn queue_id(&self) -> i32 {
        self.queue_id
    }

    /// Lets `read` have the segments, oldest first. No file changes its name meanwhile.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&[Arc<Segment>]) -> T) -> T {
        read(&self.segments.read())
    }

    /// Queue offset of the first message, -1 without one, and the one after the last, 0 without one.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        self.read(bounds)
    }

    /// The turn at copying.
    pub(crate) fn copying(&self) -> MutexGuard<'_, ()> {
        self.copying.lock()
    }

    /// The queue offset of the next message to be copied.
    pub(crate) fn copied(&self) -> i64 {
        self.copied.load(Ordering::Acquire)
    }

    /// Says so, when everything before is.
    pub(crate) fn set_copied(&self, queue_offset: i64) {
        self.copied.store(queue_offset, Ordering::Release);
    }

    /// The queue offset up to which copies are known to be on the disk.
    pub(crate) fn synced(&self) -> i64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Appends a copy of a record of the CommitLog.
    pub(crate) fn append(&self, record: &RecordView<'_>) -> io::Result<()> {
        let mut writer = self.writer.lock();
        if self.is_deleted.load(Ordering::Acquire) {
            return Ok(());
        }
        self.is_dirty.store(true, Ordering::Release);
        if let Some(begun) = writer.make_room(record.total_size())? {
            self.segments.write().push(begun);
        }
        writer.append(record)
    }

    /// Makes all copies durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut writer = self.writer.lock();
        let copied = self.copied();
        if self.is_dirty.load(Ordering::Acquire) {
            writer.sync()?;
            self.is_dirty.store(false, Ordering::Release);
        }
        self.synced.store(copied, Ordering::Release);
        Ok(())
    }

    /// Ends it: nothing is written any more when this returns.
    pub(super) fn close_deleted(&self) {
        self.is_deleted.store(true, Ordering::Release);
        drop(self.undone.lock());
        drop(self.writer.lock());
    }

    /// Gives up mappings nobody needs now.
    pub(crate) fn unmap_idle(&self) {
        // While an exchange is not done, names belong to other files.
        if let Some(undone) = self.undone.try_lock()
            && undone.is_none()
            && let Some(segments) = self.segments.try_write()
            && let Some((_, complete)) = segments.split_last()
        {
            for segment in complete {
                segment.unmap();
            }
        }
    }
}

fn bounds(segments: &[Arc<Segment>]) -> (i64, i64) {
    let min = segments.first().and_then(|first| first.units().first()).map_or(-1, |unit| unit.base_offset);
    let last = segments.iter().rev().find_map(|segment| segment.units().last());
    (min, last.map_or(0, |unit| unit.next_offset()))
}
