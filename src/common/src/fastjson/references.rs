//! `{"$ref":"$.path"}`: what fastjson writes where one Java object occurs a second time.
//!
//! A reference is replaced by a copy of what it points to. Invariant: copies add at most as many values
//! as the text itself has, so no text can make itself grow; a reference into a cycle, which no tree can
//! hold, becomes `null`.

use serde_json::{Map, Value};

use super::FastjsonError;

const KEY: &str = "$ref";

/// Whether a text may hold references; false alarms cost a slower pass, nothing else.
pub(super) fn may_occur(text: &[u8]) -> bool {
    text.windows(KEY.len()).any(|window| window == KEY.as_bytes())
}

/// Replaces the references in a tree.
pub(super) fn resolve(root: &mut Value) -> Result<(), FastjsonError> {
    if find(root).is_none() {
        return Ok(());
    }
    let original = root.clone();
    let mut run = Resolver { root: &original, budget: size(&original) };
    run.replace_in(root)
}

struct Resolver<'a> {
    root: &'a Value,
    /// How many values may still be copied.
    budget: usize,
}

impl Resolver<'_> {
    fn replace_in(&mut self, value: &mut Value) -> Result<(), FastjsonError> {
        if let Some(path) = path_of(value) {
            *value = self.copy(&path)?;
            return Ok(());
        }
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.replace_in(item)),
            Value::Object(members) => members.values_mut().try_for_each(|member| self.replace_in(member)),
            _ => Ok(()),
        }
    }

    /// A copy of what a path leads to, the references in it cut off.
    fn copy(&mut self, path: &str) -> Result<Value, FastjsonError> {
        let Some(target) = lookup(self.root, path) else { return Ok(Value::Null) };
        self.budget = self.budget.checked_sub(size(target)).ok_or(FastjsonError::TooManyReferences)?;
        let mut copy = target.clone();
        cut(&mut copy);
        Ok(copy)
    }
}

fn cut(value: &mut Value) {
    if path_of(value).is_some() {
        *value = Value::Null;
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(members) => members.values_mut().for_each(cut),
        _ => {}
    }
}

/// The path of a reference: an object with this one string member.
fn path_of(value: &Value) -> Option<String> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.get(KEY)?.as_str().map(str::to_owned)
}

fn find(value: &Value) -> Option<String> {
    path_of(value).or_else(|| children(value).find_map(find))
}

fn size(value: &Value) -> usize {
    1 + children(value).map(size).sum::<usize>()
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let items = value.as_array().into_iter().flatten();
    items.chain(value.as_object().into_iter().flat_map(Map::values))
}

/// Follows `$.name.name[0]`, where a backslash takes away a character's meaning. Paths that start
/// elsewhere (`@`, `..`) or are only `$` lead back to an object that holds the reference itself.
fn lookup<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let mut rest = path.strip_prefix('$').filter(|rest| !rest.is_empty())?;
    let mut value = root;
    while let Some(first) = rest.chars().next() {
        let mut step = String::new();
        let mut chars = rest.get(first.len_utf8()..)?.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => step.push(chars.next()?.1),
                '.' | '[' | ']' => {
                    end = first.len_utf8() + at + usize::from(c == ']');
                    break;
                }
                _ => step.push(c),
            }
        }
        value = match (first, value) {
            ('.', Value::Object(members)) => members.get(&step)?,
            ('[', Value::Array(items)) => items.get(step.parse::<usize>().ok()?)?,
            ('[', Value::Object(members)) => members.get(step.trim_matches(['"', '\'']))?,
            _ => return None,
        };
        rest = rest.get(end..)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::fastjson::from_str;

    fn read(text: &str) -> Value {
        from_str(text).unwrap()
    }

    #[test]
    fn references_become_copies() {
        // As fastjson 1.2.83 writes it for one map found in three places.
        let java = r#"{"consumerTable":{"1.2@3-a/b%R":{"x":1}},"y":[{"$ref":"$.consumerTable.1\\.2\\@3\\-a\\/b\\%R"}],"z":{"$ref":"$.consumerTable.1\\.2\\@3\\-a\\/b\\%R"}}"#;
        assert_eq!(read(java), json!({"consumerTable":{"1.2@3-a/b%R":{"x":1}},"y":[{"x":1}],"z":{"x":1}}));
        let tables: BTreeMap<String, BTreeMap<i32, i64>> =
            from_str(r#"{"a":{0:5},"b":{"$ref":"$.a"}}"#).unwrap();
        assert_eq!(tables["b"], BTreeMap::from([(0, 5)]));
        assert_eq!(read(r#"{"a":[1,{"b":2}],"c":{"$ref":"$.a[1]"}}"#)["c"], json!({"b":2}));
        assert_eq!(read(r#"{"a":{"x.y":1},"c":{"$ref":"$.a.x\\.y"}}"#)["c"], json!(1));
        assert_eq!(read(r#"[{"k":0},{"$ref":"$[0]"}]"#), json!([{"k":0},{"k":0}]));
    }

    #[test]
    fn cycles_and_broken_references_are_null() {
        for path in ["$", "@", "..", "$.b", "$.a", "$.a.x", "nowhere", "$.b[7]", "$[", "$.\\\\"] {
            let read = read(&format!(r#"{{"a":{{"x":{{"$ref":"{path}"}}}}}}"#));
            assert!(find(&read).is_none(), "{path}: {read}");
        }
        assert_eq!(read(r#"{"a":{"x":{"$ref":".."}}}"#), json!({"a":{"x":null}}));
    }

    #[test]
    fn other_objects_are_left_alone() {
        for text in [r#"{"$ref":1}"#, r#"{"$ref":"$.a","a":1}"#, r#"{"a":"$ref"}"#] {
            assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap());
        }
    }

    #[test]
    fn copies_are_bounded() {
        let references = vec![r#"{"$ref":"$[0]"}"#; 100].join(",");
        let text = format!("[[{}0],{references}]", "0,".repeat(100));
        assert!(matches!(from_str::<Value>(&text), Err(FastjsonError::TooManyReferences)));
    }

    proptest! {
        #[test]
        fn paths_never_panic(path in r"\$?[.\[\]\\a0é@]{0,12}") {
            let text = json!({"a":{"a":[0,{"a":1}]},"x":{"$ref":path}});
            prop_assert!(from_str::<Value>(&text.to_string()).is_ok());
        }
    }
}
