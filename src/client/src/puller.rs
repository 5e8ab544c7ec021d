//! Reading queues from outside: where they begin and end, and what is in them (`DefaultMQPullConsumer`).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use message::{
    property_names::{MAX_OFFSET, MIN_OFFSET, TAGS},
    record::RecordError,
};
use remoting::{
    body::heartbeat::{EXPRESSION_TYPE_TAG, SUB_ALL},
    headers::{
        offset::{GetMaxOffsetRequestHeader, GetMinOffsetRequestHeader, SearchOffsetRequestHeader},
        pull::PullMessageRequestHeader,
    },
    request::{GetMaxOffset, GetMinOffset, PullMessage, Request, SearchOffsetByTimestamp},
    response_code::ResponseCode,
};
use thiserror::Error;

use crate::{
    broker::{BrokerClient, BrokerError, refusal},
    nameserver::NameServerError,
    routes::{RoutedQueue, Routes, readable_queues},
    stored_message::{StoredMessage, decode_all},
};

/// The broker may wait so long for a slow disk, but waits for no message.
const SUSPEND_MILLIS: i64 = 20_000;
/// `PullSysFlag`: the request carries its subscription.
const FLAG_SUBSCRIPTION: i32 = 1 << 2;

/// Why a queue cannot be read.
#[derive(Debug, Error)]
pub enum PullError {
    /// A `NameServer` refused or did not answer.
    #[error(transparent)]
    NameServer(#[from] NameServerError),
    /// The broker refused or did not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// What the broker sent are no messages.
    #[error("messages of {addr}: {source}")]
    Record {
        /// The broker's address.
        addr: String,
        /// What is wrong with them.
        source: RecordError,
    },
}

/// `PullStatus`: what a pull came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// There are messages.
    Found,
    /// There is none yet.
    NoNewMsg,
    /// There are some, and none the expression takes.
    NoMatchedMsg,
    /// The offset is outside the queue.
    OffsetIllegal,
}

impl PullStatus {
    /// RocketMQ's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::NoNewMsg => "NO_NEW_MSG",
            Self::NoMatchedMsg => "NO_MATCHED_MSG",
            Self::OffsetIllegal => "OFFSET_ILLEGAL",
        }
    }
}

/// What a pull came to, and where to go on.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// What it came to.
    pub status: PullStatus,
    /// Queue offset to go on at.
    pub next_begin_offset: i64,
    /// Where the queue begins.
    pub min_offset: i64,
    /// Where the queue ends.
    pub max_offset: i64,
    /// The messages.
    pub messages: Vec<StoredMessage>,
}

/// Reads queues on behalf of a group, whose offsets it leaves alone.
pub struct Puller {
    /// Where topics are.
    pub routes: Arc<Routes>,
    brokers: BrokerClient,
    group: String,
    limit: Duration,
}

impl Puller {
    /// A reader whose requests may take `limit` each.
    pub fn new(
        routes: Arc<Routes>,
        brokers: BrokerClient,
        group: impl Into<String>,
        limit: Duration,
    ) -> Self {
        Self { routes, brokers, group: group.into(), limit }
    }

    /// The queues of a topic; none when it has no route.
    ///
    /// # Errors
    /// When no `NameServer` answers.
    pub async fn queues(&self, topic: &str) -> Result<Vec<RoutedQueue>, NameServerError> {
        Ok(self.routes.get(topic).await?.map_or_else(Vec::new, |route| readable_queues(topic, &route)))
    }

    /// Queue offset of a queue's first message.
    ///
    /// # Errors
    /// When the broker refuses or does not answer.
    pub async fn min_offset(&self, queue: &RoutedQueue) -> Result<i64, BrokerError> {
        let (topic, queue_id) = (queue.queue.topic.clone(), queue.queue.queue_id);
        let header = GetMinOffsetRequestHeader { topic, queue_id, lo: None };
        Ok(self.header::<GetMinOffset>(queue, header).await?.offset)
    }

    /// Queue offset after a queue's last message.
    ///
    /// # Errors
    /// As [`Self::min_offset`].
    pub async fn max_offset(&self, queue: &RoutedQueue) -> Result<i64, BrokerError> {
        let (topic, queue_id) = (queue.queue.topic.clone(), queue.queue.queue_id);
        let header = GetMaxOffsetRequestHeader { topic, queue_id, committed: true, lo: None };
        Ok(self.header::<GetMaxOffset>(queue, header).await?.offset)
    }

    /// Queue offset of the first message stored at `millis` or later.
    ///
    /// # Errors
    /// As [`Self::min_offset`].
    pub async fn search_offset(&self, queue: &RoutedQueue, millis: i64) -> Result<i64, BrokerError> {
        let header = SearchOffsetRequestHeader {
            topic: queue.queue.topic.clone(),
            queue_id: queue.queue.queue_id,
            timestamp: millis,
            boundary_type: None,
            lo: None,
        };
        Ok(self.header::<SearchOffsetByTimestamp>(queue, header).await?.offset)
    }

    /// The messages from `offset` on that the tag expression takes, at most `max` and without waiting.
    ///
    /// # Errors
    /// When the broker refuses or does not answer, or sends something else.
    pub async fn pull(
        &self,
        queue: &RoutedQueue,
        expression: &str,
        offset: i64,
        max: i32,
    ) -> Result<Pulled, PullError> {
        let header = PullMessageRequestHeader {
            consumer_group: self.group.clone(),
            topic: queue.queue.topic.clone(),
            queue_id: queue.queue.queue_id,
            queue_offset: offset,
            max_msg_nums: max,
            sys_flag: FLAG_SUBSCRIPTION,
            suspend_timeout_millis: SUSPEND_MILLIS,
            subscription: Some(expression.to_owned()),
            expression_type: Some(EXPRESSION_TYPE_TAG.to_owned()),
            max_msg_bytes: Some(i32::MAX),
            request_source: Some(0),
            ..PullMessageRequestHeader::default()
        };
        let extra = names_queue(queue);
        let response =
            self.brokers.answer::<PullMessage>(&queue.addr, header, extra, Bytes::new(), self.limit).await?;
        let status = match ResponseCode(response.code) {
            ResponseCode::SUCCESS => PullStatus::Found,
            ResponseCode::PULL_NOT_FOUND => PullStatus::NoNewMsg,
            ResponseCode::PULL_RETRY_IMMEDIATELY => PullStatus::NoMatchedMsg,
            ResponseCode::PULL_OFFSET_MOVED => PullStatus::OffsetIllegal,
            _ => return Err(refusal::<PullMessage>(&queue.addr, response).into()),
        };
        let header = response
            .header::<PullMessage>()
            .map_err(|source| BrokerError::Header { addr: queue.addr.clone(), source })?;
        let mut messages = decode_all(&response.body)
            .map_err(|source| PullError::Record { addr: queue.addr.clone(), source })?;
        messages.retain(|message| is_taken(expression, message.property(TAGS)));
        for message in &mut messages {
            // As RocketMQ's client does: where the queue began and ended then.
            message.properties.push((MIN_OFFSET.to_owned(), header.min_offset.to_string()));
            message.properties.push((MAX_OFFSET.to_owned(), header.max_offset.to_string()));
        }
        Ok(Pulled {
            status,
            next_begin_offset: header.next_begin_offset,
            min_offset: header.min_offset,
            max_offset: header.max_offset,
            messages,
        })
    }

    async fn header<R: Request>(
        &self,
        queue: &RoutedQueue,
        header: R::Header,
    ) -> Result<R::ReplyHeader, BrokerError> {
        let extra = names_queue(queue);
        let asked = self.brokers.ask_with_extra::<R>(&queue.addr, header, extra, Bytes::new(), self.limit);
        asked.await?.header::<R>().map_err(|source| BrokerError::Header { addr: queue.addr.clone(), source })
    }
}

/// Brokers tell logical queues from physical ones by the name the queue has.
fn names_queue(queue: &RoutedQueue) -> Vec<(&'static str, String)> {
    vec![("bname", queue.queue.broker_name.clone())]
}

/// Brokers choose messages by hashes of tags; whether it is the tag is for the client to see.
fn is_taken(expression: &str, tags: Option<&str>) -> bool {
    let wanted = expression.trim();
    if wanted.is_empty() || wanted == SUB_ALL {
        return true;
    }
    wanted.split("||").map(str::trim).any(|tag| tag == SUB_ALL || Some(tag) == tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_by_the_client() {
        for (expression, tags, taken) in [
            ("*", None, true),
            ("", Some("a"), true),
            ("a || b", Some("b"), true),
            ("a||b", Some("c"), false),
            ("a", None, false),
        ] {
            assert_eq!(is_taken(expression, tags), taken, "{expression} {tags:?}");
        }
    }
}
