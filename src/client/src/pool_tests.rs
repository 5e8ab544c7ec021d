use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use remoting::{
    command::CommandRef, connection::CloseReason, header::NoHeader, reply::Answer, request::HeartBeat,
    router::Router, server::Server,
};
use runtime::services::Services;
use tokio::runtime::Handle;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);
/// Long enough for a peer that ought to have answered.
const BRIEF: Duration = Duration::from_millis(200);

/// A server that counts its connections and supports no request.
#[derive(Default)]
struct Counting {
    router: Router,
    accepted: AtomicUsize,
}

impl Service for Counting {
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
    ) -> BoxFuture<'static, Answer> {
        self.router.call(command, body, peer)
    }

    fn connected(&self, _peer: &ConnectionHandle) {
        self.accepted.fetch_add(1, Ordering::SeqCst);
    }

    fn disconnected(&self, _peer: &ConnectionHandle, _reason: &CloseReason) {}
}

fn serve(addr: SocketAddr, services: &Services) -> (Server, Arc<Counting>) {
    let counting = Arc::new(Counting::default());
    let listener = Server::bind(addr).unwrap();
    let service: Arc<dyn Service> = counting.clone();
    let server =
        Server::start("test-server", listener, service, ConnectionLimits::default(), services).unwrap();
    (server, counting)
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn pool(addresses_max: usize) -> ConnectionPool {
    let limits = PoolLimits { addresses_max, ..PoolLimits::default() };
    ConnectionPool::new(Arc::new(Router::new()), limits)
}

#[tokio::test]
async fn many_askers_share_one_connection() {
    let services = Services::new(Handle::current());
    let (server, counting) = serve(any_port(), &services);
    let addr = server.local_addr().to_string();
    let pool = pool(8);
    let asked = (0..50).map(|_| pool.call::<HeartBeat>(&addr, NoHeader {}, Bytes::new(), LIMIT));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.unwrap().code, 3);
    }
    assert_eq!(counting.accepted.load(Ordering::SeqCst), 1);
    assert!(pool.open(&addr).is_some());
}

#[tokio::test]
async fn a_closed_connection_is_dialled_anew() {
    let services = Services::new(Handle::current());
    let (server, _) = serve(any_port(), &services);
    let (addr, pool) = (server.local_addr(), pool(8));
    let first = pool.get(&addr.to_string()).await.unwrap();
    server.drain(LIMIT).await;
    services.stop(LIMIT).await;
    while !first.is_closed() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let failed = pool.call::<HeartBeat>(&addr.to_string(), NoHeader {}, Bytes::new(), LIMIT).await;
    assert!(matches!(failed, Err(PoolError::Dial(_))));
    let (_server, _) = serve(addr, &services);
    let second = pool.get(&addr.to_string()).await.unwrap();
    assert_ne!(first.id(), second.id());
}

#[tokio::test]
async fn the_number_of_addresses_is_bounded() {
    let services = Services::new(Handle::current());
    let (first, _) = serve(any_port(), &services);
    let (second, _) = serve(any_port(), &services);
    let pool = pool(1);
    let handle = pool.get(&first.local_addr().to_string()).await.unwrap();
    let full = pool.get(&second.local_addr().to_string()).await;
    assert!(matches!(full, Err(PoolError::Full(1))));
    first.drain(LIMIT).await;
    while !handle.is_closed() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(pool.get(&second.local_addr().to_string()).await.is_ok());
}

#[tokio::test]
async fn a_closed_pool_ends_its_connections_and_dials_no_more() {
    let services = Services::new(Handle::current());
    let (server, _) = serve(any_port(), &services);
    let pool = pool(8);
    let handle = pool.get(&server.local_addr().to_string()).await.unwrap();
    pool.close();
    while !handle.is_closed() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(matches!(pool.get("127.0.0.1:1").await, Err(PoolError::Closed)));
}

#[tokio::test]
async fn one_that_gives_up_does_not_stop_the_others() {
    let services = Services::new(Handle::current());
    let (server, counting) = serve(any_port(), &services);
    let (addr, pool) = (server.local_addr().to_string(), pool(8));
    let impatient = pool.get_within(&addr, Duration::ZERO);
    let (gave_up, got) = tokio::join!(impatient, pool.get(&addr));
    assert!(matches!(gave_up, Err(PoolError::Timeout { .. })) || gave_up.is_ok());
    assert!(got.is_ok());
    // Once a call is answered, the server has counted its connection.
    pool.call::<HeartBeat>(&addr, NoHeader {}, Bytes::new(), LIMIT).await.unwrap();
    assert_eq!(counting.accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_answer_is_dialled_anew_unless_told_otherwise() {
    let silent = std::net::TcpListener::bind(any_port()).unwrap();
    let addr = silent.local_addr().unwrap().to_string();
    for (after_timeout, stays) in [(AfterFailure::Close, false), (AfterFailure::Keep, true)] {
        let limits = PoolLimits { after_timeout, ..PoolLimits::default() };
        let pool = ConnectionPool::new(Arc::new(Router::new()), limits);
        pool.get(&addr).await.unwrap();
        let asked = pool.call::<HeartBeat>(&addr, NoHeader {}, Bytes::new(), BRIEF).await;
        assert!(matches!(asked, Err(PoolError::Call(CallError::Timeout { .. }) | PoolError::Timeout { .. })));
        assert_eq!(pool.open(&addr).is_some(), stays);
    }
}

#[tokio::test]
async fn a_server_that_asks_to_go_away_is_left() {
    let services = Services::new(Handle::current());
    let (server, _) = serve(any_port(), &services);
    let (addr, pool) = (server.local_addr().to_string(), pool(8));
    server.go_away();
    let answer = pool.call::<HeartBeat>(&addr, NoHeader {}, Bytes::new(), LIMIT).await.unwrap();
    assert_eq!(answer.code, ResponseCode::GO_AWAY.0);
    assert!(pool.open(&addr).is_none());
}
