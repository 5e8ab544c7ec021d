//! Whole servers, over real sockets.

use std::path::Path;

use client::nameserver::{BrokerIdentity, BrokerRegistration, NameServerClient, RegisterBrokerResult};
use common::{config::MachineDefaults, data_version::DataVersion, topic::TopicConfig};
use remoting::{
    body::registration::{RegisterBrokerBody, RegistrationLayout},
    command::Response,
    connection::dial,
    header::NoHeader,
    headers::{
        broker::{
            BrokerHeartbeatRequestHeader, GetKVConfigRequestHeader, NotifyMinBrokerIdChangeRequestHeader,
            PutKVConfigRequestHeader, RegisterBrokerRequestHeader, UnRegisterBrokerRequestHeader,
        },
        topic::GetRouteInfoRequestHeader,
    },
    lane::Lane,
    reply::{Incoming, Reply, ReplyResult},
    request::{
        GetAllTopicListFromNameserver, GetBrokerClusterInfo, GetKvConfig, GetNamesrvConfig,
        GetRouteinfoByTopic, NotifyMinBrokerIdChange, PutKvConfig, RegisterBroker, Request, RequestCode,
        UpdateNamesrvConfig,
    },
    router::Processor,
};
use runtime::clock::{ManualClock, SystemClock};
use tokio::sync::mpsc;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn settings(home: &Path) -> NamesrvSettings {
    let machine = MachineDefaults {
        cores: 2,
        host_name: "host".into(),
        local_address: "127.0.0.1".into(),
        user_home: home.to_string_lossy().into_owned(),
        rocketmq_home: None,
        namesrv_addr: None,
    };
    let mut settings = NamesrvSettings::with_defaults(&machine);
    settings.server.bind_address = "127.0.0.1".into();
    settings.server.listen_port = 0;
    settings
}

struct Running {
    server: NameServer,
    _home: tempfile::TempDir,
}

fn start(change: impl FnOnce(&mut NamesrvSettings)) -> Running {
    start_at(change, Arc::new(SystemClock::new()))
}

fn start_at(change: impl FnOnce(&mut NamesrvSettings), clock: Arc<dyn Clock>) -> Running {
    let home = tempfile::tempdir().unwrap();
    let mut settings = settings(home.path());
    change(&mut settings);
    Running { server: NameServer::start(settings, clock).unwrap(), _home: home }
}

impl Running {
    fn client(&self) -> NameServerClient {
        let pool = ConnectionPool::new(Arc::new(Router::new()), PoolLimits::default());
        NameServerClient::new(Arc::new(pool), &self.server.local_addr().to_string())
    }

    async fn dial(&self) -> ConnectionHandle {
        let (addr, limits) = (self.server.local_addr().to_string(), ConnectionLimits::default());
        dial(&addr, Arc::new(Router::new()), limits, LIMIT, &Shutdown::new()).await.unwrap()
    }
}

fn identity(id: i64, addr: &str) -> BrokerIdentity {
    BrokerIdentity {
        cluster_name: "C".into(),
        broker_name: "b".into(),
        broker_id: id,
        broker_addr: addr.into(),
    }
}

fn registration(id: i64, addr: &str) -> BrokerRegistration {
    let mut body = RegisterBrokerBody::default();
    body.topic_config_serialize_wrapper.data_version = DataVersion::born(1);
    for topic in ["T", "U"] {
        let table = &mut body.topic_config_serialize_wrapper.topic_config_table;
        table.insert(topic.into(), TopicConfig::new(topic, 4));
    }
    BrokerRegistration {
        broker: identity(id, addr),
        ha_server_addr: format!("ha-{addr}"),
        heartbeat_timeout: None,
        enable_acting_master: Some(true),
        zone_name: Some("z1".into()),
        layout: RegistrationLayout::Compressed,
        body,
    }
}

async fn register(client: &NameServerClient, id: i64, addr: &str) -> RegisterBrokerResult {
    let mut answers = client.register_broker(&registration(id, addr), LIMIT).await;
    answers.pop().unwrap().1.unwrap()
}

async fn ask<R: Request>(peer: &ConnectionHandle, header: R::Header, body: &'static [u8]) -> Response {
    peer.call::<R>(header, Bytes::from_static(body), LIMIT).await.unwrap()
}

async fn members(client: &NameServerClient) -> Vec<i64> {
    client.broker_member_group("C", "b", LIMIT).await.unwrap().broker_addrs.into_keys().collect()
}

async fn until_members_are(client: &NameServerClient, expected: &[i64]) {
    let waiting = async {
        while members(client).await != expected {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("members in time");
}

#[tokio::test]
async fn a_broker_comes_is_found_and_leaves() {
    let running = start(|_| {});
    let (broker, reader) = (running.client(), running.client());
    assert_eq!(register(&broker, 0, "b0:1").await, RegisterBrokerResult::default());
    let slave = register(&broker, 1, "b1:1").await;
    assert_eq!(slave.master_addr.as_deref(), Some("b0:1"));
    assert_eq!(slave.ha_server_addr.as_deref(), Some("ha-b0:1"));
    let route = reader.route("T", LIMIT).await.unwrap().unwrap();
    assert_eq!(route.broker_datas[0].broker_addrs.len(), 2);
    assert_eq!(route.broker_datas[0].zone_name.as_deref(), Some("z1"));
    assert_eq!(route.queue_datas[0].write_queue_nums, 4);
    assert_eq!(reader.route("V", LIMIT).await.unwrap(), None);
    assert!(!broker.needs_register(&identity(0, "b0:1"), DataVersion::born(1), LIMIT).await);
    assert!(broker.needs_register(&identity(0, "b0:1"), DataVersion::born(2), LIMIT).await);
    for (_, left) in broker.unregister_broker(&identity(0, "b0:1"), LIMIT).await {
        left.unwrap();
    }
    until_members_are(&reader, &[1]).await;
    running.server.stop(LIMIT).await;
    assert!(reader.route("T", LIMIT).await.is_err());
}

#[tokio::test]
async fn a_broker_whose_connection_closes_is_out_at_once() {
    let running = start(|_| {});
    let (first, second, reader) = (running.client(), running.client(), running.client());
    register(&first, 0, "b0:1").await;
    register(&second, 1, "b1:1").await;
    assert_eq!(members(&reader).await, [0, 1]);
    drop(first);
    until_members_are(&reader, &[1]).await;
    drop(second);
    until_members_are(&reader, &[]).await;
    assert_eq!(reader.route("T", LIMIT).await.unwrap(), None);
}

#[tokio::test]
async fn a_silent_broker_is_out_and_a_heartbeat_keeps_it_in() {
    let clock = Arc::new(ManualClock::at(0));
    let change = |settings: &mut NamesrvSettings| settings.namesrv.scan_not_active_broker_interval = 1;
    let running = start_at(change, clock.clone());
    let (broker, reader) = (running.client(), running.dial().await);
    register(&broker, 0, "b0:1").await;
    register(&broker, 1, "b1:1").await;
    clock.advance(Duration::from_secs(100));
    let header = BrokerHeartbeatRequestHeader {
        cluster_name: "C".into(),
        broker_addr: "b1:1".into(),
        broker_name: "b".into(),
        ..BrokerHeartbeatRequestHeader::default()
    };
    let answer = ask::<remoting::request::BrokerHeartbeat>(&reader, header, b"").await;
    assert_eq!(answer.code, 0);
    // A wall clock that jumps says nothing about how long anybody was silent.
    clock.jump_to(i64::MAX / 2);
    clock.advance(Duration::from_secs(21));
    until_members_are(&broker, &[1]).await;
    clock.advance(Duration::from_secs(100));
    until_members_are(&broker, &[]).await;
}

#[tokio::test]
async fn routes_come_in_the_dialect_of_the_asker() {
    let running = start(|_| {});
    let (broker, reader) = (running.client(), running.dial().await);
    register(&broker, 0, "b0:1").await;
    let header =
        |standard| GetRouteInfoRequestHeader { topic: "T".into(), accept_standard_json_only: standard };
    let answer = ask::<GetRouteinfoByTopic>(&reader, header(None), b"").await;
    assert!(std::str::from_utf8(&answer.body).unwrap().contains(r#"{"brokerAddrs":{"0":"b0:1"}"#));
    let answer = ask::<GetBrokerClusterInfo>(&reader, NoHeader {}, b"").await;
    assert!(std::str::from_utf8(&answer.body).unwrap().contains(r#"{"brokerAddrs":{0:"b0:1"}"#));
    let zone = |name: &str| vec![("__ZONE_MODE", "true".to_owned()), ("__ZONE_NAME", name.to_owned())];
    let near = reader.call_with_extra::<GetRouteinfoByTopic>(header(None), zone("Z1"), Bytes::new(), LIMIT);
    assert!(std::str::from_utf8(&near.await.unwrap().body).unwrap().contains(r#"{"brokerAddrs":{0:"b0:1"}"#));
    let far = reader.call_with_extra::<GetRouteinfoByTopic>(header(None), zone("z2"), Bytes::new(), LIMIT);
    assert_eq!(&far.await.unwrap().body[..], br#"{"brokerDatas":[],"filterServerTable":{},"queueDatas":[]}"#);
}

#[tokio::test]
async fn order_configuration_reaches_clients_and_brokers() {
    let running = start(|_| {});
    let (broker, peer) = (running.client(), running.dial().await);
    register(&broker, 0, "b0:1").await;
    let header = PutKVConfigRequestHeader {
        namespace: "ORDER_TOPIC_CONFIG".into(),
        key: "T".into(),
        value: "b:4".into(),
    };
    assert_eq!(ask::<PutKvConfig>(&peer, header, b"").await.code, 0);
    assert_eq!(register(&broker, 0, "b0:1").await.order_topics.table["T"], "b:4");
    assert_eq!(broker.route("T", LIMIT).await.unwrap().unwrap().order_topic_conf, None);
    assert_eq!(ask::<UpdateNamesrvConfig>(&peer, NoHeader {}, b"orderMessageEnable=true").await.code, 0);
    let route = broker.route("T", LIMIT).await.unwrap().unwrap();
    assert_eq!(route.order_topic_conf.as_deref(), Some("b:4"));
    let header = GetKVConfigRequestHeader { namespace: "N".into(), key: "k".into() };
    let missing = ask::<GetKvConfig>(&peer, header, b"").await;
    assert_eq!((missing.code, missing.remark.as_deref()), (22, Some("No config item, Namespace: N Key: k")));
}

#[tokio::test]
async fn settings_change_while_the_server_runs() {
    let running = start(|settings| settings.namesrv.need_wait_for_service = true);
    let (broker, peer) = (running.client(), running.dial().await);
    register(&broker, 0, "b0:1").await;
    let header = || GetRouteInfoRequestHeader { topic: "T".into(), accept_standard_json_only: None };
    let waiting = ask::<GetRouteinfoByTopic>(&peer, header(), b"").await;
    assert_eq!((waiting.code, waiting.remark.as_deref()), (1, Some("name server not ready")));
    let update = b"needWaitForService=false\nenableAllTopicList=false";
    assert_eq!(ask::<UpdateNamesrvConfig>(&peer, NoHeader {}, update).await.code, 0);
    assert_eq!(ask::<GetRouteinfoByTopic>(&peer, header(), b"").await.code, 0);
    let list = ask::<GetAllTopicListFromNameserver>(&peer, NoHeader {}, b"").await;
    assert_eq!((list.code, list.remark.as_deref()), (1, Some("disable")));
    let refused = ask::<UpdateNamesrvConfig>(&peer, NoHeader {}, b"kvConfigPath=/etc/passwd").await;
    assert_eq!(refused.code, 16);
    assert_eq!(refused.remark.as_deref(), Some("Can not update config in black list."));
    let text = ask::<GetNamesrvConfig>(&peer, NoHeader {}, b"").await.body;
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains("\nenableAllTopicList=false\n") && text.contains("/namesrv/kvConfig.json\n"));
    assert!(text.contains(&format!("\nlistenPort={}\n", running.server.local_addr().port())));
}

#[tokio::test]
async fn a_registration_that_was_damaged_is_refused() {
    let running = start(|_| {});
    let peer = running.dial().await;
    let header = |body_crc32, compressed| RegisterBrokerRequestHeader {
        broker_name: "b".into(),
        broker_addr: "b0:1".into(),
        cluster_name: "C".into(),
        ha_server_addr: "b0:2".into(),
        body_crc32,
        compressed,
        ..RegisterBrokerRequestHeader::default()
    };
    let answer = ask::<RegisterBroker>(&peer, header(1, None), b"{}").await;
    assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("crc32 not match")));
    for compressed in [None, Some(true)] {
        let answer = ask::<RegisterBroker>(&peer, header(0, compressed), b"no registration").await;
        assert!(answer.remark.unwrap().starts_with("Failed to decode RegisterBrokerBody"));
    }
    assert!(members(&running.client()).await.is_empty());
}

/// A broker's listener that keeps what it is told.
struct Told(mpsc::UnboundedSender<NotifyMinBrokerIdChangeRequestHeader>);

impl Processor<NotifyMinBrokerIdChange> for Told {
    async fn process(
        &self,
        incoming: Incoming<NotifyMinBrokerIdChange>,
    ) -> ReplyResult<NotifyMinBrokerIdChange> {
        self.0.send(incoming.header).unwrap();
        Ok(Reply::success())
    }
}

#[tokio::test]
async fn brokers_are_told_of_a_new_smallest_id() {
    let (sender, mut told) = mpsc::unbounded_channel();
    let services = Services::new(Handle::current());
    let lane = Arc::new(Lane::without_queue("test", 8));
    let router = Router::new().route::<NotifyMinBrokerIdChange, _>(&Arc::new(Told(sender)), &lane);
    let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let limits = ConnectionLimits::default();
    let slave = Server::start("test-broker", listener, Arc::new(router), limits, &services).unwrap();
    let slave_addr = slave.local_addr().to_string();
    let running = start(|settings| settings.namesrv.notify_min_broker_id_changed = true);
    let broker = running.client();
    register(&broker, 1, &slave_addr).await;
    register(&broker, 0, "b0:1").await;
    let come = tokio::time::timeout(LIMIT, told.recv()).await.unwrap().unwrap();
    assert_eq!((come.min_broker_id, come.min_broker_addr.as_deref()), (Some(0), Some("b0:1")));
    assert_eq!((come.ha_broker_addr.as_deref(), come.offline_broker_addr), (Some("ha-b0:1"), None));
    broker.unregister_broker(&identity(0, "b0:1"), LIMIT).await;
    let left = tokio::time::timeout(LIMIT, told.recv()).await.unwrap().unwrap();
    assert_eq!((left.min_broker_id, left.min_broker_addr.as_ref()), (Some(1), Some(&slave_addr)));
    assert_eq!((left.offline_broker_addr.as_deref(), left.ha_broker_addr), (Some("b0:1"), None));
}

#[tokio::test]
async fn what_was_put_outlives_the_server() {
    let home = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    for round in 0..2 {
        let server = NameServer::start(settings(home.path()), Arc::clone(&clock)).unwrap();
        let (addr, limits) = (server.local_addr().to_string(), ConnectionLimits::default());
        let peer = dial(&addr, Arc::new(Router::new()), limits, LIMIT, &Shutdown::new()).await.unwrap();
        let header = GetKVConfigRequestHeader { namespace: "N".into(), key: "k".into() };
        let answer = ask::<GetKvConfig>(&peer, header, b"").await;
        assert_eq!(answer.code == 0, round == 1);
        let header = PutKVConfigRequestHeader { namespace: "N".into(), key: "k".into(), value: "v".into() };
        assert_eq!(ask::<PutKvConfig>(&peer, header, b"").await.code, 0);
        server.stop(LIMIT).await;
    }
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let home = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut named = settings(home.path());
    named.server.bind_address = "no address".into();
    assert!(matches!(NameServer::start(named, Arc::clone(&clock)), Err(StartError::BindAddress { .. })));
    let running = start(|_| {});
    let mut taken = settings(home.path());
    taken.server.listen_port = i32::from(running.server.local_addr().port());
    assert!(matches!(NameServer::start(taken, Arc::clone(&clock)), Err(StartError::Bind { .. })));
    let damaged = settings(home.path());
    std::fs::create_dir_all(home.path().join("namesrv")).unwrap();
    std::fs::write(&damaged.namesrv.kv_config_path, b"{\"configTable\":[").unwrap();
    assert!(matches!(NameServer::start(damaged, clock), Err(StartError::KvConfig(_))));
}

#[tokio::test]
async fn clients_are_asked_to_go_elsewhere_before_a_graceful_stop() {
    let running = start(|settings| {
        settings.server.enable_shutdown_gracefully = true;
        // Long enough to be asked meanwhile, on a busy machine too.
        settings.server.shutdown_wait_time_seconds = 4;
    });
    let peer = running.dial().await;
    let stopping = running.server.stop(LIMIT);
    let asking = async {
        loop {
            let answer = ask::<GetBrokerClusterInfo>(&peer, NoHeader {}, b"").await;
            if answer.code == 1500 {
                break;
            }
        }
    };
    tokio::join!(stopping, asking);
    while !peer.is_closed() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn every_request_of_a_name_server_is_routed() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path());
    let lanes = Lanes::new(&settings.namesrv);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let kv = Arc::new(KvConfigManager::load(home.path().join("kv.json")).unwrap());
    let routes = Arc::new(RouteInfoManager::new(Arc::clone(&clock), 1).0);
    let config = Arc::new(ConfigCell::new(settings));
    let processors = Processors {
        route: Arc::new(RouteProcessor::new(routes.clone(), kv.clone(), config.clone(), clock)),
        registration: Arc::new(RegistrationProcessor::new(
            routes.clone(),
            kv.clone(),
            config.clone(),
            notify::channel().0,
        )),
        kv: Arc::new(KvProcessor::new(kv)),
        cluster: Arc::new(ClusterProcessor::new(routes.clone())),
        topic: Arc::new(TopicProcessor::new(routes, config.clone())),
        config: Arc::new(ConfigProcessor::new(config)),
    };
    let routed: Vec<_> = router(&processors, &lanes).routed().map(RequestCode::number).collect();
    let expected = [
        100, 101, 102, 103, 104, 105, 106, 205, 206, 216, 217, 219, 224, 304, 311, 312, 313, 318, 319, 322,
        327, 901, 904,
    ];
    assert_eq!(routed, expected);
}

#[tokio::test]
async fn a_full_queue_of_departures_is_said() {
    let (routes, _departures) = RouteInfoManager::new(Arc::new(SystemClock::new()), 1);
    let (routes, home) = (Arc::new(routes), tempfile::tempdir().unwrap());
    let kv = Arc::new(KvConfigManager::load(home.path().join("kv.json")).unwrap());
    let config = Arc::new(ConfigCell::new(settings(home.path())));
    let processor = RegistrationProcessor::new(routes, kv, config, notify::channel().0);
    let lane = Arc::new(Lane::without_queue("test", 8));
    let router = Router::new().route::<remoting::request::UnregisterBroker, _>(&Arc::new(processor), &lane);
    let services = Services::new(Handle::current());
    let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let limits = ConnectionLimits::default();
    let server = Server::start("test", listener, Arc::new(router), limits, &services).unwrap();
    let addr = server.local_addr().to_string();
    let peer = dial(&addr, Arc::new(Router::new()), limits, LIMIT, &Shutdown::new()).await.unwrap();
    let header = || UnRegisterBrokerRequestHeader { broker_name: "b".into(), ..Default::default() };
    let first = ask::<remoting::request::UnregisterBroker>(&peer, header(), b"").await;
    let second = ask::<remoting::request::UnregisterBroker>(&peer, header(), b"").await;
    assert_eq!((first.code, second.code, second.remark), (0, 1, None));
}
