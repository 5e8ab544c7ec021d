//! Where a topic is: the one question clients ask (`ClientRequestProcessor`).

use std::{sync::Arc, time::Duration};

use common::names::NAMESPACE_ORDER_TOPIC_CONFIG;
use remoting::{
    reply::{Incoming, Refusal, Reply, ReplyResult},
    response_code::ResponseCode,
    router::Processor,
};
use runtime::clock::Clock;

use crate::{
    config::ConfigCell,
    kv::KvConfigManager,
    reached::HostAddresses,
    route::{ActingMaster, RouteInfoManager},
    zone::{self, GetRouteinfoByTopic},
};

/// `MQVersion.V4_9_4`: the first whose clients read standard JSON.
const VERSION_STANDARD_JSON: i32 = 401;
/// What RocketMQ appends to its remark about an unknown topic.
const APPLY_TOPIC_HINT: &str =
    "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

/// Answers `GET_ROUTEINFO_BY_TOPIC`.
pub(crate) struct RouteProcessor {
    routes: Arc<RouteInfoManager>,
    kv: Arc<KvConfigManager>,
    config: Arc<ConfigCell>,
    clock: Arc<dyn Clock>,
    started_at: Duration,
    host: HostAddresses,
}

impl RouteProcessor {
    pub(crate) fn new(
        routes: Arc<RouteInfoManager>,
        kv: Arc<KvConfigManager>,
        config: Arc<ConfigCell>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let started_at = clock.monotonic();
        Self { routes, kv, config, clock, started_at, host: HostAddresses::default() }
    }

    /// Whether brokers have had the time to register that an operator gives them after a start.
    fn is_ready(&self, wait_seconds: i32) -> bool {
        let wait = Duration::from_secs(u64::try_from(wait_seconds).unwrap_or(0));
        self.clock.monotonic().saturating_sub(self.started_at) >= wait
    }
}

impl Processor<GetRouteinfoByTopic> for RouteProcessor {
    async fn process(&self, incoming: Incoming<GetRouteinfoByTopic>) -> ReplyResult<GetRouteinfoByTopic> {
        let settings = self.config.current();
        let config = &settings.namesrv;
        if config.need_wait_for_service && !self.is_ready(config.wait_seconds_for_service) {
            return Err(Refusal::system_error("name server not ready"));
        }
        let header = &incoming.header.header;
        let acting_master =
            if config.support_acting_master { ActingMaster::Supported } else { ActingMaster::Unsupported };
        let Some(mut route) = self.routes.pickup(&header.topic, acting_master) else {
            let remark = format!(
                "No topic route info in name server for the topic: {}{APPLY_TOPIC_HINT}",
                header.topic
            );
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
        };
        if settings.own.answer_with_reached_address {
            self.host.rewrite(&mut route, incoming.peer.local_addr());
        }
        if config.order_message_enable {
            route.order_topic_conf = self.kv.get(NAMESPACE_ORDER_TOPIC_CONFIG, &header.topic);
        }
        if let Some(zone) = incoming.header.wanted_zone() {
            zone::keep_zone(&mut route, zone);
            // RocketMQ rewrites such an answer in its raw dialect, whoever asks.
            return Ok(Reply::success().with_body(route.encode()));
        }
        let is_standard =
            incoming.version >= VERSION_STANDARD_JSON || header.accept_standard_json_only.unwrap_or(false);
        let body = if is_standard { route.encode_standard() } else { route.encode() };
        Ok(Reply::success().with_body(body))
    }
}
