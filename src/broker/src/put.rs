//! Putting drafts into the store, and saying what became of them in RocketMQ's codes.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use common::names::SCHEDULE_TOPIC;
use message::{message_id, property_names as property};
use remoting::{reply::Refusal, response_code::ResponseCode};
use store::{
    message_store::MessageStore,
    put::{Appended, Durability, FlushOutcome, PendingMessage},
};

use crate::{
    draft::MessageDraft, metrics::BrokerMetrics, response, schedule::delay_levels::DelayLevels,
    stats::BrokerStats, timer::gate::TimerGate,
};

/// Takes messages on their last step: delay levels, the store, and the wait for what was promised.
#[derive(Debug)]
pub struct MessagePutter {
    store: Arc<MessageStore>,
    levels: DelayLevels,
    timer: TimerGate,
    stats: Arc<BrokerStats>,
}

/// A message, or a batch of them, that is stored.
#[derive(Debug)]
pub struct Put {
    /// `SUCCESS`, or which promise beyond storing could not be kept in time.
    pub code: ResponseCode,
    /// The offset id of every message, comma between.
    pub message_ids: String,
    /// Queue offset of the first.
    pub queue_offset: i64,
    /// What it can be recalled by.
    pub timed: Option<Timed>,
    /// The topic they are in now.
    pub topic: Arc<str>,
    /// How many there are.
    pub message_count: usize,
    /// Their length in the log.
    pub wrote_bytes: usize,
}

/// A message with a delivery time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Where it goes.
    pub topic: Box<str>,
    /// `TIMER_OUT_MS`
    pub out_millis: i64,
}

/// Messages that are in the log and may not be durable yet.
#[derive(Debug)]
#[must_use = "a message is acknowledged when it is durable"]
pub struct Stored {
    topic: Arc<str>,
    host: Option<SocketAddr>,
    appended: Appended,
    timed: Option<Timed>,
}

impl Stored {
    /// Queue offset of the first.
    pub fn queue_offset(&self) -> i64 {
        self.appended.queue_offset
    }

    /// What they can be recalled by.
    pub fn timed(&self) -> Option<&Timed> {
        self.timed.as_ref()
    }

    /// Waits until they are as safe as the configuration promises.
    ///
    /// # Errors
    /// When they cannot be made so any more.
    pub async fn durable(self) -> Result<Put, Refusal> {
        let (put, durability) = self.split();
        Ok(Put { code: settled(durability).await?, ..put })
    }

    /// As [`Self::durable`], where nobody is told their places.
    ///
    /// # Errors
    /// When they cannot be made so any more.
    pub async fn settled(self) -> Result<ResponseCode, Refusal> {
        settled(self.appended.durability).await
    }

    /// The same where nothing is to be waited for, as with `ASYNC_FLUSH`.
    ///
    /// # Errors
    /// When there is: then they are given back.
    pub fn durable_now(self) -> Result<Put, Box<Self>> {
        if matches!(self.appended.durability, Durability::Ready) {
            Ok(self.split().0)
        } else {
            Err(Box::new(self))
        }
    }

    fn split(self) -> (Put, Durability) {
        let Self { topic, host, appended, timed } = self;
        let put = Put {
            code: ResponseCode::SUCCESS,
            message_ids: host.map(|host| message_ids(host, &appended)).unwrap_or_default(),
            queue_offset: appended.queue_offset,
            timed,
            topic,
            message_count: appended.message_count,
            wrote_bytes: appended.wrote_bytes,
        };
        (put, appended.durability)
    }
}

/// Whether a message counts in the statistics of puts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// As one a producer has sent.
    Sent,
    /// As one a consumer has given back: only while it is delayed, and for the topic it waits in.
    SentBack,
    /// As the broker's own: not at all.
    Internal,
}

impl MessagePutter {
    /// A putter into `store`.
    pub fn new(
        store: Arc<MessageStore>,
        levels: DelayLevels,
        timer: TimerGate,
        stats: Arc<BrokerStats>,
    ) -> Self {
        Self { store, levels, timer, stats }
    }

    /// Stores one message.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn put(&self, message: MessageDraft) -> Result<Put, Refusal> {
        self.put_counted(message, Counting::Sent).await
    }

    /// As [`Self::put`], saying how it counts.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn put_counted(&self, message: MessageDraft, counting: Counting) -> Result<Put, Refusal> {
        self.store_counted(message, counting)?.durable().await
    }

    fn store_counted(&self, mut message: MessageDraft, counting: Counting) -> Result<Stored, Refusal> {
        self.send_where_it_waits(&mut message)?;
        let timed = Timed::of(&message);
        let stored = self.store_together(&[message.into_pending()], counting)?;
        Ok(Stored { timed, ..stored })
    }

    /// Sends a batch as a whole where its delivery time says.
    ///
    /// # Errors
    /// When it cannot be delivered then.
    pub fn admit_timed(&self, whole: &mut MessageDraft) -> Result<(), Refusal> {
        self.timer.admit(whole)
    }

    /// The longest delay of messages with a delivery time, in milliseconds.
    pub fn max_delay_millis(&self) -> i64 {
        self.timer.max_delay_millis()
    }

    /// Stores messages of one topic and queue together, all of them or none; waiting until they are durable is left
    /// to the caller.
    ///
    /// # Errors
    /// When they are not stored.
    pub fn store_all(&self, messages: &[PendingMessage]) -> Result<Stored, Refusal> {
        self.store_together(messages, Counting::Sent)
    }

    /// Stores one message at once, where its delay sends it if it has one; waiting until it is durable is left to the
    /// caller.
    ///
    /// # Errors
    /// When it is not stored.
    pub fn store(&self, message: MessageDraft) -> Result<Stored, Refusal> {
        self.store_counted(message, Counting::Sent)
    }

    /// As [`Self::store`], whatever delay the message asks for.
    ///
    /// # Errors
    /// When it is not stored.
    pub fn store_undelayed(&self, message: MessageDraft) -> Result<Stored, Refusal> {
        self.store_together(&[message.into_pending()], Counting::Sent)
    }

    /// Sends a message with a delay to the topic of its kind of delay.
    fn send_where_it_waits(&self, message: &mut MessageDraft) -> Result<(), Refusal> {
        check_delay_level(message)?;
        self.timer.admit(message)?;
        message.apply_delay_level(&self.levels);
        Ok(())
    }

    fn store_together(&self, messages: &[PendingMessage], counting: Counting) -> Result<Stored, Refusal> {
        let appended = self.store.put(messages);
        let appended =
            appended.map_err(|error| response::put_refused(&error, self.max_message_size_bytes()))?;
        let first = messages.first();
        let host = first.map(|message| message.store_host);
        let topic = first.map_or_else(|| Arc::from(""), |message| Arc::clone(&message.topic));
        if let Some(first) = first {
            let (count, bytes) = (appended.message_count, appended.wrote_bytes);
            match counting {
                Counting::Sent => self.stats.topic_put(&first.topic, count, bytes),
                Counting::SentBack if *first.topic == *SCHEDULE_TOPIC => {
                    self.stats.topic_put_alone(&first.topic, count, bytes);
                }
                Counting::SentBack | Counting::Internal => {}
            }
        }
        Ok(Stored { topic, host, appended, timed: None })
    }

    /// What is exported of messages.
    pub fn metrics(&self) -> &BrokerMetrics {
        self.stats.metrics()
    }

    /// What timed messages pass.
    pub fn gate(&self) -> &TimerGate {
        &self.timer
    }

    /// `maxMessageSize`.
    pub fn max_message_size_bytes(&self) -> usize {
        self.store.max_message_size_bytes()
    }

    /// A stored message, as it stands in the log.
    pub fn find(&self, phy_offset: i64) -> Option<Bytes> {
        self.store.message_at(phy_offset)
    }
}

/// `SUCCESS`, or which promise beyond storing could not be kept in time.
async fn settled(durability: Durability) -> Result<ResponseCode, Refusal> {
    match durability.resolved().await {
        FlushOutcome::Flushed => Ok(ResponseCode::SUCCESS),
        FlushOutcome::FlushTimeout => Ok(ResponseCode::FLUSH_DISK_TIMEOUT),
        FlushOutcome::Failed => Err(response::store_fenced()),
    }
}

impl Timed {
    fn of(message: &MessageDraft) -> Option<Self> {
        let out_millis = message.properties.get(property::TIMER_OUT_MS)?.parse().ok()?;
        let topic = message.properties.get(property::REAL_TOPIC)?.into();
        Some(Self { topic, out_millis })
    }
}

/// Refuses what asks for a delay level that cannot be given.
///
/// # Errors
/// When the delay level is no number.
pub fn check_delay_level(message: &MessageDraft) -> Result<(), Refusal> {
    if message.has_unreadable_delay_level() { Err(response::unreadable_delay_level()) } else { Ok(()) }
}

/// The ids of messages that are in the log, comma between.
fn message_ids(host: SocketAddr, appended: &Appended) -> String {
    let further = appended.further_phy_offsets.iter().copied();
    message_id::encode_all(host, std::iter::once(appended.phy_offset).chain(further))
}

/// The properties whose presence makes a message a half message.
pub fn is_half_message(message: &MessageDraft) -> bool {
    let prepared = message.properties.get(property::TRANSACTION_PREPARED);
    let is_prepared = prepared.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    // Clients before 4.6.1 leave the mark on messages they send again.
    is_prepared && !(message.reconsume_times > 0 && message.delay_level() > 0)
}
