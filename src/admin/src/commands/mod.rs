//! The commands, a file or folder a subject.

mod broker;
mod cluster;
mod consumer;
mod options;
mod topic;

use crate::command::Spec;

/// All commands.
pub(crate) fn all() -> impl Iterator<Item = &'static Spec> {
    [cluster::SPECS, topic::SPECS, consumer::SPECS, broker::SPECS].into_iter().flatten()
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
    fn commands_are_found_in_any_case() {
        assert_eq!(find("TOPICLIST").map(|spec| spec.name), Some("topicList"));
        assert!(find("noSuchCommand").is_none());
    }
}
