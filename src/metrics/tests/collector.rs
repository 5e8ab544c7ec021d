//! What a collector gets over gRPC, and what a scraper and a probe get over HTTP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests")]

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, combinators::WithTrailers};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    header::HeaderValue,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics::{
    family::{Family, Point, Scope, Source},
    http::{self, Answer, Pages},
    otlp::{Encoder, Temporality},
    push::{Collector, Destination, Pusher},
};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use runtime::{clock::ManualClock, shutdown::Shutdown};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

const LIMIT: Duration = Duration::from_secs(30);
/// Before each message of gRPC: whether it is packed, and its length.
const GRPC_PREFIX_BYTES: usize = 5;

struct One;
impl Source for One {
    fn collect(&self) -> Vec<Family> {
        vec![Family::gauge("one", "One", vec![Point::new(vec![("label", "value".into())], 1)])]
    }
}

type Received = (String, Option<HeaderValue>, ExportMetricsServiceRequest);
type GrpcBody = WithTrailers<Full<Bytes>, std::future::Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Takes one export and says that it is well.
async fn collect(
    request: Request<Incoming>,
    received: mpsc::Sender<Received>,
) -> Result<Response<GrpcBody>, hyper::Error> {
    let (path, header) = (request.uri().path().to_owned(), request.headers().get("token").cloned());
    let body = request.into_body().collect().await?.to_bytes();
    let export = ExportMetricsServiceRequest::decode(body.slice(GRPC_PREFIX_BYTES..)).unwrap();
    received.send((path, header, export)).await.unwrap();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let nothing = Full::from(Bytes::from_static(&[0; GRPC_PREFIX_BYTES]));
    let body = nothing.with_trailers(std::future::ready(Some(Ok(trailers))));
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}

#[tokio::test]
async fn a_collector_gets_what_is_measured() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut received) = mpsc::channel(8);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request| collect(request, sender.clone()));
        let connection = http2::Builder::new(TokioExecutor::new());
        connection.serve_connection(TokioIo::new(stream), service).await.ok();
    });
    let headers = [("Token".to_owned(), "secret".to_owned())];
    let scope = Scope { name: "meter", labels: vec![("cluster".to_owned(), "c".to_owned())] };
    let pusher = Pusher {
        source: Arc::new(One),
        encoder: Encoder::new(scope, Temporality::Cumulative, 0),
        destination: Destination::Collector(Box::new(Collector::new(&target, &headers, LIMIT).unwrap())),
        interval: Duration::from_millis(10),
        clock: Arc::new(ManualClock::at(7)),
    };
    let shutdown = Shutdown::new();
    let pushing = tokio::spawn(pusher.run(shutdown.clone()));
    let (path, header, export) = tokio::time::timeout(LIMIT, received.recv()).await.unwrap().unwrap();
    assert_eq!(path, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    assert_eq!(header.unwrap(), "secret");
    let scoped = &export.resource_metrics[0].scope_metrics[0];
    assert_eq!(scoped.scope.as_ref().unwrap().name, "meter");
    assert_eq!((scoped.metrics.len(), scoped.metrics[0].name.as_str()), (1, "one"));
    shutdown.request();
    tokio::time::timeout(LIMIT, pushing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_target_without_a_scheme_is_one_of_tls() {
    assert!(Collector::new("127.0.0.1:4317", &[], LIMIT).is_ok());
    assert!(Collector::new("http://not an address", &[], LIMIT).is_err());
    let bad = [("bad name".to_owned(), "x".to_owned())];
    assert!(Collector::new("http://127.0.0.1:1", &bad, LIMIT).is_err());
}

struct Page;
impl Pages for Page {
    fn get(&self, path: &str) -> Option<Answer> {
        (path == "/page").then(|| Answer::plain(200, "text\n"))
    }
}

/// Status line and body of a request of one line.
async fn asked(addr: std::net::SocketAddr, line: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(format!("{line} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn pages_are_served_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
    let serving = tokio::spawn(http::serve(listener, Arc::new(Page), shutdown.clone()));
    assert_eq!(asked(addr, "GET /page").await, ("HTTP/1.0 200 OK".to_owned(), "text\n".to_owned()));
    assert!(asked(addr, "GET /other").await.0.contains("404"));
    assert!(asked(addr, "POST /page").await.0.contains("405"));
    shutdown.request();
    tokio::time::timeout(LIMIT, serving).await.unwrap().unwrap();
}
