use std::net::SocketAddr;

use message::properties::PropertyString;

use super::*;

const HOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 10911);

fn sent(properties: &[(&str, &str)]) -> MessageDraft {
    MessageDraft {
        topic: Arc::from("T"),
        queue_id: 3,
        flag: 7,
        sys_flag: sys_flag::COMPRESSED | sys_flag::TRANSACTION_PREPARED,
        born_timestamp: 1_000,
        born_host: HOST,
        store_host: HOST,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::from_static(b"body"),
        properties: properties.iter().copied().collect::<PropertyString>(),
    }
}

fn stored(mut draft: MessageDraft) -> Bytes {
    into_half(&mut draft);
    let record = NewRecord {
        topic: &draft.topic,
        queue_id: draft.queue_id,
        flag: draft.flag,
        sys_flag: draft.sys_flag,
        born_timestamp: draft.born_timestamp,
        born_host: draft.born_host,
        store_host: draft.store_host,
        reconsume_times: draft.reconsume_times,
        prepared_transaction_offset: 0,
        body: &draft.body,
        properties: draft.properties.as_bytes(),
        append_crc: AppendCrc::No,
    };
    let placement = Placement { queue_offset: 5, phy_offset: 4_096, store_timestamp: 1_001 };
    record.prepare().unwrap().to_vec(placement).into()
}

const OF_A_CLIENT: [(&str, &str); 3] = [("TRAN_MSG", "true"), ("PGROUP", "g"), ("UNIQ_KEY", "U")];

#[test]
fn a_half_message_becomes_what_was_sent() {
    let bytes = stored(sent(&OF_A_CLIENT));
    let half = HalfMessage::read(&bytes).unwrap();
    assert_eq!((half.record().topic(), half.record().queue_id()), ("RMQ_SYS_TRANS_HALF_TOPIC", 0));
    assert_eq!(half.record().sys_flag(), sys_flag::COMPRESSED);
    assert_eq!(half.record().property("__transactionId__"), Some("U"));
    let message = half.committed(None).unwrap();
    assert!(!message.properties.contains("TRANSACTION_CHECK_TIMES"));
    let checked = half.committed(Some(2)).unwrap();
    assert_eq!(checked.properties.get("TRANSACTION_CHECK_TIMES"), Some("2"));
    assert_eq!((&*message.topic, message.queue_id, message.flag), ("T", 3, 7));
    assert_eq!(message.sys_flag, sys_flag::COMPRESSED | sys_flag::TRANSACTION_COMMIT);
    assert_eq!((message.prepared_transaction_offset, &message.body[..]), (4_096, &b"body"[..]));
}

#[test]
fn a_decision_has_to_match() {
    let bytes = stored(sent(&OF_A_CLIENT));
    let half = HalfMessage::read(&bytes).unwrap();
    let decision = |group: &str, half_offset, phy_offset| {
        let header = EndTransactionRequestHeader {
            producer_group: group.to_owned(),
            tran_state_table_offset: half_offset,
            commit_log_offset: phy_offset,
            ..EndTransactionRequestHeader::default()
        };
        half.check(&header).map_err(|refusal| refusal.remark().to_owned())
    };
    assert_eq!(decision("g", 5, 4_096), Ok(()));
    assert_eq!(decision("h", 5, 4_096), Err("The producer group wrong".to_owned()));
    assert_eq!(decision("g", 6, 4_096), Err("The transaction state table offset wrong".to_owned()));
    assert_eq!(decision("g", 5, 4_097), Err("The commit log offset wrong".to_owned()));
}

#[test]
fn immunity_is_read_as_rocketmq_reads_it() {
    let with = |seconds: &str| {
        let mut properties = OF_A_CLIENT.to_vec();
        properties.push(("CHECK_IMMUNITY_TIME_IN_SECONDS", seconds));
        stored(sent(&properties))
    };
    let cases = [("10", Some(10_000)), ("x", Some(6_000)), ("-1", Some(6_000)), ("0", Some(0))];
    for (seconds, millis) in cases {
        let bytes = with(seconds);
        assert_eq!(HalfMessage::read(&bytes).unwrap().immunity_millis(6_000), millis, "{seconds}");
    }
    let bytes = with("10");
    let half = HalfMessage::read(&bytes).unwrap();
    assert!(!half.is_past_immunity(6_000, 11_000));
    assert!(half.is_past_immunity(6_000, 11_001));
    assert!(!half.is_past_immunity(60_000, 11_001), "never shorter than the timeout");
    let plain = stored(sent(&OF_A_CLIENT));
    assert_eq!(HalfMessage::read(&plain).unwrap().immunity_millis(6_000), None);
    assert!(!HalfMessage::read(&plain).unwrap().is_past_immunity(6_000, i64::MAX));
}

#[test]
fn a_question_is_the_message_under_its_own_topic() {
    let bytes = stored(sent(&OF_A_CLIENT));
    let half = HalfMessage::read(&bytes).unwrap();
    let (header, body) = half.question(2).unwrap();
    assert_eq!((header.tran_state_table_offset, header.commit_log_offset), (5, 4_096));
    assert_eq!(header.topic.as_deref(), Some("RMQ_SYS_TRANS_HALF_TOPIC"));
    assert_eq!((header.msg_id.as_deref(), header.transaction_id.as_deref()), (Some("U"), Some("U")));
    let record = RecordView::decode(&body).unwrap();
    assert_eq!((record.topic(), record.queue_id(), record.queue_offset()), ("T", 3, 5));
    assert_eq!(record.property("TRANSACTION_CHECK_TIMES"), Some("2"));
    assert_eq!(record.body(), b"body");
}

#[test]
fn only_what_was_a_half_message_is_checked_again() {
    let bytes = stored(sent(&OF_A_CLIENT));
    let message = resumed(&bytes).unwrap();
    assert_eq!((&*message.topic, message.queue_id), ("RMQ_SYS_TRANS_HALF_TOPIC", 0));
    assert_eq!(message.properties.get("TRANSACTION_CHECK_TIMES"), Some("0"));
    assert!(resumed(&stored(sent(&[("TRAN_MSG", "true")]))).is_none(), "it names no group");
}
