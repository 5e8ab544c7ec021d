//! Property strings and records.

use message::{
    encode::{AppendCrc, NewRecord, Placement},
    hash, properties,
    properties::PropertyString,
    property_names as names,
    record::RecordView,
};
use store::put::PendingMessage;

use crate::{meter::Meter, samples};

const PLACEMENT: Placement =
    Placement { queue_offset: 1_000, phy_offset: 1_234_567, store_timestamp: samples::NOW_MILLIS };

pub(super) fn get_property(meter: &Meter) {
    let encoded = samples::properties().into_bytes();
    meter.measure(
        || &encoded,
        |encoded| properties::get(encoded, names::TAGS).expect("a message with tags").len(),
    );
}

pub(super) fn set_property(meter: &Meter) {
    meter.measure(samples::properties, |mut properties| {
        properties.set(names::CLUSTER, "DefaultCluster");
        properties
    });
}

pub(super) fn take_properties(meter: &Meter) {
    let encoded = samples::properties().into_bytes();
    meter.measure(|| (), |()| PropertyString::from_client(&encoded, 96));
}

pub(super) fn hash_tags(meter: &Meter) {
    meter.measure(|| samples::TAG, |tag| hash::tags_code(Some(tag)));
}

pub(super) fn prepare(meter: &Meter) {
    let message = samples::pending(1024);
    meter.measure(|| record(&message), |record| record.prepare().expect("a record").size_bytes());
}

pub(super) fn write(meter: &Meter) {
    let message = samples::pending(1024);
    let record = record(&message).prepare().expect("a record");
    let mut target = vec![0; record.size_bytes()];
    meter.measure(
        || &record,
        |record| assert!(record.write(&mut target, PLACEMENT), "the target has its size"),
    );
}

pub(super) fn decode(meter: &Meter) {
    let message = samples::pending(1024);
    let stored = record(&message).prepare().expect("a record").to_vec(PLACEMENT);
    meter.measure(|| &stored, |stored| RecordView::decode(stored).expect("a record").total_size());
}

fn record(message: &PendingMessage) -> NewRecord<'_> {
    NewRecord {
        topic: &message.topic,
        queue_id: message.queue_id,
        flag: message.flag,
        sys_flag: message.sys_flag,
        born_timestamp: message.born_timestamp,
        born_host: message.born_host,
        store_host: message.store_host,
        reconsume_times: message.reconsume_times,
        prepared_transaction_offset: message.prepared_transaction_offset,
        body: &message.body,
        properties: message.properties.as_bytes(),
        append_crc: AppendCrc::No,
    }
}
