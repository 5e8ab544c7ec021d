//! How old the messages are that a group has before it: `QUERY_CONSUME_TIME_SPAN`.

use std::sync::Arc;

use common::{config::BrokerConfig, fastjson};
use remoting::{
    body::{
        admin::{QueryConsumeTimeSpanBody, QueueTimeSpan},
        consumer::MessageQueue,
    },
    reply::{Incoming, Reply, ReplyResult},
    request::QueryConsumeTimeSpan,
    router::Processor,
};
use runtime::{clock::Clock, live::Live};
use store::message_store::MessageStore;

use super::{queues, topic_queries::no_such_topic};
use crate::{offsets::ConsumerOffsetManager, topics::TopicConfigManager};

/// Stands for the time of a message, or the offset of a group, that is not there.
const NONE: i64 = -1;

/// Answers how old messages are.
pub struct ConsumeTimeSpan {
    pub(crate) config: Live<BrokerConfig>,
    pub(crate) topics: Arc<TopicConfigManager>,
    pub(crate) offsets: Arc<ConsumerOffsetManager>,
    pub(crate) store: Arc<MessageStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Processor<QueryConsumeTimeSpan> for ConsumeTimeSpan {
    async fn process(&self, incoming: Incoming<QueryConsumeTimeSpan>) -> ReplyResult<QueryConsumeTimeSpan> {
        let header = incoming.header;
        let config = self.topics.find(&header.topic).ok_or_else(|| no_such_topic(&header.topic))?;
        let queue_ids = queues::queue_ids(config.write_queue_nums);
        let reading = Reading {
            group: header.group,
            now_millis: self.clock.now_millis(),
            offsets: Arc::clone(&self.offsets),
            store: Arc::clone(&self.store),
        };
        let (topic, broker_name) = (header.topic, self.config.now().broker_name.clone());
        let queue_count = queue_ids.len();
        let read = move || -> Vec<_> {
            let queue = |queue_id| MessageQueue::new(topic.as_str(), broker_name.as_str(), queue_id);
            queue_ids.map(|queue_id| reading.span(queue(queue_id))).collect()
        };
        let consume_time_span_set = queues::read(queue_count, read).await?;
        Ok(Reply::success().with_body(fastjson::to_vec(&QueryConsumeTimeSpanBody { consume_time_span_set })))
    }
}

struct Reading {
    group: String,
    now_millis: i64,
    offsets: Arc<ConsumerOffsetManager>,
    store: Arc<MessageStore>,
}

impl Reading {
    fn span(&self, queue: MessageQueue) -> QueueTimeSpan {
        let (topic, queue_id) = (queue.topic.as_str(), queue.queue_id);
        let time_at = |queue_offset: i64| {
            let there = (queue_offset >= 0).then(|| self.store.store_time(topic, queue_id, queue_offset));
            there.flatten().unwrap_or(NONE)
        };
        let max_offset = self.store.max_offset(topic, queue_id).unwrap_or(0);
        let first = self.store.earliest_store_time(topic, queue_id).unwrap_or(NONE);
        let last = time_at(max_offset - 1);
        let consumer_offset = self.offsets.query(&self.group, topic, queue_id).unwrap_or(NONE);
        let consumed = if consumer_offset > 0 { time_at(consumer_offset - 1) } else { first };
        let has_next = consumer_offset < max_offset;
        let utc_offset_millis = self.store.options().utc_offset_millis;
        QueueTimeSpan {
            consume_time_stamp: consumed,
            consume_time_stamp_str: local_time(consumed, utc_offset_millis),
            delay_time: if has_next { self.now_millis - time_at(consumer_offset) } else { 0 },
            max_time_stamp: last,
            max_time_stamp_str: local_time(last, utc_offset_millis),
            min_time_stamp: first,
            min_time_stamp_str: local_time(first, utc_offset_millis),
            message_queue: queue,
        }
    }
}

/// Milliseconds since the epoch as `yyyy-MM-dd#HH:mm:ss:SSS`.
fn local_time(millis: i64, utc_offset_millis: i64) -> String {
    let local = millis.saturating_add(utc_offset_millis);
    let (seconds, millis) = (local.div_euclid(1_000), local.rem_euclid(1_000));
    let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}#{hour:02}:{minute:02}:{second:02}:{millis:03}")
}

/// The Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const ERA_DAYS: i64 = 146_097;
    let since_era_began = days + 719_468;
    let (era, day_of_era) = (since_era_began.div_euclid(ERA_DAYS), since_era_began.rem_euclid(ERA_DAYS));
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
#[path = "time_span_tests.rs"]
mod tests;
