//! What a broker answers on its HTTP ports.

use std::sync::Arc;

use metrics::{
    family::{Scope, Source},
    http::{Answer, Pages},
    prometheus,
};
use runtime::clock::Clock;
use store::message_store::MessageStore;

use crate::registration::Registration;

/// Whether a broker is fit to work.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) store: Arc<MessageStore>,
    pub(super) registration: Arc<Registration>,
}

impl Health {
    /// What keeps the broker from serving clients; nothing when it is ready.
    fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if let Err(reason) = self.store.writable() {
            obstacles.push(format!("the store takes no messages: {reason}"));
        }
        if !self.registration.is_known() {
            obstacles.push("no NameServer knows this broker".to_owned());
        }
        obstacles
    }
}

/// The pages of one port.
pub(super) struct BrokerPages {
    pub(super) health: Health,
    /// With metrics, or without.
    pub(super) metrics: Option<Scraped>,
}

/// Whose metrics are served.
pub(super) struct Scraped {
    pub(super) source: Arc<dyn Source>,
    pub(super) scope: Scope,
    pub(super) clock: Arc<dyn Clock>,
}

impl Pages for BrokerPages {
    fn get(&self, path: &str) -> Option<Answer> {
        match (path, &self.metrics) {
            // The first two paths are RocketMQ's.
            ("/metrics" | "/", Some(Scraped { source, scope, clock })) => {
                let text = prometheus::encode(&source.collect(), scope, clock.now_millis());
                Some(Answer { status: 200, content_type: prometheus::CONTENT_TYPE, text })
            }
            ("/-/healthy", Some(_)) => Some(Answer::plain(200, "Exporter is Healthy.")),
            ("/healthz" | "/livez", _) => Some(Answer::plain(200, "ok\n")),
            ("/readyz", _) => Some(Answer::readiness(&self.health.obstacles())),
            _ => None,
        }
    }
}
