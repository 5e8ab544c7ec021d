//! `consumerFilter.json`:
//!
//! ```text
//! {"filterDataByTopic":{"<topic>":{"groupFilterData":{"<group>":{"bloomFilterData":{"bitNum":216,"bitPos":[1,2,3]},
//!   "bornTime":…,"clientVersion":…,"consumerGroup":"<group>","dead":false,"deadTime":0,"expression":"a > 5",
//!   "expressionType":"SQL92","topic":"<topic>"}},"topic":"<topic>"}}}
//! ```

use std::{collections::BTreeMap, sync::Arc};

use filter::{
    bloom::{BloomBits, BloomFilter},
    sql::SqlExpression,
};
use serde::{Deserialize, Serialize};

use super::{ConsumerFilterData, table::Table};

/// A group that comes back is given this long before the load.
const DEAD_BEFORE_LOAD_MILLIS: i64 = 30_000;

/// The file as a whole.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FilterFile {
    filter_data_by_topic: BTreeMap<String, TopicFilters>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct TopicFilters {
    group_filter_data: BTreeMap<String, GroupFilter>,
    topic: String,
}

/// One filter as Java writes it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    bloom_filter_data: Option<Bits>,
    born_time: i64,
    client_version: i64,
    consumer_group: String,
    #[serde(skip_deserializing)]
    dead: bool,
    dead_time: i64,
    expression: String,
    expression_type: String,
    topic: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Bits {
    bit_num: u32,
    bit_pos: Vec<u32>,
}

impl FilterFile {
    pub(super) fn of(table: &Table) -> Self {
        let topics = table.topics().iter().map(|(topic, groups)| {
            let filters = groups.iter().map(|(group, data)| (group.clone(), GroupFilter::of(data)));
            (topic.clone(), TopicFilters { group_filter_data: filters.collect(), topic: topic.clone() })
        });
        Self { filter_data_by_topic: topics.collect() }
    }

    /// The filters in the file. None where the bloom filter has another size now, as in RocketMQ: the bits in
    /// the queues mean other groups then.
    pub(super) fn into_table(self, bloom: BloomFilter, now_millis: i64) -> Table {
        let mut table = Table::default();
        for (topic, filters) in self.filter_data_by_topic {
            for (group, filter) in filters.group_filter_data {
                let bits = filter.bloom_filter_data.as_ref().map(Bits::to_bloom);
                if !bits.as_ref().is_some_and(|bits| bloom.is_valid(bits)) {
                    tracing::info!(
                        topic,
                        group,
                        "the bloom filter has another size now, filters are forgotten"
                    );
                    return Table::default();
                }
                match SqlExpression::parse(&filter.expression) {
                    Ok(_) if !table.has_room(&filter.expression) => {
                        tracing::warn!(topic, group, "too many filters, this one is forgotten");
                    }
                    Ok(compiled) => {
                        table.insert(filter.into_data(&topic, &group, compiled, bits, now_millis));
                    }
                    Err(error) => {
                        tracing::warn!(topic, group, %error, "filter cannot be read, it is forgotten");
                    }
                }
            }
        }
        table
    }
}

/// A filter as operators see it: as it stands in the file, with line breaks.
pub(super) fn as_text(data: &ConsumerFilterData) -> String {
    String::from_utf8_lossy(&common::fastjson::to_vec_pretty(&GroupFilter::of(data))).into_owned()
}

impl GroupFilter {
    fn of(data: &ConsumerFilterData) -> Self {
        Self {
            bloom_filter_data: data.bits.as_ref().map(Bits::of),
            born_time: data.born_millis,
            client_version: data.client_version,
            consumer_group: data.consumer_group.clone(),
            dead: data.is_dead(),
            dead_time: data.dead_millis,
            expression: data.expression.clone(),
            expression_type: data.expression_type.clone(),
            topic: data.topic.clone(),
        }
    }

    /// Nobody subscribes while the broker is away: groups that did are taken for dead since shortly before.
    fn into_data(
        self,
        topic: &str,
        group: &str,
        compiled: SqlExpression,
        bits: Option<BloomBits>,
        now_millis: i64,
    ) -> ConsumerFilterData {
        let dead_millis = match self.dead_time {
            0 => (now_millis - DEAD_BEFORE_LOAD_MILLIS).max(self.born_time),
            dead_time => dead_time,
        };
        ConsumerFilterData {
            consumer_group: group.to_owned(),
            topic: topic.to_owned(),
            expression: self.expression,
            expression_type: self.expression_type,
            compiled: Arc::new(compiled),
            born_millis: self.born_time,
            dead_millis,
            bits,
            client_version: self.client_version,
        }
    }
}

impl Bits {
    fn of(bits: &BloomBits) -> Self {
        Self { bit_num: bits.bit_count, bit_pos: bits.positions.clone() }
    }

    fn to_bloom(&self) -> BloomBits {
        BloomBits { bit_count: self.bit_num, positions: self.bit_pos.clone() }
    }
}
