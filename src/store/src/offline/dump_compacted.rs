//! Listing the records of compacted queues, RocketMQ's `dumpCompactionLog`.

use std::{io, ops::ControlFlow};

use message::record::RecordView;

use super::{
    OfflineError, Progress, StoreDir,
    dump::{Dumped, RecordFilter},
};
use crate::{
    compaction::{Layout, units_of, whole_file},
    consume_queue::find_queues,
    mapped_file_queue::{file_name, parse_file_name},
};

/// Hands the wanted records of compacted queues to `emit`, queue by queue, until it breaks. Their physical offsets are
/// those in the compacted log.
pub fn dump_compacted(
    dir: &StoreDir,
    filter: &RecordFilter,
    progress: &dyn Progress,
    emit: &mut dyn FnMut(&Dumped<'_>) -> ControlFlow<()>,
) -> Result<(), OfflineError> {
    let mut left = filter.limit;
    for (topic, queue_ids) in find_queues(&*dir.fs, &Layout::log_root(dir.root()))? {
        let is_wanted = filter.topic.as_ref().is_none_or(|wanted| *wanted == topic);
        let wanted = |id: &i32| is_wanted && filter.queue_id.is_none_or(|wanted| wanted == *id);
        for queue_id in queue_ids.into_iter().filter(wanted) {
            let mut take = |record: &RecordView<'_>| {
                if left == 0 || progress.is_stopped() {
                    return ControlFlow::Break(());
                }
                if !filter.takes(record) {
                    return ControlFlow::Continue(());
                }
                left -= 1;
                emit(&Dumped::Record(record))
            };
            let log_dir = Layout::dirs_below(dir.root(), &topic, queue_id).log;
            let walked = walk(dir, (&topic, queue_id), &mut take);
            if walked.map_err(OfflineError::io(log_dir))?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Hands the intact records of a queue to `take`, in their order.
fn walk(
    dir: &StoreDir,
    place: (&str, i32),
    take: &mut dyn FnMut(&RecordView<'_>) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let log_dir = Layout::dirs_below(dir.root(), place.0, place.1).log;
    let files = dir.fs.read_dir(&log_dir)?.into_iter().filter(|entry| !entry.is_dir && entry.len > 0);
    let mut files: Vec<_> =
        files.filter_map(|entry| parse_file_name(&entry.name).map(|base| (base, entry.len))).collect();
    files.sort_unstable();
    for (base, len) in files {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let path = log_dir.join(file_name(base));
        let bytes = whole_file(&dir.fs, &path, base, len)?;
        for unit in units_of(&bytes, base, place) {
            let start = usize::try_from(unit.unit.phy_offset - base).unwrap_or(usize::MAX);
            let record = bytes.get(start..).and_then(|rest| RecordView::decode(rest).ok());
            if record.is_some_and(|record| take(&record).is_break()) {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}
