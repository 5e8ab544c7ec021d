//! Metrics that leave the process by themselves, again and again: to a collector, or to the log.

use std::{str::FromStr, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use runtime::{clock::Clock, shutdown::Shutdown};
use thiserror::Error;
use tonic::{
    Request,
    metadata::{Ascii, MetadataKey, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::{family::Source, otlp::Encoder};

/// The target of the lines [`Destination::Log`] writes.
pub const LOG_TARGET: &str = "metrics_export";

/// Where metrics go.
#[derive(Debug)]
pub enum Destination {
    /// A collector that takes OTLP over gRPC.
    Collector(Box<Collector>),
    /// The log, a line of JSON each time, as OTLP has it.
    Log,
}

/// A collector of metrics.
#[derive(Debug)]
pub struct Collector {
    client: MetricsServiceClient<Channel>,
    headers: Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>,
    timeout: Duration,
}

/// Why nothing can be pushed to a collector.
#[derive(Debug, Error)]
pub enum CollectorError {
    /// The address is none.
    #[error("{0} is no address of a collector, which is http:// or https://, host:port")]
    Address(String),
    /// A header cannot be sent.
    #[error("{0} is no header, which is name:value")]
    Header(String),
}

impl Collector {
    /// The collector at an address; it is connected to when there is something to push. Without a scheme the address
    /// is one of TLS.
    ///
    /// # Errors
    /// When the address is none, or a header cannot be one. To be called by a task.
    pub fn new(
        target: &str,
        headers: &[(String, String)],
        timeout: Duration,
    ) -> Result<Self, CollectorError> {
        let address =
            if target.starts_with("http") { target.to_owned() } else { format!("https://{target}") };
        let wrong = |_| CollectorError::Address(target.to_owned());
        let mut endpoint = Endpoint::from_shared(address.clone()).map_err(wrong)?;
        if address.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(wrong)?;
        }
        let header = |(name, value): &(String, String)| {
            let wrong = || CollectorError::Header(format!("{name}:{value}"));
            let key = MetadataKey::from_str(&name.to_ascii_lowercase()).map_err(|_| wrong())?;
            Ok((key, MetadataValue::from_str(value).map_err(|_| wrong())?))
        };
        Ok(Self {
            client: MetricsServiceClient::new(endpoint.connect_timeout(timeout).connect_lazy()),
            headers: headers.iter().map(header).collect::<Result<_, CollectorError>>()?,
            timeout,
        })
    }
}

/// Pushes metrics, and once more when it is told to stop.
pub struct Pusher {
    /// Whose metrics.
    pub source: Arc<dyn Source>,
    /// How they are written.
    pub encoder: Encoder,
    /// Where to.
    pub destination: Destination,
    /// How often.
    pub interval: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Pusher {
    /// Runs until it is told to stop.
    pub async fn run(mut self, shutdown: Shutdown) {
        loop {
            let is_last = tokio::select! {
                () = shutdown.requested() => true,
                () = tokio::time::sleep(self.interval) => false,
            };
            self.push().await;
            if is_last {
                return;
            }
        }
    }

    async fn push(&mut self) {
        let source = Arc::clone(&self.source);
        let Ok(families) = tokio::task::spawn_blocking(move || source.collect()).await else { return };
        let now = self.clock.now_millis();
        match &mut self.destination {
            Destination::Log => match serde_json::to_string(&self.encoder.resource_metrics(families, now)) {
                Ok(line) => tracing::info!(target: LOG_TARGET, "{line}"),
                Err(error) => tracing::warn!(%error, "metrics not written to the log"),
            },
            Destination::Collector(collector) => {
                let mut request = Request::new(self.encoder.request(families, now));
                for (name, value) in &collector.headers {
                    request.metadata_mut().insert(name.clone(), value.clone());
                }
                let exported =
                    tokio::time::timeout(collector.timeout, collector.client.export(request)).await;
                let failure = match exported {
                    Ok(Ok(_)) => return,
                    Ok(Err(status)) => format!("{}: {}", status.code(), status.message()),
                    Err(_) => "it does not answer in time".to_owned(),
                };
                tracing::warn!(%failure, "metrics not taken by the collector");
            }
        }
    }
}
