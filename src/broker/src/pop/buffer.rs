//! How far a group has popped beyond what it has committed (`PopBufferMergeService`).
//!
//! With `enablePopBufferMerge` a check point is kept in memory for a while, and never stored if all its
//! messages are acknowledged meanwhile. Invariant: the offset of a queue is committed only past check points
//! that are stored or done with, in their order, so that a crash pops again and never loses.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use common::config::BrokerConfig;
use parking_lot::Mutex;
use runtime::clock::Clock;

use super::{
    check_point::{AckMsg, CheckPointKey, PopCheckPoint, bit},
    queue::PopQueue,
    revive_log::ReviveLog,
};
use crate::offsets::ConsumerOffsetManager;

/// A check point that is taken up must have so many milliseconds left beyond `popCkStayBufferTimeOut`.
const MARGIN_MILLIS: i64 = 1_500;
/// Named in the log where an offset goes back.
const WHO: &str = "pop";

/// Check points in memory, and the offsets that wait for them.
#[derive(Debug)]
pub struct PopBufferMergeService {
    is_enabled: bool,
    batch_ack: bool,
    stay_millis: i64,
    store_before_millis: i64,
    check_points_max: usize,
    steps_max: usize,
    state: Mutex<State>,
    log: Arc<ReviveLog>,
    offsets: Arc<ConsumerOffsetManager>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    check_points: HashMap<CheckPointKey, Buffered>,
    queues: HashMap<PopQueue, VecDeque<Step>>,
    is_stopping: bool,
}

#[derive(Debug)]
struct Buffered {
    /// Its bits are the messages that are acknowledged.
    ck: PopCheckPoint,
    revive_queue_id: i32,
    queue: PopQueue,
    /// Set while it is being stored: acknowledgements are stored by themselves then.
    is_leaving: bool,
}

/// An offset that may be committed once a check point is out of the buffer.
#[derive(Debug)]
struct Step {
    next_offset: i64,
    awaited: Option<CheckPointKey>,
}

impl PopBufferMergeService {
    /// Nothing buffered.
    pub fn new(
        config: &BrokerConfig,
        log: Arc<ReviveLog>,
        offsets: Arc<ConsumerOffsetManager>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let count = |value: i32| usize::try_from(value).unwrap_or(0);
        Self {
            is_enabled: config.enable_pop_buffer_merge,
            batch_ack: config.enable_pop_batch_ack,
            stay_millis: config.pop_ck_stay_buffer_time.into(),
            store_before_millis: config.pop_ck_stay_buffer_time_out.into(),
            check_points_max: count(config.pop_ck_max_buffer_size),
            steps_max: count(config.pop_ck_offset_max_queue_size),
            state: Mutex::default(),
            log,
            offsets,
            clock,
        }
    }

    /// Whether check points are kept in memory at all.
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Where the next pop of a queue begins; `None` when that is what is committed.
    ///
    /// Whoever needs both asks here first: an offset is committed before it leaves the buffer.
    pub fn latest_offset(&self, queue: &PopQueue) -> Option<i64> {
        Some(self.state.lock().queues.get(queue)?.back()?.next_offset)
    }

    /// How many check points are in memory.
    pub fn check_point_count(&self) -> usize {
        self.state.lock().check_points.len()
    }

    /// How many offsets wait to be committed.
    pub fn step_count(&self) -> usize {
        self.state.lock().queues.values().map(VecDeque::len).sum()
    }

    /// Takes up a check point behind which the queue goes on at `next_offset`; false when it has to be
    /// stored.
    pub fn add(&self, ck: &PopCheckPoint, revive_queue_id: i32, queue: &PopQueue, next_offset: i64) -> bool {
        let left = ck.revive_time().saturating_sub(self.clock.now_millis());
        if !self.is_enabled || left < self.store_before_millis + MARGIN_MILLIS {
            return false;
        }
        let Some(key) = ck.key() else { return false };
        let mut state = self.state.lock();
        let is_full = state.check_points.len() >= self.check_points_max
            || state.queues.get(queue).is_some_and(|steps| steps.len() >= self.steps_max);
        if is_full || state.is_stopping || state.check_points.contains_key(&key) {
            return false;
        }
        let step = Step { next_offset, awaited: Some(key.clone()) };
        state.queues.entry(queue.clone()).or_default().push_back(step);
        let buffered = Buffered { ck: ck.clone(), revive_queue_id, queue: queue.clone(), is_leaving: false };
        state.check_points.insert(key, buffered);
        true
    }

    /// What was popped up to `next_offset` is stored, or is nothing: commits it as soon as that is its turn.
    pub fn advance(&self, queue: &PopQueue, next_offset: i64) {
        let mut state = self.state.lock();
        let steps = state.queues.entry(queue.clone()).or_default();
        steps.push_back(Step { next_offset, awaited: None });
        self.commit_steps(&mut state, queue);
    }

    /// Notes an acknowledgement; false when it has to be stored.
    pub fn acknowledge(&self, ack: &AckMsg, own_broker_name: &str) -> bool {
        if !self.is_enabled {
            return false;
        }
        let mut state = self.state.lock();
        let key = ack.key(own_broker_name);
        let Some(buffered) = state.check_points.get_mut(&key).filter(|buffered| !buffered.is_leaving) else {
            return false;
        };
        for queue_offset in ack.offsets() {
            if let Some(index) = buffered.ck.index_of(*queue_offset) {
                buffered.ck.acknowledge(index);
            }
        }
        if buffered.ck.unacknowledged().is_empty() {
            let queue = buffered.queue.clone();
            state.check_points.remove(&key);
            self.commit_steps(&mut state, &queue);
        }
        true
    }

    /// Forgets where the next pop of a queue would begin (`clearOffsetQueue`).
    pub fn clear(&self, queue: &PopQueue) {
        self.state.lock().queues.remove(queue);
    }

    /// Forgets the queues that are gone.
    pub fn retain(&self, is_there: impl Fn(&PopQueue) -> bool) {
        self.state.lock().queues.retain(|queue, _| is_there(queue));
    }

    /// Stores the check points whose time in memory is up.
    pub async fn store_due(&self) {
        let now = self.clock.now_millis();
        let is_due = |ck: &PopCheckPoint| {
            ck.revive_time().saturating_sub(now) < self.store_before_millis
                || now.saturating_sub(ck.pop_time) > self.stay_millis
        };
        self.store_all_that(is_due).await;
    }

    /// Stores all check points, and takes up no more: the broker stops.
    pub async fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.store_all_that(|_| true).await;
    }

    async fn store_all_that(&self, is_due: impl Fn(&PopCheckPoint) -> bool) {
        let leaving: Vec<CheckPointKey> = {
            let mut state = self.state.lock();
            let due = state.check_points.iter_mut().filter(|(_, buffered)| is_due(&buffered.ck));
            due.map(|(key, buffered)| {
                buffered.is_leaving = true;
                key.clone()
            })
            .collect()
        };
        for key in leaving {
            let buffered = self
                .state
                .lock()
                .check_points
                .get(&key)
                .map(|found| (found.ck.clone(), found.revive_queue_id));
            let Some((ck, revive_queue_id)) = buffered else { continue };
            let is_stored = self.store(ck, revive_queue_id).await;
            self.left(&key, is_stored);
        }
    }

    fn left(&self, key: &CheckPointKey, is_stored: bool) {
        let mut state = self.state.lock();
        if !is_stored {
            // Looked at again next time.
            if let Some(buffered) = state.check_points.get_mut(key) {
                buffered.is_leaving = false;
            }
        } else if let Some(buffered) = state.check_points.remove(key) {
            self.commit_steps(&mut state, &buffered.queue);
        }
    }

    /// Stores what was acknowledged, then the check point: one without the other does no harm in this order.
    async fn store(&self, mut ck: PopCheckPoint, revive_queue_id: i32) -> bool {
        let acknowledged = acknowledged(&ck);
        let revive_time = ck.revive_time();
        ck.bit_map = 0;
        let acks = if self.batch_ack && acknowledged.len() > 1 {
            vec![AckMsg { ack_offset: -1, ack_offset_list: Some(acknowledged), ..ack_of(&ck) }]
        } else {
            acknowledged.into_iter().map(|ack_offset| AckMsg { ack_offset, ..ack_of(&ck) }).collect()
        };
        for ack in &acks {
            if let Err(refusal) = self.log.put_ack(ack, revive_queue_id, revive_time).await {
                tracing::warn!(
                    remark = refusal.remark(),
                    "acknowledgement of a pop not stored, trying again"
                );
                return false;
            }
        }
        let stored = self.log.put_check_point(&ck, revive_queue_id).await;
        if let Err(refusal) = &stored {
            tracing::warn!(remark = refusal.remark(), "check point of a pop not stored, trying again");
        }
        stored.is_ok()
    }

    /// Commits what waits for nothing any more.
    fn commit_steps(&self, state: &mut State, queue: &PopQueue) {
        let State { check_points, queues, .. } = state;
        let Some(steps) = queues.get_mut(queue) else { return };
        let mut reached = None;
        while let Some(step) = steps.front() {
            if step.awaited.as_ref().is_some_and(|key| check_points.contains_key(key)) {
                break;
            }
            reached = steps.pop_front().map(|step| step.next_offset);
        }
        if let Some(reached) = reached {
            let PopQueue { topic, group, queue_id } = queue;
            if let Err(error) = self.offsets.commit(&WHO, group, topic, *queue_id, reached) {
                tracing::warn!(%queue, %error, "offset of a pop not noted");
            }
        }
        if steps.is_empty() {
            queues.remove(queue);
        }
    }
}

fn acknowledged(ck: &PopCheckPoint) -> Vec<i64> {
    let indexes = (0..ck.message_count()).filter_map(|index| u8::try_from(index).ok());
    indexes
        .filter(|index| ck.bit_map & bit(*index) != 0)
        .filter_map(|index| ck.queue_offset_of(index))
        .collect()
}

fn ack_of(ck: &PopCheckPoint) -> AckMsg {
    AckMsg {
        broker_name: ck.broker_name.clone(),
        group: ck.group.clone().unwrap_or_default(),
        pop_time: ck.pop_time,
        queue_id: ck.queue_id,
        start_offset: ck.start_offset,
        topic: ck.topic.clone().unwrap_or_default(),
        ..AckMsg::default()
    }
}
