//! Which keys of a record are indexed.

use message::{
    hash::IndexKeyHasher,
    properties,
    property_names::{KEY_SEPARATOR, KEYS, UNIQ_KEY},
    record::RecordView,
    sys_flag::TransactionType,
};

/// The keys of one record. Those of a rolled back transaction are not to be indexed.
#[derive(Clone, Copy, Debug)]
pub struct IndexRequest<'a> {
    /// The topic in the record.
    pub topic: &'a str,
    /// Its property `UNIQ_KEY`.
    pub uniq_key: Option<&'a str>,
    /// Its property `KEYS`: keys separated by spaces, possibly empty.
    pub keys: &'a str,
    /// Where the record begins.
    pub phy_offset: i64,
    /// Its store timestamp, milliseconds.
    pub store_timestamp: i64,
}

impl<'a> IndexRequest<'a> {
    /// What is to be indexed of a record; `None` for a rolled back one.
    pub fn of(record: &RecordView<'a>) -> Option<Self> {
        if record.transaction_type() == TransactionType::Rollback {
            return None;
        }
        let (mut uniq_key, mut keys) = (None, None);
        for (name, value) in properties::pairs(record.properties()) {
            match name {
                _ if name == UNIQ_KEY.as_bytes() => uniq_key = Some(value),
                _ if name == KEYS.as_bytes() => keys = Some(value),
                _ => {}
            }
        }
        let text = |value: Option<&'a [u8]>| str::from_utf8(value?).ok();
        Some(Self {
            topic: record.topic(),
            uniq_key: text(uniq_key),
            keys: text(keys).unwrap_or_default(),
            phy_offset: record.phy_offset(),
            store_timestamp: record.store_timestamp(),
        })
    }

    /// All its keys, the unique one first.
    pub fn all_keys(&self) -> impl Iterator<Item = &'a str> {
        all_keys(self.uniq_key, self.keys)
    }

    /// The hashes its items have, in their order.
    pub fn key_hashes(&self) -> impl Iterator<Item = i32> {
        key_hashes(IndexKeyHasher::of(self.topic), self.uniq_key, self.keys)
    }
}

fn all_keys<'a>(uniq_key: Option<&'a str>, keys: &'a str) -> impl Iterator<Item = &'a str> {
    uniq_key.into_iter().chain(keys.split(KEY_SEPARATOR).filter(|key| !key.is_empty()))
}

/// The hashes of the keys of a message, the unique one's first.
pub(super) fn key_hashes<'a>(
    hasher: IndexKeyHasher,
    uniq_key: Option<&'a str>,
    keys: &'a str,
) -> impl Iterator<Item = i32> {
    all_keys(uniq_key, keys).map(move |key| hasher.hash(key))
}
