//! Sending messages (`DefaultMQProducer`): to any queue of a topic, or to a given one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::names::AUTO_CREATE_TOPIC_KEY_TOPIC;
use message::{properties::PropertyString, property_names::UNIQ_KEY};
use remoting::{
    body::consumer::MessageQueue, headers::send::SendMessageRequestHeaderV2, request::SendMessageV2,
    response_code::ResponseCode,
};
use runtime::clock::Clock;
use thiserror::Error;

use crate::{
    broker::{BrokerClient, BrokerError, refusal},
    nameserver::NameServerError,
    routes::{RoutedQueue, Routes, writable_queues},
    unique_id::UniqueIds,
};

/// How often a message is tried, on another broker each time where there is one.
const ATTEMPTS: usize = 3;
/// Queues of a topic that does not exist yet (`defaultTopicQueueNums`).
const DEFAULT_QUEUES: i32 = 4;

/// Why a message was not sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// A `NameServer` refused or did not answer.
    #[error(transparent)]
    NameServer(#[from] NameServerError),
    /// The broker refused or did not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// Nobody takes messages of that topic.
    #[error("No route info of this topic: {0}")]
    NoQueue(String),
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The topic.
    pub topic: String,
    /// Its properties; an id is added unless there is one.
    pub properties: PropertyString,
    /// The application's flag.
    pub flag: i32,
    /// The body.
    pub body: Bytes,
}

impl Outgoing {
    /// A message without properties.
    pub fn new(topic: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), properties: PropertyString::new(), flag: 0, body: body.into() }
    }
}

/// `SendStatus`: how safe a message is that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStatus {
    /// As safe as the broker is configured to make it.
    Ok,
    /// Stored, but not flushed in time.
    FlushDiskTimeout,
    /// Stored, but not copied in time.
    FlushSlaveTimeout,
    /// Stored, but there is nobody to copy it to.
    SlaveNotAvailable,
}

impl SendStatus {
    /// RocketMQ's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }

    fn of(code: ResponseCode) -> Option<Self> {
        match code {
            ResponseCode::SUCCESS => Some(Self::Ok),
            ResponseCode::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            ResponseCode::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            ResponseCode::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }
}

/// `SendResult`: where a message went.
#[derive(Clone, Debug)]
pub struct SendResult {
    /// How safe it is.
    pub status: SendStatus,
    /// The id its producer gave it.
    pub msg_id: String,
    /// The id that names its place.
    pub offset_msg_id: String,
    /// Its queue.
    pub queue: MessageQueue,
    /// Its place in the queue.
    pub queue_offset: i64,
    /// By which a timed message can be recalled.
    pub recall_handle: Option<String>,
}

/// Sends messages on behalf of a group.
pub struct Producer {
    routes: Arc<Routes>,
    brokers: BrokerClient,
    clock: Arc<dyn Clock>,
    group: String,
    limit: Duration,
    ids: UniqueIds,
    turn: AtomicUsize,
}

impl Producer {
    /// A producer whose requests may take `limit` each.
    pub fn new(
        routes: Arc<Routes>,
        brokers: BrokerClient,
        clock: Arc<dyn Clock>,
        group: impl Into<String>,
        limit: Duration,
    ) -> Self {
        let ids = UniqueIds::new(Arc::clone(&clock));
        let turn = AtomicUsize::new(usize::from(rand::random::<u16>()));
        Self { routes, brokers, clock, group: group.into(), limit, ids, turn }
    }

    /// The queues a topic's messages go to; those it would be made with when it does not exist.
    ///
    /// # Errors
    /// When no `NameServer` answers, or nobody would take the messages.
    pub async fn queues(&self, topic: &str) -> Result<Vec<RoutedQueue>, SendError> {
        let mut queues = match self.routes.get(topic).await? {
            Some(route) => writable_queues(topic, &route),
            None => match self.routes.get(AUTO_CREATE_TOPIC_KEY_TOPIC).await? {
                Some(route) => writable_queues(topic, &route),
                None => Vec::new(),
            },
        };
        if self.routes.get(topic).await?.is_none() {
            queues.retain(|routed| routed.queue.queue_id < DEFAULT_QUEUES);
        }
        if queues.is_empty() { Err(SendError::NoQueue(topic.to_owned())) } else { Ok(queues) }
    }

    /// Sends to the queues in turn; to another broker when one fails.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, message: &Outgoing) -> Result<SendResult, SendError> {
        let queues = self.queues(&message.topic).await?;
        let message = self.with_id(message);
        let mut avoided: Option<String> = None;
        let mut last = SendError::NoQueue(message.topic.clone());
        for _ in 0..ATTEMPTS {
            let Some(queue) = self.next_queue(&queues, avoided.as_deref()) else { break };
            match self.send_once(&message, queue).await {
                Ok(result) => return Ok(result),
                Err(error) if is_worth_another(&error) => {
                    avoided = Some(queue.broker_name.clone());
                    last = error.into();
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.routes.forget(&message.topic);
        Err(last)
    }

    /// Sends to that queue and no other.
    ///
    /// # Errors
    /// When the broker refuses or does not answer.
    pub async fn send_to(&self, message: &Outgoing, queue: &RoutedQueue) -> Result<SendResult, BrokerError> {
        self.send_once(&self.with_id(message), queue).await
    }

    fn with_id(&self, message: &Outgoing) -> Outgoing {
        let mut message = message.clone();
        if !message.properties.contains(UNIQ_KEY) {
            message.properties.push(UNIQ_KEY, &self.ids.next());
        }
        message
    }

    fn next_queue<'a>(&self, queues: &'a [RoutedQueue], avoided: Option<&str>) -> Option<&'a RoutedQueue> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = |step| queues.get(turn.wrapping_add(step) % queues.len().max(1));
        let others = (0..queues.len()).filter_map(in_turn);
        let mut others = others.filter(|queue| Some(queue.broker_name.as_str()) != avoided);
        others.next().or_else(|| in_turn(0))
    }

    async fn send_once(&self, message: &Outgoing, queue: &RoutedQueue) -> Result<SendResult, BrokerError> {
        let header = SendMessageRequestHeaderV2 {
            producer_group: self.group.clone(),
            topic: message.topic.clone(),
            default_topic: AUTO_CREATE_TOPIC_KEY_TOPIC.to_owned(),
            default_topic_queue_nums: DEFAULT_QUEUES,
            queue_id: queue.queue.queue_id,
            born_timestamp: self.clock.now_millis(),
            flag: message.flag,
            properties: Some(String::from_utf8_lossy(message.properties.as_bytes()).into_owned()),
            reconsume_times: Some(0),
            unit_mode: Some(false),
            batch: Some(false),
            broker_name: Some(queue.queue.broker_name.clone()),
            ..SendMessageRequestHeaderV2::default()
        };
        let body = message.body.clone();
        let response =
            self.brokers.answer::<SendMessageV2>(&queue.addr, header, Vec::new(), body, self.limit).await?;
        let Some(status) = SendStatus::of(ResponseCode(response.code)) else {
            return Err(refusal::<SendMessageV2>(&queue.addr, response));
        };
        let header = response
            .header::<SendMessageV2>()
            .map_err(|source| BrokerError::Header { addr: queue.addr.clone(), source })?;
        let msg_id = message.properties.get(UNIQ_KEY).unwrap_or_default().to_owned();
        Ok(SendResult {
            status,
            msg_id,
            offset_msg_id: header.msg_id,
            queue: MessageQueue::new(&*message.topic, &*queue.queue.broker_name, header.queue_id),
            queue_offset: header.queue_offset,
            recall_handle: header.recall_handle,
        })
    }
}

/// Whether another broker may do better (`retryResponseCodes`).
fn is_worth_another(error: &BrokerError) -> bool {
    match error {
        BrokerError::Pool { .. } => true,
        BrokerError::Refused { code, .. } => matches!(
            *code,
            ResponseCode::TOPIC_NOT_EXIST
                | ResponseCode::SERVICE_NOT_AVAILABLE
                | ResponseCode::SYSTEM_ERROR
                | ResponseCode::SYSTEM_BUSY
                | ResponseCode::NO_PERMISSION
                | ResponseCode::GO_AWAY
                | ResponseCode::NO_BUYER_ID
                | ResponseCode::NOT_IN_CURRENT_UNIT
        ),
        BrokerError::Header { .. } | BrokerError::Body { .. } => false,
    }
}
