//! Registering a broker at all NameServers.

use std::time::Duration;

use bytes::Bytes;
use common::{data_version::DataVersion, fastjson};
use remoting::{
    body::{
        kv::KvTable,
        registration::{RegisterBrokerBody, RegistrationLayout},
    },
    command::Response,
    headers::broker::{
        QueryDataVersionRequestHeader, RegisterBrokerRequestHeader, UnRegisterBrokerRequestHeader,
    },
    request::{QueryDataVersion, RegisterBroker, UnregisterBroker},
};

use super::{BrokerIdentity, NameServerClient, NameServerError, PerServer};

/// Name of the extension field that carries a broker's zone.
const ZONE_NAME: &str = "__ZONE_NAME";

/// What a broker says of itself when it registers.
#[derive(Clone, Debug)]
pub struct BrokerRegistration {
    /// Who it is.
    pub broker: BrokerIdentity,
    /// `host:port` slaves copy from.
    pub ha_server_addr: String,
    /// How long it may be silent; `None` leaves that to the server (120 s).
    pub heartbeat_timeout: Option<Duration>,
    /// Whether a slave may stand in for it; `None` says what brokers before 5.0 say.
    pub enable_acting_master: Option<bool>,
    /// The zone it belongs to.
    pub zone_name: Option<String>,
    /// How the body is written (`compressedRegister`).
    pub layout: RegistrationLayout,
    /// Its topics.
    pub body: RegisterBrokerBody,
}

/// `RegisterBrokerResult`: what a server tells a broker that registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterBrokerResult {
    /// `host:port` a slave copies from.
    pub ha_server_addr: Option<String>,
    /// `host:port` of a slave's master.
    pub master_addr: Option<String>,
    /// Order configuration of topics.
    pub order_topics: KvTable,
}

impl NameServerClient {
    /// Registers a broker at every server at once (`REGISTER_BROKER`); at most `limit`.
    pub async fn register_broker(
        &self,
        registration: &BrokerRegistration,
        limit: Duration,
    ) -> PerServer<RegisterBrokerResult> {
        let body = match registration.body.encode(registration.layout) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                tracing::error!(%error, "registration cannot be written");
                return Vec::new();
            }
        };
        let broker = &registration.broker;
        let millis = |limit: Duration| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let header = RegisterBrokerRequestHeader {
            broker_name: broker.broker_name.clone(),
            broker_addr: broker.broker_addr.clone(),
            cluster_name: broker.cluster_name.clone(),
            ha_server_addr: registration.ha_server_addr.clone(),
            broker_id: broker.broker_id,
            heartbeat_timeout_millis: registration.heartbeat_timeout.map(millis),
            enable_acting_master: registration.enable_acting_master,
            compressed: Some(registration.layout == RegistrationLayout::Compressed),
            // RocketMQ keeps 31 bits of a checksum.
            body_crc32: (crc32fast::hash(&body) & 0x7FFF_FFFF) as i32,
        };
        let extra = registration.zone_name.iter().map(|zone| (ZONE_NAME, zone.clone())).collect();
        let answers = self.ask_all_with_extra::<RegisterBroker>(header, extra, body, limit).await;
        answers.into_iter().map(|(addr, answer)| (addr, answer.and_then(|answer| result(&answer)))).collect()
    }

    /// Takes a broker off every server at once (`UNREGISTER_BROKER`); at most `limit`.
    pub async fn unregister_broker(&self, broker: &BrokerIdentity, limit: Duration) -> PerServer<()> {
        let header = UnRegisterBrokerRequestHeader {
            broker_name: broker.broker_name.clone(),
            broker_addr: broker.broker_addr.clone(),
            cluster_name: broker.cluster_name.clone(),
            broker_id: broker.broker_id,
        };
        let answers = self.ask_all::<UnregisterBroker>(header, Bytes::new(), limit).await;
        answers.into_iter().map(|(addr, answer)| (addr, answer.map(drop))).collect()
    }

    /// Whether each server knows another version of a broker's topics than `version`
    /// (`QUERY_DATA_VERSION`); being asked counts as a sign of life.
    pub async fn query_data_version(
        &self,
        broker: &BrokerIdentity,
        version: DataVersion,
        limit: Duration,
    ) -> PerServer<bool> {
        let header = QueryDataVersionRequestHeader {
            broker_name: broker.broker_name.clone(),
            broker_addr: broker.broker_addr.clone(),
            cluster_name: broker.cluster_name.clone(),
            broker_id: broker.broker_id,
        };
        let body = Bytes::from(fastjson::to_vec(&version));
        let answers = self.ask_all::<QueryDataVersion>(header, body, limit).await;
        let judge = |answer: Response| {
            let changed = answer.header::<QueryDataVersion>()?.changed;
            let known = if answer.body.is_empty() { None } else { Some(fastjson::from_slice(&answer.body)?) };
            Ok(changed || known.is_some_and(|known: DataVersion| known != version))
        };
        answers.into_iter().map(|(addr, answer)| (addr, answer.and_then(judge))).collect()
    }

    /// Whether a broker ought to register anew: a server knows another version, or does not say.
    pub async fn needs_register(
        &self,
        broker: &BrokerIdentity,
        version: DataVersion,
        limit: Duration,
    ) -> bool {
        let answers = self.query_data_version(broker, version, limit).await;
        answers.iter().any(|(_, changed)| *changed.as_ref().unwrap_or(&true))
    }
}

fn result(answer: &Response) -> Result<RegisterBrokerResult, NameServerError> {
    let header = answer.header::<RegisterBroker>()?;
    let order_topics =
        if answer.body.is_empty() { KvTable::default() } else { fastjson::from_slice(&answer.body)? };
    Ok(RegisterBrokerResult {
        ha_server_addr: header.ha_server_addr,
        master_addr: header.master_addr,
        order_topics,
    })
}
