//! A listener's service: requests go to the router, the end of a connection to the client tables.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use remoting::{
    command::CommandRef,
    connection::{Answered, CloseReason, ConnectionHandle, Service},
    reply::Answer,
    router::Router,
};

use crate::parts::Parts;

/// What a broker does with a connection.
pub struct BrokerService {
    router: Router,
    parts: Arc<Parts>,
}

impl BrokerService {
    /// Serves these routes.
    pub fn new(router: Router, parts: Arc<Parts>) -> Self {
        Self { router, parts }
    }
}

impl Service for BrokerService {
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
    ) -> BoxFuture<'static, Answer> {
        self.router.call(command, body, peer)
    }

    fn times_answers(&self) -> bool {
        self.parts.stats.metrics().is_enabled()
    }

    fn answered(&self, answered: &Answered) {
        self.parts.stats.metrics().answered(answered);
    }

    fn disconnected(&self, peer: &ConnectionHandle, _reason: &CloseReason) {
        self.parts.consumers.connection_closed(peer.id());
        self.parts.producers.connection_closed(peer.id());
    }
}
