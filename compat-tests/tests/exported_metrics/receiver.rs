//! A collector that takes what is exported over gRPC and hands it on.

use std::{
    convert::Infallible,
    future,
    net::SocketAddr,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use http_body_util::{BodyExt, Full, combinators::WithTrailers};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    header::HeaderValue,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use tokio::net::TcpListener;

/// Before each message of gRPC: whether it is packed, and its length.
const GRPC_PREFIX_BYTES: usize = 5;
const PATH: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

type Body = WithTrailers<Full<Bytes>, future::Ready<Option<Result<HeaderMap, Infallible>>>>;

/// An export, and the `token` header it came with.
pub struct Export {
    pub token: Option<String>,
    pub request: ExportMetricsServiceRequest,
}

/// Listens until the process ends; exports come out of what is answered.
pub fn start() -> (SocketAddr, Receiver<Export>) {
    let (sender, exports) = mpsc::channel();
    let (bound, addr) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            bound.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let sender = sender.clone();
                let service = service_fn(move |request| take(request, sender.clone()));
                let connection = http2::Builder::new(TokioExecutor::new());
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    (addr.recv().unwrap(), exports)
}

/// Hands an export on and says that it is well.
async fn take(request: Request<Incoming>, exports: Sender<Export>) -> Result<Response<Body>, hyper::Error> {
    assert_eq!(request.uri().path(), PATH);
    let token = request.headers().get("token").map(|token| token.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await?.to_bytes();
    let request = ExportMetricsServiceRequest::decode(body.slice(GRPC_PREFIX_BYTES..)).unwrap();
    // Whoever listened may have seen enough.
    let _ = exports.send(Export { token, request });
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let nothing = Full::from(Bytes::from_static(&[0; GRPC_PREFIX_BYTES]));
    let body = nothing.with_trailers(future::ready(Some(Ok(trailers))));
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}
