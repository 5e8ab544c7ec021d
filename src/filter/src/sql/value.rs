//! What expressions are about: Java's boxed values, and how RocketMQ compares two of them.

use std::{borrow::Cow, cmp::Ordering};

use super::{EvaluateError, number};

/// A value. Properties are always text: it becomes a number where one stands on the other side.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Double(f64),
    Text(Cow<'a, str>),
}

/// `>`, `>=`, `<` and `<=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
        }
    }
}

impl Value<'_> {
    /// The value with the sign turned; `Null` for what is no number.
    pub(super) fn negated(&self) -> Self {
        match self {
            Self::Integer(value) => Self::Integer(value.wrapping_neg()),
            Self::Long(value) => Self::Long(value.wrapping_neg()),
            Self::Double(value) => Self::Double(-value),
            Self::Null | Self::Boolean(_) | Self::Text(_) => Self::Null,
        }
    }

    /// `=`: two absent values are equal, an absent one on the left is unknown, one on the right is unequal.
    pub(super) fn equals(&self, right: &Self) -> Result<Option<bool>, EvaluateError> {
        match (self, right) {
            (Self::Null, Self::Null) => Ok(Some(true)),
            (Self::Null, _) => Ok(None),
            (_, Self::Null) => Ok(Some(false)),
            (Self::Text(left), Self::Text(right)) => Ok(Some(left == right)),
            _ => Ok(Some(self.ordering(right)? == Some(Ordering::Equal))),
        }
    }

    /// `>` and its like: unknown where a value is absent.
    pub(super) fn relates(&self, relation: Relation, right: &Self) -> Result<Option<bool>, EvaluateError> {
        let ordering = match (self, right) {
            (Self::Null, _) | (_, Self::Null) => return Ok(None),
            // Two texts have an order only as numbers.
            (Self::Text(left), Self::Text(right)) => java_order(double(left)?, double(right)?),
            // RocketMQ takes the left for smaller where the types have nothing in common.
            _ => self.ordering(right)?.unwrap_or(Ordering::Less),
        };
        Ok(Some(relation.holds(ordering)))
    }

    /// How two values that are there compare; `None` where their types have nothing in common. The type of the
    /// number, or of the truth value, is what a text is read as.
    pub(super) fn ordering(&self, right: &Self) -> Result<Option<Ordering>, EvaluateError> {
        let ordering = match (self, right) {
            (Self::Boolean(left), Self::Boolean(right)) => left.cmp(right),
            (Self::Integer(left), Self::Integer(right)) => left.cmp(right),
            (Self::Long(left), Self::Long(right)) => left.cmp(right),
            (Self::Integer(left), Self::Long(right)) => i64::from(*left).cmp(right),
            (Self::Long(left), Self::Integer(right)) => left.cmp(&i64::from(*right)),
            (Self::Double(left), Self::Double(right)) => java_order(*left, *right),
            (Self::Integer(left), Self::Double(right)) => java_order(f64::from(*left), *right),
            (Self::Double(left), Self::Integer(right)) => java_order(*left, f64::from(*right)),
            (Self::Long(left), Self::Double(right)) => java_order(*left as f64, *right),
            (Self::Double(left), Self::Long(right)) => java_order(*left, *right as f64),
            (Self::Text(left), Self::Boolean(right)) => left.eq_ignore_ascii_case("true").cmp(right),
            (Self::Text(left), Self::Integer(right)) => whole::<i32>(left)?.cmp(right),
            (Self::Text(left), Self::Long(right)) => whole::<i64>(left)?.cmp(right),
            (Self::Text(left), Self::Double(right)) => java_order(double(left)?, *right),
            (Self::Integer(left), Self::Text(right)) => left.cmp(&whole(right)?),
            (Self::Long(left), Self::Text(right)) => left.cmp(&whole(right)?),
            (Self::Double(left), Self::Text(right)) => java_order(*left, double(right)?),
            (Self::Boolean(_), Self::Text(_)) => return Err(EvaluateError::TruthValueBeforeText),
            _ => return Ok(None),
        };
        Ok(Some(ordering))
    }
}

/// Java's `Double.compare`: zeros differ by their sign, and nothing is above a NaN.
fn java_order(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (false, false) => left.total_cmp(&right),
        (left, right) => left.cmp(&right),
    }
}

fn whole<T: std::str::FromStr>(text: &str) -> Result<T, EvaluateError> {
    text.parse().map_err(|_| EvaluateError::NoNumber(text.to_owned()))
}

fn double(text: &str) -> Result<f64, EvaluateError> {
    number::double(text).ok_or_else(|| EvaluateError::NoNumber(text.to_owned()))
}
