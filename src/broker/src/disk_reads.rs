//! Reading old messages from the disk, which nobody else's requests wait for.

use std::sync::Arc;

use remoting::reply::Refusal;
use store::{
    get::{GetRequest, GetResult, MessageFilter},
    message_store::MessageStore,
};
use tokio::sync::Semaphore;

/// Most bytes of one answer; the store's own limits are far below.
pub const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;

/// Threads that read from the disk, of which so many do at a time: more would only wait for one another there.
#[derive(Clone, Debug)]
pub struct DiskReads {
    store: Arc<MessageStore>,
    turns: Arc<Semaphore>,
}

/// What is read.
#[derive(Clone, Debug)]
pub struct DiskRead {
    /// The topic.
    pub topic: Arc<str>,
    /// Its queue.
    pub queue_id: i32,
    /// Where it begins.
    pub queue_offset: i64,
    /// Messages, at most.
    pub max_count: usize,
}

impl DiskReads {
    /// At most `count` at a time.
    pub fn new(store: Arc<MessageStore>, count: usize) -> Self {
        Self { store, turns: Arc::new(Semaphore::new(count)) }
    }

    /// What the store has, whether or not it is in memory.
    ///
    /// # Errors
    /// When the read did not end.
    pub async fn get(&self, read: DiskRead, filter: Arc<dyn MessageFilter>) -> Result<GetResult, Refusal> {
        let store = Arc::clone(&self.store);
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let DiskRead { topic, queue_id, queue_offset, max_count } = read;
            let request =
                GetRequest { topic: &topic, queue_id, queue_offset, max_count, max_bytes: MAX_ANSWER_BYTES };
            store.get(&request, &*filter)
        });
        reading.await.map_err(|error| Refusal::system_error(format!("messages cannot be read: {error}")))
    }
}
