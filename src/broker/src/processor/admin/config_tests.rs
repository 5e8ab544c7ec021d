use std::{fs, path::Path};

use common::config::{BrokerSettings, MachineDefaults};
use remoting::{header::NoHeader, reply::Refusal, response_code::ResponseCode};
use tempfile::TempDir;

use super::*;
use crate::processor::admin::testing::{Announced, Fixture, NOW_MILLIS, incoming, text};

const FILE: &str = "# broker-b\nbrokerName=broker-b\ninnerClientAuthenticationCredentials={\"accessKey\":\"a\",\"secretKey\":\"hidden\"}\n";

/// A broker started with a file in a directory of its own.
struct Broker {
    fixture: Fixture,
    admin: ConfigAdmin,
    dir: TempDir,
}

impl Broker {
    fn started(with_file: bool) -> Self {
        let (fixture, dir) = (Fixture::new(), TempDir::new().unwrap());
        let path = dir.path().join("broker.conf");
        fs::write(&path, FILE).unwrap();
        let settings = settings(with_file.then_some(&*path));
        let cell = ConfigCell::new(settings, Arc::clone(&fixture.clock) as Arc<dyn runtime::clock::Clock>);
        let admin = ConfigAdmin {
            cell: Arc::new(cell),
            readers: fixture.reconfigured(),
            topics: Arc::clone(&fixture.topics),
            announcer: Arc::clone(&fixture.announced) as Arc<dyn TopicAnnouncer>,
        };
        Self { fixture, admin, dir }
    }

    async fn update(&self, body: &str) -> Result<(), Refusal> {
        let request = incoming::<UpdateBrokerConfig>(NoHeader {}, body.to_owned());
        self.admin.process(request).await.map(|_| ())
    }

    async fn listed(&self) -> (String, String) {
        let reply: Reply<GetBrokerConfig> =
            self.admin.process(incoming::<GetBrokerConfig>(NoHeader {}, "")).await.unwrap();
        (text(&reply), reply.header().unwrap().version.clone())
    }

    fn file(&self) -> String {
        fs::read_to_string(self.dir.path().join("broker.conf")).unwrap()
    }

    fn announced(&self) -> &Announced {
        &self.fixture.announced
    }
}

fn settings(file: Option<&Path>) -> BrokerSettings {
    let machine = MachineDefaults {
        cores: 2,
        host_name: "broker-a".to_owned(),
        local_address: "192.0.2.1".to_owned(),
        user_home: "/nowhere".to_owned(),
        rocketmq_home: None,
        namesrv_addr: None,
    };
    BrokerSettings::load_file(file, &[], &machine).unwrap().0
}

#[tokio::test]
async fn configuration_is_listed_without_secrets() {
    let broker = Broker::started(true);
    let (listed, version) = broker.listed().await;
    assert_eq!(version, format!(r#"{{"counter":0,"stateVersion":0,"timestamp":{NOW_MILLIS}}}"#));
    assert!(listed.contains("\nbrokerName=broker-b\n") && listed.contains("\nflushDiskType=ASYNC_FLUSH\n"));
    assert!(listed.contains("\ninnerClientAuthenticationCredentials=******\n") && !listed.contains("hidden"));
    let keys: Vec<&str> = listed.lines().map(|line| line.split_once('=').unwrap().0).collect();
    assert!(keys.is_sorted());
}

#[tokio::test]
async fn a_change_is_in_force_listed_and_in_the_file() {
    let broker = Broker::started(true);
    broker.update("maxMessageSize=1024\nautoCreateTopicEnable=false\nfileReservedTime = 5\n").await.unwrap();
    let in_force = broker.admin.cell.in_force();
    assert_eq!((in_force.store.max_message_size, in_force.store.file_reserved_time), (1024, 5));
    assert!(!broker.admin.cell.config().now().auto_create_topic_enable);
    let options = broker.fixture.store.options();
    assert_eq!(
        (
            options.max_message_size_bytes,
            options.file_reserved_time.as_secs(),
            options.commit_log_file_size_bytes
        ),
        (1024, 5 * 3_600, 1 << 20)
    );
    let (listed, version) = broker.listed().await;
    assert!(listed.contains("\nfileReservedTime=5\n"));
    assert!(version.starts_with(r#"{"counter":1,"#));
    assert_eq!(
        broker.file(),
        format!("{FILE}maxMessageSize=1024\nautoCreateTopicEnable=false\nfileReservedTime=5\n")
    );
    assert!(broker.announced().names().is_empty());
}

#[tokio::test]
async fn what_counts_from_the_next_start_on_is_kept_until_then() {
    let broker = Broker::started(true);
    broker.update("flushDiskType=SYNC_FLUSH\nsendMessageThreadPoolNums=9\n").await.unwrap();
    let in_force = broker.admin.cell.in_force();
    assert_eq!(in_force.store.flush_disk_type, common::config::FlushDiskType::AsyncFlush);
    let (listed, _) = broker.listed().await;
    assert!(
        listed.contains("\nflushDiskType=SYNC_FLUSH\n") && listed.contains("\nsendMessageThreadPoolNums=9\n")
    );
    let next = settings(Some(&broker.dir.path().join("broker.conf")));
    assert_eq!(next.store.flush_disk_type, common::config::FlushDiskType::SyncFlush);
    assert_eq!((next.broker.send_message_thread_pool_nums, &*next.broker.broker_name), (9, "broker-b"));
}

#[tokio::test]
async fn without_a_file_only_what_counts_at_once_is_changed() {
    let broker = Broker::started(false);
    broker.update("traceOn=false\n").await.unwrap();
    assert!(!broker.admin.cell.config().now().trace_on);
    let refused = broker.update("traceOn=true\nflushDiskType=SYNC_FLUSH\n").await.unwrap_err();
    assert!(
        refused.remark().starts_with("flushDiskType takes effect when the broker starts"),
        "{}",
        refused.remark()
    );
    assert!(!broker.admin.cell.config().now().trace_on);
    assert_eq!(broker.file(), FILE);
}

#[tokio::test]
async fn a_permission_is_announced_with_every_topic() {
    let broker = Broker::started(true);
    broker.fixture.topic("T", 4);
    let before = broker.fixture.topics.data_version().counter;
    broker.update("brokerPermission=4").await.unwrap();
    assert_eq!(broker.fixture.topics.data_version().counter, before + 1);
    assert!(broker.announced().names().contains(&"T".to_owned()));
}

#[tokio::test]
async fn attacks_and_mistakes_change_nothing() {
    let broker = Broker::started(true);
    let (before, version) = broker.listed().await;
    let black = "Can not update config in black list.";
    let fixed = |key: &str| {
        format!("{key} can not be updated while the process runs: change it in the configuration file")
    };
    let forbidden = ResponseCode::NO_PERMISSION;
    let invalid = ResponseCode::INVALID_PARAMETER;
    for (body, code, remark) in [
        // CVE-2023-33246: a command in the name of a directory, and what ran it.
        ("filterServerNums=1\nrocketmqHome=-c $@|sh . echo touch /tmp/owned;", forbidden, black.to_owned()),
        ("brokerConfigPath=/etc/cron.d/owned\ntraceOn=false", forbidden, black.to_owned()),
        ("traceOn=false\nconfigBlackList=", forbidden, black.to_owned()),
        ("storePathRootDir=/tmp/other", forbidden, fixed("storePathRootDir")),
        ("traceOn=false\nbrokerIP1=203.0.113.9", forbidden, fixed("brokerIP1")),
        ("namesrvAddr=203.0.113.9:9876", forbidden, fixed("namesrvAddr")),
        ("aclEnable=false", forbidden, fixed("aclEnable")),
        ("initAuthenticationUser={}", forbidden, fixed("initAuthenticationUser")),
        ("filterServerNums=1", invalid, "filterServerNums is not a known key".to_owned()),
        (
            "fileReservedTme=1",
            invalid,
            "fileReservedTme is not a known key, did you mean fileReservedTime?".to_owned(),
        ),
        (
            "traceOn=false\nfileReservedTime=-1",
            invalid,
            format!("override: fileReservedTime=-1 is not between 0 and {}", i32::MAX),
        ),
        ("traceOn=perhaps", invalid, "override: traceOn=perhaps is not true or false".to_owned()),
        ("traceOn=\\u1", ResponseCode::SYSTEM_ERROR, "string2Properties error".to_owned()),
    ] {
        let refused = broker.update(body).await.unwrap_err();
        assert_eq!((refused.code(), refused.remark()), (code, remark.as_str()), "{body}");
    }
    assert_eq!(broker.listed().await, (before, version));
    assert!(broker.admin.cell.config().now().trace_on);
    assert_eq!(broker.file(), FILE);
}

#[tokio::test]
async fn a_change_that_cannot_be_stored_is_not_made() {
    let broker = Broker::started(true);
    fs::create_dir(broker.dir.path().join("broker.conf.tmp")).unwrap();
    let refused = broker.update("traceOn=false").await.unwrap_err();
    assert_eq!(refused.code(), ResponseCode::SYSTEM_ERROR);
    assert!(refused.remark().starts_with("nothing was changed, the configuration file "));
    assert!(broker.admin.cell.config().now().trace_on);
}
