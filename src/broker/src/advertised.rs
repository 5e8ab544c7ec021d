//! Whether clients can reach a broker where they are told to (`brokerIP1:listenPort`).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    time::Duration,
};

use common::config::BrokerSettings;
use tokio::net::{TcpStream, lookup_host};

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Connects to an address as a client does; answers where it leads.
///
/// # Errors
/// When its host is not known, or nothing answers there in time.
pub async fn probe(addr: &str) -> io::Result<IpAddr> {
    let connecting = async {
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for candidate in lookup_host(addr).await? {
            match TcpStream::connect(candidate).await {
                Ok(_) => return Ok(candidate.ip()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    };
    tokio::time::timeout(CONNECT_LIMIT, connecting).await.map_err(io::Error::from).flatten()
}

/// Warns, once the broker listens, of an address that leads nowhere.
pub async fn check(addr: String, name_servers: Vec<String>) {
    match probe(&addr).await {
        Err(error) => tracing::warn!(
            addr,
            %error,
            "clients are told to connect to this address, and this broker cannot reach itself there: set brokerIP1 to \
             an address or host name clients can reach, and bindAddress to one it leads to"
        ),
        Ok(ip) if ip.is_loopback() => {
            let others = name_servers.iter().filter(|server| !is_local(server));
            if let Some(name_server) = others.into_iter().next() {
                tracing::warn!(
                    addr,
                    name_server,
                    "clients are told to connect to an address of this machine alone, although the NameServer is on \
                     another: set brokerIP1"
                );
            }
        }
        Ok(ip) => tracing::debug!(addr, %ip, "the broker can be reached where clients are told to connect"),
    }
}

fn is_local(addr: &str) -> bool {
    let host = without_brackets(addr.rsplit_once(':').map_or(addr, |(host, _)| host));
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The address written into messages: the announced one, which must be a number there.
pub fn store_host(settings: &BrokerSettings) -> SocketAddr {
    let host = without_brackets(&settings.broker.broker_ip1);
    let port = u16::try_from(settings.server.listen_port).unwrap_or(0);
    SocketAddr::new(host.parse().unwrap_or_else(|_| resolved(host)), port)
}

/// A host name's address, asked once.
fn resolved(host: &str) -> IpAddr {
    let found = (host, 0).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.map_or_else(
        || {
            tracing::warn!(host, "brokerIP1 does not resolve, messages will name 127.0.0.1 as their broker");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        },
        |address| address.ip(),
    )
}

/// An IPv6 address as configured may be in brackets.
fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_is_reached_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(probe(&format!("localhost:{port}")).await.unwrap().is_loopback());
        drop(listener);
        assert!(probe(&format!("127.0.0.1:{port}")).await.is_err());
        assert!(is_local("[::1]:9876") && is_local("localhost:9876") && !is_local("192.0.2.1:9876"));
    }
}
