//! Which groups have consumed a message (`messageTrackDetail`).

use client::stored_message::StoredMessage;
use message::property_names::TAGS;
use remoting::{
    body::{
        admin::ConsumerConnection,
        heartbeat::{ConsumeType, SUB_ALL},
    },
    response_code::ResponseCode,
};
use serde::Serialize;

use super::{Remote, messages::code_and_text};
use crate::{error::AdminError, java};

/// `MessageTrack`: what became of a message in a group.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageTrack {
    consumer_group: String,
    track_type: &'static str,
    exception_desc: Option<String>,
}

impl MessageTrack {
    /// `MessageTrack.toString`.
    pub(crate) fn as_java_shows(&self) -> String {
        format!(
            "MessageTrack [consumerGroup={}, trackType={}, exceptionDesc={}]",
            self.consumer_group,
            self.track_type,
            java::or_null(self.exception_desc.as_ref())
        )
    }
}

impl Remote {
    /// What became of a message in every group that reads its topic.
    pub(crate) async fn tracks(&self, message: &StoredMessage) -> Result<Vec<MessageTrack>, AdminError> {
        let groups = self.groups_of_topic(&message.topic).await?.group_list;
        let mut tracks = Vec::with_capacity(groups.len());
        for consumer_group in groups {
            let (track_type, exception_desc) = match self.consumer_connection(&consumer_group).await {
                Ok(connection) => self.track(message, &consumer_group, &connection).await,
                Err(error) if error.is(ResponseCode::CONSUMER_NOT_ONLINE) => {
                    ("NOT_ONLINE", Some(code_and_text(&error)))
                }
                Err(error) => ("UNKNOWN", Some(code_and_text(&error))),
            };
            tracks.push(MessageTrack { consumer_group, track_type, exception_desc });
        }
        Ok(tracks)
    }

    async fn track(
        &self,
        message: &StoredMessage,
        group: &str,
        connection: &ConsumerConnection,
    ) -> (&'static str, Option<String>) {
        match connection.consume_type {
            Some(ConsumeType::Actively) => return ("PULL", None),
            Some(ConsumeType::Passively) => {}
            _ => return ("UNKNOWN", None),
        }
        match self.is_consumed(message, group).await {
            Ok(false) => ("NOT_CONSUME_YET", None),
            Ok(true) if is_filtered(message, connection) => ("CONSUMED_BUT_FILTERED", None),
            Ok(true) => ("CONSUMED", None),
            Err(error) if error.is(ResponseCode::BROADCAST_CONSUMPTION) => ("CONSUME_BROADCASTING", None),
            Err(error) if error.is(ResponseCode::CONSUMER_NOT_ONLINE) => {
                ("NOT_ONLINE", Some(code_and_text(&error)))
            }
            Err(error) => ("UNKNOWN", Some(code_and_text(&error))),
        }
    }

    /// Whether the group is past the message in its queue (`consumed`).
    async fn is_consumed(&self, message: &StoredMessage, group: &str) -> Result<bool, AdminError> {
        let stats = self.consume_stats(None, group, None).await?;
        let info = self.cluster_info().await?;
        let store_host = message.store_host.to_string();
        let is_past = stats.offset_table.iter().any(|(queue, offsets)| {
            let queue = &queue.0;
            let master =
                info.broker_addr_table.get(&queue.broker_name).and_then(|brokers| brokers.master_addr());
            queue.topic == message.topic
                && queue.queue_id == message.queue_id
                && master == Some(store_host.as_str())
                && offsets.consumer_offset > message.queue_offset
        });
        Ok(is_past)
    }
}

fn is_filtered(message: &StoredMessage, connection: &ConsumerConnection) -> bool {
    let Some(subscription) = connection.subscription_table.get(&message.topic) else { return false };
    let tags = &subscription.tags_set;
    let is_taken = message.property(TAGS).is_some_and(|tag| tags.contains(tag));
    !(tags.is_empty() || tags.contains(SUB_ALL) || is_taken)
}
