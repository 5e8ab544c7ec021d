//! Brokers.

mod clean;
mod cold_data;
mod config;
mod consume_stats;
mod epoch;
mod flush_offset;
mod read_ahead;
mod send_status;
mod status;

pub(super) use config::of_broker as config_of;

use crate::command::Spec;

pub(super) const SPECS: &[&[Spec]] = &[
    &[
        config::UPDATE,
        config::GET,
        status::SPEC,
        consume_stats::SPEC,
        send_status::SPEC,
        flush_offset::SPEC,
        epoch::SPEC,
        read_ahead::SPEC,
    ],
    clean::SPECS,
    cold_data::SPECS,
];
