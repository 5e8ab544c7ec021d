//! Name and value pairs (`KVTable`): the order configuration a broker is told when it registers, and a
//! broker's runtime figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `KVTable`: texts by name.
///
/// ```text
/// {"table":{"orderTopic":"broker-a:4;broker-b:4"}}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KvTable {
    /// The pairs.
    pub table: BTreeMap<String, String>,
}

impl KvTable {
    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        common::fastjson::to_vec(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_as_one_object() {
        let table = KvTable { table: [("T".to_owned(), "broker-a:4".to_owned())].into() };
        assert_eq!(table.encode(), br#"{"table":{"T":"broker-a:4"}}"#);
        assert_eq!(common::fastjson::from_slice::<KvTable>(&table.encode()).unwrap(), table);
    }
}
