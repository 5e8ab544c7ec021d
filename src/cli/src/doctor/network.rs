//! Ports, the advertised address, and the NameServers.

use std::{
    net::{IpAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use ::broker::advertised;
use client::{
    broker::BrokerClient,
    nameserver::NameServerClient,
    pool::{ConnectionPool, PoolLimits},
};
use common::config::{BrokerSettings, MetricsExporterType};
use remoting::{configured::listen_addr, router::Router};
use tokio::net::lookup_host;

use super::{Diagnosis, peers};

/// How long a NameServer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

pub(super) fn check(settings: &BrokerSettings, is_running: bool) -> Vec<Diagnosis> {
    let mut diagnoses = vec![ports(settings, is_running), replication_port(settings)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            diagnoses.push(advertised_address(settings, is_running).await);
            diagnoses.extend(name_servers(settings, is_running).await);
        }),
        Err(error) => {
            diagnoses.push(Diagnosis::fail("network", error.to_string(), "free memory and threads"));
        }
    }
    diagnoses
}

/// Every port the broker takes, with the key it comes from.
fn wanted_ports(settings: &BrokerSettings) -> Vec<(&'static str, i32)> {
    let mut ports =
        vec![("listenPort", settings.server.listen_port), ("listenPort-2", settings.fast_listen_port())];
    if settings.broker.metrics_exporter_type == MetricsExporterType::Prom {
        ports.push(("metricsPromExporterPort", settings.broker.metrics_prom_exporter_port));
    }
    ports.push(("healthListenPort", settings.process.health_listen_port));
    ports.retain(|(_, port)| *port > 0);
    ports
}

fn ports(settings: &BrokerSettings, is_running: bool) -> Diagnosis {
    let wanted = wanted_ports(settings);
    let shown: Vec<String> = wanted.iter().map(|(key, port)| format!("{port} ({key})")).collect();
    if is_running {
        return Diagnosis::ok("ports", format!("{}, of the running broker", shown.join(", ")));
    }
    let Ok(addr) = listen_addr(&settings.server) else {
        let detail = format!("bindAddress={} is not the address of a host", settings.server.bind_address);
        return Diagnosis::fail("ports", detail, "set bindAddress to an address of this machine");
    };
    let taken = wanted.into_iter().filter_map(|(key, port)| {
        let port = u16::try_from(port).ok()?;
        let error = TcpListener::bind((addr.ip(), port)).err()?;
        Some(format!("{port} ({key}): {error}"))
    });
    let taken: Vec<String> = taken.collect();
    if taken.is_empty() {
        return Diagnosis::ok("ports", format!("free: {}", shown.join(", ")));
    }
    let fix = "end who has it (ss -ltnp), or take another port";
    Diagnosis::fail("ports", format!("cannot be listened on: {}", taken.join(", ")), fix)
}

/// Slaves are told to connect to it (`haServerAddr`). Nothing listens there yet, and nobody else should.
fn replication_port(settings: &BrokerSettings) -> Diagnosis {
    let (check, addr) = ("replication port", settings.ha_server_addr());
    let port = u16::try_from(settings.store.ha_listen_port).unwrap_or(0);
    let bound = listen_addr(&settings.server).and_then(|addr| TcpListener::bind((addr.ip(), port)));
    match bound {
        Ok(_) => Diagnosis::ok(check, format!("{addr} is free, as this broker has no slaves yet")),
        Err(error) => Diagnosis::warn(
            check,
            format!("slaves are told to replicate from {addr}, where somebody else listens: {error}"),
            "set haListenPort to another port, or end who has it (ss -ltnp)",
        ),
    }
}

/// Whether clients find the broker where they are told to look.
async fn advertised_address(settings: &BrokerSettings, is_running: bool) -> Diagnosis {
    let (check, addr) = ("advertised address", settings.broker_addr());
    let fix = "set brokerIP1 to an address or host name of this machine that clients can reach";
    if is_running {
        return match advertised::probe(&addr).await {
            Ok(_) => Diagnosis::ok(check, format!("{addr} answers")),
            Err(error) => Diagnosis::fail(check, format!("{addr} does not answer: {error}"), fix),
        };
    }
    let found = match lookup_host(&addr).await {
        Ok(mut found) => found.next(),
        Err(error) => return Diagnosis::fail(check, format!("{addr}: {error}"), fix),
    };
    match found.map(|addr| addr.ip()) {
        None => Diagnosis::fail(check, format!("{addr} has no address"), fix),
        Some(ip) if !is_of_this_machine(ip) => {
            let detail = format!("{addr} is {ip}, which is no address of this machine");
            Diagnosis::warn(check, detail, "fine where ports are mapped to it; else set brokerIP1")
        }
        Some(ip) if ip.is_loopback() => {
            Diagnosis::warn(check, format!("{addr} is of use on this machine alone"), fix)
        }
        Some(_) => Diagnosis::ok(check, addr),
    }
}

fn is_of_this_machine(ip: IpAddr) -> bool {
    TcpListener::bind((ip, 0)).is_ok()
}

/// Whether two addresses are the same port of one machine: a NameServer may name another of its addresses to each client.
fn is_same(known: &str, own: &str) -> bool {
    let (Some((host, port)), Some((_, own_port))) = (known.rsplit_once(':'), own.rsplit_once(':')) else {
        return false;
    };
    let is_here = host.trim_matches(['[', ']']).parse().is_ok_and(is_of_this_machine);
    known == own || (port == own_port && is_here)
}

/// Whether each NameServer answers, and what it says of this broker.
async fn name_servers(settings: &BrokerSettings, is_running: bool) -> Vec<Diagnosis> {
    let check = "NameServer";
    let addrs = settings.broker.namesrv_addrs();
    if addrs.is_empty() {
        let fix = "set namesrvAddr or NAMESRV_ADDR, or give -n";
        return vec![Diagnosis::warn(check, "none is configured: no client can find the broker", fix)];
    }
    let mut diagnoses = Vec::with_capacity(addrs.len());
    let pool = Arc::new(ConnectionPool::new(Arc::new(Router::new()), PoolLimits::from(&settings.client)));
    let mut peers = None;
    for addr in addrs {
        let client = NameServerClient::new(Arc::clone(&pool), &addr);
        diagnoses.push(name_server(settings, &client, &addr, is_running).await);
        if peers.is_none() {
            let brokers = BrokerClient::new(Arc::clone(&pool));
            peers = peers::check(&client, &brokers, &settings.broker_addr()).await;
        }
    }
    pool.close();
    diagnoses.extend(peers);
    diagnoses
}

async fn name_server(
    settings: &BrokerSettings,
    client: &NameServerClient,
    addr: &str,
    is_running: bool,
) -> Diagnosis {
    let check = "NameServer";
    let (name, since) = (&settings.broker.broker_name, Instant::now());
    // Every broker has a topic of its own name.
    let answer = client.route(name, ANSWER_LIMIT).await;
    let millis = since.elapsed().as_millis();
    let route = match answer {
        Ok(route) => route,
        Err(error) => {
            let fix = "start it, or correct namesrvAddr";
            return Diagnosis::fail(check, format!("{addr} does not answer: {error}"), fix);
        }
    };
    let groups = route.into_iter().flat_map(|route| route.broker_datas);
    let known = groups.filter(|group| group.broker_name == *name).flat_map(|group| group.broker_addrs);
    let known: Vec<String> = known.map(|(_, known)| known).collect();
    let own = settings.broker_addr();
    if known.iter().any(|known| is_same(known, &own)) {
        return Diagnosis::ok(check, format!("{addr} answers in {millis} ms and knows this broker as {own}"));
    }
    let answers = format!("{addr} answers in {millis} ms");
    match (known.first(), is_running) {
        (Some(other), _) => Diagnosis::warn(
            check,
            format!("{answers} and knows another broker {name}, at {other}"),
            "give each broker a brokerName of its own",
        ),
        (None, true) => Diagnosis::warn(
            check,
            format!("{answers} and does not know the running broker"),
            "look into the broker's log for why it cannot register",
        ),
        (None, false) => Diagnosis::ok(check, answers),
    }
}
