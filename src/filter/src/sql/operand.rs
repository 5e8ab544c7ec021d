//! What the parser keeps of operators and operands: what is open, and what RocketMQ checks of what is complete.

use std::ops::Range;

use super::{
    ParseError,
    lexer::Token,
    value::{Relation, Value},
};

/// How tightly operators bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Equality,
    Comparison,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Relate(Relation),
}

impl Binary {
    pub(super) fn level(self) -> Level {
        match self {
            Self::Or => Level::Or,
            Self::And => Level::And,
            Self::Equal | Self::NotEqual => Level::Equality,
            Self::Relate(_) => Level::Comparison,
        }
    }
}

/// What is open and waits for an operand to be complete.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// With its first byte.
    Parenthesis(usize),
    Plus,
    Minus,
    Not,
    Binary {
        operator: Binary,
        skip: Option<usize>,
    },
    /// The lower bound is next.
    Between(Between),
    /// The upper bound is next; the logic between the two comparisons may be skipped as well.
    BetweenUpper {
        between: Between,
        lower: Kind,
        logic: usize,
    },
}

/// `value [NOT] BETWEEN`
#[derive(Clone, Debug)]
pub(super) struct Between {
    /// The steps of the value, which both bounds are compared with.
    pub(super) value: Range<usize>,
    pub(super) negated: bool,
    /// The jump over the comparison under way.
    pub(super) skip: usize,
}

/// What RocketMQ knows of an operand when it checks an operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Property,
    Null,
    Truth,
    Number(Value<'static>),
    Text,
    /// Something that is true or false.
    Boolean,
    /// A negated value.
    Negated,
}

/// An operand whose steps are complete: the last of the program so far.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) kind: Kind,
    /// Its first step.
    pub(super) first_step: usize,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind it.
    pub(super) end: usize,
}

pub(super) fn binary(token: Token<'_>) -> Option<Binary> {
    Some(match token {
        Token::Or => Binary::Or,
        Token::And => Binary::And,
        Token::Equal => Binary::Equal,
        Token::NotEqual => Binary::NotEqual,
        Token::Greater => Binary::Relate(Relation::Greater),
        Token::GreaterEqual => Binary::Relate(Relation::GreaterEqual),
        Token::Less => Binary::Relate(Relation::Less),
        Token::LessEqual => Binary::Relate(Relation::LessEqual),
        _ => return None,
    })
}

/// An integer has 32 bits if it fits (`createFromDecimal`).
pub(super) fn decimal(digits: &str) -> Result<Value<'static>, ParseError> {
    let value: i64 = digits
        .trim_end_matches(['l', 'L'])
        .parse()
        .map_err(|_| ParseError::NumberRange(digits.to_owned()))?;
    Ok(i32::try_from(value).map_or(Value::Long(value), Value::Integer))
}

/// RocketMQ takes Java's smallest positive number for the smallest of all and refuses zero (`createFloat`).
pub(super) fn float(digits: &str) -> Result<Value<'static>, ParseError> {
    let value: Option<f64> = digits.parse().ok();
    value
        .filter(|value| value.is_finite() && *value > 0.0)
        .map(Value::Double)
        .ok_or_else(|| ParseError::NumberRange(digits.to_owned()))
}

pub(super) fn shown(number: &Value<'_>) -> String {
    match number {
        Value::Integer(value) => value.to_string(),
        Value::Long(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Null | Value::Boolean(_) | Value::Text(_) => String::new(),
    }
}
