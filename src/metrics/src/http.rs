//! A small HTTP listener for those who watch a process: scrapers and probes.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::shutdown::Shutdown;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

/// Connections served at once; further ones wait for theirs.
const CONNECTIONS_MAX: usize = 32;
/// How long a request's head may take to arrive.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may live, so that idle ones give way to others.
const CONNECTION_LIMIT: Duration = Duration::from_secs(120);
/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a path is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, or what is wrong.
    pub status: u16,
    /// Of which kind the text is.
    pub content_type: &'static str,
    /// The text.
    pub text: String,
}

impl Answer {
    /// A plain text under that status.
    pub fn plain(status: u16, text: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", text: text.into() }
    }

    /// Ready, or what is in the way, a line each.
    pub fn readiness(obstacles: &[String]) -> Self {
        if obstacles.is_empty() {
            return Self::plain(200, "ok\n");
        }
        Self::plain(503, obstacles.join("\n") + "\n")
    }
}

/// What a listener serves.
pub trait Pages: Send + Sync + 'static {
    /// The answer to a path; `None` where there is nothing. May take its time, and is not called by a task.
    fn get(&self, path: &str) -> Option<Answer>;
}

/// Serves pages until it is told to stop.
pub async fn serve(listener: TcpListener, pages: Arc<dyn Pages>, shutdown: Shutdown) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // They end with the listener.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = shutdown.requested() => return,
            accepted = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, listener.accept().await)
            } => accepted,
        };
        let (slot, Ok((stream, peer))) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let pages = Arc::clone(&pages);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&pages), request, peer));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                served = connection => {
                    if let Err(error) = served {
                        tracing::debug!(%peer, %error, "HTTP connection ended");
                    }
                }
                () = tokio::time::sleep(CONNECTION_LIMIT) => {}
            }
            drop(slot);
        });
    }
}

async fn answer(
    pages: Arc<dyn Pages>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(respond(Answer::plain(405, "only GET is served here\n")));
    }
    let path = request.uri().path().to_owned();
    tracing::trace!(%peer, path, "HTTP request");
    let found = tokio::task::spawn_blocking(move || pages.get(&path)).await;
    Ok(respond(match found {
        Ok(Some(answer)) => answer,
        Ok(None) => Answer::plain(404, "nothing here\n"),
        Err(_) => Answer::plain(500, "internal error, see the log\n"),
    }))
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.text));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}
