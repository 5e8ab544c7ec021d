//! Brokers come, go and say they are alive.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{data_version::DataVersion, fastjson, names::NAMESPACE_ORDER_TOPIC_CONFIG};
use remoting::{
    body::{
        kv::KvTable,
        registration::{RegisterBrokerBody, RegistrationLayout},
    },
    headers::broker::{
        QueryDataVersionResponseHeader, RegisterBrokerRequestHeader, RegisterBrokerResponseHeader,
    },
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{BrokerHeartbeat, QueryDataVersion, UnregisterBroker},
    response_code::ResponseCode,
    router::Processor,
};

use crate::{
    config::ConfigCell,
    kv::KvConfigManager,
    notify::Notifier,
    route::{
        BrokerAddr, Cause, Departure, RegisterError, RegisterPolicy, Registration, RouteInfoManager, Submit,
    },
    zone::RegisterBroker,
};

/// How long a broker may be silent that does not say how long it will be.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Answers `REGISTER_BROKER`, `UNREGISTER_BROKER`, `QUERY_DATA_VERSION` and `BROKER_HEARTBEAT`.
pub(crate) struct RegistrationProcessor {
    routes: Arc<RouteInfoManager>,
    kv: Arc<KvConfigManager>,
    config: Arc<ConfigCell>,
    notifier: Notifier,
}

impl RegistrationProcessor {
    pub(crate) fn new(
        routes: Arc<RouteInfoManager>,
        kv: Arc<KvConfigManager>,
        config: Arc<ConfigCell>,
        notifier: Notifier,
    ) -> Self {
        Self { routes, kv, config, notifier }
    }
}

impl Processor<RegisterBroker> for RegistrationProcessor {
    async fn process(&self, incoming: Incoming<RegisterBroker>) -> ReplyResult<RegisterBroker> {
        let Incoming { header, body, peer, version, .. } = incoming;
        let registration = registration(header.header, header.zone_name, &body, peer.id(), version)?;
        let settings = self.config.current();
        let policy = RegisterPolicy {
            delete_missing_topics: settings.namesrv.delete_topic_with_broker_registration,
            notify_min_broker_id: settings.namesrv.notify_min_broker_id_changed,
        };
        let registered = self.routes.register(&registration, policy)?;
        if let Some(change) = registered.notice {
            self.notifier.tell(change);
        }
        let header = RegisterBrokerResponseHeader {
            ha_server_addr: registered.ha_server_addr,
            master_addr: registered.master_addr,
        };
        let reply = Reply::success().with_header(header);
        if !settings.namesrv.return_order_topic_config_to_broker {
            return Ok(reply);
        }
        Ok(match self.kv.namespace(NAMESPACE_ORDER_TOPIC_CONFIG) {
            Some(table) => reply.with_body(KvTable { table }.encode()),
            None => reply,
        })
    }
}

fn registration(
    header: RegisterBrokerRequestHeader,
    zone_name: Option<String>,
    body: &Bytes,
    connection: remoting::connection::ConnectionId,
    version: i32,
) -> Result<Registration, Refusal> {
    // RocketMQ keeps 31 bits of a checksum, and none at all is 0.
    if header.body_crc32 != 0 && (crc32fast::hash(body) & 0x7FFF_FFFF) as i32 != header.body_crc32 {
        tracing::warn!(broker = header.broker_addr, "checksum of a registration does not match");
        return Err(Refusal::system_error("crc32 not match"));
    }
    let layout = RegistrationLayout::detect(header.compressed, body);
    let body = RegisterBrokerBody::decode(body, layout, version).map_err(|error| {
        tracing::warn!(broker = header.broker_addr, %error, "registration cannot be read");
        Refusal::system_error(format!("Failed to decode RegisterBrokerBody, {error}"))
    })?;
    let millis = header.heartbeat_timeout_millis;
    Ok(Registration {
        cluster_name: header.cluster_name,
        broker_name: header.broker_name,
        broker_addr: header.broker_addr,
        broker_id: header.broker_id,
        ha_server_addr: header.ha_server_addr,
        zone_name,
        timeout: millis.map_or(TIMEOUT, |millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0))),
        enable_acting_master: header.enable_acting_master,
        topics: body.topic_config_serialize_wrapper,
        filter_servers: body.filter_server_list,
        connection,
    })
}

impl From<RegisterError> for Refusal {
    fn from(error: RegisterError) -> Self {
        Self::system_error(error.to_string())
    }
}

impl Processor<UnregisterBroker> for RegistrationProcessor {
    async fn process(&self, incoming: Incoming<UnregisterBroker>) -> ReplyResult<UnregisterBroker> {
        let header = incoming.header;
        let departure = Departure {
            broker: BrokerAddr { cluster_name: header.cluster_name, addr: header.broker_addr },
            broker_name: header.broker_name,
            broker_id: header.broker_id,
            cause: Cause::Asked,
        };
        match self.routes.submit(departure) {
            Submit::Queued => Ok(Reply::success()),
            Submit::Full => Ok(Reply::of(ResponseCode::SYSTEM_ERROR)),
        }
    }
}

impl Processor<QueryDataVersion> for RegistrationProcessor {
    async fn process(&self, incoming: Incoming<QueryDataVersion>) -> ReplyResult<QueryDataVersion> {
        let header = incoming.header;
        let version = if incoming.body.is_empty() {
            None
        } else {
            let read = fastjson::from_slice::<DataVersion>(&incoming.body);
            Some(read.map_err(|error| Refusal::system_error(error.to_string()))?)
        };
        let broker = BrokerAddr { cluster_name: header.cluster_name, addr: header.broker_addr };
        let known = self.routes.data_version(&broker);
        self.routes.heard(&broker);
        let header = QueryDataVersionResponseHeader { changed: known.is_none() || known != version };
        let reply = Reply::success().with_header(header);
        Ok(match known {
            Some(known) => reply.with_body(fastjson::to_vec(&known)),
            None => reply,
        })
    }
}

impl Processor<BrokerHeartbeat> for RegistrationProcessor {
    async fn process(&self, incoming: Incoming<BrokerHeartbeat>) -> ReplyResult<BrokerHeartbeat> {
        let header = incoming.header;
        self.routes.heard(&BrokerAddr { cluster_name: header.cluster_name, addr: header.broker_addr });
        Ok(Reply::success())
    }
}
