//! Every request code there is, asked with nothing: answered, or refused for a reason.

use std::{collections::BTreeMap, fs, path::Path};

use compat_tests::Cluster;
use compat_tests::wire::Wire;
use serde_json::json;

const NOT_SUPPORTED: i64 = 3;

pub fn every_code_is_answered_or_refused_for_a_reason(cluster: &Cluster, is_ours: bool) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/request-codes.json");
    let codes: BTreeMap<String, i32> = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
    for (server, own) in
        [(cluster.namesrv_addr(), "a NameServer answers it"), (cluster.broker_addr(), "a broker answers it")]
    {
        let mut answered = 0;
        for (name, code) in &codes {
            let mut wire = Wire::connect(&server).unwrap();
            let answer = match wire.call(*code, &json!({}), b"") {
                Ok(answer) => answer,
                Err(error) if is_ours => panic!("{name} at {server}: {error}"),
                // Java's servers let some requests without a body go unanswered.
                Err(_) => continue,
            };
            if answer.code() != NOT_SUPPORTED {
                answered += 1;
                continue;
            }
            let remark = answer.header["remark"].as_str().unwrap_or_default();
            let plain = format!(" request type {code} not supported");
            let reason = remark.strip_prefix(&plain).unwrap_or_else(|| panic!("{name}: {remark}"));
            if is_ours {
                assert!(
                    reason.starts_with(": ") && !reason.ends_with(own),
                    "{name} falls through at {server}: {remark}"
                );
            }
        }
        eprintln!("{answered} of {} request codes answered where {own}", codes.len());
    }
}
