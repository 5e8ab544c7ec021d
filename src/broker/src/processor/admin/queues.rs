//! Reading many queues without holding up the runtime.

use std::ops::Range;

use remoting::reply::Refusal;

/// Up to so many queues are read where the request is; more go to a thread that may block.
const INLINE_MAX: usize = 8;
/// Queues of one topic that are looked at, whatever its configuration claims.
const TOPIC_QUEUES_MAX: i32 = 65_536;

/// The numbers of a topic's queues.
pub(super) fn queue_ids(queue_nums: i32) -> Range<i32> {
    0..queue_nums.clamp(0, TOPIC_QUEUES_MAX)
}

/// Whether a topic may have so many queues.
pub(super) fn is_queue_number(queue_nums: i32) -> bool {
    (0..=TOPIC_QUEUES_MAX).contains(&queue_nums)
}

/// Runs `read`, which looks at `queue_count` queues of the store.
///
/// # Errors
/// When it panics.
pub(super) async fn read<T: Send + 'static>(
    queue_count: usize,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    if queue_count <= INLINE_MAX {
        return Ok(read());
    }
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        tracing::error!(%error, "reading queues failed, please report this");
        Refusal::system_error("internal error, see the broker's log")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_and_many_queues_are_read() {
        for queue_count in [1, 1_000] {
            assert_eq!(read(queue_count, move || queue_count + 1).await.unwrap(), queue_count + 1);
        }
    }

    #[test]
    fn a_topic_has_a_sane_number_of_queues() {
        assert_eq!(queue_ids(3), 0..3);
        assert!(queue_ids(-1).is_empty());
        assert_eq!(queue_ids(i32::MAX).len(), 65_536);
        assert!(is_queue_number(0) && is_queue_number(65_536) && !is_queue_number(-1));
    }
}
