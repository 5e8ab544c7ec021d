use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use remoting::{
    command::{CommandRef, Response},
    connection::{CloseReason, ConnectionHandle, ConnectionLimits, Service, dial},
    header::NoHeader,
    headers::consumer::UnregisterClientRequestHeader,
    lane::Lane,
    reply::Answer,
    request::NotifyConsumerIdsChanged,
    router::Router,
    server::Server,
};
use runtime::{clock::ManualClock, services::Services, shutdown::Shutdown};
use tokio::{runtime::Handle, sync::mpsc};

use super::*;
use crate::{
    clients::ConsumerIdsNotifier,
    metadata::{
        MemoryMetadata,
        testing::{broker_config, memory, store_config},
    },
    topics::BoxFuture,
};

const LIMIT: Duration = Duration::from_secs(20);

/// Notes what is announced, and that it was on disk by then.
struct Announced {
    memory: Arc<MemoryMetadata>,
    topics: Mutex<Vec<String>>,
}

impl TopicAnnouncer for Announced {
    fn announce<'a>(&'a self, topics: &'a [Arc<TopicConfig>]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let written = self.memory.text("topics.json").unwrap();
            for topic in topics {
                assert!(written.contains(&format!("\"{}\"", topic.topic_name)));
                self.topics.lock().push(topic.topic_name.clone());
            }
        })
    }
}

/// A broker's listener as far as clients' heartbeats go.
struct Listener {
    router: Router,
    tables: ClientTables,
}

impl Service for Listener {
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
    ) -> futures_of::BoxFuture<Answer> {
        self.router.call(command, body, peer)
    }

    fn disconnected(&self, peer: &ConnectionHandle, _: &CloseReason) {
        self.tables.consumers.connection_closed(peer.id());
        self.tables.producers.connection_closed(peer.id());
    }
}

mod futures_of {
    pub(super) type BoxFuture<T> = crate::topics::BoxFuture<'static, T>;
}

struct Running {
    server: Server,
    _services: Services,
    config: Live<BrokerConfig>,
    tables: ClientTables,
    announced: Arc<Announced>,
}

fn serve(broker: &BrokerConfig) -> Running {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(1_000));
    let (memory, metadata) = memory();
    let notifier = Arc::new(ConsumerIdsNotifier::new(broker));
    let topics =
        TopicConfigManager::load(broker, &store_config(), Arc::clone(&metadata), Arc::clone(&clock)).unwrap();
    let filters = Arc::new(ConsumerFilterManager::new(broker, Arc::clone(&clock)).unwrap());
    let tables = ClientTables {
        topics: Arc::new(topics),
        groups: Arc::new(SubscriptionGroupManager::load(broker, metadata, Arc::clone(&clock)).unwrap()),
        filters: Arc::clone(&filters),
        consumers: Arc::new(ConsumerManager::new(broker, notifier, Arc::clone(&clock)).with_filters(filters)),
        producers: Arc::new(ProducerManager::new(broker, Arc::clone(&clock))),
    };
    let announced = Arc::new(Announced { memory, topics: Mutex::default() });
    let config = Live::new(broker.clone());
    let processor = Arc::new(ClientManageProcessor::new(
        config.clone(),
        tables.clone(),
        Arc::clone(&announced) as Arc<dyn TopicAnnouncer>,
        clock,
    ));
    let lane = Arc::new(Lane::without_queue("clients", 100));
    let router = Router::new()
        .route::<HeartBeat, _>(&processor, &lane)
        .route::<UnregisterClient, _>(&processor, &lane)
        .route::<CheckClientConfig, _>(&processor, &lane);
    let services = Services::new(Handle::current());
    let socket = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = Arc::new(Listener { router, tables: tables.clone() });
    let server =
        Server::start("test-server", socket, listener, ConnectionLimits::default(), &services).unwrap();
    Running { server, _services: services, config, tables, announced }
}

/// A client's side: passes on which groups it was told of.
struct Told(mpsc::Sender<String>);

impl Processor<NotifyConsumerIdsChanged> for Told {
    async fn process(
        &self,
        incoming: Incoming<NotifyConsumerIdsChanged>,
    ) -> ReplyResult<NotifyConsumerIdsChanged> {
        self.0.send(incoming.header.consumer_group).await.unwrap();
        Ok(Reply::success())
    }
}

struct Client {
    handle: ConnectionHandle,
    told: mpsc::Receiver<String>,
    shutdown: Shutdown,
}

impl Client {
    async fn connect(running: &Running) -> Self {
        let (sender, told) = mpsc::channel(16);
        let lane = Arc::new(Lane::without_queue("client", 10));
        let router = Router::new().route::<NotifyConsumerIdsChanged, _>(&Arc::new(Told(sender)), &lane);
        let shutdown = Shutdown::new();
        let addr = running.server.local_addr().to_string();
        let handle =
            dial(&addr, Arc::new(router), ConnectionLimits::default(), LIMIT, &shutdown).await.unwrap();
        Self { handle, told, shutdown }
    }

    async fn beat(&self, body: &str) -> Response {
        self.handle.call::<HeartBeat>(NoHeader {}, body.as_bytes().to_vec(), LIMIT).await.unwrap()
    }

    async fn heard(&mut self) -> String {
        tokio::time::timeout(LIMIT, self.told.recv()).await.unwrap().unwrap()
    }
}

fn heartbeat(client_id: &str, fingerprint: i32, without_sub: bool) -> String {
    let subscriptions =
        if without_sub { "" } else { r#"{"topic":"T","subString":"*","subVersion":1,"codeSet":[]}"# };
    format!(
        r#"{{"clientID":"{client_id}","consumerDataSet":[{{"groupName":"G","consumeType":"CONSUME_PASSIVELY",
        "messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET",
        "subscriptionDataSet":[{subscriptions}],"unitMode":true}}],"producerDataSet":[{{"groupName":"P"}}],
        "heartbeatFingerprint":{fingerprint},"withoutSub":{without_sub}}}"#
    )
}

fn sub_changed(response: &Response) -> &str {
    assert_eq!(response.code, 0, "{:?}", response.remark);
    assert_eq!(response.ext.get("IS_SUPPORT_HEART_BEAT_V2"), Some("true"));
    response.ext.get("IS_SUB_CHANGE").unwrap()
}

#[tokio::test]
async fn a_heartbeat_makes_group_and_retry_topic() {
    let running = serve(&broker_config());
    let client = Client::connect(&running).await;
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 0, false)).await), "true");
    assert_eq!(*running.announced.topics.lock(), ["%RETRY%G"]);
    let retry = running.tables.topics.find("%RETRY%G").unwrap();
    assert_eq!((retry.perm, retry.topic_sys_flag), (Permission::READ_WRITE, TOPIC_SYS_FLAG_UNIT_SUB));
    assert!(running.tables.groups.contains("G"));
    assert!(running.announced.memory.text("subscriptionGroup.json").unwrap().contains("\"G\""));
    assert_eq!(running.tables.consumers.client_ids("G").unwrap(), ["a"]);
    assert!(running.tables.producers.is_online("P"));
    client.beat(&heartbeat("a", 0, false)).await;
    assert_eq!(running.announced.topics.lock().len(), 1, "announced once");
}

#[tokio::test]
async fn members_hear_of_each_other() {
    let running = serve(&broker_config());
    let mut a = Client::connect(&running).await;
    a.beat(&heartbeat("a", 0, false)).await;
    assert_eq!(a.heard().await, "G", "of itself, too");
    let mut b = Client::connect(&running).await;
    b.beat(&heartbeat("b", 0, false)).await;
    assert_eq!((a.heard().await, b.heard().await), ("G".to_owned(), "G".to_owned()));

    let header = UnregisterClientRequestHeader {
        client_id: "b".into(),
        producer_group: Some("P".into()),
        consumer_group: Some("G".into()),
    };
    let answer = b.handle.call::<UnregisterClient>(header, Bytes::new(), LIMIT).await.unwrap();
    assert_eq!(answer.code, 0);
    assert_eq!(a.heard().await, "G");
    assert!(running.tables.producers.find_client("b").is_none());

    b.beat(&heartbeat("b", 0, false)).await;
    a.heard().await;
    b.shutdown.request();
    assert_eq!(a.heard().await, "G", "of a connection that ended");
    assert_eq!(running.tables.consumers.client_ids("G").unwrap(), ["a"]);
}

#[tokio::test]
async fn heartbeats_of_the_second_kind_compare_fingerprints() {
    let running = serve(&broker_config());
    let client = Client::connect(&running).await;
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 7, false)).await), "false");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 7, true)).await), "false");
    assert_eq!(running.tables.consumers.subscription_count("G"), 1, "known ones are kept");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 8, true)).await), "true");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 8, false)).await), "false");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 0, false)).await), "true");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 8, false)).await), "true");
}

#[tokio::test]
async fn subscriptions_the_broker_does_not_know_are_asked_for() {
    let running = serve(&broker_config());
    let client = Client::connect(&running).await;
    let answer = client.beat(&heartbeat("a", 7, true)).await;
    assert_eq!(sub_changed(&answer), "true", "the client comes from another broker");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 7, false)).await), "false");
    running.tables.consumers.note_unknown_subscription("G");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 7, true)).await), "true", "a pull was refused");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 7, false)).await), "false");
    assert_eq!(sub_changed(&client.beat(&heartbeat("a", 7, true)).await), "false");
}

#[tokio::test]
async fn unknown_groups_and_pull_consumers_are_passed_over() {
    let broker = BrokerConfig { auto_create_subscription_group: false, ..broker_config() };
    let running = serve(&broker);
    let client = Client::connect(&running).await;
    assert_eq!(client.beat(&heartbeat("a", 0, false)).await.code, 0);
    assert!(running.tables.consumers.group("G").is_none());
    assert!(running.tables.producers.is_online("P"), "the rest of the heartbeat counts");

    running.config.set(BrokerConfig { reject_pull_consumer_enable: true, ..broker_config() });
    running.tables.groups.reconfigure(&broker_config());
    let pulling = heartbeat("a", 0, false).replace("CONSUME_PASSIVELY", "CONSUME_ACTIVELY");
    assert_eq!(client.beat(&pulling).await.code, 0);
    assert!(!running.tables.groups.contains("G"));
}

#[tokio::test]
async fn a_heartbeat_that_is_none_is_refused() {
    let running = serve(&broker_config());
    let client = Client::connect(&running).await;
    for body in ["", "7", "{\"clientID\":"] {
        let answer = client.beat(body).await;
        assert_eq!(answer.code, 1);
        assert!(answer.remark.unwrap().starts_with("the heartbeat cannot be read"));
    }
}

#[tokio::test]
async fn only_tag_expressions_are_accepted() {
    let running = serve(&broker_config());
    let client = Client::connect(&running).await;
    let check = async |body: &str| {
        let body = body.as_bytes().to_vec();
        client.handle.call::<CheckClientConfig>(NoHeader {}, body, LIMIT).await.unwrap()
    };
    assert_eq!(check("").await.code, 0);
    assert_eq!(check(r#"{"clientId":"a","group":"G"}"#).await.code, 0);
    assert_eq!(check(r#"{"subscriptionData":{"topic":"T","subString":"a"}}"#).await.code, 0);
    let refused =
        check(r#"{"subscriptionData":{"topic":"T","subString":"a > 1","expressionType":"SQL92"}}"#).await;
    assert_eq!(refused.code, 1);
    assert_eq!(
        refused.remark.as_deref(),
        Some("The broker does not support consumer to filter message by SQL92")
    );
}
