//! Pulling, with long polling (`PullMessageProcessor`).
//!
//! A pull is checked, answered from the store, and when there is nothing for it yet it parks on the
//! [`ArrivalBoard`] until something arrives, its time is up or the broker stops; then the store is asked
//! once more, and that answer stands.

mod check;
mod subscription;

use std::{sync::Arc, time::Duration};

use common::{config::BrokerConfig, group::SubscriptionGroupConfig, topic::TopicConfig};
use remoting::{
    body::{
        heartbeat::{ConsumeType, MessageModel},
        route::MASTER_ID,
    },
    connection::ConnectionHandle,
    headers::pull::{PullMessageRequestHeader, PullMessageResponseHeader},
    lane::LanePermit,
    reply::{Body, Incoming, Refusal, Reply, ReplyResult},
    request::{LitePullMessage, PullMessage, Request},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::live::Live;
use store::{
    get::{GetRequest, GetResult, GetStatus, WouldBlock},
    message_store::MessageStore,
};

use crate::{
    clients::ConsumerManager,
    cold_reads::{ColdReads, PAUSE},
    disk_reads::{DiskRead, DiskReads, MAX_ANSWER_BYTES},
    filters::{ConsumerFilterManager, ExpressionFilter},
    groups::SubscriptionGroupManager,
    metadata_writer::MetadataWriter,
    offsets::{BroadcastOffsetManager, BroadcastSource, ConsumerOffsetManager, OffsetError},
    pull::arrival_board::{ArrivalBoard, Wanted},
    stats::BrokerStats,
    topics::TopicConfigManager,
};

/// Bits of a pull's `sysFlag` (`PullSysFlag`).
pub(crate) mod sys_flag {
    pub(crate) const COMMIT_OFFSET: i32 = 1;
    pub(crate) const SUSPEND: i32 = 1 << 1;
    pub(crate) const SUBSCRIPTION: i32 = 1 << 2;
}

/// Whom a proxy pulls for (`RequestSource`); absent when the client pulls itself.
mod source {
    pub(super) const PROXY_FOR_BROADCAST: i32 = 1;
    pub(super) const PROXY_FOR_STREAM: i32 = 2;
}

/// Pulls that read from the disk at a time; more would only wait for one another there.
pub(crate) const DISK_READS: usize = 16;
/// Longest time a pull may park, whatever it asks for.
const PARK_MAX: Duration = Duration::from_secs(600);

/// Serves consumers.
pub struct PullProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) writer: Arc<MetadataWriter>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) groups: Arc<SubscriptionGroupManager>,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) filters: Arc<ConsumerFilterManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) broadcast: Arc<BroadcastOffsetManager>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) board: Arc<ArrivalBoard>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) cold_reads: Arc<ColdReads>,
    /// [`DISK_READS`] at a time.
    pub(crate) disk_reads: DiskReads,
}

/// A pull request, whichever code it came under.
struct Pull {
    header: PullMessageRequestHeader,
    peer: ConnectionHandle,
    kind: PullKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PullKind {
    Ordinary,
    Lite,
}

/// A pull that may be served.
struct Granted {
    topic: Arc<TopicConfig>,
    group: Arc<SubscriptionGroupConfig>,
    filter: Arc<ExpressionFilter>,
}

/// A pull that may not be served.
enum Denied {
    Refusal(Refusal),
    /// Forbidden by a permission; clients read which kind (`ForbiddenType`).
    Forbidden {
        kind: i32,
        remark: String,
    },
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl Processor<PullMessage> for PullProcessor {
    fn process(
        &self,
        incoming: Incoming<PullMessage>,
    ) -> impl Future<Output = ReplyResult<PullMessage>> + Send {
        let pull = Pull { header: incoming.header, peer: incoming.peer, kind: PullKind::Ordinary };
        self.answer(pull, incoming.permit)
    }
}

impl Processor<LitePullMessage> for PullProcessor {
    fn process(
        &self,
        incoming: Incoming<LitePullMessage>,
    ) -> impl Future<Output = ReplyResult<LitePullMessage>> + Send {
        let pull = Pull { header: incoming.header, peer: incoming.peer, kind: PullKind::Lite };
        self.answer(pull, incoming.permit)
    }
}

impl PullProcessor {
    async fn answer<R>(&self, pull: Pull, permit: LanePermit) -> ReplyResult<R>
    where
        R: Request<ReplyHeader = PullMessageResponseHeader>,
    {
        let granted = match self.check(&pull).await {
            Ok(granted) => granted,
            Err(Denied::Refusal(refusal)) => return Err(refusal),
            Err(Denied::Forbidden { kind, remark }) => {
                let reply = Reply::of(ResponseCode::NO_PERMISSION).with_remark(remark);
                return Ok(reply.with_extra("forbiddenType", kind.to_string()));
            }
        };
        let first = self.look(&pull, &granted).await?;
        let code = code_of(&pull, first.status);
        self.note_progress(&pull, &first, code);
        self.commit_offset(&pull);
        let Some(wait) = self.may_wait(&pull).filter(|_| code == ResponseCode::PULL_NOT_FOUND) else {
            return Ok(self.compose(&pull, &granted, first));
        };
        drop(permit);
        self.wait(&pull, &granted, wait).await;
        let second = self.look(&pull, &granted).await?;
        self.note_progress(&pull, &second, code_of(&pull, second.status));
        Ok(self.compose(&pull, &granted, second).after_waiting())
    }

    /// What the store has for the pull; or where an operator has set its queue to.
    async fn look(&self, pull: &Pull, granted: &Granted) -> Result<GetResult, Refusal> {
        let header = &pull.header;
        if let Some(reset) = self.reset_offset(pull) {
            return Ok(GetResult {
                status: GetStatus::OffsetReset,
                next_begin_offset: reset,
                min_offset: self.store.min_offset(&header.topic, header.queue_id).unwrap_or(0),
                max_offset: self.store.max_offset(&header.topic, header.queue_id).unwrap_or(0),
                ..GetResult::default()
            });
        }
        match self.store.get_cached(&get_request(header), &*granted.filter) {
            Ok(result) => Ok(result),
            // Of its own, so that pulls that wait for messages have no room for it.
            Err(WouldBlock) => Box::pin(self.look_at_cold(header, &granted.filter)).await,
        }
    }

    /// Old messages, within what the group may read of them.
    async fn look_at_cold(
        &self,
        header: &PullMessageRequestHeader,
        filter: &Arc<ExpressionFilter>,
    ) -> Result<GetResult, Refusal> {
        let group = &header.consumer_group;
        let read = if self.cold_reads.is_over(group) {
            tokio::time::sleep(PAUSE).await;
            let one = PullMessageRequestHeader { max_msg_nums: 1, ..header.clone() };
            self.look_on_disk(&one, filter).await?
        } else {
            self.look_on_disk(header, filter).await?
        };
        self.cold_reads.note(group, read.total_bytes);
        Ok(read)
    }

    /// Old messages come from the disk, which nobody else's requests wait for.
    async fn look_on_disk(
        &self,
        header: &PullMessageRequestHeader,
        filter: &Arc<ExpressionFilter>,
    ) -> Result<GetResult, Refusal> {
        let GetRequest { queue_id, queue_offset, max_count, .. } = get_request(header);
        let read = DiskRead { topic: Arc::from(&*header.topic), queue_id, queue_offset, max_count };
        self.disk_reads.get(read, Arc::<ExpressionFilter>::clone(filter)).await
    }

    /// An offset set from outside since the last pull; told once.
    fn reset_offset(&self, pull: &Pull) -> Option<i64> {
        let Pull { header, .. } = pull;
        let (topic, group, queue_id) = (&header.topic, &header.consumer_group, header.queue_id);
        if self.config.now().use_server_side_reset_offset
            && let Some(reset) = self.offsets.take_reset(topic, group, queue_id)
        {
            return Some(reset);
        }
        if !self.config.now().enable_broadcast_offset_store {
            return None;
        }
        let (client_id, source) = self.broadcast_client(pull)?;
        self.broadcast.query_init(topic, group, queue_id, &client_id, header.queue_offset, source)
    }

    /// Who pulls, if it is a broadcasting client.
    fn broadcast_client(&self, pull: &Pull) -> Option<(Arc<str>, BroadcastSource)> {
        let header = &pull.header;
        if header.request_source == Some(source::PROXY_FOR_BROADCAST) {
            let client_id = header.proxy_forward_client_id.as_deref()?;
            return Some((Arc::from(client_id), BroadcastSource::Proxy));
        }
        let modes = self.consumers.consumption(&header.consumer_group, &header.topic)?;
        let broadcasts = modes.message_model == Some(MessageModel::Broadcasting)
            && modes.consume_type == Some(ConsumeType::Passively);
        if !broadcasts {
            return None;
        }
        let member = self.consumers.find_member(&header.consumer_group, pull.peer.id())?;
        Some((member.client_id, BroadcastSource::Client))
    }

    /// Remembers how far the group has pulled.
    fn note_progress(&self, pull: &Pull, result: &GetResult, code: ResponseCode) {
        let header = &pull.header;
        let (topic, group, queue_id) = (&header.topic, &header.consumer_group, header.queue_id);
        if code == ResponseCode::SUCCESS {
            self.stats.group_get(topic, group, result.message_count, result.total_bytes);
            self.stats.metrics().pulled(topic, group, result.message_count, result.total_bytes);
        }
        self.log_full(self.offsets.commit_pull(group, topic, queue_id, result.next_begin_offset));
        if !self.config.now().enable_broadcast_offset_store {
            return;
        }
        if let Some((client_id, source)) = self.broadcast_client(pull) {
            let moved = code == ResponseCode::PULL_OFFSET_MOVED;
            let reached = if moved { result.next_begin_offset } else { header.queue_offset };
            self.broadcast.update(topic, group, queue_id, reached, &client_id, source);
        }
    }

    fn commit_offset(&self, pull: &Pull) {
        let header = &pull.header;
        if header.sys_flag & sys_flag::COMMIT_OFFSET != 0 {
            let (topic, group) = (&header.topic, &header.consumer_group);
            let client = pull.peer.peer_addr();
            self.log_full(self.offsets.commit(&client, group, topic, header.queue_id, header.commit_offset));
        }
    }

    /// A pull is served whether or not its progress can be noted.
    #[expect(clippy::unused_self, reason = "reads as what this processor does")]
    fn log_full(&self, noted: Result<(), OffsetError>) {
        if let Err(error) = noted {
            tracing::debug!(%error, "progress of a pull was not noted");
        }
    }

    /// How long the pull may park, if at all.
    fn may_wait(&self, pull: &Pull) -> Option<Duration> {
        if pull.header.sys_flag & sys_flag::SUSPEND == 0 {
            return None;
        }
        let wait_millis = if self.config.now().long_polling_enable {
            pull.header.suspend_timeout_millis
        } else {
            self.config.now().short_polling_time_mills
        };
        let wait = Duration::from_millis(u64::try_from(wait_millis).ok().filter(|wait| *wait > 0)?);
        Some(wait.min(PARK_MAX))
    }

    /// Parks until something may have arrived or the time is up.
    async fn wait(&self, pull: &Pull, granted: &Granted, wait: Duration) {
        let header = &pull.header;
        let filter = Arc::clone(&granted.filter);
        let wanted = Wanted {
            topic: &header.topic,
            queue_id: header.queue_id,
            queue_offset: header.queue_offset,
            takes: Arc::new(move |arrival| filter.wants(arrival)),
        };
        let Some(mut parked) = self.board.park(wanted) else { return };
        // What came between the look and the parking woke nobody.
        let missed = self.store.max_offset(&header.topic, header.queue_id);
        if missed.is_some_and(|max_offset| max_offset > header.queue_offset) {
            return;
        }
        // Time being up is an answer too: nothing came.
        let _ = tokio::time::timeout(wait, parked.woken()).await;
    }

    fn compose<R>(&self, pull: &Pull, granted: &Granted, result: GetResult) -> Reply<R>
    where
        R: Request<ReplyHeader = PullMessageResponseHeader>,
    {
        let code = code_of(pull, result.status);
        if code == ResponseCode::PULL_OFFSET_MOVED {
            tracing::info!(
                topic = pull.header.topic,
                queue_id = pull.header.queue_id,
                group = pull.header.consumer_group,
                requested = pull.header.queue_offset,
                corrected = result.next_begin_offset,
                status = name_of(result.status),
                "pull offset corrected"
            );
        }
        let header = PullMessageResponseHeader {
            suggest_which_broker_id: self.suggested_broker(&granted.group, &result),
            next_begin_offset: result.next_begin_offset,
            min_offset: result.min_offset,
            max_offset: result.max_offset,
            offset_delta: None,
            topic_sys_flag: Some(granted.topic.topic_sys_flag),
            group_sys_flag: Some(granted.group.group_sys_flag),
            forbidden_type: None,
        };
        let body = if result.pieces.is_empty() { Body::Empty } else { Body::Pieces(result.pieces) };
        Reply::of(code).with_remark(name_of(result.status)).with_header(header).with_body(body)
    }

    /// The broker of the set the consumer had better pull from next.
    fn suggested_broker(&self, group: &SubscriptionGroupConfig, result: &GetResult) -> i64 {
        if !self.config.now().slave_read_enable {
            MASTER_ID
        } else if result.suggest_pulling_from_slave {
            group.which_broker_when_consume_slowly
        } else {
            group.broker_id
        }
    }
}

fn get_request(header: &PullMessageRequestHeader) -> GetRequest<'_> {
    GetRequest {
        topic: &header.topic,
        queue_id: header.queue_id,
        queue_offset: header.queue_offset,
        max_count: usize::try_from(header.max_msg_nums).unwrap_or(0),
        max_bytes: MAX_ANSWER_BYTES,
    }
}

/// RocketMQ's code for what the store found.
fn code_of(pull: &Pull, status: GetStatus) -> ResponseCode {
    match status {
        GetStatus::Found => ResponseCode::SUCCESS,
        GetStatus::MessageWasRemoving | GetStatus::NoMatchedMessage => ResponseCode::PULL_RETRY_IMMEDIATELY,
        GetStatus::NoMatchedLogicQueue | GetStatus::NoMessageInQueue if pull.header.queue_offset != 0 => {
            ResponseCode::PULL_OFFSET_MOVED
        }
        GetStatus::NoMatchedLogicQueue
        | GetStatus::NoMessageInQueue
        | GetStatus::OffsetFoundNull
        | GetStatus::OffsetOverflowOne => ResponseCode::PULL_NOT_FOUND,
        GetStatus::OffsetOverflowBadly | GetStatus::OffsetTooSmall | GetStatus::OffsetReset => {
            ResponseCode::PULL_OFFSET_MOVED
        }
    }
}

/// The name of a status in RocketMQ, which is the remark.
fn name_of(status: GetStatus) -> &'static str {
    match status {
        GetStatus::Found => "FOUND",
        GetStatus::NoMatchedMessage => "NO_MATCHED_MESSAGE",
        GetStatus::MessageWasRemoving => "MESSAGE_WAS_REMOVING",
        GetStatus::OffsetFoundNull => "OFFSET_FOUND_NULL",
        GetStatus::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
        GetStatus::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
        GetStatus::OffsetTooSmall => "OFFSET_TOO_SMALL",
        // Java makes the queue while it looks: one that was never written to is an empty one.
        GetStatus::NoMatchedLogicQueue | GetStatus::NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
        GetStatus::OffsetReset => "OFFSET_RESET",
    }
}
