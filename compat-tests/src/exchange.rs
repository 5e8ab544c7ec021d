//! Comparison of what was sent with what arrived.

use crate::event::{Event, named};
use std::collections::{BTreeMap, BTreeSet};

/// Every message sent arrived exactly once, byte for byte, with all its properties, from the queue and offset its producer
/// was told. Messages are told apart by their keys, so each must have one.
pub fn assert_delivered(sent: &[Event], received: &[Event]) {
    let sent = by_keys(&named(sent, "sent"), "sent");
    let received = by_keys(&named(received, "message"), "received");
    let lost: Vec<&&str> = sent.keys().filter(|keys| !received.contains_key(*keys)).collect();
    assert!(lost.is_empty(), "{} messages lost: {lost:?}", lost.len());
    let strange: Vec<&&str> = received.keys().filter(|keys| !sent.contains_key(*keys)).collect();
    assert!(strange.is_empty(), "messages nobody sent: {strange:?}");
    for (keys, sent) in sent {
        compare(sent, received[keys]);
    }
}

fn by_keys<'e>(events: &[&'e Event], what: &str) -> BTreeMap<&'e str, &'e Event> {
    let mut map = BTreeMap::new();
    for event in events {
        let before = map.insert(event.text("keys"), *event);
        assert!(before.is_none(), "{what} twice: {}", event.0);
    }
    map
}

fn compare(sent: &Event, received: &Event) {
    for field in ["topic", "tags", "flag", "bodyLength", "bodySha256"] {
        assert_eq!(sent.0[field], received.0[field], "{field} of {}", sent.0);
    }
    let properties = received.properties();
    for (key, value) in sent.properties() {
        // A batch is one message on the way: its members share the batch's id and whether to wait for the disk.
        if key != "UNIQ_KEY" && key != "WAIT" {
            assert_eq!(Some(&value), properties.get(&key), "property {key} of {}", sent.0);
        }
    }
    // The Go client gives the members of a batch none, and the broker adds none.
    let batch = sent.0["offsetMsgId"].as_str().is_some_and(|ids| ids.contains(','));
    assert!(batch || properties.contains_key("UNIQ_KEY"), "no unique key in {}", received.0);
    assert!(properties.contains_key("CLUSTER"), "no cluster name in {}", received.0);
    assert!(received.number("storeTimestamp") > 0 && received.number("bornTimestamp") > 0, "{}", received.0);
    // Oneway sends learn neither queue nor offset.
    if !sent.0["queueId"].is_null() {
        assert_eq!(sent.0["queueId"], received.0["queueId"], "queue of {}", sent.0);
        if !batch {
            assert_eq!(sent.0["queueOffset"], received.0["queueOffset"], "offset of {}", sent.0);
            assert_eq!(sent.0["msgId"], received.0["msgId"], "id of {}", sent.0);
            assert_eq!(sent.0["offsetMsgId"], received.0["offsetMsgId"], "offset id of {}", sent.0);
        }
    }
}

/// Per value of the property `key`, the property `step` counts up from 0 in the order of arrival.
pub fn assert_in_order(received: &[Event]) {
    let mut next: BTreeMap<String, u32> = BTreeMap::new();
    for message in named(received, "message") {
        let properties = message.properties();
        let expected = next.entry(properties["key"].clone()).or_default();
        assert_eq!(properties["step"], expected.to_string(), "order of key {}", properties["key"]);
        *expected += 1;
    }
}

/// Everything acknowledged to a `produce-acklog` is at its place in a `verify-log`.
pub fn assert_acked_is_kept(events: &[Event], log: &[Event]) {
    let place = |event: &Event| (event.number("queueId"), event.number("queueOffset"));
    let seen: BTreeMap<_, _> = named(log, "seen").into_iter().map(|event| (place(event), event)).collect();
    let acks = named(events, "ack");
    assert!(acks.len() >= 20, "only {} acknowledged", acks.len());
    let mut places = BTreeSet::new();
    for ack in &acks {
        assert!(places.insert(place(ack)), "a place given twice: {}", ack.0);
        let found = seen.get(&place(ack)).unwrap_or_else(|| panic!("acknowledged and lost: {}", ack.0));
        assert_eq!(found.0["number"], ack.0["number"], "another message at the place of {}", ack.0);
    }
    eprintln!("{} acknowledged, {} in the log", acks.len(), seen.len());
}
