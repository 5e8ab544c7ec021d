//! Finding messages by id and key.

use bytes::Bytes;
use client::{
    broker::BrokerError,
    routes::addr_of,
    stored_message::{StoredMessage, decode_all},
};
use common::names::is_lmq;
use message::{message_id, property_names::KEYS};
use remoting::{
    headers::pull::{QueryMessageRequestHeader, ViewMessageRequestHeader},
    request::{QueryMessage, ViewMessageById},
    response_code::ResponseCode,
};

use super::{LIMIT, Remote, stats::is_found_by_cluster};
use crate::error::AdminError;

/// Most messages one unique id is looked up for.
const UNIQUE_MAX: i32 = 32;
/// How far back a message is looked for by its unique id.
const LOOK_BACK_MILLIS: i64 = 3 * 24 * 60 * 60 * 1000;

/// What messages are looked for.
pub(crate) struct Query<'a> {
    /// The cluster, or where a topic without a route of its own is looked for.
    pub(crate) cluster: Option<&'a str>,
    pub(crate) topic: &'a str,
    pub(crate) key: &'a str,
    pub(crate) is_unique_id: bool,
    pub(crate) max: i32,
    /// Milliseconds of storing.
    pub(crate) begin: i64,
    pub(crate) end: i64,
}

impl Remote {
    /// The messages that have a key, by their time (`queryMessage`).
    pub(crate) async fn query(&self, query: &Query<'_>) -> Result<Vec<StoredMessage>, AdminError> {
        let cluster = query.cluster.filter(|cluster| !cluster.is_empty());
        let is_light = is_lmq(query.topic);
        let route_topic = cluster.filter(|_| is_found_by_cluster(query.topic)).unwrap_or(query.topic);
        let route = self.route(route_topic).await?;
        let mut found = Vec::new();
        for group in &route.broker_datas {
            if !is_light && cluster.is_some_and(|cluster| cluster != group.cluster) {
                continue;
            }
            let Some(addr) = addr_of(group) else { continue };
            let topic = if is_light { cluster.unwrap_or(query.topic) } else { query.topic };
            let header = QueryMessageRequestHeader {
                topic: topic.to_owned(),
                key: query.key.to_owned(),
                unique_key_query: query.is_unique_id,
                max_num: query.max,
                begin_timestamp: query.begin,
                end_timestamp: query.end,
            };
            match self.brokers.ask::<QueryMessage>(addr, header, Bytes::new(), LIMIT * 3).await {
                Ok(response) => found.extend(decoded(addr, &response.body)?),
                Err(error) if error.code() == Some(ResponseCode::QUERY_NOT_FOUND) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // The index goes by hashes.
        found.retain(|message| is_meant(query, message, is_light));
        Ok(found)
    }

    /// The message of an id that names its place (`viewMessage`).
    pub(crate) async fn view(&self, topic: &str, offset_msg_id: &str) -> Result<StoredMessage, AdminError> {
        let (host, offset) = message_id::decode(offset_msg_id)
            .ok_or_else(|| AdminError::Failed(format!("{offset_msg_id} names no place in a broker")))?;
        let header = ViewMessageRequestHeader { topic: Some(topic.to_owned()), offset };
        let addr = host.to_string();
        let response = self.ask::<ViewMessageById>(&addr, header, Bytes::new()).await?;
        decoded(&addr, &response.body)?.into_iter().next().ok_or_else(|| not_found(offset_msg_id))
    }

    /// The message of either kind of id (`queryMessage` by id).
    pub(crate) async fn find(
        &self,
        cluster: Option<&str>,
        topic: &str,
        msg_id: &str,
        now: i64,
    ) -> Result<StoredMessage, AdminError> {
        if let Ok(message) = self.view(topic, msg_id).await {
            return Ok(message);
        }
        let begin = now - LOOK_BACK_MILLIS;
        let query =
            Query { cluster, topic, key: msg_id, is_unique_id: true, max: UNIQUE_MAX, begin, end: i64::MAX };
        self.query(&query).await?.into_iter().next().ok_or_else(|| not_found(msg_id))
    }
}

fn decoded(addr: &str, body: &[u8]) -> Result<Vec<StoredMessage>, AdminError> {
    decode_all(body).map_err(|error| AdminError::Failed(format!("messages of {addr}: {error}")))
}

fn not_found(id: &str) -> AdminError {
    AdminError::Missing {
        what: format!("Message not found! {id}"),
        advice: "check topic and id; messages are kept for fileReservedTime hours",
    }
}

fn is_meant(query: &Query<'_>, message: &StoredMessage, is_light: bool) -> bool {
    if query.is_unique_id {
        return message.msg_id() == query.key;
    }
    let has_key = message.property(KEYS).is_some_and(|keys| keys.split(' ').any(|key| key == query.key));
    has_key && (is_light || message.topic == query.topic)
}

/// A broker's error in the form Java's tool prints it.
pub(crate) fn code_and_text(error: &AdminError) -> String {
    match error {
        AdminError::Broker(BrokerError::Refused { code, remark, .. })
        | AdminError::Refused { code, remark } => {
            format!("CODE:{} DESC:{remark}", code.0)
        }
        other => other.to_string(),
    }
}
