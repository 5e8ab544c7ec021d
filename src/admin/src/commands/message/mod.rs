//! Messages.

mod by_id;
mod by_key;
mod by_offset;
mod by_unique_key;
mod compaction_log;
mod consume;
mod detail;
mod directly;
mod print;
mod print_queue;
mod send;
mod send_rt;
mod text;
mod trace;

use crate::command::Spec;

pub(super) const SPECS: &[&[Spec]] = &[&[
    by_id::SPEC,
    by_key::SPEC,
    by_unique_key::SPEC,
    by_offset::SPEC,
    trace::SPEC,
    print::SPEC,
    print_queue::SPEC,
    send::SPEC,
    send_rt::SPEC,
    consume::SPEC,
    compaction_log::SPEC,
]];
