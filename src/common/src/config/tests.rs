use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const GOLDEN: &str = include_str!("../../../../compat-tests/golden/config-keys.json");

fn machine(cores: i32) -> MachineDefaults {
    MachineDefaults {
        cores,
        host_name: "${host_name}".into(),
        local_address: "${local_address}".into(),
        user_home: "${user_home}".into(),
        rocketmq_home: None,
        namesrv_addr: None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoldenKey {
    r#type: String,
    default: GoldenDefault,
    order: usize,
    #[serde(default)]
    important: bool,
    set_as: Option<String>,
    settable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GoldenDefault {
    Same(Option<String>),
    ByCores(BTreeMap<String, String>),
}

type Golden = BTreeMap<String, BTreeMap<String, GoldenKey>>;

fn golden() -> Golden {
    serde_json::from_str(GOLDEN).unwrap()
}

#[test]
fn keys_types_order_and_importance_are_javas() {
    let golden = golden();
    let table = reference(&machine(2));
    for class in [
        "BrokerConfig",
        "MessageStoreConfig",
        "NamesrvConfig",
        "NettyServerConfig",
        "NettyClientConfig",
        "AuthConfig",
    ] {
        let mut java: Vec<_> = golden[class].iter().collect();
        java.sort_by_key(|(_, key)| key.order);
        let java: Vec<_> =
            java.into_iter().map(|(name, key)| (name.as_str(), key.r#type.as_str(), key.important)).collect();
        let ours: Vec<_> = table
            .iter()
            .filter(|row| row.class == class)
            .map(|row| (row.spec.key, row.spec.type_name, row.spec.is_important))
            .collect();
        assert_eq!(ours, java, "{class}");
    }
    assert_eq!(table.len(), 204 + 182 + 22 + 18 + 20 + 26);
}

#[test]
fn defaults_are_javas_on_machines_of_every_size() {
    let golden = golden();
    for cores in [2, 7, 48] {
        for row in reference(&machine(cores)) {
            let java = match &golden[row.class][row.spec.key].default {
                GoldenDefault::Same(default) => default.clone(),
                GoldenDefault::ByCores(defaults) => Some(defaults[&cores.to_string()].clone()),
            };
            assert_eq!(row.default, java, "{}.{} on {cores} cores", row.class, row.spec.key);
        }
    }
}

#[test]
fn keys_are_set_under_the_name_of_javas_setter() {
    let golden = golden();
    for row in reference(&machine(2)) {
        let java = &golden[row.class][row.spec.key];
        assert_eq!(row.spec.set_as, java.set_as.as_deref().unwrap_or(row.spec.key));
        assert_eq!(row.spec.is_read_only, java.settable == Some(false), "{}", row.spec.key);
        assert!(!row.spec.is_read_only || matches!(row.spec.effect, Effect::Inert(_)), "{}", row.spec.key);
    }
}

#[test]
fn keys_of_the_other_classes_are_known() {
    let golden = golden();
    let table = reference(&machine(2));
    let known = known_keys();
    for class in ["TieredStoreConfig", "ControllerConfig", "JraftConfig"] {
        for (key, entry) in &golden[class] {
            let key = entry.set_as.as_ref().unwrap_or(key);
            let is_shared = table.iter().any(|row| row.spec.set_as == key);
            assert!(
                is_shared || known.iter().any(|group| group.keys.contains(&key.as_str())),
                "{class}.{key}"
            );
        }
    }
}

#[test]
fn every_key_says_what_it_means_and_why_it_does_nothing() {
    for row in reference(&machine(2)) {
        let doc = row.spec.doc.trim();
        assert!(doc.len() > 12 && doc.ends_with('.'), "{}: {doc}", row.spec.key);
        if let Effect::Inert(why) | Effect::Refused(why) = row.spec.effect {
            assert!(!why.is_empty() && !why.ends_with('.'), "{}", row.spec.key);
        }
    }
}

#[test]
fn every_value_is_read_back_as_it_is_printed() {
    let mut settings = BrokerSettings::with_defaults(&machine(2));
    let before = settings.clone();
    let objects: [&mut dyn ConfigObject; 4] =
        [&mut settings.broker, &mut settings.store, &mut settings.server, &mut settings.auth];
    for object in objects {
        for (key, value) in object.entries() {
            object.set(key, &format!(" {value} ")).unwrap();
            assert_eq!(object.get(key), Some(value));
        }
    }
    assert_eq!(settings, before);
}

fn load(text: &str) -> Result<(BrokerSettings, Vec<Finding>), ConfigError> {
    BrokerSettings::load(text.as_bytes(), &[], &machine(2))
}

fn settings(text: &str) -> BrokerSettings {
    let (settings, findings) = load(text).unwrap();
    assert_eq!(findings, [], "{text}");
    settings
}

fn findings(text: &str) -> Vec<String> {
    load(text).unwrap().1.iter().map(ToString::to_string).collect()
}

fn refusal(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

#[test]
fn values_reach_every_object_that_has_the_key() {
    let settings = settings(
        "listenPort = 30911 \nflushDiskType=SYNC_FLUSH\nautoCreateTopicEnable=FALSE \n\
         fileReservedTime=\t48\nbrokerName = a b \nwriteBufferHighWaterMark=7\nnamesrvAddr=a:1;b:2",
    );
    assert_eq!((settings.server.listen_port, settings.broker.listen_port), (30911, 30911));
    assert_eq!(
        (settings.server.write_buffer_high_water_mark, settings.client.write_buffer_high_water_mark),
        (7, 7)
    );
    assert_eq!(settings.store.flush_disk_type, FlushDiskType::SyncFlush);
    assert!(!settings.broker.auto_create_topic_enable);
    assert_eq!(settings.store.file_reserved_time, 48);
    assert_eq!(settings.broker.broker_name, "a b");
    assert_eq!(settings.broker.namesrv_addrs(), ["a:1", "b:2"]);
    assert_eq!((settings.store.ha_listen_port, settings.fast_listen_port()), (30912, 30909));
    assert_eq!(settings.broker_addr(), "${local_address}:30911");
    assert_eq!(settings.ha_server_addr(), "${local_address}:30912");
}

#[test]
fn a_process_without_a_file_has_javas_ports() {
    let settings = settings("");
    assert_eq!(settings, BrokerSettings::with_defaults(&machine(2)));
    assert_eq!((settings.server.listen_port, settings.store.ha_listen_port), (10911, 10912));
    let (settings, findings) = NamesrvSettings::load(b"", &[], &machine(2)).unwrap();
    assert_eq!((settings.server.listen_port, findings.len()), (9876, 0));
}

#[test]
fn findings_name_line_key_and_reason() {
    assert_eq!(
        findings("# x\nbrokerNmae=a"),
        ["line 2: brokerNmae is not a known key, did you mean brokerName?"]
    );
    assert_eq!(findings("completelyDifferent=a"), ["line 1: completelyDifferent is not a known key"]);
    assert_eq!(findings("rmqAddressServerDomain=a").len(), 1);
    assert_eq!(
        findings("sendMessageThreadPoolNums=16"),
        [
            "line 1: sendMessageThreadPoolNums has no effect: requests run on the connection's task, there is no thread pool"
        ]
    );
    assert_eq!(
        findings("brokerName=a\nbrokerName=b"),
        ["line 1: brokerName is set again on line 2, which counts"]
    );
    assert_eq!(
        findings("diskMaxUsedSpaceRatio=99"),
        ["line 1: diskMaxUsedSpaceRatio is out of bounds, 95 is used"]
    );
    assert_eq!(findings("brokerId=3"), ["line 1: brokerId does not fit brokerRole, 0 is used"]);
    assert_eq!(
        findings("timerWarmEnable=true"),
        ["line 1: timerWarmEnable has no effect: RocketMQ has no setter for it either"]
    );
    assert_eq!(findings("transientStorePoolEnable=true").len(), 1);
    assert_eq!(findings("transientStorePoolEnable=false"), Vec::<String>::new());
    assert_eq!(
        findings("isInBrokerContainer=true"),
        ["line 1: isInBrokerContainer is not a known key, did you mean inBrokerContainer?"]
    );
}

#[test]
fn errors_name_the_line() {
    assert_eq!(refusal("\nlistenPort=1o911"), "line 2: listenPort=1o911 is not an integer of 32 bits");
    assert_eq!(refusal("longPollingEnable=yes"), "line 1: longPollingEnable=yes is not true or false");
    assert_eq!(refusal("listenPort=70000"), "line 1: listenPort=70000 is not between 0 and 65535");
    assert_eq!(refusal("flushDiskType=sync"), "line 1: flushDiskType=sync is not SYNC_FLUSH or ASYNC_FLUSH");
    assert_eq!(
        refusal("sendThreadPoolQueueCapacity=0"),
        "line 1: sendThreadPoolQueueCapacity=0 is not between 1 and 2147483647"
    );
    assert!(refusal("messageDelayLevel=1s 5x").starts_with("line 1: messageDelayLevel=1s 5x: "));
    assert!(refusal("deleteWhen=four").starts_with("line 1: deleteWhen=four: "));
    assert!(refusal("namesrvAddr=localhost").starts_with("line 1: namesrvAddr=localhost: "));
    assert_eq!(refusal("a=1\nb=\\u12"), "line 2: \\u is not followed by four hexadecimal digits");
}

#[test]
fn what_must_not_be_ignored_is_refused() {
    for line in [
        "brokerRole=SLAVE",
        "aclEnable=true",
        "authenticationEnabled=true",
        "authorizationEnabled=true",
        "enableDLegerCommitLog=true",
        "enableControllerMode=true",
        "storeType=defaultRocksDB",
        "messageStorePlugIn=org.apache.rocketmq.tieredstore.TieredMessageStore",
        "useTLS=true",
        "configManagerVersion=v2",
        "readOnlyCommitLogStorePaths=/a",
    ] {
        assert!(matches!(load(line), Err(ConfigError::Refused { origin: Origin::Line(1), .. })), "{line}");
    }
    for line in [
        "aclEnable=false",
        "storeType=default",
        "messageStorePlugIn=",
        "brokerRole=SYNC_MASTER",
        "inSyncReplicas=1",
    ] {
        settings(line);
    }
    let copies = "brokerRole=SYNC_MASTER\ninSyncReplicas=2";
    assert!(matches!(load(copies), Err(ConfigError::Refused { origin: Origin::Line(2), .. })));
    assert!(load(&format!("{copies}\nenableAutoInSyncReplicas=true")).is_ok());
    assert!(load("inSyncReplicas=2").is_ok());
    assert!(NamesrvSettings::load(b"enableControllerInNamesrv=true", &[], &machine(2)).is_err());
}

#[test]
fn overrides_win_and_updates_are_checked() {
    let overrides = [("namesrvAddr".to_owned(), "n:9876".to_owned())];
    let (settings, _) =
        BrokerSettings::load(b"namesrvAddr=file:1\nunheardOf=1", &overrides, &machine(2)).unwrap();
    assert_eq!(settings.broker.namesrv_addr.as_deref(), Some("n:9876"));

    let (updated, findings) = settings.updated(&[("fileReservedTime".to_owned(), "12".to_owned())]).unwrap();
    assert_eq!((updated.store.file_reserved_time, findings.len()), (12, 0));
    assert_eq!(settings.store.file_reserved_time, 72);
    let error = settings.updated(&[("fileReservedTime".to_owned(), "-".to_owned())]).unwrap_err();
    assert_eq!(error.to_string(), "override: fileReservedTime=- is not an integer of 32 bits");
    assert!(settings.updated(&[("aclEnable".to_owned(), "true".to_owned())]).is_err());
}

#[test]
fn listings_have_one_line_a_key() {
    let settings = load("unheardOf=1\nlistenPort=7").unwrap().0;
    let listing = settings.effective();
    let table: BTreeMap<_, _> = listing.iter().cloned().collect();
    assert_eq!(table.len(), listing.len());
    assert_eq!(table["listenPort"], "7");
    assert_eq!(table["unheardOf"], "1");
    assert_eq!(table["logicalDiskSpaceCleanForciblyThreshold"], "0.8");
    assert_eq!(table["isInBrokerContainer"], "false");
    assert!(!table.contains_key("namesrvAddr") && !table.contains_key("authenticationEnabled"));
    let important: BTreeMap<_, _> = settings.important().into_iter().collect();
    assert!(important.contains_key("brokerRole") && !important.contains_key("maxMessageSize"));
}

#[test]
fn delay_levels_and_hours() {
    let store = settings("deleteWhen=04;16;").store;
    let levels = store.delay_levels_millis().unwrap();
    assert_eq!((levels.len(), levels[0], levels[17]), (18, 1_000, 7_200_000));
    assert_eq!(store.delete_hours().unwrap(), [4, 16]);
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_samples_load() {
    let mut files = Vec::new();
    files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf"), &mut files);
    let mut slaves = 0;
    for path in
        files.iter().filter(|path| path.extension().is_some_and(|end| end == "conf" || end == "properties"))
    {
        let name = path.file_stem().unwrap().to_string_lossy();
        if name.starts_with("namesrv") {
            let (_, findings) = NamesrvSettings::load_file(Some(path), &[], &machine(2)).unwrap();
            assert_eq!(findings, [], "{path:?}");
            continue;
        }
        match BrokerSettings::load_file(Some(path), &[], &machine(2)) {
            Ok((settings, findings)) => {
                assert_eq!(findings, [], "{path:?}");
                assert!(
                    !name.ends_with("-s") && settings.broker.broker_name.starts_with("broker-"),
                    "{path:?}"
                );
            }
            Err(ConfigError::Refused { key, .. }) if name.ends_with("-s") => {
                assert_eq!(key, "brokerRole");
                slaves += 1;
            }
            Err(error) => panic!("{path:?}: {error}"),
        }
    }
    assert!(slaves == 4 && files.len() >= 12);
}

#[test]
fn a_missing_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("broker.conf");
    assert!(matches!(
        BrokerSettings::load_file(Some(&missing), &[], &machine(2)),
        Err(ConfigError::Unreadable { .. })
    ));
    std::fs::write(&missing, "listenPort=1\n").unwrap();
    let (settings, _) = NamesrvSettings::load_file(Some(&missing), &[], &machine(2)).unwrap();
    assert_eq!(settings.namesrv.config_store_path, missing.to_string_lossy());
}

proptest! {
    #[test]
    fn loading_never_panics(text in "([a-zA-Z]{1,12}|listenPort|brokerId|haListenPort|messageDelayLevel|deleteWhen|namesrvAddr)=[ -~é]{0,12}") {
        let _ = load(&text);
        let _ = NamesrvSettings::load(text.as_bytes(), &[], &machine(2));
    }

    #[test]
    fn numbers_of_any_size_are_read_or_refused(number in any::<i64>(), index in 0..182_usize) {
        let key = MessageStoreConfig::KEYS[index].set_as;
        let _ = load(&format!("{key}={number}"));
    }
}

#[test]
fn keys_of_our_own_are_read_and_listed_and_off_by_default() {
    let (settings, findings) = BrokerSettings::load(b"", &[], &machine(2)).unwrap();
    assert_eq!(settings.own.disk_min_free_bytes, 0);
    assert!(findings.is_empty());
    let (settings, findings) = BrokerSettings::load(b"diskMinFreeBytes=1000000", &[], &machine(2)).unwrap();
    assert!(findings.is_empty());
    assert!(settings.effective().contains(&("diskMinFreeBytes".to_owned(), "1000000".to_owned())));
}

#[test]
fn all_errors_are_told_together() {
    let error = refusal(
        "listenPort=abc\nenableDLegerCommitLog=true\ndeleteWhen=25\nbrokerName=\nbindAddress=1.2.3.4.5\n",
    );
    let lines: Vec<&str> = error.lines().collect();
    let told = |start: &str| assert!(lines.iter().any(|line| line.starts_with(start)), "{start}: {error}");
    told("line 1: listenPort=abc");
    told("line 2: enableDLegerCommitLog=true");
    told("line 3: deleteWhen=25");
    told("line 4: brokerName=");
    told("line 5: bindAddress=1.2.3.4.5");
    assert_eq!(lines.len(), 5, "{error}");
}

/// What must never come over the wire: where things are, who one is, whom one trusts, and what decides about that.
#[test]
fn no_key_of_identity_place_or_trust_can_be_changed() {
    const PARTS: [&str; 20] = [
        "path",
        "home",
        "brokerip",
        "bindaddress",
        "listenport",
        "namesrvaddr",
        "masteraddress",
        "controlleraddr",
        "acl",
        "authentication",
        "authorization",
        "credential",
        "secret",
        "password",
        "usetls",
        "blacklist",
        "provider",
        "plugin",
        "storetype",
        "exporterh",
    ];
    const WHOLE: [&str; 5] =
        ["brokerId", "brokerName", "brokerClusterName", "brokerRole", "socksProxyConfig"];
    // Its name has "acl" in it by chance.
    const OTHER: [&str; 1] = ["filterDataCleanTimeSpan"];
    for Reference { spec, .. } in reference(&machine(2)) {
        let key = spec.key.to_ascii_lowercase();
        let must_stay = PARTS.iter().any(|part| key.contains(part)) || is_secret(spec.key);
        if (must_stay && !OTHER.contains(&spec.key)) || WHOLE.contains(&spec.key) {
            assert_eq!(spec.change, Change::Never, "{}", spec.key);
        }
        if spec.change == Change::Live {
            assert_eq!(spec.effect, Effect::Honoured, "{} has no effect that could begin at once", spec.key);
        }
    }
}

#[test]
fn changes_say_when_they_count() {
    let settings = settings("traceOn=true\n");
    let changes = settings
        .changes_in(b"traceOn = false \nflushDiskType=SYNC_FLUSH\nwriteBufferHighWaterMark=9")
        .unwrap();
    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "traceOn: true -> false",
            "flushDiskType: ASYNC_FLUSH -> SYNC_FLUSH (from the next start on)",
            "writeBufferHighWaterMark: 0 -> 9 (from the next start on)",
        ]
    );
    assert!(settings.changes_in(b"timerStopDequeue=true").is_err(), "no setter in Java");
    assert!(settings.changes_in(b"tieredStoreFilePath=/tmp").is_err(), "a part that is not here");
}
