//! What RocketMQ's own evaluator says of nearly three thousand expressions, each for several messages.

use std::collections::BTreeMap;

use filter::sql::SqlExpression;
use message::properties::PropertyString;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    messages: Vec<BTreeMap<String, String>>,
    expressions: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    expression: String,
    /// `refused`, or a letter for each message: true, false, neither (`n`) or an exception (`e`).
    results: String,
}

fn encoded(message: &BTreeMap<String, String>) -> Vec<u8> {
    let mut properties = PropertyString::new();
    for (name, value) in message {
        properties.push(name, value);
    }
    properties.as_bytes().to_vec()
}

fn results(expression: &str, messages: &[Vec<u8>]) -> String {
    let Ok(compiled) = SqlExpression::parse(expression) else { return "refused".to_owned() };
    let letter = |message: &Vec<u8>| match compiled.evaluate(message) {
        Ok(Some(true)) => 't',
        Ok(Some(false)) => 'f',
        Ok(None) => 'n',
        Err(_) => 'e',
    };
    messages.iter().map(letter).collect()
}

#[test]
fn every_truth_value_is_rocketmqs() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../compat-tests/golden/sql92.json")).unwrap();
    let messages: Vec<Vec<u8>> = golden.messages.iter().map(encoded).collect();
    assert!(golden.expressions.len() > 2_000);
    assert!(golden.expressions.iter().filter(|row| row.results != "refused").count() > 1_000);
    let wrong: Vec<String> = golden
        .expressions
        .iter()
        .map(|row| (row, results(&row.expression, &messages)))
        .filter(|(row, ours)| *ours != row.results)
        .map(|(row, ours)| format!("{:?}: RocketMQ {}, here {ours}", row.expression, row.results))
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
