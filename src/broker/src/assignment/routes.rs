//! The queues of topics on all brokers, as the NameServers know them (`TopicRouteInfoManager`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use client::nameserver::NameServerError;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use remoting::body::{consumer::MessageQueue, route::TopicRouteData};
use runtime::clock::Clock;

/// Topics remembered; with more of them those that are out of date are forgotten.
const TOPICS_MAX: usize = 10_000;
/// Queues of one topic; a route that names more is cut.
const QUEUES_MAX: usize = 65_536;

/// Whoever knows routes.
pub trait RouteSource: Send + Sync {
    /// The route of a topic; `None` when it has none.
    fn route<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Option<TopicRouteData>, NameServerError>>;
}

/// Queues, asked for again after a while.
pub struct TopicRoutes {
    source: Arc<dyn RouteSource>,
    period: Duration,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    asked_at: Duration,
    queues: Option<Arc<[MessageQueue]>>,
}

impl TopicRoutes {
    /// Routes of that source, each asked for again after `period`.
    pub fn new(source: Arc<dyn RouteSource>, period: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { source, period, clock, known: Mutex::default() }
    }

    /// All queues consumers may read of a topic, in order; `None` when there is no such topic, or nobody who
    /// knows.
    pub async fn queues(&self, topic: &str) -> Option<Arc<[MessageQueue]>> {
        let now = self.clock.monotonic();
        let known = self.known.lock().get(topic).cloned();
        if let Some(known) = &known
            && now.saturating_sub(known.asked_at) < self.period
            && known.queues.is_some()
        {
            return known.queues.clone();
        }
        let queues = match self.source.route(topic).await {
            Ok(route) => route.map(|route| readable_queues(topic, &route)),
            Err(error) => {
                tracing::warn!(topic, %error, "route of a topic not known, the last one is used");
                return known.and_then(|known| known.queues);
            }
        };
        let mut table = self.known.lock();
        if table.len() >= TOPICS_MAX {
            table.retain(|_, known| now.saturating_sub(known.asked_at) < self.period);
        }
        if table.len() < TOPICS_MAX {
            table.insert(topic.to_owned(), Known { asked_at: now, queues: queues.clone() });
        }
        queues
    }
}

fn readable_queues(topic: &str, route: &TopicRouteData) -> Arc<[MessageQueue]> {
    let readable = route.queue_datas.iter().filter(|data| data.perm.is_readable());
    let mut queues: Vec<MessageQueue> = readable
        .flat_map(|data| {
            (0..data.read_queue_nums).map(|queue_id| MessageQueue::new(topic, &*data.broker_name, queue_id))
        })
        .take(QUEUES_MAX)
        .collect();
    queues.sort();
    queues.into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};

    use common::permission::Permission;
    use remoting::body::route::QueueData;
    use runtime::clock::ManualClock;

    use super::*;

    /// Each time it is asked there is one queue more; the third time nobody answers.
    struct Growing(AtomicI32);

    impl RouteSource for Growing {
        fn route<'a>(
            &'a self,
            _topic: &'a str,
        ) -> BoxFuture<'a, Result<Option<TopicRouteData>, NameServerError>> {
            let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            let data = |perm, read_queue_nums| QueueData {
                broker_name: "b".to_owned(),
                perm,
                read_queue_nums,
                ..QueueData::default()
            };
            let queue_datas = vec![data(Permission::READ_WRITE, asked), data(Permission::WRITE, 9)];
            let route = TopicRouteData { queue_datas, ..TopicRouteData::default() };
            Box::pin(
                async move { if asked == 3 { Err(NameServerError::NoAddress) } else { Ok(Some(route)) } },
            )
        }
    }

    #[tokio::test]
    async fn routes_are_asked_for_again_after_a_while() {
        let clock = Arc::new(ManualClock::at(0));
        let source = Arc::new(Growing(AtomicI32::new(0)));
        let routes = TopicRoutes::new(source, Duration::from_secs(30), clock.clone());
        assert_eq!(routes.queues("T").await.unwrap().len(), 1);
        assert_eq!(routes.queues("T").await.unwrap().len(), 1);
        clock.advance(Duration::from_secs(30));
        assert_eq!(routes.queues("T").await.unwrap().len(), 2);
        clock.advance(Duration::from_secs(30));
        assert_eq!(routes.queues("T").await.unwrap().len(), 2, "nobody answers");
    }
}
