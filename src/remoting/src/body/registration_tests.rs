use common::permission::Permission;
use proptest::prelude::*;

use super::*;

const V5_3_3: i32 = 479;
const V4_7_0: i32 = 353;

fn sample() -> RegisterBrokerBody {
    let mut topic = TopicConfig::new("orders", 8).with_permission(Permission(6));
    topic.attributes.insert("message.type".into(), "NORMAL".into());
    let mapping = TopicQueueMappingInfo {
        bname: "broker-a".into(),
        curr_id_map: [(0, 3)].into(),
        topic: "static".into(),
        total_queues: 1,
        ..TopicQueueMappingInfo::default()
    };
    RegisterBrokerBody {
        filter_server_list: Some(Vec::new()),
        topic_config_serialize_wrapper: TopicConfigAndMappingSerializeWrapper {
            data_version: DataVersion { counter: 3, state_version: 0, timestamp: 1_700_000_000_000 },
            topic_config_table: [("orders".to_owned(), topic)].into(),
            topic_queue_mapping_info_map: [("static".to_owned(), mapping)].into(),
            ..TopicConfigAndMappingSerializeWrapper::default()
        },
    }
}

#[test]
fn both_layouts_round_trip() {
    for layout in [RegistrationLayout::Plain, RegistrationLayout::Compressed] {
        let bytes = sample().encode(layout).unwrap();
        assert_eq!(RegisterBrokerBody::decode(&bytes, layout, V5_3_3).unwrap(), sample());
    }
}

#[test]
fn a_layout_shows_whatever_the_header_says() {
    for layout in [RegistrationLayout::Plain, RegistrationLayout::Compressed] {
        let bytes = sample().encode(layout).unwrap();
        assert_eq!(RegistrationLayout::detect(Some(false), &bytes), layout);
        assert_eq!(RegistrationLayout::detect(None, &bytes), layout);
    }
    assert_eq!(RegistrationLayout::detect(Some(true), b"{}"), RegistrationLayout::Compressed);
    assert_eq!(RegistrationLayout::detect(None, b"x"), RegistrationLayout::Plain);
}

#[test]
fn an_older_broker_has_no_mappings() {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
    write_piece(&mut out, br#"{"counter":1,"timestamp":2}"#).unwrap();
    write_count(&mut out, 1).unwrap();
    write_piece(&mut out, b"T 4 4 6 SINGLE_TAG").unwrap();
    write_piece(&mut out, b"[]").unwrap();
    let bytes = out.finish().unwrap();
    let body = RegisterBrokerBody::decode(&bytes, RegistrationLayout::Compressed, V4_7_0).unwrap();
    let topics = &body.topic_config_serialize_wrapper;
    assert_eq!(topics.data_version, DataVersion { counter: 1, state_version: 0, timestamp: 2 });
    assert_eq!(topics.topic_config_table["T"].write_queue_nums, 4);
    let newer = RegisterBrokerBody::decode(&bytes, RegistrationLayout::Compressed, V5_3_3);
    assert!(matches!(newer, Err(RegistrationError::Inflate(_))));
}

#[test]
fn plain_json_of_an_older_broker_is_read() {
    let json = concat!(
        r#"{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"timestamp":9},"#,
        r#""topicConfigTable":{"T":{"order":false,"perm":6,"readQueueNums":1,"topicFilterType":"SINGLE_TAG","#,
        r#""topicName":"T","topicSysFlag":0,"writeQueueNums":1}}}}"#
    );
    let body = RegisterBrokerBody::decode(json.as_bytes(), RegistrationLayout::Plain, V4_7_0).unwrap();
    assert!(body.topic_config_serialize_wrapper.topic_config_table.contains_key("T"));
    let bare = r#"{"dataVersion":{"counter":1},"topicConfigTable":{}}"#;
    let body = RegisterBrokerBody::decode(bare.as_bytes(), RegistrationLayout::Plain, 0).unwrap();
    assert_eq!(body.topic_config_serialize_wrapper.data_version.counter, 1);
    assert_eq!(body.filter_server_list, None);
}

#[test]
fn a_small_body_does_not_become_a_large_one() {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
    write_piece(&mut out, b"{}").unwrap();
    write_count(&mut out, 900_000).unwrap();
    let topic = format!("{} 1 1 6 SINGLE_TAG", "a".repeat(4000));
    for _ in 0..20_000 {
        write_piece(&mut out, topic.as_bytes()).unwrap();
    }
    let bytes = out.finish().unwrap();
    let refused = RegisterBrokerBody::decode(&bytes, RegistrationLayout::Compressed, V5_3_3);
    assert!(matches!(refused, Err(RegistrationError::Limit { what: "inflated size", .. })));
}

#[test]
fn claims_beyond_the_limits_are_refused_unread() {
    for claim in [i32::MAX, -1, i32::MIN] {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        out.write_all(&claim.to_be_bytes()).unwrap();
        let refused =
            RegisterBrokerBody::decode(&out.finish().unwrap(), RegistrationLayout::Compressed, V5_3_3);
        assert!(matches!(refused, Err(RegistrationError::Limit { what: "length", .. })));
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        write_piece(&mut out, b"{}").unwrap();
        out.write_all(&claim.to_be_bytes()).unwrap();
        let refused =
            RegisterBrokerBody::decode(&out.finish().unwrap(), RegistrationLayout::Compressed, V5_3_3);
        assert!(matches!(refused, Err(RegistrationError::Limit { what: "number of topics", .. })));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), version in 0..500) {
        for layout in [RegistrationLayout::Plain, RegistrationLayout::Compressed] {
            let _ = RegisterBrokerBody::decode(&bytes, layout, version);
        }
    }

    #[test]
    fn no_inflated_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::fast());
        out.write_all(&bytes).unwrap();
        let _ = RegisterBrokerBody::decode(&out.finish().unwrap(), RegistrationLayout::Compressed, V5_3_3);
    }

    #[test]
    fn topics_survive_compression(names in proptest::collection::btree_set("[%|a-zA-Z0-9_-]{1,40}", 0..40)) {
        let mut body = RegisterBrokerBody { filter_server_list: Some(vec!["f:1".into()]), ..Default::default() };
        for name in names {
            let topic = TopicConfig::new(name.clone(), 4);
            body.topic_config_serialize_wrapper.topic_config_table.insert(name, topic);
        }
        let bytes = body.encode(RegistrationLayout::Compressed).unwrap();
        let read = RegisterBrokerBody::decode(&bytes, RegistrationLayout::Compressed, V5_3_3).unwrap();
        prop_assert_eq!(read, body);
    }
}
