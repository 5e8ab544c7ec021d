//! Pulling from logical queues: `PULL_MESSAGE`, `LITE_PULL_MESSAGE`.
//!
//! A pull reads the stretch its offset is in. At the end of a stretch the answer sends the consumer on to
//! the next one; only a pull of the last stretch waits for messages.

use std::future::ready;

use futures_util::{FutureExt as _, future::Either};
use remoting::{
    body::queue_mapping::LogicQueueMappingItem,
    command::Response,
    header::Header,
    headers::pull::{PullMessageRequestHeader, PullMessageResponseHeader},
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{LitePullMessage, PullMessage, Request},
    response_code::ResponseCode,
    router::Processor,
};

use super::{
    layer::{StaticTopicLayer, StaticTopics},
    logic_queue::{LogicQueue, Named},
    other_brokers::refused,
};
use crate::processor::pull::sys_flag;

impl<P: Processor<PullMessage>> Processor<PullMessage> for StaticTopicLayer<P> {
    fn process(
        &self,
        incoming: Incoming<PullMessage>,
    ) -> impl Future<Output = ReplyResult<PullMessage>> + Send {
        self.pull(incoming)
    }
}

impl<P: Processor<LitePullMessage>> Processor<LitePullMessage> for StaticTopicLayer<P> {
    fn process(
        &self,
        incoming: Incoming<LitePullMessage>,
    ) -> impl Future<Output = ReplyResult<LitePullMessage>> + Send {
        self.pull(incoming)
    }
}

impl<P> StaticTopicLayer<P> {
    /// No future of its own: pulls wait by the ten thousand, and hardly any of them for a static topic.
    fn pull<R>(&self, incoming: Incoming<R>) -> impl Future<Output = ReplyResult<R>> + Send
    where
        R: Request<Header = PullMessageRequestHeader, ReplyHeader = PullMessageResponseHeader>,
        P: Processor<R>,
    {
        match self.topics.pulled_queue(&incoming.header) {
            Ok(None) => Either::Left(self.inner.process(incoming)),
            Ok(Some(queue)) => Either::Right(self.pull_logical(incoming, queue).boxed()),
            Err(refusal) => Either::Right(ready(Err(refusal)).boxed()),
        }
    }

    async fn pull_logical<R>(&self, mut incoming: Incoming<R>, queue: LogicQueue) -> ReplyResult<R>
    where
        R: Request<Header = PullMessageRequestHeader, ReplyHeader = PullMessageResponseHeader>,
        P: Processor<R>,
    {
        let item = queue.at(incoming.header.queue_offset)?;
        to_physical(&mut incoming.header, &queue, item);
        let requested = incoming.header.queue_offset;
        let mut reply = if queue.is_here(item) {
            self.inner.process(incoming).await?
        } else {
            self.topics.pull_elsewhere(&item.bname, incoming.header).await?
        };
        let code = reply.code();
        let Some(header) = reply.header_mut() else { return Ok(reply) };
        let code_now = to_logical(header, &queue, item, requested, code)?;
        // As in RocketMQ what is no success says no more than its code.
        Ok(if code == ResponseCode::SUCCESS { reply } else { reply.recoded(code_now, None) })
    }
}

impl StaticTopics {
    fn pulled_queue(&self, header: &PullMessageRequestHeader) -> Result<Option<LogicQueue>, Refusal> {
        let named = Named { topic: &header.topic, queue_id: header.queue_id, lo: header.lo };
        self.mappings.logic_queue(named).map_err(|refusal| {
            let remark = format!(
                "{}-{} cannot find mapping item in request process of current broker {}",
                header.topic,
                header.queue_id,
                self.mappings.broker_name()
            );
            Refusal::new(refusal.code(), remark)
        })
    }

    /// What another broker has in its physical queue.
    async fn pull_elsewhere<R>(&self, bname: &str, header: PullMessageRequestHeader) -> ReplyResult<R>
    where
        R: Request<Header = PullMessageRequestHeader, ReplyHeader = PullMessageResponseHeader>,
    {
        let answer = self.brokers.ask::<PullMessage>(bname, header).await?;
        let Response { code, body, ext, .. } = &answer;
        match ResponseCode(*code) {
            code @ (ResponseCode::SUCCESS
            | ResponseCode::PULL_NOT_FOUND
            | ResponseCode::PULL_RETRY_IMMEDIATELY
            | ResponseCode::PULL_OFFSET_MOVED) => {
                let header = PullMessageResponseHeader::decode(ext)?;
                Ok(Reply::of(code).with_remark("").with_header(header).with_body(body.clone()))
            }
            _ => Err(refused(bname, &answer)),
        }
    }
}

/// Makes a pull from a logical queue one from the physical queue of a stretch.
fn to_physical(header: &mut PullMessageRequestHeader, queue: &LogicQueue, item: &LogicQueueMappingItem) {
    header.queue_id = item.queue_id;
    header.queue_offset = item.physical(header.queue_offset);
    if let Some(end) = item.physical_end() {
        let stretch = i32::try_from(end - item.start_offset).unwrap_or(i32::MAX);
        header.max_msg_nums = header.max_msg_nums.min(stretch);
    }
    let is_here = queue.is_here(item);
    if !is_here {
        header.lo = Some(false);
    }
    // Nothing more comes to a stretch that has a successor, and another broker is not to keep us waiting.
    if !is_here || queue.after(item).is_some() {
        header.sys_flag &= !sys_flag::SUSPEND;
    }
    // What was consumed of another stretch is committed by a request of its own.
    let commits_here = queue.at(header.commit_offset).is_ok_and(|at| at.generation == item.generation);
    if is_here && commits_here {
        header.commit_offset = item.physical(header.commit_offset);
    } else {
        header.sys_flag &= !sys_flag::COMMIT_OFFSET;
    }
}

/// Where a pull goes on.
struct Place<'a> {
    item: &'a LogicQueueMappingItem,
    next: i64,
    min: i64,
    max: i64,
}

/// Makes the answer of a physical queue one of the logical queue; the code it has then.
///
/// `requested` is the physical offset that was asked for, `item` the stretch it was in.
fn to_logical(
    header: &mut PullMessageResponseHeader,
    queue: &LogicQueue,
    item: &LogicQueueMappingItem,
    requested: i64,
    code: ResponseCode,
) -> Result<ResponseCode, Refusal> {
    let mut place =
        Place { item, next: header.next_begin_offset, min: header.min_offset, max: header.max_offset };
    let code = if code == ResponseCode::SUCCESS { code } else { revise(&mut place, queue, requested, code)? };
    let Place { item, next, min, max } = place;
    let next = item.physical_end().map_or(next, |end| next.min(end));
    header.next_begin_offset = item.logical(next);
    header.min_offset = item.logical(min);
    header.max_offset = item.logical(max).max(queue.leader()?.logical_end());
    header.offset_delta = Some(item.offset_delta());
    Ok(code)
}

/// What an answer without messages means in the logical queue.
fn revise<'a>(
    place: &mut Place<'a>,
    queue: &'a LogicQueue,
    requested: i64,
    code: ResponseCode,
) -> Result<ResponseCode, Refusal> {
    let generation = place.item.generation;
    let is_earliest = queue.earliest()?.generation == generation;
    if requested < place.min {
        place.next = place.min;
        // Before the whole queue, or in what was deleted in the middle of it.
        let moved =
            if is_earliest { ResponseCode::PULL_OFFSET_MOVED } else { ResponseCode::PULL_RETRY_IMMEDIATELY };
        return Ok(moved);
    }
    let is_leader = queue.leader()?.generation == generation;
    if is_leader && !is_earliest {
        if requested > place.max && code == ResponseCode::PULL_OFFSET_MOVED {
            place.next = place.max;
        }
        return Ok(code);
    }
    if requested < place.max {
        return Ok(code);
    }
    let Some(successor) = queue.after(place.item) else { return Ok(ResponseCode::PULL_NOT_FOUND) };
    let start = successor.start_offset;
    *place = Place { item: successor, next: start, min: start, max: start };
    Ok(ResponseCode::PULL_RETRY_IMMEDIATELY)
}

#[cfg(test)]
mod tests {
    use remoting::body::queue_mapping::TopicQueueMappingDetail;

    use super::*;

    fn item(generation: i32, bname: &str, logic_offset: i64) -> LogicQueueMappingItem {
        LogicQueueMappingItem {
            bname: bname.to_owned(),
            generation,
            queue_id: generation + 5,
            logic_offset,
            ..LogicQueueMappingItem::default()
        }
    }

    fn queue(items: Vec<LogicQueueMappingItem>) -> LogicQueue {
        let detail = TopicQueueMappingDetail {
            bname: "a".to_owned(),
            hosted_queues: [(0, items)].into(),
            ..TopicQueueMappingDetail::default()
        };
        LogicQueue::of(detail, 0)
    }

    fn moved_twice() -> LogicQueue {
        queue(vec![item(0, "b", 0), item(1, "a", 1_000), item(2, "a", 2_000)])
    }

    fn answer(next: i64, min: i64, max: i64) -> PullMessageResponseHeader {
        PullMessageResponseHeader {
            next_begin_offset: next,
            min_offset: min,
            max_offset: max,
            ..PullMessageResponseHeader::default()
        }
    }

    /// Code, next offset and offset delta of the logical answer to a pull at a logical offset.
    fn logical(
        queue: &LogicQueue,
        at: i64,
        code: ResponseCode,
        mut header: PullMessageResponseHeader,
    ) -> (i32, i64, i64) {
        let item = queue.at(at).unwrap();
        let code = to_logical(&mut header, queue, item, item.physical(at), code).unwrap();
        (code.0, header.next_begin_offset, header.offset_delta.unwrap())
    }

    #[test]
    fn a_pull_reads_the_stretch_its_offset_is_in() {
        let queue = moved_twice();
        let request = |offset| {
            let mut header = PullMessageRequestHeader {
                queue_offset: offset,
                commit_offset: offset,
                sys_flag: sys_flag::SUSPEND | sys_flag::COMMIT_OFFSET,
                max_msg_nums: 32,
                ..PullMessageRequestHeader::default()
            };
            to_physical(&mut header, &queue, queue.at(offset).unwrap());
            (header.queue_id, header.queue_offset, header.sys_flag, header.lo)
        };
        assert_eq!(request(7), (5, 7, 0, Some(false)));
        assert_eq!(request(1_003), (6, 3, sys_flag::COMMIT_OFFSET, None));
        assert_eq!(request(2_003), (7, 3, sys_flag::COMMIT_OFFSET | sys_flag::SUSPEND, None));
    }

    #[test]
    fn found_messages_are_shifted() {
        let found = logical(&moved_twice(), 1_003, ResponseCode::SUCCESS, answer(5, 0, 9));
        assert_eq!(found, (0, 1_005, 1_000));
    }

    #[test]
    fn a_stretch_at_its_end_sends_on_to_the_next() {
        let queue = moved_twice();
        let not_found = ResponseCode::PULL_NOT_FOUND;
        assert_eq!(logical(&queue, 9, not_found, answer(9, 0, 9)), (20, 1_000, 1_000));
        assert_eq!(logical(&queue, 1_009, not_found, answer(9, 0, 9)), (20, 2_000, 2_000));
        assert_eq!(logical(&queue, 2_009, not_found, answer(9, 0, 9)), (19, 2_009, 2_000));
        // Nobody knows yet where the next one begins.
        let queue = self::queue(vec![item(0, "b", 0), item(1, "a", -1)]);
        assert_eq!(logical(&queue, 9, not_found, answer(9, 0, 9)), (19, 9, 0));
    }

    #[test]
    fn an_offset_before_a_stretch_is_corrected() {
        let queue = moved_twice();
        let moved = ResponseCode::PULL_OFFSET_MOVED;
        assert_eq!(logical(&queue, 2, moved, answer(5, 5, 9)), (21, 5, 0));
        assert_eq!(logical(&queue, 1_002, moved, answer(5, 5, 9)), (20, 1_005, 1_000));
        assert_eq!(logical(&queue, 2_002, moved, answer(5, 5, 9)), (20, 2_005, 2_000));
        assert_eq!(logical(&queue, 2_050, moved, answer(9, 0, 9)), (21, 2_009, 2_000));
    }

    #[test]
    fn the_queue_ends_where_its_leader_does() {
        let queue = moved_twice();
        let mut header = answer(5, 0, 9);
        to_logical(&mut header, &queue, queue.at(3).unwrap(), 3, ResponseCode::SUCCESS).unwrap();
        assert_eq!((header.min_offset, header.max_offset), (0, 2_000));
    }
}
