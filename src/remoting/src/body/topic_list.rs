//! Lists of topics (`TopicList`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// `TopicList`: names of topics, and a broker to ask about them where RocketMQ gives one.
///
/// ```text
/// {"brokerAddr":"10.0.0.1:10911","topicList":["TBW102","orders"]}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicList {
    /// `host:port` of a broker; only the list of system topics has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_addr: Option<String>,
    /// The names.
    pub topic_list: BTreeSet<String>,
}

impl TopicList {
    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        common::fastjson::to_vec(self)
    }
}

impl FromIterator<String> for TopicList {
    fn from_iter<I: IntoIterator<Item = String>>(topics: I) -> Self {
        Self { broker_addr: None, topic_list: topics.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_broker_is_left_out() {
        let list: TopicList = ["T".to_owned()].into_iter().collect();
        assert_eq!(list.encode(), br#"{"topicList":["T"]}"#);
    }
}
