//! Changing configuration while the process runs (`UPDATE_BROKER_CONFIG`, `UPDATE_NAMESRV_CONFIG`).
//!
//! Each key says by its [`Change`] whether that is possible; all keys of one request change or none.
//! RocketMQ takes any key that is not on its black list and is silent about those it does not know.

use super::known::KnownKeys;
use super::load::nearest_key;
use super::{Change, ConfigError, ConfigObject, KeySpec, redact};
use crate::properties::{Properties, PropertiesError};

/// The key that may always say which keys may not be changed.
const BLACK_LIST_KEY: &str = "configBlackList";
/// Keys RocketMQ never changes over the wire, whatever `configBlackList` says.
const ALWAYS_BLACK: [&str; 5] =
    ["brokerConfigPath", "rocketmqHome", BLACK_LIST_KEY, "configStorePath", "kvConfigPath"];

/// Why a change is not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The text is no properties; the remark is RocketMQ's.
    #[error("string2Properties error")]
    Text(#[from] PropertiesError),
    /// The key is on the black list; the remark is RocketMQ's.
    #[error("Can not update config in black list.")]
    BlackListed {
        /// The key.
        key: String,
    },
    /// The key is of those that are never changed over the wire.
    #[error("{key} can not be updated while the process runs: change it in the configuration file")]
    Fixed {
        /// The key.
        key: String,
    },
    /// No object of this process has the key.
    #[error("{key} is not a known key{}", hint(*.nearest))]
    Unknown {
        /// The key.
        key: String,
        /// The known key most like it, when one is close.
        nearest: Option<&'static str>,
    },
    /// The key belongs to a part that is not here.
    #[error("{key} has no effect: {why}")]
    NoEffect {
        /// The key.
        key: String,
        /// Why.
        why: &'static str,
    },
    /// A value is of the wrong type, out of range or malformed.
    #[error(transparent)]
    Value(#[from] ConfigError),
}

fn hint(nearest: Option<&'static str>) -> String {
    nearest.map(|nearest| format!(", did you mean {nearest}?")).unwrap_or_default()
}

/// One key that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key as it is set.
    pub key: String,
    /// Its value before, secrets hidden; empty for null.
    pub before: String,
    /// Its new value.
    pub after: String,
    /// When the change counts.
    pub counts: Change,
}

impl std::fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} -> {}", self.key, self.before, redact(&self.key, &self.after))?;
        if self.counts == Change::Live { Ok(()) } else { f.write_str(" (from the next start on)") }
    }
}

/// The keys a text changes, if all of them may be changed. Values are not looked at.
pub(super) fn vet(
    objects: &[&dyn ConfigObject],
    known: &[KnownKeys],
    black_list: &str,
    text: &[u8],
) -> Result<Vec<ConfigChange>, ChangeError> {
    let properties = Properties::parse(text)?;
    let is_black =
        |key: &str| ALWAYS_BLACK.contains(&key) || black_list.split(';').any(|listed| listed.trim() == key);
    if let Some(black) = properties.entries().iter().find(|entry| is_black(&entry.key)) {
        return Err(ChangeError::BlackListed { key: black.key.clone() });
    }
    let mut changes = Vec::new();
    for entry in properties.effective() {
        let key = entry.key.clone();
        let specs = || objects.iter().flat_map(|object| object.keys().iter().map(move |spec| (object, spec)));
        let own: Vec<_> = specs().filter(|(_, spec)| spec.set_as == key).collect();
        let Some((object, first)) = own.first() else {
            return Err(stranger(objects, known, key));
        };
        let before = object.get(first.key).unwrap_or_default();
        changes.push(ConfigChange {
            counts: counts(own.iter().map(|(_, spec)| *spec))
                .ok_or(ChangeError::Fixed { key: key.clone() })?,
            before: redact(&key, &before).to_owned(),
            after: entry.value.trim().to_owned(),
            key,
        });
    }
    Ok(changes)
}

/// When a change of a key counts that several objects may have; `None` when it is not to be changed.
fn counts<'a>(specs: impl Iterator<Item = &'a KeySpec>) -> Option<Change> {
    let mut all = Change::Live;
    for spec in specs {
        match spec.change {
            _ if spec.is_read_only => return None,
            Change::Never => return None,
            Change::AtRestart => all = Change::AtRestart,
            Change::Live => {}
        }
    }
    Some(all)
}

fn stranger(objects: &[&dyn ConfigObject], known: &[KnownKeys], key: String) -> ChangeError {
    let own: Vec<_> = objects.iter().map(|object| object.keys()).collect();
    match known.iter().find(|group| group.keys.contains(&key.as_str())) {
        Some(group) => ChangeError::NoEffect { key, why: group.why },
        None => ChangeError::Unknown { nearest: nearest_key(&own, known, &key), key },
    }
}
