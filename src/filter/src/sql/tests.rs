use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> SqlExpression {
    SqlExpression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn value(text: &str, properties: &[u8]) -> Option<bool> {
    parsed(text).evaluate(properties).unwrap()
}

const MESSAGE: &[u8] = b"a\x015\x02name\x01it's\x02flag\x01TRUE\x02price\x0110.5\x02";

#[test]
fn properties_are_compared_as_the_other_side_wants_it() {
    assert_eq!(value("a > 4 AND a < 6", MESSAGE), Some(true));
    assert_eq!(value("price = 10.50", MESSAGE), Some(true));
    assert_eq!(value("flag = true", MESSAGE), Some(true));
    assert_eq!(value("name = 'it''s'", MESSAGE), Some(true));
    assert_eq!(parsed("price > 3").evaluate(MESSAGE), Err(EvaluateError::NoNumber("10.5".to_owned())));
    assert!(!parsed("price > 3").matches(MESSAGE));
}

#[test]
fn logic_has_three_values() {
    assert_eq!(value("missing = 1", MESSAGE), None);
    assert_eq!(value("missing = 1 OR a = 5", MESSAGE), Some(true));
    assert_eq!(value("missing = 1 AND a = 6", MESSAGE), Some(false));
    assert_eq!(value("NOT (missing = 1)", MESSAGE), None);
    assert_eq!(value("missing = other", MESSAGE), Some(true));
    assert_eq!(value("missing IS NULL AND a IS NOT NULL", MESSAGE), Some(true));
}

#[test]
fn a_side_that_does_not_count_is_not_looked_at() {
    assert_eq!(value("a = 6 AND name > 1", MESSAGE), Some(false));
    assert_eq!(value("a = 5 OR name > 1", MESSAGE), Some(true));
    assert_eq!(value("missing > -(name > 1)", MESSAGE), None);
    assert!(parsed("a = 5 AND name > 1").evaluate(MESSAGE).is_err());
}

#[test]
fn what_surprises_is_rocketmqs() {
    assert_eq!(value("a", MESSAGE), Some(false));
    assert_eq!(value("NOT a = TRUE", MESSAGE), Some(true));
    assert_eq!(value("a = 5 garbage that is not looked at", MESSAGE), Some(true));
    assert_eq!(value("a = 007", MESSAGE), Some(false));
    assert!(SqlExpression::parse("a = 0.0").is_err());
    assert!(SqlExpression::parse("a = 5 #").is_err());
    assert!(SqlExpression::parse("").is_err());
}

#[test]
fn errors_say_where() {
    let error = |text| SqlExpression::parse(text).unwrap_err().to_string();
    assert_eq!(error("a >\n AND"), "Encountered \"AND\" at line 2, column 2.");
    assert_eq!(error("a = "), "Encountered \"<EOF>\" at line 1, column 5.");
    assert_eq!(error("a = ?"), "Lexical error at line 1, column 5.");
    assert_eq!(error("a > 'x'"), "Value ''x'' cannot be compared.");
    assert_eq!(error("a = NULL"), "'NULL' cannot be compared.");
    assert_eq!(
        error("a between 10 and 2"),
        "Illegal values of between, left value(10) must less than or equal to right value(2)"
    );
    assert_eq!(error("(a > 2) in ('x')"), "Expected a property for In expression, got: (a > 2)");
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = |count: usize| format!("{}a = 5{}", "(".repeat(count), ")".repeat(count));
    assert_eq!(value(&deep(MAX_DEPTH - 1), MESSAGE), Some(true));
    assert_eq!(SqlExpression::parse(&deep(MAX_DEPTH + 1)), Err(ParseError::TooComplex));
    assert_eq!(SqlExpression::parse(&deep(100_000)), Err(ParseError::TooLong));
    assert_eq!(SqlExpression::parse(&format!("{}a", "NOT ".repeat(10_000))), Err(ParseError::TooComplex));
    // A chain is as long as it likes.
    assert_eq!(value(&vec!["a = 6"; 5_000].join(" OR "), MESSAGE), Some(false));
    // Each of these doubles the work of the one inside it.
    let doubling = (0..40).fold("a".to_owned(), |value, _| format!("-({value} BETWEEN 1 AND 2)"));
    assert_eq!(SqlExpression::parse(&format!("{doubling} = 1")), Err(ParseError::TooComplex));
    let names: Vec<String> = (0..=MAX_PROPERTIES).map(|number| format!("n{number} = 1")).collect();
    assert_eq!(SqlExpression::parse(&names.join(" OR ")), Err(ParseError::TooComplex));
}

/// Texts that are nearly expressions.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b",
        "name",
        "5",
        "10L",
        "2.5",
        "'x'",
        "''",
        "TRUE",
        "FALSE",
        "NULL",
        "NOT",
        "AND",
        "OR",
        "BETWEEN",
        "IN",
        "IS",
        "CONTAINS",
        "STARTSWITH",
        "ENDSWITH",
        "=",
        "<>",
        ">",
        ">=",
        "<",
        "<=",
        "(",
        ")",
        ",",
        "+",
        "-",
        "--",
        "/*",
        "*/",
        "'",
        "#",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(text in any::<String>(), properties in any::<Vec<u8>>()) {
        if let Ok(expression) = SqlExpression::parse(&text) {
            expression.matches(&properties);
        }
    }

    #[test]
    fn any_words_are_an_expression_or_an_error(text in words(), properties in any::<Vec<u8>>()) {
        if let Ok(expression) = SqlExpression::parse(&text) {
            expression.matches(&properties);
            expression.matches(MESSAGE);
        }
    }
}
