//! Whole paths: from the bytes of a request to the bytes of its answer, through a server's connection, router and
//! processor, without a socket.

use std::{cell::RefCell, sync::Arc, time::Duration};

use broker::broker::Broker;
use common::{
    config::{BrokerSettings, MachineDefaults, NamesrvSettings},
    topic::TopicConfig,
};
use namesrv::NameServer;
use remoting::{
    body::{
        heartbeat::{
            ConsumeFromWhere, ConsumeType, ConsumerData, HeartbeatData, MessageModel, SubscriptionData,
        },
        registration::{RegisterBrokerBody, RegistrationLayout},
    },
    command::SerializeType,
    connection::Service,
    header::NoHeader,
    headers::{broker::RegisterBrokerRequestHeader, topic::GetRouteInfoRequestHeader},
    request::{GetRouteinfoByTopic, HeartBeat, RegisterBroker},
};
use runtime::clock::{Clock, ManualClock};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::{meter::Meter, peer::Peer, samples};

/// All messages of an operation are in one file.
const LOG_FILE_BYTES: i32 = 64 << 20;
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A runtime whose tasks stand still unless somebody waits, so that none of them comes in between.
fn still_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(samples::NOW_MILLIS))
}

fn machine(home: &TempDir) -> MachineDefaults {
    MachineDefaults {
        cores: 2,
        host_name: "broker-a".to_owned(),
        local_address: "127.0.0.1".to_owned(),
        user_home: home.path().to_string_lossy().into_owned(),
        rocketmq_home: None,
        namesrv_addr: None,
    }
}

/// Asks for everything in `first`, one after the other, and counts what `frames` cost then.
fn exchange(
    meter: &Meter,
    runtime: &Runtime,
    service: &Arc<dyn Service>,
    first: &[Vec<u8>],
    (frames, answers): (&[u8], usize),
) {
    let _entered = runtime.enter();
    let mut peer = Peer::of(service);
    for frame in first {
        peer.ask(runtime, frame);
    }
    let peer = RefCell::new(peer);
    meter.measure(|| peer.borrow().write(frames), |()| peer.borrow_mut().poll());
    assert_eq!(peer.borrow().answers(), answers);
}

/// As [`exchange`], with a broker.
fn ask_broker(meter: &Meter, first: &[Vec<u8>], frames: &[u8], answers: usize) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut settings = BrokerSettings::with_defaults(&machine(&home));
    "127.0.0.1".clone_into(&mut settings.server.bind_address);
    settings.server.listen_port = 0;
    settings.store.mapped_file_size_commit_log = LOG_FILE_BYTES;
    // However full the disk is, messages are taken while there is room.
    settings.own.disk_min_free_bytes = 1 << 20;
    let runtime = still_runtime();
    let broker = runtime.block_on(Broker::start(settings, clock())).expect("a broker");
    exchange(meter, &runtime, broker.service(), first, (frames, answers));
    runtime.block_on(broker.stop(STOP_LIMIT)).expect("a broker that has stopped");
}

pub(super) fn send_json(meter: &Meter) {
    send(meter, &samples::send_frame(1024, SerializeType::Json), 1);
}

pub(super) fn send_binary(meter: &Meter) {
    send(meter, &samples::send_frame(1024, SerializeType::RocketMq), 1);
}

pub(super) fn send_small(meter: &Meter) {
    send(meter, &samples::send_frame(128, SerializeType::Json), 1);
}

pub(super) fn send_many(meter: &Meter) {
    send(meter, &samples::send_frame(1024, SerializeType::Json).repeat(64), 64);
}

pub(super) fn send_batch(meter: &Meter) {
    send(meter, &samples::send_batch_frame(32, 128), 1);
}

/// The first message makes the topic.
fn send(meter: &Meter, frames: &[u8], answers: usize) {
    ask_broker(meter, &[samples::send_frame(128, SerializeType::Json)], frames, answers);
}

pub(super) fn pull_one(meter: &Meter) {
    pull(meter, 1);
}

pub(super) fn pull_many(meter: &Meter) {
    pull(meter, 32);
}

fn pull(meter: &Meter, count: i32) {
    let mut first = vec![heartbeat()];
    first.resize(64, samples::send_frame(1024, SerializeType::Json));
    ask_broker(meter, &first, &samples::pull_frame(16, count, SerializeType::Json), 1);
}

/// A consumer makes itself known, and its group.
fn heartbeat() -> Vec<u8> {
    let consumer = ConsumerData {
        consume_from_where: Some(ConsumeFromWhere::FirstOffset),
        consume_type: Some(ConsumeType::Passively),
        group_name: samples::CONSUMER_GROUP.to_owned(),
        message_model: Some(MessageModel::Clustering),
        subscription_data_set: vec![SubscriptionData {
            sub_string: "*".to_owned(),
            sub_version: samples::NOW_MILLIS,
            topic: samples::TOPIC.to_owned(),
            ..SubscriptionData::default()
        }],
        unit_mode: false,
    };
    let data = HeartbeatData {
        client_id: "10.1.2.3@1".to_owned(),
        consumer_data_set: vec![consumer],
        ..HeartbeatData::default()
    };
    let body = serde_json::to_vec(&data).expect("a heartbeat is JSON");
    samples::frame::<HeartBeat>(&NoHeader {}, &body, SerializeType::Json)
}

pub(super) fn route_of_one(meter: &Meter) {
    route(meter, 1);
}

pub(super) fn route_of_many(meter: &Meter) {
    route(meter, 16);
}

fn route(meter: &Meter, brokers: u8) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut settings = NamesrvSettings::with_defaults(&machine(&home));
    "127.0.0.1".clone_into(&mut settings.server.bind_address);
    settings.server.listen_port = 0;
    let runtime = still_runtime();
    let server = runtime.block_on(async { NameServer::start(settings, clock()) }).expect("a name server");
    let registrations: Vec<_> = (0..brokers).map(registration).collect();
    let header =
        GetRouteInfoRequestHeader { topic: samples::TOPIC.to_owned(), accept_standard_json_only: Some(true) };
    let request = samples::frame::<GetRouteinfoByTopic>(&header, &[], SerializeType::Json);
    exchange(meter, &runtime, server.service(), &registrations, (&request, 1));
    runtime.block_on(server.stop(STOP_LIMIT));
}

/// A master makes itself known, with the topic and a hundred others.
fn registration(number: u8) -> Vec<u8> {
    let mut body = RegisterBrokerBody::default();
    let table = &mut body.topic_config_serialize_wrapper.topic_config_table;
    let others = (0..100).map(|other| format!("Topic{other}"));
    for topic in others.chain([samples::TOPIC.to_owned()]) {
        table.insert(topic.clone(), TopicConfig::new(&topic, 8));
    }
    let header = RegisterBrokerRequestHeader {
        broker_name: format!("broker-{number:02}"),
        broker_addr: format!("10.1.3.{number}:10911"),
        cluster_name: "DefaultCluster".to_owned(),
        ha_server_addr: format!("10.1.3.{number}:10912"),
        broker_id: 0,
        heartbeat_timeout_millis: None,
        enable_acting_master: None,
        compressed: Some(false),
        body_crc32: 0,
    };
    let body = body.encode(RegistrationLayout::Plain).expect("a registration");
    samples::frame::<RegisterBroker>(&header, &body, SerializeType::Json)
}
