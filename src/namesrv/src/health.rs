//! What a NameServer answers on its HTTP port (`healthListenPort`).

use metrics::http::{Answer, Pages};

/// A NameServer that answers is alive and ready: it waits for nobody.
pub(crate) struct NamesrvPages;

impl Pages for NamesrvPages {
    fn get(&self, path: &str) -> Option<Answer> {
        match path {
            "/healthz" | "/livez" | "/readyz" => Some(Answer::readiness(&[])),
            _ => None,
        }
    }
}
