//! The request table, the headers and the response codes against the golden files that reflection over
//! RocketMQ's own jars has written.

use std::collections::{BTreeMap, BTreeSet};

use remoting::{
    command::{CURRENT_VERSION, CURRENT_VERSION_NAME, Language},
    header::{FieldKind, FieldSpec, Presence},
    request::RequestCode,
    response_code::ResponseCode,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct GoldenHeader {
    fields: BTreeMap<String, GoldenField>,
}

#[derive(Deserialize)]
struct GoldenField {
    #[serde(rename = "type")]
    java_type: String,
    nullable: bool,
    from: Option<String>,
}

/// Fields headers inherit for static topics and namespaces; ours have those they act on.
const INHERITED: [&str; 5] = ["ns", "nsd", "bname", "oway", "lo"];

/// Headers RocketMQ has no class for: it reads their fields one by one.
const WITHOUT_CLASS: [&str; 1] = ["SetCommitLogReadModeRequestHeader"];

fn golden<T: for<'de> Deserialize<'de>>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("golden file: {error}"))
}

#[test]
fn every_request_code_is_in_the_table() {
    let java: BTreeMap<String, i32> = golden(include_str!("../../../compat-tests/golden/request-codes.json"));
    let ours: BTreeMap<String, i32> =
        RequestCode::ALL.iter().map(|code| (code.name().to_owned(), code.number())).collect();
    assert_eq!(ours, java);
}

#[test]
fn response_codes_are_rocketmqs() {
    let java: BTreeMap<String, i32> =
        golden(include_str!("../../../compat-tests/golden/response-codes.json"));
    for (number, name) in ResponseCode::NAMES {
        assert_eq!(java.get(*name), Some(number), "{name}");
    }
}

#[test]
fn language_codes_are_rocketmqs() {
    let java: BTreeMap<String, u8> = golden(include_str!("../../../compat-tests/golden/language-codes.json"));
    for (name, code) in java {
        assert_eq!(Language::from_name(&name).code(), code, "{name}");
        assert_eq!(Language::from_code(code).name(), name);
    }
}

#[test]
fn the_version_is_rocketmqs() {
    let java: BTreeMap<String, i32> = golden(include_str!("../../../compat-tests/golden/versions.json"));
    assert_eq!(java.get(CURRENT_VERSION_NAME), Some(&CURRENT_VERSION));
}

#[test]
fn headers_have_rocketmqs_fields() {
    let java: BTreeMap<String, GoldenHeader> =
        golden(include_str!("../../../compat-tests/golden/headers.json"));
    let ours: BTreeMap<&str, &[FieldSpec]> = RequestCode::ALL
        .iter()
        .flat_map(|code| code.headers())
        .filter(|(_, fields)| !fields.is_empty())
        .collect();
    assert!(ours.len() > 80, "the table names its headers");
    let mut wrong = Vec::new();
    for (name, fields) in ours.into_iter().filter(|(name, _)| !WITHOUT_CLASS.contains(name)) {
        match java.get(name) {
            Some(header) => compare(name, fields, header, &mut wrong),
            None => wrong.push(format!("{name}: no such header in RocketMQ")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(name: &str, ours: &[FieldSpec], java: &GoldenHeader, wrong: &mut Vec<String>) {
    let own =
        |(key, field): &(&String, &GoldenField)| field.from.is_none() && !INHERITED.contains(&key.as_str());
    let expected: BTreeSet<&str> = java.fields.iter().filter(own).map(|(key, _)| key.as_str()).collect();
    // Prefixed by an underscore: fields a client adds outside the header class.
    let found: BTreeSet<&str> = ours
        .iter()
        .map(|field| field.key)
        .filter(|key| !key.starts_with('_') && !INHERITED.contains(key))
        .collect();
    if expected != found {
        wrong.push(format!("{name}: fields {found:?}, RocketMQ has {expected:?}"));
    }
    for field in ours {
        let Some(golden) = java.fields.get(field.key) else { continue };
        let kind = match golden.java_type.as_str() {
            "int" | "Integer" => FieldKind::Int,
            "long" | "Long" => FieldKind::Long,
            "boolean" | "Boolean" => FieldKind::Bool,
            _ => FieldKind::Text,
        };
        if field.kind != kind {
            wrong.push(format!("{name}.{}: {:?}, RocketMQ has {}", field.key, field.kind, golden.java_type));
        }
        if field.presence == Presence::Required
            && golden.nullable
            && golden.java_type.starts_with(char::is_uppercase)
        {
            wrong.push(format!("{name}.{}: required, RocketMQ lets it be absent", field.key));
        }
    }
}
