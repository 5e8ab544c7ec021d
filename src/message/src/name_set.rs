//! Which names a property string may have, in one word.

/// A Bloom filter of names: answers "certainly absent" without a look at the string.
///
/// Of a message's dozen properties the broker asks for two dozen others, nearly all of them absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameSet(u128);

impl NameSet {
    /// Adds a name; whether it may have been there before.
    pub(crate) fn insert(&mut self, name: &[u8]) -> bool {
        let bit = bit(name);
        let was_there = self.0 & bit != 0;
        self.0 |= bit;
        was_there
    }

    /// Whether the name may have been added.
    #[inline]
    pub(crate) fn may_contain(self, name: &[u8]) -> bool {
        self.0 & bit(name) != 0
    }
}

/// The bit of a name, from its length and four of its bytes: enough to tell RocketMQ's names apart.
#[inline]
fn bit(name: &[u8]) -> u128 {
    let at = |index: usize| name.get(index).copied().map_or(0, usize::from);
    let len = name.len();
    let mixed = len * 37 + at(0) * 5 + at(len / 3) * 11 + at(len / 2) * 23 + at(len.wrapping_sub(1)) * 3;
    1 << (mixed % 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_never_absent() {
        let mut names = NameSet::default();
        assert!(!names.may_contain(b"KEYS"));
        for name in ["KEYS", "TAGS", "", "UNIQ_KEY", "\u{1}"] {
            names.insert(name.as_bytes());
            assert!(names.may_contain(name.as_bytes()) && names.insert(name.as_bytes()));
        }
    }

    #[test]
    fn few_names_of_a_message_are_taken_for_others() {
        let mut names = NameSet::default();
        for name in ["KEYS", "TAGS", "WAIT", "UNIQ_KEY", "CLUSTER", "MSG_REGION", "TRACE_ON", "INSTANCE_ID"] {
            names.insert(name.as_bytes());
        }
        let absent = ["DELAY", "TRAN_MSG", "POP_CK", "INNER_NUM", "INNER_MULTI_DISPATCH", "__CRC32#"];
        let timed = ["TIMER_DELIVER_MS", "TIMER_DELAY_MS", "TIMER_DELAY_SEC", "TIMER_OUT_MS", "REAL_TOPIC"];
        let mistaken = absent.iter().chain(&timed).filter(|name| names.may_contain(name.as_bytes())).count();
        assert!(mistaken <= 1, "{mistaken} of {}", absent.len() + timed.len());
    }
}
