//! Facts of the machine and its environment that defaults depend on.

use std::{env, net::IpAddr, path::Path};

use common::config::{MachineDefaults, choose_local_address};

/// Looks at the machine once.
pub(crate) fn defaults() -> MachineDefaults {
    let cores =
        std::thread::available_parallelism().map_or(1, |cores| i32::try_from(cores.get()).unwrap_or(1));
    MachineDefaults {
        cores,
        host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        local_address: choose_local_address(&addresses()).unwrap_or_else(|| "127.0.0.1".to_owned()),
        user_home: env::var("HOME").unwrap_or_else(|_| ".".to_owned()),
        rocketmq_home: env::var("ROCKETMQ_HOME").ok(),
        namesrv_addr: env::var("NAMESRV_ADDR").ok(),
    }
}

/// The addresses of all interfaces that are up and no bridge.
fn addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let usable = interfaces.iter().filter(|interface| !is_bridge(&interface.name));
    usable.map(if_addrs::Interface::ip).collect()
}

fn is_bridge(interface: &str) -> bool {
    Path::new("/sys/class/net").join(interface).join("bridge").exists()
}
