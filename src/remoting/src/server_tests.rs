use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use runtime::{services::Services, shutdown::Shutdown};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    sync::Notify,
};

use super::*;
use crate::{
    codec::{Head, encode_head, split_frame},
    command::{FLAG_RESPONSE, Response, SerializeType},
    connection::{ConnectionHandle, dial},
    header::NoHeader,
    headers::consumer::NotifyConsumerIdsChangedRequestHeader,
    headers::topic::GetRouteInfoRequestHeader,
    lane::Lane,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{GetBrokerClusterInfo, GetRouteinfoByTopic, HeartBeat, NotifyConsumerIdsChanged},
    response_code::ResponseCode,
    router::{Processor, Router},
};

const LIMIT: Duration = Duration::from_secs(20);

/// Answers route requests at once, cluster requests once released, and heartbeats by calling back.
#[derive(Default)]
struct Sample {
    released: Notify,
}

impl Processor<GetRouteinfoByTopic> for Sample {
    async fn process(&self, incoming: Incoming<GetRouteinfoByTopic>) -> ReplyResult<GetRouteinfoByTopic> {
        match incoming.header.topic.as_str() {
            "panic" => panic!("on purpose"),
            "none" => Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, "no such topic")),
            topic => Ok(Reply::success().with_body(topic.as_bytes().to_vec())),
        }
    }
}

impl Processor<GetBrokerClusterInfo> for Sample {
    async fn process(&self, _: Incoming<GetBrokerClusterInfo>) -> ReplyResult<GetBrokerClusterInfo> {
        self.released.notified().await;
        Ok(Reply::success())
    }
}

impl Processor<HeartBeat> for Sample {
    async fn process(&self, incoming: Incoming<HeartBeat>) -> ReplyResult<HeartBeat> {
        let header = NotifyConsumerIdsChangedRequestHeader { consumer_group: "G".into() };
        let answer = incoming.peer.call::<NotifyConsumerIdsChanged>(header, incoming.body, LIMIT).await;
        let answer = answer.map_err(|error| Refusal::system_error(error.to_string()))?;
        Ok(Reply::success().with_body(answer.body))
    }
}

/// A client's side: echoes what it is called with.
struct Echo;

impl Processor<NotifyConsumerIdsChanged> for Echo {
    async fn process(
        &self,
        incoming: Incoming<NotifyConsumerIdsChanged>,
    ) -> ReplyResult<NotifyConsumerIdsChanged> {
        Ok(Reply::success().with_body(incoming.body))
    }
}

struct Running {
    server: Server,
    services: Services,
    sample: Arc<Sample>,
}

fn serve() -> Running {
    let sample = Arc::new(Sample::default());
    let lane = Arc::new(Lane::without_queue("test", 100));
    let router = Router::new()
        .route::<GetRouteinfoByTopic, _>(&sample, &lane)
        .route::<GetBrokerClusterInfo, _>(&sample, &lane)
        .route::<HeartBeat, _>(&sample, &lane);
    let services = Services::new(Handle::current());
    let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let limits = ConnectionLimits::default();
    let server = Server::start("test-server", listener, Arc::new(router), limits, &services).unwrap();
    Running { server, services, sample }
}

async fn client(addr: SocketAddr) -> ConnectionHandle {
    let lane = Arc::new(Lane::without_queue("client", 10));
    let router = Router::new().route::<NotifyConsumerIdsChanged, _>(&Arc::new(Echo), &lane);
    let limits = ConnectionLimits::default();
    dial(&addr.to_string(), Arc::new(router), limits, LIMIT, &Shutdown::new()).await.unwrap()
}

async fn route(client: &ConnectionHandle, topic: &str) -> Response {
    let header = GetRouteInfoRequestHeader { topic: topic.into(), accept_standard_json_only: None };
    client.call::<GetRouteinfoByTopic>(header, Bytes::new(), LIMIT).await.unwrap()
}

#[tokio::test]
async fn answers_carry_codes_bodies_and_remarks() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    assert_eq!(&route(&client, "T").await.body[..], b"T");
    let refused = route(&client, "none").await;
    assert_eq!((refused.code, refused.remark.as_deref()), (17, Some("no such topic")));
    assert_eq!(route(&client, "panic").await.code, 1);
    assert_eq!(route(&client, "T").await.code, 0, "the connection outlives a panic");
    let large = "x".repeat(1 << 20);
    assert_eq!(route(&client, &large[..60_000]).await.body.len(), 60_000);
}

#[tokio::test]
async fn an_unrouted_code_is_not_supported() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    let header = NotifyConsumerIdsChangedRequestHeader { consumer_group: "G".into() };
    let answer = client.call::<NotifyConsumerIdsChanged>(header, Bytes::new(), LIMIT).await.unwrap();
    assert_eq!(
        (answer.code, answer.remark.as_deref()),
        (3, Some(" request type 40 not supported: brokers send it to clients"))
    );
}

#[tokio::test]
async fn both_ends_ask_over_one_connection() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    let answer = client.call::<HeartBeat>(NoHeader {}, Bytes::from_static(b"hello"), LIMIT).await.unwrap();
    assert_eq!(&answer.body[..], b"hello");
}

#[tokio::test]
async fn a_later_request_overtakes_a_parked_one() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    let parked = client.call::<GetBrokerClusterInfo>(NoHeader {}, Bytes::new(), LIMIT);
    tokio::pin!(parked);
    tokio::select! {
        _ = &mut parked => panic!("answered before it was released"),
        answer = route(&client, "T") => assert_eq!(answer.code, 0),
    }
    running.sample.released.notify_one();
    assert_eq!(parked.await.unwrap().code, 0);
}

#[tokio::test]
async fn draining_writes_what_is_under_way_and_closes() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    let parked = client.call::<GetBrokerClusterInfo>(NoHeader {}, Bytes::new(), LIMIT);
    tokio::pin!(parked);
    tokio::select! {
        _ = &mut parked => panic!("answered before it was released"),
        _ = route(&client, "T") => {}
    }
    let drained = running.server.drain(LIMIT);
    running.sample.released.notify_one();
    let (answer, ()) = tokio::join!(parked, drained);
    assert_eq!(answer.unwrap().code, 0);
    running.services.stop(LIMIT).await;
    let late = client.call::<HeartBeat>(NoHeader {}, Bytes::new(), LIMIT).await;
    assert!(late.is_err());
}

#[tokio::test]
async fn clients_that_know_it_are_told_to_go_away() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    running.server.go_away();
    assert_eq!(route(&client, "T").await.code, ResponseCode::GO_AWAY.0);
}

#[tokio::test]
async fn garbage_closes_its_own_connection_only() {
    let running = serve();
    let client = client(running.server.local_addr()).await;
    for garbage in [&[0xFF; 64][..], &[0x16, 3, 1, 0, 5], &[0, 0, 0, 8, 0, 0, 0, 4, b'n', b'o', b'n', b'e']] {
        let mut socket = TcpStream::connect(running.server.local_addr()).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LIMIT, socket.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(read.unwrap_or(0), 0);
    }
    assert_eq!(route(&client, "T").await.code, 0);
}

#[tokio::test]
async fn pipelined_binary_requests_are_answered_in_kind() {
    let running = serve();
    let mut out = Vec::new();
    for opaque in 0..500 {
        let head =
            Head { code: 105, opaque, flag: 0, remark: None, extra: &[], serialize: SerializeType::RocketMq };
        let header = GetRouteInfoRequestHeader { topic: "T".into(), accept_standard_json_only: None };
        encode_head(&mut out, &head, Some(&header), 0);
    }
    let mut socket = TcpStream::connect(running.server.local_addr()).await.unwrap();
    // One byte first: a frame may come in any pieces.
    socket.write_all(&out[..1]).await.unwrap();
    socket.write_all(&out[1..]).await.unwrap();
    let mut read = BytesMut::new();
    for opaque in 0..500 {
        let frame = loop {
            if let Some(frame) = split_frame(&mut read).unwrap() {
                break frame;
            }
            assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0);
        };
        let command = frame.header().unwrap();
        assert_eq!((command.opaque, command.flag), (opaque, FLAG_RESPONSE));
        assert_eq!(command.serialize, SerializeType::RocketMq);
        assert_eq!(&frame.body[..], b"T");
    }
}
