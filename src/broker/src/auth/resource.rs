//! The words of access control lists, as operators write them and as they are kept.

use std::net::IpAddr;

const RESOURCE_TYPES: [&str; 6] = ["Unknown", "Any", "Cluster", "Namespace", "Topic", "Group"];
const ACTIONS: [&str; 10] =
    ["Unknown", "All", "Any", "Pub", "Sub", "Create", "Update", "Delete", "Get", "List"];

/// The word RocketMQ has for `text`, whatever its case.
pub(super) fn known(words: &[&'static str], text: &str) -> Option<&'static str> {
    words.iter().copied().find(|word| word.eq_ignore_ascii_case(text))
}

/// The action of that name.
pub(super) fn action(text: &str) -> Option<&'static str> {
    known(&ACTIONS, text)
}

/// A subject, `User:<name>`, as RocketMQ writes it; `None` for any other kind.
pub(super) fn subject_key(text: &str) -> Option<String> {
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    kind.eq_ignore_ascii_case("User").then(|| format!("User:{name}"))
}

/// The user of a subject.
pub(super) fn user_of(subject_key: &str) -> &str {
    subject_key.split_once(':').map_or("", |(_, name)| name)
}

/// A resource as RocketMQ writes it: `*`, `Topic:*`, `Topic:prefix*` or `Topic:name`.
pub(super) fn resource_key(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if text == "*" {
        return Some("*".to_owned());
    }
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    let kind = known(&RESOURCE_TYPES, kind)?;
    if kind == "Any" {
        return Some("*".to_owned());
    }
    let name = match name.split_once('*') {
        Some((prefix, _)) if name.ends_with('*') => format!("{prefix}*"),
        _ => name.to_owned(),
    };
    Some(format!("{kind}:{name}"))
}

/// Whether a text is an address or a range of them.
pub(super) fn is_ip_or_range(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return text.parse::<IpAddr>().is_ok() };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u32>().is_ok_and(|bits| bits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_have_one_spelling() {
        for (text, key) in [
            ("*", Some("*")),
            ("topic:T", Some("Topic:T")),
            ("Group:*", Some("Group:*")),
            ("TOPIC:ab*c*", Some("Topic:ab*")),
            ("any:x", Some("*")),
            ("queue:x", None),
            (" ", None),
        ] {
            assert_eq!(resource_key(text).as_deref(), key, "{text}");
        }
        assert_eq!(subject_key("user:a").as_deref(), Some("User:a"));
        assert_eq!(subject_key("Group:a"), None);
    }

    #[test]
    fn addresses_and_ranges_are_known() {
        for good in ["192.0.2.1", "192.0.2.0/24", "2001:db8::1", "2001:db8::/128"] {
            assert!(is_ip_or_range(good), "{good}");
        }
        for bad in ["", "host", "192.0.2.0/33", "192.0.2.1/", "192.0.2.*"] {
            assert!(!is_ip_or_range(bad), "{bad}");
        }
    }
}
