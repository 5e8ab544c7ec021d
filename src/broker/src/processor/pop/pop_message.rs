//! `POP_MESSAGE` (`PopMessageProcessor`).
//!
//! A pop looks at the queues in turn; when there is nothing for it, it parks, looks once more, and waits
//! until something arrives, its time is up or the broker stops.

mod look;

use std::sync::{Arc, atomic::AtomicU64};

use common::{
    config::BrokerConfig,
    names::{PopRetryVersion, pop_retry_topic},
    topic::TopicConfig,
};
use remoting::{
    body::heartbeat::{ConsumeType, MessageModel},
    headers::pop::{PopMessageRequestHeader, PopMessageResponseHeader},
    reply::{Body, Incoming, Refusal, Reply, ReplyResult},
    request::PopMessage,
    response_code::ResponseCode,
    router::Processor,
};
use runtime::{clock::Clock, live::Live};
use store::get::{EveryMessage, MessageFilter};

use self::look::Popped;
use super::{
    gate::{Asked, PopGate},
    time_left,
};
use crate::{
    clients::{ConsumerManager, Subscription},
    filters::ConsumerFilterManager,
    pop::{
        self, PopTables,
        check_point::CHECK_POINT_MESSAGES_MAX,
        queue::PopQueue,
        reader::QueueReader,
        waiting::{ALL_QUEUES, ParkedPop},
    },
    pull::arrival_board::Takes,
    stats::BrokerStats,
};

/// A pop that is older than its own time to wait by so much is not served, in milliseconds.
const TOO_LATE_MILLIS: i64 = 500;

/// Serves consumers that pop.
pub struct PopMessageProcessor {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) timer_wheel_enable: bool,
    pub(crate) gate: PopGate,
    pub(crate) consumers: Arc<ConsumerManager>,
    pub(crate) filters: Arc<ConsumerFilterManager>,
    pub(crate) reader: QueueReader,
    pub(crate) pop: Arc<PopTables>,
    pub(crate) stats: Arc<BrokerStats>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Numbers pops, to divide their check points among the queues of the revive topic.
    pub(crate) check_point_number: AtomicU64,
}

/// A pop that may be served.
struct Pop {
    header: PopMessageRequestHeader,
    topic: Arc<TopicConfig>,
    filter: Arc<dyn MessageFilter>,
    /// Which arrivals are of use; absent all.
    takes: Option<Takes>,
    /// Where it waits.
    place: PopQueue,
    max_count: usize,
    expires_at: i64,
}

/// What a pop takes of its topic.
struct Selection {
    filter: Arc<dyn MessageFilter>,
    takes: Option<Takes>,
}

impl Processor<PopMessage> for PopMessageProcessor {
    async fn process(&self, incoming: Incoming<PopMessage>) -> ReplyResult<PopMessage> {
        let pop = self.admit(&incoming).await?;
        let first = self.look(&pop).await?;
        if first.is_found() {
            return Ok(self.found(&pop, first));
        }
        drop(incoming.permit);
        Ok(self.wait(&pop, first).await?.after_waiting())
    }
}

impl PopMessageProcessor {
    /// Everything a pop must fulfil, in RocketMQ's order.
    async fn admit(&self, incoming: &Incoming<PopMessage>) -> Result<Pop, Refusal> {
        let mut header = incoming.header.clone();
        let (now, config) = (self.clock.now_millis(), self.config.snapshot());
        let broker_ip = &config.broker_ip1;
        if header.born_time == 0 {
            header.born_time = now;
        }
        header.queue_id = header.queue_id.max(ALL_QUEUES);
        let group = &header.consumer_group;
        self.consumers.compensate_modes(group, ConsumeType::Pop, MessageModel::Clustering);
        let expires_at = header.born_time.saturating_add(header.poll_time);
        if now.saturating_sub(expires_at) > TOO_LATE_MILLIS {
            let remark = format!("the broker[{broker_ip}] pop message is timeout too much");
            return Err(Refusal::new(ResponseCode::POLLING_TIMEOUT, remark));
        }
        self.gate.check_broker("pop")?;
        let max_count = usize::try_from(header.max_msg_nums).unwrap_or(0);
        if max_count > CHECK_POINT_MESSAGES_MAX {
            let remark = format!(
                "the broker[{broker_ip}] pop message's num is greater than {CHECK_POINT_MESSAGES_MAX}"
            );
            return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
        }
        if !self.timer_wheel_enable {
            return Err(Refusal::system_error(format!(
                "the broker[{broker_ip}] pop message is forbidden because timerWheelEnable is false"
            )));
        }
        let (peer, queue_id) = (&incoming.peer, header.queue_id);
        let (topic, _) = self.gate.admit(&Asked { peer, group, topic: &header.topic, queue_id }).await?;
        let Selection { filter, takes } = self.selection(&header)?;
        let place = PopQueue::new(&header.topic, group, queue_id);
        Ok(Pop { header, topic, filter, takes, place, max_count, expires_at })
    }

    /// What the pop takes, which is remembered for groups without heartbeats.
    fn selection(&self, header: &PopMessageRequestHeader) -> Result<Selection, Refusal> {
        let now = self.clock.now_millis();
        let (topic, group) = (header.topic.as_str(), header.consumer_group.as_str());
        let not_parsed = || {
            let remark = "parse the consumer's subscription failed";
            Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, remark)
        };
        let expression = header.exp.as_deref().filter(|expression| !expression.is_empty());
        let subscription = match expression {
            Some(expression) => Subscription::parse(topic, expression, header.exp_type.as_deref(), now)
                .map_err(|_| not_parsed())?,
            None => Subscription::all(topic, now),
        };
        let subscription = Arc::new(subscription);
        self.consumers.compensate_subscription(group, topic, &subscription);
        let retry_topic = retry_topic(header, pop::retry_version(&self.config.now()));
        let of_retries = Arc::new(Subscription::all(&retry_topic, now));
        self.consumers.compensate_subscription(group, &retry_topic, &of_retries);
        if expression.is_none() {
            return Ok(Selection { filter: Arc::new(EveryMessage), takes: None });
        }
        let filter = self.filters.popped(group, &subscription).map_err(|_| not_parsed())?;
        let arriving = Arc::clone(&filter);
        Ok(Selection { filter, takes: Some(Arc::new(move |arrival| arriving.wants(arrival))) })
    }

    /// Parks, looks and waits until there is an answer.
    async fn wait(&self, pop: &Pop, mut last: Popped) -> ReplyResult<PopMessage> {
        loop {
            let parked = match self.park(pop) {
                Ok(parked) => parked,
                Err(code) => return Ok(reply(pop, last, code, "NO_MESSAGE_IN_QUEUE")),
            };
            // What came between the last look and the parking woke nobody.
            last = self.look(pop).await?;
            if last.is_found() {
                drop(parked);
                return Ok(self.found(pop, last));
            }
            self.wait_parked(pop, parked).await;
            if let Some(found) = Some(self.look(pop).await?).filter(Popped::is_found) {
                return Ok(self.found(pop, found));
            }
        }
    }

    /// A place to wait in, or why there is none.
    fn park(&self, pop: &Pop) -> Result<ParkedPop, ResponseCode> {
        let now = self.clock.now_millis();
        if pop.header.poll_time <= 0 || time_left(pop.expires_at, now).is_none() {
            return Err(ResponseCode::POLLING_TIMEOUT);
        }
        let parked = self.pop.pops.park(&pop.place, pop.expires_at, pop.takes.clone());
        parked.map_err(|_| ResponseCode::POLLING_FULL)
    }

    async fn wait_parked(&self, pop: &Pop, mut parked: ParkedPop) {
        if let Some(left) = time_left(pop.expires_at, self.clock.now_millis()) {
            // Time being up is an answer too: nothing came.
            let _ = tokio::time::timeout(left, parked.woken()).await;
        }
    }

    fn found(&self, pop: &Pop, popped: Popped) -> Reply<PopMessage> {
        if popped.rest > 0 {
            // A pop of one queue does not take from others, and neither wakes the other kind.
            self.pop.pops.wake(&pop.place);
        }
        reply(pop, popped, ResponseCode::SUCCESS, "FOUND")
    }
}

fn retry_topic(header: &PopMessageRequestHeader, version: PopRetryVersion) -> String {
    pop_retry_topic(&header.topic, &header.consumer_group, version)
}

fn reply(pop: &Pop, popped: Popped, code: ResponseCode, remark: &'static str) -> Reply<PopMessage> {
    let header = PopMessageResponseHeader {
        pop_time: popped.pop_time,
        invisible_time: pop.header.invisible_time,
        revive_qid: popped.revive_queue_id,
        rest_num: popped.rest,
        start_offset_info: Some(popped.info.start_offsets),
        msg_offset_info: Some(popped.info.message_offsets),
        order_count_info: pop.header.order.then_some(popped.info.order_counts),
    };
    let body = if popped.messages.is_empty() { Body::Empty } else { Body::Pieces(popped.messages) };
    Reply::of(code).with_remark(remark).with_header(header).with_body(body)
}
