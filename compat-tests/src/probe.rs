//! What is asked of a server before any client runs.

use crate::wire::{Wire, code};
use serde_json::json;

/// Whether a name server knows a route to a topic at this moment.
pub fn has_route(namesrv: &str, topic: &str) -> bool {
    let answer = Wire::connect(namesrv)
        .and_then(|mut wire| wire.call(code::GET_ROUTEINFO_BY_TOPIC, &json!({ "topic": topic }), &[]));
    answer.is_ok_and(|answer| answer.code() == 0)
}
