//! Routes with the address by which a client has reached this host (`answerWithReachedAddress`).
//!
//! A host with several addresses has brokers that announce one of them. Clients in another network cannot connect to
//! that one, but have just shown which one they can connect to.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use parking_lot::Mutex;
use remoting::body::route::TopicRouteData;

/// Addresses that are remembered.
const KNOWN_MAX: usize = 1_024;

/// Which addresses are this host's.
#[derive(Debug, Default)]
pub(crate) struct HostAddresses(Mutex<HashMap<IpAddr, bool>>);

impl HostAddresses {
    /// Puts the reached address in the place of every address of this host; ports stay.
    pub(crate) fn rewrite(&self, route: &mut TopicRouteData, reached: SocketAddr) {
        let ip = reached.ip().to_canonical();
        for addr in route.broker_datas.iter_mut().flat_map(|group| group.broker_addrs.values_mut()) {
            let Some((host, port)) = addr.rsplit_once(':') else { continue };
            let Ok(port) = port.parse::<u16>() else { continue };
            let host = host.trim_start_matches('[').trim_end_matches(']');
            if host == "localhost" || host.parse().is_ok_and(|host| self.is_of_this_host(host)) {
                *addr = SocketAddr::new(ip, port).to_string();
            }
        }
    }

    /// A socket can be bound to an address of this host, and to no other.
    fn is_of_this_host(&self, ip: IpAddr) -> bool {
        let mut known = self.0.lock();
        if let Some(is_ours) = known.get(&ip) {
            return *is_ours;
        }
        let is_ours = !ip.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok();
        if known.len() < KNOWN_MAX {
            known.insert(ip, is_ours);
        }
        is_ours
    }
}

#[cfg(test)]
mod tests {
    use remoting::body::route::BrokerData;

    use super::*;

    #[test]
    fn only_addresses_of_this_host_are_replaced() {
        let addrs = ["127.0.0.2:10911", "192.0.2.7:10911", "localhost:1", "other.host:2"];
        let broker_addrs =
            addrs.iter().enumerate().map(|(id, addr)| (id as i64, (*addr).to_owned())).collect();
        let group = BrokerData { broker_addrs, ..BrokerData::default() };
        let mut route = TopicRouteData { broker_datas: vec![group], ..TopicRouteData::default() };
        HostAddresses::default().rewrite(&mut route, "127.0.0.9:9876".parse().unwrap());
        let rewritten: Vec<_> = route.broker_datas[0].broker_addrs.values().cloned().collect();
        assert_eq!(rewritten, ["127.0.0.9:10911", "192.0.2.7:10911", "127.0.0.9:1", "other.host:2"]);
    }
}
