//! What defaults depend on: facts about machine and environment, gathered by the process at start.

use std::net::IpAddr;

/// The facts the defaults of RocketMQ depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineDefaults {
    /// Processors this process may use; sizes thread pools.
    pub cores: i32,
    /// Name of this host, empty when unknown; names the broker.
    pub host_name: String,
    /// Address announced to others; see [`choose_local_address`].
    pub local_address: String,
    /// Home directory of the user; holds the store.
    pub user_home: String,
    /// `ROCKETMQ_HOME` of the environment.
    pub rocketmq_home: Option<String>,
    /// `NAMESRV_ADDR` of the environment.
    pub namesrv_addr: Option<String>,
}

impl MachineDefaults {
    pub(super) fn broker_name(&self) -> String {
        if self.host_name.is_empty() { "DEFAULT_BROKER".to_owned() } else { self.host_name.clone() }
    }

    pub(super) fn under_home(&self, path: &str) -> String {
        format!("{}/{path}", self.user_home)
    }
}

/// Picks the address to announce among those of the interfaces that are up and neither a bridge nor
/// virtual nor point-to-point, in the order the system lists them.
///
/// The first public IPv4 address wins, else the last private one; without IPv4 the first global IPv6
/// address in brackets, else the first IPv6 address; loopback never (`NetworkUtil.getLocalAddress`).
pub fn choose_local_address(addresses: &[IpAddr]) -> Option<String> {
    let candidates = || addresses.iter().filter(|address| !address.is_loopback());
    let v4 = || candidates().filter_map(|address| if let IpAddr::V4(v4) = address { Some(v4) } else { None });
    let v6 = || candidates().filter_map(|address| if let IpAddr::V6(v6) = address { Some(v6) } else { None });
    if let Some(address) = v4().find(|address| !address.is_private()).or_else(|| v4().next_back()) {
        return Some(address.to_string());
    }
    let is_internal = |segment: u16| (0xfe80..=0xfeff).contains(&segment);
    v6().find(|address| !address.is_unspecified() && !is_internal(address.segments()[0]))
        .or_else(|| v6().next())
        .map(|address| format!("[{address}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(addresses: &[&str]) -> Option<String> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        choose_local_address(&addresses)
    }

    #[test]
    fn follows_the_order_of_preference() {
        assert_eq!(choose(&["127.0.0.1", "10.0.0.1", "8.8.8.8", "9.9.9.9"]).unwrap(), "8.8.8.8");
        assert_eq!(choose(&["10.0.0.1", "192.168.1.2", "172.16.0.3", "fd00::1"]).unwrap(), "172.16.0.3");
        assert_eq!(choose(&["172.32.0.3", "10.0.0.1"]).unwrap(), "172.32.0.3");
        assert_eq!(choose(&["::1", "fe80::1", "fec0::2", "2001:db8::1"]).unwrap(), "[2001:db8::1]");
        assert_eq!(choose(&["fe80::1", "fe80::2"]).unwrap(), "[fe80::1]");
        assert_eq!(choose(&["127.0.0.1", "::1"]), None);
    }
}
