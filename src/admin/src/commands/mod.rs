//! The commands, a file or folder a subject.

mod auth;
mod batch;
mod broker;
mod cluster;
mod consumer;
mod controller;
mod export;
mod ha;
mod message;
mod namesrv;
mod offset;
mod options;
mod producer;
mod queue;
mod rocksdb;
mod stats;
mod topic;

use crate::command::Spec;

/// All commands.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    let folders = [topic::SPECS, broker::SPECS, namesrv::SPECS, auth::SPECS, message::SPECS];
    let files = [
        cluster::SPECS,
        consumer::SPECS,
        controller::SPECS,
        export::SPECS,
        ha::SPECS,
        offset::SPECS,
        producer::SPECS,
        queue::SPECS,
        rocksdb::SPECS,
        stats::SPECS,
    ];
    folders.into_iter().flatten().copied().chain(files).flatten()
}

/// The command of that name or alias, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Spec> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    all().find(|spec| is_it(spec.name) || spec.alias.is_some_and(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line;

    #[test]
    fn the_command_line_is_sound() {
        line::command("mqadmin").debug_assert();
    }

    #[test]
    fn every_command_of_rocketmq_is_there_once() {
        let names: std::collections::BTreeSet<_> = all().map(|spec| spec.name.to_ascii_lowercase()).collect();
        assert_eq!((names.len(), all().count()), (89, 89));
    }

    #[test]
    fn commands_are_found_in_any_case() {
        assert_eq!(find("TOPICLIST").map(|spec| spec.name), Some("topicList"));
        assert!(find("noSuchCommand").is_none());
    }
}
