//! How what is measured leaves the broker (`metricsExporterType`), and where its health is asked.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use common::config::{BrokerConfig, BrokerSettings, MetricsExporterType};
use metrics::{
    family::{Scope, Source},
    http,
    otlp::{Encoder, Temporality},
    push::{Collector, CollectorError, Destination, Pusher},
};
use runtime::services::Services;
use thiserror::Error;
use tokio::net::TcpListener;

use super::{
    health::{BrokerPages, Health, Scraped},
    observed::{BrokerObserver, NamedLane},
};
use crate::{parts::Parts, registration::Registration};

/// The meter of a broker.
const METER: &str = "broker-meter";

/// Why metrics cannot be exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The collector cannot be one.
    #[error("metricsGrpcExporterTarget, metricsGrpcExporterHeader: {0}")]
    Collector(#[from] CollectorError),
    /// Metrics or health cannot be listened for.
    #[error("cannot listen on {key} {addr}: {source}")]
    Listen {
        /// The key that names the port.
        key: &'static str,
        /// Host and port.
        addr: String,
        /// Why.
        source: io::Error,
    },
}

/// Starts what the configuration asks for.
///
/// # Errors
/// When something cannot be listened on, or the collector cannot be one.
pub async fn start(
    settings: &BrokerSettings,
    parts: &Arc<Parts>,
    lanes: Vec<NamedLane>,
    registration: &Arc<Registration>,
    services: &Services,
) -> Result<(), ExportError> {
    let config = &settings.broker;
    let health = Health { store: Arc::clone(&parts.store), registration: Arc::clone(registration) };
    let source: Arc<dyn Source> = Arc::new(BrokerObserver::new(Arc::clone(parts), lanes));
    let clock = Arc::clone(&parts.clock);
    match config.metrics_exporter_type {
        MetricsExporterType::Disable => {}
        MetricsExporterType::Prom => {
            let host = Some(config.metrics_prom_exporter_host.trim()).filter(|host| !host.is_empty());
            let host = host.unwrap_or(&config.broker_ip1);
            let port = config.metrics_prom_exporter_port;
            let scraped = Scraped { source, scope: scope(config), clock };
            let pages = BrokerPages { health: health.clone(), metrics: Some(scraped) };
            serve("metricsPromExporterPort", host, port, pages, services).await?;
        }
        MetricsExporterType::OtlpGrpc if config.metrics_grpc_exporter_target.trim().is_empty() => {
            tracing::error!("metricsGrpcExporterTarget is not set, metrics are not exported");
        }
        MetricsExporterType::OtlpGrpc => {
            let headers = pairs("metricsGrpcExporterHeader", &config.metrics_grpc_exporter_header);
            let timeout = millis(config.metric_grpc_exporter_time_out_in_mills);
            let target = config.metrics_grpc_exporter_target.trim();
            let destination = Destination::Collector(Box::new(Collector::new(target, &headers, timeout)?));
            let interval = millis(config.metric_grpc_exporter_interval_in_mills);
            push(config, parts, source, destination, interval, services);
        }
        MetricsExporterType::Log => {
            let interval = millis(config.metric_logging_exporter_interval_in_mills);
            push(config, parts, source, Destination::Log, interval, services);
        }
    }
    if settings.process.health_listen_port > 0 {
        let host = settings.process.health_host(&settings.server.bind_address);
        let pages = BrokerPages { health, metrics: None };
        serve("healthListenPort", host, settings.process.health_listen_port, pages, services).await?;
    }
    Ok(())
}

async fn serve(
    key: &'static str,
    host: &str,
    port: i32,
    pages: BrokerPages,
    services: &Services,
) -> Result<(), ExportError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = u16::try_from(port).unwrap_or(0);
    let failed = |source| ExportError::Listen { key, addr: format!("{host}:{port}"), source };
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let addr: SocketAddr = listener.local_addr().map_err(failed)?;
    tracing::info!(%addr, key, "HTTP served");
    services.task("http", move |shutdown| http::serve(listener, Arc::new(pages), shutdown));
    Ok(())
}

fn push(
    config: &BrokerConfig,
    parts: &Parts,
    source: Arc<dyn Source>,
    destination: Destination,
    interval: Duration,
    services: &Services,
) {
    let temporality = if config.metrics_in_delta { Temporality::Delta } else { Temporality::Cumulative };
    let encoder = Encoder::new(scope(config), temporality, parts.clock.now_millis());
    let pusher = Pusher { source, encoder, destination, interval, clock: Arc::clone(&parts.clock) };
    services.task("metrics-push", move |shutdown| pusher.run(shutdown));
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0).max(1))
}

/// The labels of every point, of which RocketMQ's own win over those of `metricsLabel`.
fn scope(config: &BrokerConfig) -> Scope {
    let mut labels = pairs("metricsLabel", &config.metrics_label);
    let mut own = vec![
        ("node_type", "broker"),
        ("cluster", &config.broker_cluster_name),
        ("node_id", &config.broker_name),
    ];
    if config.metrics_in_delta {
        own.push(("aggregation", "delta"));
    }
    for (name, value) in own {
        labels.retain(|(label, _)| label != name);
        labels.push((name.to_owned(), value.to_owned()));
    }
    Scope { name: METER, labels }
}

/// Reads `name:value,name:value`; of a name the last counts.
fn pairs(key: &str, text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for item in text.split(',').filter(|item| !item.is_empty()) {
        match item.split_once(':').filter(|(name, value)| !name.is_empty() && !value.contains(':')) {
            Some((name, value)) if !value.is_empty() => {
                pairs.retain(|(known, _)| known != name);
                pairs.push((name.to_owned(), value.to_owned()));
            }
            _ => tracing::warn!(key, item, "is not name:value, left out"),
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_rocketmq_reads_them() {
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = pairs("metricsLabel", "dc:one,,rack:r2,bad,a:b:c,none:,dc:two");
        assert_eq!(read, [owned("rack", "r2"), owned("dc", "two")]);
    }
}
