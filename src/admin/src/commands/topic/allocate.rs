//! `allocateMQ`.

use std::collections::BTreeMap;

use client::routes::readable_queues;
use common::fastjson;
use remoting::body::consumer::MessageQueue;
use serde::Serialize;

use crate::{
    command::{Category, Opt, Spec},
    commands::options::TOPIC,
    context::Context,
    error::AdminError,
    report::Report,
};

pub(super) const SPEC: Spec = Spec::new(
    "allocateMQ",
    Category::Topic,
    "Allocate MQ.",
    &[TOPIC, Opt::value("i", "ipList", "ipList").required()],
    |context| Box::pin(allocate(context)),
);

/// `RebalanceResult`: queues by client.
#[derive(Serialize)]
struct RebalanceResult {
    result: BTreeMap<String, Vec<MessageQueue>>,
}

async fn allocate(context: &Context) -> Result<(), AdminError> {
    let topic = context.need("topic")?;
    let route = context.remote.route(topic).await?;
    let queues: Vec<_> = readable_queues(topic, &route).into_iter().map(|routed| routed.queue).collect();
    let clients: Vec<_> = context.need("ipList")?.split(',').collect();
    let result = clients
        .iter()
        .enumerate()
        .map(|(place, client)| ((*client).to_owned(), share(&queues, place, clients.len())))
        .collect();
    let shared = RebalanceResult { result };
    let mut report = Report::new();
    report.text(fastjson::to_string(&shared)).text("\n").field("result", shared.result);
    context.out.emit(report);
    Ok(())
}

/// The share of the client at `place` of `clients` (`AllocateMessageQueueAveragely`).
fn share(queues: &[MessageQueue], place: usize, clients: usize) -> Vec<MessageQueue> {
    let (base, rest) = (queues.len() / clients, queues.len() % clients);
    let size = if queues.len() <= clients { 1 } else { base + usize::from(place < rest) };
    let start = if place < rest { place * size } else { place * size + rest };
    queues.iter().skip(start).take(size).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_shared_evenly() {
        let queues: Vec<_> = (0..5).map(|queue_id| MessageQueue::new("T", "b", queue_id)).collect();
        let ids = |place, clients| -> Vec<i32> {
            share(&queues, place, clients).iter().map(|queue| queue.queue_id).collect()
        };
        assert_eq!((ids(0, 2), ids(1, 2)), (vec![0, 1, 2], vec![3, 4]));
        assert_eq!((ids(4, 7), ids(5, 7)), (vec![4], vec![]));
    }
}
