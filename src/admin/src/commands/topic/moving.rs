//! Moving the queues of a static topic while they are in use (`MQAdminUtils.remappingStaticTopic`).

use std::collections::BTreeMap;

use common::fastjson::ObjectKey;
use remoting::body::{admin::TopicStatsTable, consumer::MessageQueue};

use super::fixed::create;
use crate::{
    context::Context,
    error::AdminError,
    static_topic::{BrokerConfig, Plan},
};

/// Logical offsets left free for what the old broker may still take.
const BLOCK: i64 = 10_000;

/// Puts a plan in force, each broker in its turn.
///
/// The new broker takes messages before it knows their logical offsets; then the old one stops, its end
/// decides where the new stretch begins, and the new broker is told.
pub(super) async fn put_in_force(
    context: &Context,
    plan: &mut Plan,
    masters: &BTreeMap<String, String>,
    is_force: bool,
) -> Result<(), AdminError> {
    for broker in plan.broker_to_map_in.iter().chain(&plan.broker_to_map_out) {
        create(context, masters, broker, config(plan, broker)?, is_force).await?;
    }
    for broker in plan.broker_to_map_out.clone() {
        let addr = masters.get(&broker).map(String::as_str).unwrap_or_default();
        let stats = context.remote.topic_stats_at(addr, &plan.topic).await?;
        decide(plan, &broker, &stats)?;
    }
    for broker in &plan.broker_to_map_in {
        create(context, masters, broker, config(plan, broker)?, is_force).await?;
    }
    for (broker, config) in &plan.broker_config_map {
        if !plan.broker_to_map_in.contains(broker) && !plan.broker_to_map_out.contains(broker) {
            create(context, masters, broker, config, is_force).await?;
        }
    }
    Ok(())
}

fn config<'a>(plan: &'a Plan, broker: &str) -> Result<&'a BrokerConfig, AdminError> {
    let config = plan.broker_config_map.get(broker);
    config.ok_or_else(|| AdminError::Failed(format!("the plan says nothing of broker {broker}")))
}

/// Gives the new stretches of a broker's queues their logical offsets.
fn decide(plan: &mut Plan, broker: &str, stats: &TopicStatsTable) -> Result<(), AdminError> {
    let queues = config(plan, broker)?.mapping(broker)?.hosted_queues.clone();
    for (queue_id, mut items) in queues {
        let [.., old, new] = items.as_mut_slice() else { continue };
        if new.logic_offset > 0 {
            continue;
        }
        let place = ObjectKey(MessageQueue::new(&*plan.topic, &*old.bname, old.queue_id));
        let end = stats.offset_table.get(&place).map(|offsets| offsets.max_offset).ok_or_else(|| {
            AdminError::Failed(format!("Cannot get the max offset for old leader {}", place.0))
        })?;
        if end < old.start_offset {
            return Err(AdminError::Failed(format!(
                "The max offset is smaller then the start offset {} {end}",
                place.0
            )));
        }
        new.logic_offset = rounded_up(old.logical(end));
        let gaining = new.bname.clone();
        for name in [broker, gaining.as_str()] {
            let mapping =
                plan.broker_config_map.get_mut(name).and_then(|config| config.mapping_detail.as_mut());
            if let Some(mapping) = mapping {
                mapping.hosted_queues.insert(queue_id, items.clone());
            }
        }
    }
    Ok(())
}

/// The next block but one when this one is more than half full (`blockSeqRoundUp`).
fn rounded_up(offset: i64) -> i64 {
    let blocks = offset / BLOCK + if offset % BLOCK < BLOCK / 2 { 1 } else { 2 };
    blocks * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_stretches_begin_at_a_block() {
        assert_eq!(
            [0, 1, 4_999, 5_000, 9_999, 10_000].map(rounded_up),
            [10_000, 10_000, 10_000, 20_000, 20_000, 20_000]
        );
    }
}
