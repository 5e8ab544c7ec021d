use std::net::SocketAddr;

use parking_lot::Mutex;
use remoting::{
    command::Language,
    connection::{ConnectionHandle, ConnectionLimits, dial},
    header::NoHeader,
    headers::{
        consumer::{ConsumeMessageDirectlyResultRequestHeader, GetConsumerRunningInfoRequestHeader},
        offset::ResetOffsetRequestHeader,
    },
    lane::Lane,
    request::{HeartBeat, InvokeBrokerToResetOffset, ResetConsumerClientOffset},
    router::Router,
    server::Server,
};
use runtime::{services::Services, shutdown::Shutdown};
use tokio::{runtime::Handle, sync::mpsc};

use super::*;
use crate::pop::inflight::PopInflightMessageCounter;
use crate::processor::admin::{
    reset::OffsetReset,
    testing::{Fixture, incoming, peer, text},
};

const LIMIT: Duration = Duration::from_secs(20);
/// As a client writes it, order of fields and keys included.
const RUNNING_INFO: &str = r#"{"properties":{"z":"1","a":"2"},"mqTable":{{"topic":"T","queueId":0}:{}}}"#;

/// A client's side of its connection.
struct Member {
    heard: mpsc::UnboundedSender<String>,
}

impl Processor<GetConsumerRunningInfo> for Member {
    async fn process(
        &self,
        incoming: Incoming<GetConsumerRunningInfo>,
    ) -> ReplyResult<GetConsumerRunningInfo> {
        assert_eq!(incoming.header.jstack_enable, Some(true));
        Ok(Reply::success()
            .with_remark("not set any response code")
            .with_body(RUNNING_INFO.as_bytes().to_vec()))
    }
}

impl Processor<ConsumeMessageDirectly> for Member {
    async fn process(
        &self,
        incoming: Incoming<ConsumeMessageDirectly>,
    ) -> ReplyResult<ConsumeMessageDirectly> {
        let header = incoming.header;
        let seen = format!(
            "{:?} {:?} {:?}",
            header.broker_name.is_some(),
            header.topic_sys_flag,
            header.group_sys_flag
        );
        self.heard.send(seen).unwrap();
        Ok(Reply::of(ResponseCode::SYSTEM_ERROR).with_remark("from the client").with_body(incoming.body))
    }
}

impl Processor<GetConsumerStatusFromClient> for Member {
    async fn process(
        &self,
        incoming: Incoming<GetConsumerStatusFromClient>,
    ) -> ReplyResult<GetConsumerStatusFromClient> {
        assert_eq!(incoming.header.client_addr, None);
        let body =
            r#"{"consumerTable":{},"messageQueueTable":{{"brokerName":"b","queueId":0,"topic":"T"}:9}}"#;
        Ok(Reply::success().with_body(body.as_bytes().to_vec()))
    }
}

impl Processor<ResetConsumerClientOffset> for Member {
    async fn process(
        &self,
        incoming: Incoming<ResetConsumerClientOffset>,
    ) -> ReplyResult<ResetConsumerClientOffset> {
        self.heard.send(String::from_utf8(incoming.body.to_vec()).unwrap()).unwrap();
        Ok(Reply::success())
    }
}

/// A broker's side: keeps the connections it hears from.
#[derive(Default)]
struct Hears(Mutex<Vec<ConnectionHandle>>);

impl Processor<HeartBeat> for Hears {
    async fn process(&self, incoming: Incoming<HeartBeat>) -> ReplyResult<HeartBeat> {
        self.0.lock().push(incoming.peer);
        Ok(Reply::success())
    }
}

/// A client that answers, and the broker's handle to it.
struct Connected {
    handle: ConnectionHandle,
    heard: mpsc::UnboundedReceiver<String>,
    _client: ConnectionHandle,
    _services: Services,
}

async fn connect() -> Connected {
    let lane = Arc::new(Lane::without_queue("test", 100));
    let hears = Arc::new(Hears::default());
    let router = Router::new().route::<HeartBeat, _>(&hears, &lane);
    let services = Services::new(Handle::current());
    let listener = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let limits = ConnectionLimits::default();
    let server = Server::start("test-server", listener, Arc::new(router), limits, &services).unwrap();
    let (sender, heard) = mpsc::unbounded_channel();
    let member = Arc::new(Member { heard: sender });
    let router = Router::new()
        .route::<GetConsumerRunningInfo, _>(&member, &lane)
        .route::<ConsumeMessageDirectly, _>(&member, &lane)
        .route::<GetConsumerStatusFromClient, _>(&member, &lane)
        .route::<ResetConsumerClientOffset, _>(&member, &lane);
    let address = server.local_addr().to_string();
    let limits = ConnectionLimits::default();
    let client = dial(&address, Arc::new(router), limits, LIMIT, &Shutdown::new()).await.unwrap();
    client.call::<HeartBeat>(NoHeader {}, Bytes::new(), LIMIT).await.unwrap();
    let handle = hears.0.lock().pop().unwrap();
    Connected { handle, heard, _client: client, _services: services }
}

fn processor(fixture: &Fixture) -> ClientRelay {
    ClientRelay {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        writer: Arc::clone(&fixture.writer),
        consumers: Arc::clone(&fixture.consumers),
        store: Arc::clone(&fixture.store),
    }
}

async fn running_info(fixture: &Fixture, client_id: &str) -> ReplyResult<GetConsumerRunningInfo> {
    let header = GetConsumerRunningInfoRequestHeader {
        consumer_group: "G".to_owned(),
        client_id: client_id.to_owned(),
        jstack_enable: Some(true),
    };
    processor(fixture).process(incoming::<GetConsumerRunningInfo>(header, "")).await
}

async fn status(fixture: &Fixture, client: Option<&str>) -> ReplyResult<InvokeBrokerToGetConsumerStatus> {
    let header = GetConsumerStatusRequestHeader {
        topic: "T".to_owned(),
        group: "G".to_owned(),
        client_addr: client.map(str::to_owned),
    };
    processor(fixture).process(incoming::<InvokeBrokerToGetConsumerStatus>(header, "")).await
}

#[tokio::test]
async fn what_a_client_says_passes_byte_for_byte() {
    let fixture = Fixture::new();
    let connected = connect().await;
    fixture.consumer("G", "T", fixture.client(connected.handle, "c", 479));
    let reply = running_info(&fixture, "c").await.unwrap();
    assert_eq!((reply.code(), text(&reply).as_str()), (ResponseCode::SUCCESS, RUNNING_INFO));
}

#[tokio::test]
async fn clients_that_cannot_answer_are_named() {
    let fixture = Fixture::new();
    fixture.consumer("G", "T", fixture.gone_client("old", 61));
    fixture.consumer("G", "T", fixture.gone_client("gone", 479));
    let remark = |answered: ReplyResult<GetConsumerRunningInfo>| {
        let refusal = answered.unwrap_err();
        assert_eq!(refusal.code(), ResponseCode::SYSTEM_ERROR);
        refusal.remark().to_owned()
    };
    assert_eq!(remark(running_info(&fixture, "other").await), "The Consumer <G> <other> not online");
    assert_eq!(
        remark(running_info(&fixture, "old").await),
        "The Consumer <old> Version <V3_1_7> too low to finish, please upgrade it to V3_1_8_SNAPSHOT"
    );
    let gone = remark(running_info(&fixture, "gone").await);
    assert!(gone.starts_with("invoke consumer <G> <gone> Exception: "), "{gone}");
}

#[tokio::test]
async fn a_message_goes_to_a_client_with_what_it_needs_to_know() {
    let fixture = Fixture::new();
    fixture.topic("T", 1);
    let phy_offset = fixture.store_messages("T", 0, 2);
    let mut connected = connect().await;
    fixture.consumer("G", "T", fixture.client(connected.handle.clone(), "c", 479));
    let header = |msg_id: Option<String>| ConsumeMessageDirectlyResultRequestHeader {
        consumer_group: "G".to_owned(),
        client_id: Some("c".to_owned()),
        msg_id,
        topic: Some("T".to_owned()),
        ..ConsumeMessageDirectlyResultRequestHeader::default()
    };
    let relayed = async |msg_id| -> ReplyResult<ConsumeMessageDirectly> {
        processor(&fixture).process(incoming::<ConsumeMessageDirectly>(header(msg_id), "")).await
    };
    let reply = relayed(Some(message_id::encode(peer(), phy_offset))).await.unwrap();
    assert_eq!(reply.code(), ResponseCode::SYSTEM_ERROR, "the client's answer, not a refusal");
    assert_eq!(reply.body().len(), fixture.store.message_at(phy_offset).unwrap().len());
    assert_eq!(connected.heard.recv().await.unwrap(), "true Some(0) Some(0)");
    let beyond = message_id::encode(peer(), phy_offset + 10_000);
    for msg_id in [None, Some("rubbish".to_owned()), Some(beyond)] {
        assert!(relayed(msg_id).await.unwrap_err().remark().starts_with("no message of the id "));
    }
}

#[tokio::test]
async fn members_say_where_they_are() {
    let fixture = Fixture::new();
    assert_eq!(
        status(&fixture, None).await.unwrap_err().remark(),
        "No Any Consumer online in the consumer group: [G]"
    );
    let connected = connect().await;
    fixture.consumer("G", "T", fixture.client(connected.handle, "c", 479));
    fixture.consumer("G", "T", fixture.gone_client("gone", 479));
    let expected = concat!(
        r#"{"consumerTable":{"c":{{"brokerName":"b","queueId":0,"topic":"T"}:9}},"#,
        r#""messageQueueTable":{}}"#
    );
    for client in [None, Some(""), Some("c")] {
        assert_eq!(text(&status(&fixture, client).await.unwrap()), expected);
    }
    let nobody = text(&status(&fixture, Some("other")).await.unwrap());
    assert_eq!(nobody, r#"{"consumerTable":{},"messageQueueTable":{}}"#);
    fixture.consumer("G", "T", fixture.gone_client("old", 15));
    assert_eq!(
        status(&fixture, None).await.unwrap_err().remark(),
        "the client does not support this feature. version=V3_0_0_FINAL"
    );
}

#[tokio::test]
async fn members_are_told_of_a_reset_in_the_form_the_asker_reads() {
    let fixture = Fixture::with(|config| config.use_server_side_reset_offset = false);
    fixture.topic("T", 1);
    fixture.offsets.commit(&"client", "G", "T", 0, 0).unwrap();
    fixture.store_messages("T", 0, 3);
    let mut connected = connect().await;
    fixture.consumer("G", "T", fixture.client(connected.handle.clone(), "c", 479));
    let processor = OffsetReset {
        config: fixture.config.clone(),
        topics: Arc::clone(&fixture.topics),
        groups: Arc::clone(&fixture.groups),
        offsets: Arc::clone(&fixture.offsets),
        consumers: Arc::clone(&fixture.consumers),
        inflight: Arc::new(PopInflightMessageCounter::new(0)),
        store: Arc::clone(&fixture.store),
    };
    let broker = &fixture.config.now().broker_name;
    let queue = format!(r#"{{"brokerName":"{broker}","queueId":0,"topic":"T"}}"#);
    let raw = format!(r#"{{"offsetTable":{{{queue}:3}}}}"#);
    let for_cpp =
        format!(r#"{{"offsetTable":[{{"brokerName":"{broker}","offset":3,"queueId":0,"topic":"T"}}]}}"#);
    for (language, told) in [(Language::JAVA, &raw), (Language::CPP, &for_cpp)] {
        let header = ResetOffsetRequestHeader {
            group: "G".to_owned(),
            topic: "T".to_owned(),
            queue_id: -1,
            offset: None,
            timestamp: -1,
            is_force: true,
        };
        let asked = Incoming { language, ..incoming::<InvokeBrokerToResetOffset>(header, "") };
        assert_eq!(text(&processor.process(asked).await.unwrap()), raw);
        assert_eq!(connected.heard.recv().await.unwrap(), *told);
    }
}
