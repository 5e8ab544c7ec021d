//! The two hashes RocketMQ stores: tags codes in `ConsumeQueue` units and key hashes in index files. Both are
//! Java's `String.hashCode`, taken over UTF-16 code units and wrapping at 32 bits. What RocketMQ lists from a `HashMap`
//! comes in the order of the same hash.

/// Java's `String.hashCode`.
pub fn string_hash_code(text: &str) -> i32 {
    continue_hash_code(0, text)
}

fn continue_hash_code(hash: i32, text: &str) -> i32 {
    let step = |hash: i32, unit: i32| hash.wrapping_mul(31).wrapping_add(unit);
    if text.is_ascii() {
        // Four at a time, so that no step waits for the one before: keys of messages are long.
        let (fours, rest) = text.as_bytes().as_chunks::<4>();
        let hash = fours.iter().fold(hash, |hash, four| {
            let of_four = four.iter().fold(0, |hash, byte| step(hash, i32::from(*byte)));
            hash.wrapping_mul(31 * 31 * 31 * 31).wrapping_add(of_four)
        });
        rest.iter().fold(hash, |hash, byte| step(hash, i32::from(*byte)))
    } else {
        text.encode_utf16().fold(hash, |hash, unit| step(hash, i32::from(unit)))
    }
}

/// Sorts entries, each of another name, as a Java `HashMap` goes through them that began with so many buckets, a power of
/// two; those of one bucket stay as they are.
pub fn sort_as_hash_map<T>(entries: &mut [T], first_buckets: usize, name: impl Fn(&T) -> &str) {
    let mut buckets = first_buckets;
    while entries.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    entries.sort_by_cached_key(|entry| {
        let hash = string_hash_code(name(entry)).cast_unsigned();
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
}

/// The tags code of a message: the hash of its TAGS property, 0 without one.
pub fn tags_code(tags: Option<&str>) -> i64 {
    tags.map_or(0, |tags| i64::from(string_hash_code(tags)))
}

/// Hashes the keys of one topic's messages; what all of them begin with is hashed once.
#[derive(Clone, Copy, Debug)]
pub struct IndexKeyHasher {
    of_topic: i32,
}

impl IndexKeyHasher {
    /// For the messages of `topic`.
    pub fn of(topic: &str) -> Self {
        Self { of_topic: continue_hash_code(string_hash_code(topic), "#") }
    }

    /// The key hash of an index item: the hash of `topic#key` without its sign; never negative.
    pub fn hash(self, key: &str) -> i32 {
        // The one value whose absolute value does not exist becomes 0, as in Java.
        continue_hash_code(self.of_topic, key).checked_abs().unwrap_or(0)
    }
}

/// As [`IndexKeyHasher::hash`], of one key.
pub fn index_key_hash(topic: &str, key: &str) -> i32 {
    IndexKeyHasher::of(topic).hash(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_javas() {
        assert_eq!(string_hash_code(""), 0);
        assert_eq!(string_hash_code("TagA"), 2_598_919);
        assert_eq!(string_hash_code("polygenelubricants"), i32::MIN);
        assert_eq!(string_hash_code("订单"), 1_129_459);
        assert_eq!(string_hash_code("7F00000100002A9F0000000000001000"), 1_432_242_123);
        assert_eq!(string_hash_code("\u{1F600}"), 0xD83D * 31 + 0xDE00);
    }

    #[test]
    fn a_message_without_tags_has_code_zero() {
        assert_eq!(tags_code(None), 0);
        assert_eq!(tags_code(Some("TagA")), 2_598_919);
    }

    #[test]
    fn a_key_hash_is_never_negative() {
        let whole = string_hash_code("TopicTest#key").checked_abs().unwrap();
        assert_eq!(index_key_hash("TopicTest", "key"), whole);
        for key in ["", "a", "polygenelubricants", "长长的键"] {
            assert!(index_key_hash("t", key) >= 0);
        }
    }

    #[test]
    fn a_hash_map_goes_through_its_buckets() {
        let sorted = |names: &[&'static str]| {
            let mut names = names.to_vec();
            sort_as_hash_map(&mut names, 16, |name| name);
            names
        };
        // As Java 17 lists these: codes 16 and 0 share a bucket until there are 32 of them.
        assert_eq!(sorted(&["broker-a", "broker-b"]), ["broker-b", "broker-a"]);
        // Codes 16 and 0 share a bucket of 16 until there are 13 names, and codes 32 and 0 one of 32 until there are 25.
        for (first, most, last) in [("\u{10}", 12, "1"), (" ", 24, "A")] {
            let rest = ["B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"].iter();
            let rest = rest.chain(&["M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W"]);
            let mut names: Vec<_> = [first, "\0"].into_iter().chain(rest.copied()).take(most).collect();
            assert_eq!(sorted(&names)[..2], [first, "\0"]);
            names.push(last);
            assert_eq!(sorted(&names)[0], "\0");
            assert_ne!(sorted(&names)[1], first);
        }
    }
}
