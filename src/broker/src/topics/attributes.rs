//! Attributes of topics and groups, and how a request alters them (`AttributeUtil`, `TopicAttributes`).
//!
//! A request names each key with a sign: `+key=value` sets it, `-key` removes it. The texts of the
//! errors are the remarks RocketMQ answers with.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

/// Why attributes cannot be altered as asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AttributeError {
    /// A part with a value that does not set anything.
    #[error("add/alter attribute format is wrong: {0}")]
    WrongAddition(String),
    /// A part without a value that does not remove anything.
    #[error("delete attribute format is wrong: {0}")]
    WrongDeletion(String),
    /// A part twice.
    #[error("key duplication: {0}")]
    KeyTwice(String),
    /// A key with nothing behind its sign, or with a sign inside.
    #[error("kv string format wrong.")]
    WrongKey,
    /// A key both set and removed.
    #[error("alter duplication key. key: {0}")]
    AlteredTwice(String),
    /// Something other than setting, for what does not exist yet.
    #[error("only add attribute is supported while creating topic. key: {0}")]
    OnlyAddition(String),
    /// A key without a sign.
    #[error("wrong format key: {0}")]
    NoSign(String),
    /// A key to remove that is not there.
    #[error("attempt to delete a nonexistent key: {0}")]
    Nonexistent(String),
    /// A key RocketMQ does not know.
    #[error("unsupported key: {0}")]
    Unsupported(String),
    /// A key that is set once and for all.
    #[error("attempt to update an unchangeable attribute. key: {0}")]
    Unchangeable(String),
    /// A value outside the key's set.
    #[error("value is not in set: {0}")]
    NotInSet(&'static str),
    /// A value outside the key's range.
    #[error("value is not in range(-1, 9223372036854775807)")]
    NotInRange,
    /// A value that should be a number.
    #[error("For input string: \"{0}\"")]
    NoNumber(String),
    /// Two values RocketMQ takes together, and then loses messages.
    #[error("{}={} and {}={} are not supported together", left.0, left.1, right.0, right.1)]
    NotTogether {
        /// A key and its value.
        left: (&'static str, &'static str),
        /// The other.
        right: (&'static str, &'static str),
    },
}

const QUEUE_TYPE: &str = "queue.type";
const CLEANUP_POLICY: &str = "cleanup.policy";
const MESSAGE_TYPE: &str = "message.type";
const RESERVE_TIME: &str = "reserve.time";

const COMPACTION: &str = "COMPACTION";
const BATCH_QUEUES: &str = "BatchCQ";

const MESSAGE_TYPES: [&str; 6] = ["UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION", "MIXED"];

/// Reads `+key1=value1,-key2` into signed keys and values (`AttributeParser.parseToMap`).
///
/// # Errors
/// When a part lacks its sign or a key comes twice.
pub fn parse_attributes(text: &str) -> Result<BTreeMap<String, String>, AttributeError> {
    let mut attributes = BTreeMap::new();
    // Java's split drops empty parts at the end, and only there.
    for part in text.trim_end_matches(',').split(',').filter(|_| !text.is_empty() && !is_commas(text)) {
        let (key, value) = match part.split_once('=') {
            Some((key, rest)) => {
                let value = rest.split('=').next().unwrap_or_default();
                if !key.contains('+') || value.is_empty() {
                    return Err(AttributeError::WrongAddition(key.to_owned()));
                }
                (key, value)
            }
            None if part.contains('-') => (part, ""),
            None => return Err(AttributeError::WrongDeletion(part.to_owned())),
        };
        if attributes.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(AttributeError::KeyTwice(key.to_owned()));
        }
    }
    Ok(attributes)
}

fn is_commas(text: &str) -> bool {
    text.bytes().all(|byte| byte == b',')
}

/// The attributes of a topic after an alteration; `current` is `None` for a topic that is new.
pub(super) fn alter_topic_attributes(
    current: Option<&BTreeMap<String, String>>,
    request: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, AttributeError> {
    let altered = alter(current, request, check_topic_attribute)?;
    let has = |key: &str, value: &str| altered.get(key).is_some_and(|has| has == value);
    if has(CLEANUP_POLICY, COMPACTION) && has(QUEUE_TYPE, BATCH_QUEUES) {
        return Err(AttributeError::NotTogether {
            left: (CLEANUP_POLICY, COMPACTION),
            right: (QUEUE_TYPE, BATCH_QUEUES),
        });
    }
    Ok(altered)
}

/// The attributes of a group after an alteration: RocketMQ 5.3 knows none.
pub(crate) fn alter_group_attributes(
    current: Option<&BTreeMap<String, String>>,
    request: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, AttributeError> {
    alter(current, request, |alteration| Err(AttributeError::Unsupported(alteration.key.to_owned())))
}

/// One key's part of a request.
struct Alteration<'a> {
    key: &'a str,
    /// `None` removes the key.
    value: Option<&'a str>,
    /// Whether topic or group are just being made.
    initial: bool,
}

fn alter(
    current: Option<&BTreeMap<String, String>>,
    request: &BTreeMap<String, String>,
    check: impl Fn(&Alteration<'_>) -> Result<(), AttributeError>,
) -> Result<BTreeMap<String, String>, AttributeError> {
    let mut altered = current.cloned().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (signed_key, value) in request {
        let key = checked_key(signed_key)?;
        if !seen.insert(key) {
            return Err(AttributeError::AlteredTwice(key.to_owned()));
        }
        let sets = signed_key.starts_with('+');
        match current {
            None if !sets => return Err(AttributeError::OnlyAddition(key.to_owned())),
            Some(_) if !sets && !signed_key.starts_with('-') => {
                return Err(AttributeError::NoSign(key.to_owned()));
            }
            Some(current) if !sets && !current.contains_key(key) => {
                return Err(AttributeError::Nonexistent(key.to_owned()));
            }
            _ => {}
        }
        check(&Alteration { key, value: sets.then_some(value), initial: current.is_none() })?;
        if sets {
            altered.insert(key.to_owned(), value.clone());
        } else {
            altered.remove(key);
        }
    }
    Ok(altered)
}

/// The key behind its sign.
fn checked_key(signed_key: &str) -> Result<&str, AttributeError> {
    let mut characters = signed_key.chars();
    characters.next();
    let key = characters.as_str();
    if key.is_empty() || key.contains(['+', '-']) { Err(AttributeError::WrongKey) } else { Ok(key) }
}

fn check_topic_attribute(alteration: &Alteration<'_>) -> Result<(), AttributeError> {
    let Alteration { key, value, initial } = *alteration;
    let changeable = match key {
        QUEUE_TYPE | CLEANUP_POLICY => false,
        MESSAGE_TYPE | RESERVE_TIME => true,
        _ => return Err(AttributeError::Unsupported(key.to_owned())),
    };
    if !changeable && !initial {
        return Err(AttributeError::Unchangeable(key.to_owned()));
    }
    let Some(value) = value else { return Ok(()) };
    match (key, value) {
        (QUEUE_TYPE, "SimpleCQ" | BATCH_QUEUES) | (CLEANUP_POLICY, "DELETE" | COMPACTION) => Ok(()),
        (QUEUE_TYPE, _) => Err(AttributeError::NotInSet("[SimpleCQ, BatchCQ]")),
        (CLEANUP_POLICY, _) => Err(AttributeError::NotInSet("[DELETE, COMPACTION]")),
        (MESSAGE_TYPE, value) if MESSAGE_TYPES.contains(&value) => Ok(()),
        (MESSAGE_TYPE, _) => {
            Err(AttributeError::NotInSet("[UNSPECIFIED, TRANSACTION, FIFO, MIXED, DELAY, NORMAL]"))
        }
        _ => match value.parse::<i64>() {
            Ok(number) if number >= -1 => Ok(()),
            Ok(_) => Err(AttributeError::NotInRange),
            Err(_) => Err(AttributeError::NoNumber(value.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn texts_are_parsed_as_java_parses_them() {
        assert_eq!(parse_attributes("+a=b,-c").unwrap(), map(&[("+a", "b"), ("-c", "")]));
        assert_eq!(parse_attributes("+a=b=c").unwrap(), map(&[("+a", "b")]));
        assert_eq!(parse_attributes("+a=b,").unwrap(), map(&[("+a", "b")]));
        assert_eq!(parse_attributes(",").unwrap(), map(&[]));
        assert_eq!(parse_attributes("").unwrap(), map(&[]));
        assert_eq!(parse_attributes("a=b"), Err(AttributeError::WrongAddition("a".into())));
        assert_eq!(parse_attributes("c"), Err(AttributeError::WrongDeletion("c".into())));
        assert_eq!(parse_attributes("+a=b,+a=c"), Err(AttributeError::KeyTwice("+a".into())));
        assert!(parse_attributes("+a=").is_err());
    }

    #[test]
    fn a_new_topic_only_takes_additions() {
        let set =
            alter_topic_attributes(None, &map(&[("+message.type", "FIFO"), ("+queue.type", "SimpleCQ")]));
        assert_eq!(set.unwrap(), map(&[("message.type", "FIFO"), ("queue.type", "SimpleCQ")]));
        assert_eq!(
            alter_topic_attributes(None, &map(&[("-message.type", "")])),
            Err(AttributeError::OnlyAddition("message.type".into()))
        );
        assert_eq!(
            alter_topic_attributes(None, &map(&[("message.type", "FIFO")])),
            Err(AttributeError::OnlyAddition("essage.type".into()))
        );
    }

    #[test]
    fn an_existing_topic_keeps_what_is_not_named() {
        let current = map(&[("message.type", "FIFO"), ("queue.type", "SimpleCQ")]);
        let alter = |request: &[(&str, &str)]| alter_topic_attributes(Some(&current), &map(request));
        assert_eq!(alter(&[]).unwrap(), current);
        assert_eq!(alter(&[("-message.type", "")]).unwrap(), map(&[("queue.type", "SimpleCQ")]));
        assert_eq!(alter(&[("+message.type", "NORMAL")]).unwrap()["message.type"], "NORMAL");
        assert_eq!(
            alter(&[("+queue.type", "SimpleCQ")]),
            Err(AttributeError::Unchangeable("queue.type".into()))
        );
        assert_eq!(alter(&[("-reserve.time", "")]), Err(AttributeError::Nonexistent("reserve.time".into())));
        assert_eq!(
            alter(&[("+message.type", "FIFO"), ("-message.type", "")]),
            Err(AttributeError::AlteredTwice("message.type".into()))
        );
        assert_eq!(alter(&[("xkey", "v")]), Err(AttributeError::NoSign("key".into())));
        assert_eq!(alter(&[("+", "v")]), Err(AttributeError::WrongKey));
    }

    #[test]
    fn values_are_checked_in_rocketmqs_words() {
        let text = |key: &str, value: &str| {
            alter_topic_attributes(None, &map(&[(key, value)])).unwrap_err().to_string()
        };
        assert_eq!(text("+queue.type", "x"), "value is not in set: [SimpleCQ, BatchCQ]");
        assert_eq!(text("+reserve.time", "-5"), "value is not in range(-1, 9223372036854775807)");
        assert_eq!(text("+reserve.time", "x"), "For input string: \"x\"");
        assert_eq!(text("+color", "x"), "unsupported key: color");
        assert_eq!(text("+cleanup.policy", "x"), "value is not in set: [DELETE, COMPACTION]");
        let both = map(&[("+cleanup.policy", "COMPACTION"), ("+queue.type", "BatchCQ")]);
        let error = alter_topic_attributes(None, &both).unwrap_err().to_string();
        assert_eq!(error, "cleanup.policy=COMPACTION and queue.type=BatchCQ are not supported together");
        let compacted = map(&[("+cleanup.policy", "COMPACTION")]);
        assert_eq!(
            alter_topic_attributes(None, &compacted).unwrap(),
            map(&[("cleanup.policy", "COMPACTION")])
        );
    }

    #[test]
    fn groups_have_no_attributes() {
        assert_eq!(alter_group_attributes(None, &map(&[])).unwrap(), map(&[]));
        let error = alter_group_attributes(None, &map(&[("+a", "b")])).unwrap_err();
        assert_eq!(error, AttributeError::Unsupported("a".into()));
    }
}
