//! Setting offsets from outside, for groups nobody is connected for on brokers before 5.0
//! (`resetOffsetByTimestampOld`).

use std::collections::BTreeMap;

use bytes::Bytes;
use client::routes::addr_of;
use common::fastjson::ObjectKey;
use remoting::{
    body::{admin::OffsetWrapper, consumer::MessageQueue, route::QueueData},
    headers::offset::{
        GetMaxOffsetRequestHeader, SearchOffsetRequestHeader, UpdateConsumerOffsetRequestHeader,
    },
    request::{GetMaxOffset, SearchOffsetByTimestamp, UpdateConsumerOffset},
};

use crate::{
    context::Context,
    error::AdminError,
    remote::{LIMIT, stats::is_found_by_cluster},
    report::{Cell, Column, Table, row},
};

/// What is to be set to when.
pub(super) struct Reset<'a> {
    pub(super) group: &'a str,
    pub(super) topic: &'a str,
    /// Where a topic without a route of its own is looked for.
    pub(super) cluster: Option<&'a str>,
    /// Milliseconds; -1 is the end of the queue.
    pub(super) timestamp: i64,
    /// Whether offsets also move forward.
    pub(super) is_force: bool,
}

impl Reset<'_> {
    /// The topic whose route leads to the queues.
    pub(super) fn route_topic(&self) -> &str {
        match self.cluster {
            Some(cluster) if !cluster.is_empty() && is_found_by_cluster(self.topic) => cluster,
            _ => self.topic,
        }
    }
}

macro_rules! columns {
    ($last:literal) => {
        &[
            Column::left("brokerName", "#brokerName", 20),
            Column::left("queueId", "#queueId", 20),
            Column::left("brokerOffset", "#brokerOffset", 20),
            Column::left("consumerOffset", "#consumerOffset", 20),
            Column::left("timestampOffset", "#timestampOffset", 20),
            Column::left("resetOffset", $last, 20),
        ]
    };
}

/// The table of `resetOffsetByTime`.
pub(super) const RESET_COLUMNS: &[Column] = columns!("#resetOffset");
/// The table of `skipAccumulatedMessage`.
pub(super) const SKIP_COLUMNS: &[Column] = columns!("#rollbackOffset");

/// Sets the offsets queue by queue and tells of each.
pub(super) async fn reset(
    context: &Context,
    reset: &Reset<'_>,
    columns: &'static [Column],
) -> Result<Table, AdminError> {
    let route = context.remote.route(reset.route_topic()).await?;
    let mut table = Table::new(columns);
    for group in &route.broker_datas {
        let Some(addr) = addr_of(group) else { continue };
        let queues = route.queue_datas.iter().find(|queues| queues.broker_name == group.broker_name);
        for (queue, offsets) in positions(context, reset, addr, queues).await? {
            table.row(reset_queue(context, reset, addr, &queue.0, offsets).await?);
        }
    }
    Ok(table)
}

/// Where the group is in the queues of one broker; at their beginning when it never read.
async fn positions(
    context: &Context,
    reset: &Reset<'_>,
    addr: &str,
    queues: Option<&QueueData>,
) -> Result<BTreeMap<ObjectKey<MessageQueue>, OffsetWrapper>, AdminError> {
    let mut positions = context.remote.consume_stats_at(addr, reset.group, None).await?.offset_table;
    positions.retain(|queue, _| queue.0.topic == reset.topic);
    if !positions.is_empty() {
        return Ok(positions);
    }
    let stats = context.remote.topic_stats_at(addr, reset.topic).await?.offset_table;
    let readable = queues.map_or(0, |queues| queues.read_queue_nums);
    let of_queue = stats.into_iter().filter(|(queue, _)| queue.0.queue_id < readable);
    let begin = of_queue.map(|(queue, offsets)| {
        let position = OffsetWrapper {
            broker_offset: offsets.max_offset,
            consumer_offset: offsets.min_offset,
            ..OffsetWrapper::default()
        };
        (queue, position)
    });
    Ok(begin.collect())
}

async fn reset_queue(
    context: &Context,
    reset: &Reset<'_>,
    addr: &str,
    queue: &MessageQueue,
    offsets: OffsetWrapper,
) -> Result<Vec<Cell>, AdminError> {
    let wanted = offset_at(context, addr, queue, reset.timestamp).await?;
    let is_set = reset.is_force || wanted <= offsets.consumer_offset;
    if is_set {
        let header = UpdateConsumerOffsetRequestHeader {
            consumer_group: reset.group.to_owned(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            commit_offset: wanted,
            lo: None,
        };
        context.remote.ask::<UpdateConsumerOffset>(addr, header, Bytes::new()).await?;
    }
    Ok(row![
        Cell::cut(&queue.broker_name, 32),
        queue.queue_id,
        offsets.broker_offset,
        offsets.consumer_offset,
        wanted,
        if is_set { wanted } else { offsets.consumer_offset },
    ])
}

/// Queue offset of the first message stored at `timestamp` or later; -1 asks for the end.
pub(super) async fn offset_at(
    context: &Context,
    addr: &str,
    queue: &MessageQueue,
    timestamp: i64,
) -> Result<i64, AdminError> {
    let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
    let brokers = &context.remote.brokers;
    if timestamp == -1 {
        let header = GetMaxOffsetRequestHeader { topic, queue_id, committed: true, lo: None };
        return Ok(brokers.header::<GetMaxOffset>(addr, header, Bytes::new(), LIMIT).await?.offset);
    }
    let header = SearchOffsetRequestHeader { topic, queue_id, timestamp, boundary_type: None, lo: None };
    Ok(brokers.header::<SearchOffsetByTimestamp>(addr, header, Bytes::new(), LIMIT).await?.offset)
}
