//! The operations that are counted.

#![expect(clippy::expect_used, reason = "what cannot be performed cannot be counted")]

mod codec;
mod filter;
mod message;
mod servers;
mod store;

use crate::meter::Meter;

/// One operation.
pub(crate) struct Operation {
    /// What it is called in the baseline.
    pub(crate) name: &'static str,
    /// How often it is performed while it is counted.
    pub(crate) times: usize,
    /// Makes what it needs, and performs it.
    pub(crate) perform: fn(&Meter),
}

const fn operation(name: &'static str, times: usize, perform: fn(&Meter)) -> Operation {
    Operation { name, times, perform }
}

/// All of them, in the order in which they are shown.
pub(crate) const ALL: &[Operation] = &[
    operation("codec: decode SEND, JSON", 512, codec::decode_send_json),
    operation("codec: decode SEND, binary", 512, codec::decode_send_binary),
    operation("codec: decode PULL, JSON", 512, codec::decode_pull_json),
    operation("codec: encode answer to SEND, JSON", 512, codec::encode_send_answer_json),
    operation("codec: encode answer to SEND, binary", 512, codec::encode_send_answer_binary),
    operation("codec: encode head of answer to PULL, JSON", 512, codec::encode_pull_answer),
    operation("properties: get the last", 512, message::get_property),
    operation("properties: set a new one", 512, message::set_property),
    operation("properties: take over a client's", 512, message::take_properties),
    operation("properties: hash of the tags", 512, message::hash_tags),
    operation("record: prepare, 1 KiB", 512, message::prepare),
    operation("record: write, 1 KiB", 512, message::write),
    operation("record: decode, 1 KiB", 512, message::decode),
    operation("filter: tags", 512, filter::tags),
    operation("filter: SQL92", 512, filter::sql),
    operation("filter: compile SQL92", 512, filter::compile_sql),
    operation("store: put, 1 KiB", 512, store::put_1_kib),
    operation("store: put, 128 B", 512, store::put_128_b),
    operation("store: put a batch of 32, 128 B each", 256, store::put_batch),
    operation("store: get 32, 1 KiB each", 256, store::get),
    operation("store: read 32 units of a queue", 256, store::read_units),
    operation("name server: route of one broker", 256, servers::route_of_one),
    operation("name server: route of 16 brokers", 256, servers::route_of_many),
    operation("broker: SEND, 1 KiB, JSON", 512, servers::send_json),
    operation("broker: SEND, 1 KiB, binary", 512, servers::send_binary),
    operation("broker: SEND, 128 B, JSON", 512, servers::send_small),
    operation("broker: 64 SENDs at once, 1 KiB, JSON", 64, servers::send_many),
    operation("broker: SEND a batch of 32, 128 B each", 256, servers::send_batch),
    operation("broker: PULL 1, 1 KiB", 256, servers::pull_one),
    operation("broker: PULL 32, 1 KiB each", 256, servers::pull_many),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_can_be_performed() {
        for operation in ALL {
            (operation.perform)(&Meter::trial());
        }
    }

    #[test]
    fn names_tell_operations_apart() {
        let names: BTreeSet<_> = ALL.iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
