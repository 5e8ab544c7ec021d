use std::net::SocketAddr;

use common::{data_version::DataVersion, topic::TopicConfig};
use remoting::{
    body::registration::{RegisterBrokerBody, RegistrationLayout},
    connection::ConnectionLimits,
    headers::broker::RegisterBrokerResponseHeader,
    lane::Lane,
    reply::{Incoming, Refusal, Reply, ReplyResult},
    request::{QueryDataVersion, RegisterBroker},
    router::{Processor, Router},
    server::Server,
};
use runtime::services::Services;
use tokio::runtime::Handle;

use super::*;
use crate::pool::PoolLimits;

const LIMIT: Duration = Duration::from_secs(20);

/// A NameServer that says who it is and gives back what it reads.
struct Sample {
    name: &'static str,
    route: Option<&'static str>,
}

impl Processor<RegisterBroker> for Sample {
    async fn process(&self, incoming: Incoming<RegisterBroker>) -> ReplyResult<RegisterBroker> {
        let crc32 = (crc32fast::hash(&incoming.body) & 0x7FFF_FFFF) as i32;
        assert_eq!(crc32, incoming.header.body_crc32);
        let layout = match incoming.header.compressed {
            Some(true) => RegistrationLayout::Compressed,
            _ => RegistrationLayout::Plain,
        };
        let body = RegisterBrokerBody::decode(&incoming.body, layout, incoming.version).unwrap();
        let topics = body.topic_config_serialize_wrapper.topic_config_table;
        let header = RegisterBrokerResponseHeader {
            ha_server_addr: Some(self.name.to_owned()),
            master_addr: Some(format!("{} {}", incoming.header.broker_name, topics.len())),
        };
        Ok(Reply::success().with_header(header).with_body(br#"{"table":{"T":"b:4"}}"#.to_vec()))
    }
}

impl Processor<GetRouteinfoByTopic> for Sample {
    async fn process(&self, _: Incoming<GetRouteinfoByTopic>) -> ReplyResult<GetRouteinfoByTopic> {
        match self.route {
            Some("busy") => Err(Refusal::system_error("name server not ready")),
            Some(route) => Ok(Reply::success().with_body(route.as_bytes().to_vec())),
            None => Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, "no such topic")),
        }
    }
}

impl Processor<QueryDataVersion> for Sample {
    async fn process(&self, incoming: Incoming<QueryDataVersion>) -> ReplyResult<QueryDataVersion> {
        let header = remoting::headers::broker::QueryDataVersionResponseHeader { changed: false };
        Ok(Reply::success().with_header(header).with_body(incoming.body))
    }
}

fn serve(name: &'static str, route: Option<&'static str>, services: &Services) -> Server {
    let sample = Arc::new(Sample { name, route });
    let lane = Arc::new(Lane::without_queue("test", 16));
    let router = Router::new()
        .route::<RegisterBroker, _>(&sample, &lane)
        .route::<QueryDataVersion, _>(&sample, &lane)
        .route::<GetRouteinfoByTopic, _>(&sample, &lane);
    let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    Server::start("test-server", listener, Arc::new(router), ConnectionLimits::default(), services).unwrap()
}

fn client(list: &str) -> NameServerClient {
    let pool = ConnectionPool::new(Arc::new(Router::new()), PoolLimits::default());
    NameServerClient::new(Arc::new(pool), list)
}

/// An address nobody listens on.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

fn identity() -> BrokerIdentity {
    BrokerIdentity {
        cluster_name: "C".into(),
        broker_name: "broker-a".into(),
        broker_id: 0,
        broker_addr: "127.0.0.1:10911".into(),
    }
}

fn registration(layout: RegistrationLayout) -> BrokerRegistration {
    let mut body = RegisterBrokerBody::default();
    for topic in ["T", "U"] {
        let table = &mut body.topic_config_serialize_wrapper.topic_config_table;
        table.insert(topic.into(), TopicConfig::new(topic, 4));
    }
    BrokerRegistration {
        broker: identity(),
        ha_server_addr: "127.0.0.1:10912".into(),
        heartbeat_timeout: None,
        enable_acting_master: Some(false),
        zone_name: None,
        layout,
        body,
    }
}

#[tokio::test]
async fn a_broker_registers_everywhere_and_hears_of_each_failure() {
    let services = Services::new(Handle::current());
    let (one, two) = (serve("one", None, &services), serve("two", None, &services));
    let nowhere = nowhere();
    let client = client(&format!(" {};{nowhere};{};", one.local_addr(), two.local_addr()));
    for layout in [RegistrationLayout::Plain, RegistrationLayout::Compressed] {
        let results = client.register_broker(&registration(layout), LIMIT).await;
        let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
        let [Ok(first), Err(NameServerError::Pool(_)), Ok(second)] = results.as_slice() else {
            panic!("{results:?}");
        };
        assert_eq!(first.ha_server_addr.as_deref(), Some("one"));
        assert_eq!(second.ha_server_addr.as_deref(), Some("two"));
        assert_eq!(second.master_addr.as_deref(), Some("broker-a 2"));
        assert_eq!(second.order_topics.table["T"], "b:4");
    }
}

#[tokio::test]
async fn a_route_comes_from_the_server_that_answers() {
    let services = Services::new(Handle::current());
    let route = r#"{"brokerDatas":[{"brokerAddrs":{0:"a:1"},"brokerName":"b","cluster":"C"}]}"#;
    let (busy, good) = (serve("busy", Some("busy"), &services), serve("good", Some(route), &services));
    let client = client(&format!("{};{};{}", nowhere(), busy.local_addr(), good.local_addr()));
    for _ in 0..3 {
        let found = client.route("T", LIMIT).await.unwrap().unwrap();
        assert_eq!(found.broker_datas[0].broker_addrs[&0], "a:1");
    }
    client.set_addrs("");
    assert!(matches!(client.route("T", LIMIT).await, Err(NameServerError::NoAddress)));
}

#[tokio::test]
async fn an_unknown_topic_is_no_failure() {
    let services = Services::new(Handle::current());
    let server = serve("one", None, &services);
    let client = client(&server.local_addr().to_string());
    assert_eq!(client.route("T", LIMIT).await.unwrap(), None);
}

#[tokio::test]
async fn versions_are_compared_and_silence_means_register() {
    let services = Services::new(Handle::current());
    let server = serve("one", None, &services);
    let client = client(&server.local_addr().to_string());
    let version = DataVersion::born(7);
    assert!(!client.needs_register(&identity(), version, LIMIT).await);
    client.set_addrs(&format!("{};{}", server.local_addr(), nowhere()));
    assert!(client.needs_register(&identity(), version, LIMIT).await);
}

#[tokio::test]
async fn a_server_before_5_0_tells_members_by_route() {
    let services = Services::new(Handle::current());
    let route = r#"{"brokerDatas":[{"brokerAddrs":{0:"a:1",2:"a:2"},"brokerName":"b","cluster":"C"}]}"#;
    let server = serve("one", Some(route), &services);
    let client = client(&server.local_addr().to_string());
    let group = client.broker_member_group("C", "b", LIMIT).await.unwrap();
    assert_eq!(group.broker_addrs.keys().collect::<Vec<_>>(), [&0, &2]);
    assert!(client.broker_member_group("C", "other", LIMIT).await.unwrap().broker_addrs.is_empty());
}
