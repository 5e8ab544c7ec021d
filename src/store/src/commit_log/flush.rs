//! Making the CommitLog durable.

use std::{io, sync::atomic::Ordering};

use super::CommitLog;

impl CommitLog {
    /// Makes everything appended so far durable and answers up to where that is. After an error nothing more
    /// can be said about any page that was dirty: the caller fences the store and does not try again.
    pub(crate) fn flush(&self) -> io::Result<i64> {
        let _one_at_a_time = self.flushing.lock();
        let end = self.end();
        let timestamp = self.last_store_timestamp();
        let flushed = self.flushed();
        if end > flushed {
            for file in self.files.files() {
                let file_end = file.base_phy_offset() + file.size() as i64;
                if file_end > flushed && file.base_phy_offset() < end {
                    file.sync()?;
                }
                if file_end <= end {
                    file.release_handle();
                }
            }
            self.flushed_timestamp.store(timestamp, Ordering::Release);
            self.flushed.store(end, Ordering::Release);
        }
        Ok(end)
    }
}
