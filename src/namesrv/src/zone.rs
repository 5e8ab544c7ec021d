//! Zones: brokers say where they are, and clients may ask for the brokers near them only
//! (`ZoneRouteRPCHook`).
//!
//! Both travel beside the typed headers, in `__ZONE_NAME` and `__ZONE_MODE`; the two requests here are
//! those of the table, read together with these fields.

use remoting::{
    body::route::TopicRouteData,
    ext_fields::ExtFields,
    header::{FieldSink, FieldSpec, FieldValue, Header, HeaderError},
    headers::{broker::RegisterBrokerRequestHeader, topic::GetRouteInfoRequestHeader},
    request::{self, Request, RequestCode},
};

const ZONE_NAME: &str = "__ZONE_NAME";
const ZONE_MODE: &str = "__ZONE_MODE";

/// `REGISTER_BROKER` with the broker's zone.
pub(crate) struct RegisterBroker;

impl Request for RegisterBroker {
    const CODE: RequestCode = RequestCode::RegisterBroker;
    type Header = Zoned<RegisterBrokerRequestHeader>;
    type ReplyHeader = <request::RegisterBroker as Request>::ReplyHeader;
}

/// `GET_ROUTEINFO_BY_TOPIC` with the zone the client wants to stay in.
pub(crate) struct GetRouteinfoByTopic;

impl Request for GetRouteinfoByTopic {
    const CODE: RequestCode = RequestCode::GetRouteinfoByTopic;
    type Header = Zoned<GetRouteInfoRequestHeader>;
    type ReplyHeader = <request::GetRouteinfoByTopic as Request>::ReplyHeader;
}

/// A header and the zone beside it.
#[derive(Clone, Debug)]
pub(crate) struct Zoned<H> {
    /// The header of the table.
    pub(crate) header: H,
    /// `__ZONE_NAME`.
    pub(crate) zone_name: Option<String>,
    /// `__ZONE_MODE`: whether the answer is for that zone only.
    pub(crate) zone_mode: bool,
}

impl<H: Header> Header for Zoned<H> {
    const FIELDS: &'static [FieldSpec] = H::FIELDS;

    fn decode(fields: &ExtFields<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            header: H::decode(fields)?,
            zone_name: Option::decode(fields.get(ZONE_NAME), ZONE_NAME)?,
            zone_mode: Option::decode(fields.get(ZONE_MODE), ZONE_MODE)?.unwrap_or(false),
        })
    }

    fn encode(&self, sink: &mut dyn FieldSink) {
        self.header.encode(sink);
        self.zone_name.encode(ZONE_NAME, sink);
        if self.zone_mode {
            true.encode(ZONE_MODE, sink);
        }
    }
}

impl<H> Zoned<H> {
    /// The zone the answer is for, if it is for one only.
    pub(crate) fn wanted_zone(&self) -> Option<&str> {
        self.zone_name.as_deref().filter(|zone| self.zone_mode && !zone.trim().is_empty())
    }
}

/// Leaves the broker groups of one zone, and those of any zone that have lost their master: reading from
/// a slave far away is better than not reading.
pub(crate) fn keep_zone(route: &mut TopicRouteData, zone: &str) {
    let TopicRouteData { broker_datas, queue_datas, filter_server_table, .. } = route;
    let is_near = |name: Option<&str>| name.is_some_and(|name| name.to_lowercase() == zone.to_lowercase());
    let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(broker_datas)
        .into_iter()
        .partition(|broker| broker.master_addr().is_none() || is_near(broker.zone_name.as_deref()));
    *broker_datas = kept;
    queue_datas.retain(|queue| dropped.iter().all(|broker| broker.broker_name != queue.broker_name));
    for addr in dropped.iter().flat_map(|broker| broker.broker_addrs.values()) {
        filter_server_table.remove(addr);
    }
}

#[cfg(test)]
mod tests {
    use remoting::body::route::{BrokerData, QueueData};

    use super::*;

    #[test]
    fn only_near_groups_and_those_without_master_stay() {
        let mut route = TopicRouteData::default();
        for (name, id, zone) in [("near", 0, Some("Z1")), ("far", 0, Some("z2")), ("lost", 1, None)] {
            route.broker_datas.push(BrokerData {
                broker_addrs: [(id, format!("{name}:1"))].into(),
                broker_name: name.into(),
                zone_name: zone.map(str::to_owned),
                ..BrokerData::default()
            });
            route.queue_datas.push(QueueData { broker_name: name.into(), ..QueueData::default() });
            route.filter_server_table.insert(format!("{name}:1"), Vec::new());
        }
        keep_zone(&mut route, "z1");
        let names: Vec<_> = route.broker_datas.iter().map(|broker| broker.broker_name.as_str()).collect();
        assert_eq!(names, ["near", "lost"]);
        assert_eq!(route.queue_datas.len(), 2);
        assert!(!route.filter_server_table.contains_key("far:1"));
    }

    #[test]
    fn a_zone_is_wanted_in_zone_mode_only() {
        let mut fields = ExtFields::new();
        fields.push("topic", "T");
        fields.push(ZONE_NAME, "z1");
        let header = Zoned::<GetRouteInfoRequestHeader>::decode(&fields).unwrap();
        assert_eq!((header.wanted_zone(), header.zone_name.as_deref()), (None, Some("z1")));
        fields.push(ZONE_MODE, "TRUE");
        let header = Zoned::<GetRouteInfoRequestHeader>::decode(&fields).unwrap();
        assert_eq!(header.wanted_zone(), Some("z1"));
    }
}
