//! What an expression is compiled to: steps for a machine with a stack, in the order RocketMQ evaluates.
//!
//! Jumps go forward only. So a run takes at most as many steps as there are, whatever the expression, and its
//! depth is a length.

use std::borrow::Cow;

use message::properties;

use super::{
    EvaluateError, MAX_PROPERTIES, MAX_STEPS, ParseError,
    value::{Relation, Value},
};

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Puts a constant on the stack.
    Constant(Value<'static>),
    /// Puts a property there, by its place among the names.
    Property(usize),
    Negate,
    Not,
    /// A property alone is no truth value: false, unless it is absent.
    ToBoolean,
    Equal,
    Relate(Relation),
    Search(Box<Search>),
    IsAmong(Box<Among>),
    And,
    Or,
    /// Leaves the rest of an operation out if its left side decides it: `true` and `false` for logic, `None` for
    /// comparisons. The step that is jumped to follows that many later.
    SkipIf {
        left: Option<bool>,
        step_count: usize,
    },
}

/// `CONTAINS`, `STARTSWITH` and `ENDSWITH`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    pub(super) place: SearchPlace,
    pub(super) text: String,
    pub(super) negated: bool,
}

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchPlace {
    Anywhere,
    Start,
    End,
}

/// `IN`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Among {
    /// In ascending order.
    pub(super) texts: Vec<String>,
    pub(super) negated: bool,
}

/// A compiled expression.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Program {
    steps: Vec<Step>,
    names: Vec<String>,
}

impl Program {
    /// Where the next step goes.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn push(&mut self, step: Step) -> Result<(), ParseError> {
        if self.steps.len() >= MAX_STEPS {
            return Err(ParseError::TooComplex);
        }
        self.steps.push(step);
        Ok(())
    }

    pub(super) fn push_property(&mut self, name: &str) -> Result<(), ParseError> {
        let known = self.names.iter().position(|known| known == name);
        let index = known.unwrap_or(self.names.len());
        if known.is_none() {
            if index >= MAX_PROPERTIES {
                return Err(ParseError::TooComplex);
            }
            self.names.push(name.to_owned());
        }
        self.push(Step::Property(index))
    }

    /// Puts a jump whose target [`Self::land`] gives later; answers its place.
    pub(super) fn push_skip(&mut self, left: Option<bool>) -> Result<usize, ParseError> {
        self.push(Step::SkipIf { left, step_count: 0 })?;
        Ok(self.len() - 1)
    }

    /// Lets the jump at `place` go to the next step.
    pub(super) fn land(&mut self, place: usize) {
        let end = self.len();
        if let Some(Step::SkipIf { step_count, .. }) = self.steps.get_mut(place) {
            *step_count = end - place - 1;
        }
    }

    /// Repeats a whole operand's steps.
    pub(super) fn repeat(&mut self, steps: std::ops::Range<usize>) -> Result<(), ParseError> {
        for place in steps {
            let Some(step) = self.steps.get(place).cloned() else { break };
            self.push(step)?;
        }
        Ok(())
    }

    /// Takes the steps from `start` on back.
    pub(super) fn truncate(&mut self, start: usize) {
        self.steps.truncate(start);
    }

    /// The value for a message with these encoded properties.
    pub(super) fn run(&self, encoded: &[u8]) -> Result<Option<bool>, EvaluateError> {
        let mut machine = Machine { names: &self.names, encoded, found: Vec::new(), stack: Vec::new() };
        let mut place = 0;
        while let Some(step) = self.steps.get(place) {
            place += 1 + machine.take(step)?;
        }
        Ok(truth(&machine.pop()))
    }
}

struct Machine<'a> {
    names: &'a [String],
    encoded: &'a [u8],
    /// Properties already looked for, by their place among the names.
    found: Vec<Option<Value<'a>>>,
    stack: Vec<Value<'a>>,
}

impl<'a> Machine<'a> {
    /// Takes a step; answers how many to leave out.
    fn take(&mut self, step: &'a Step) -> Result<usize, EvaluateError> {
        let value = match step {
            Step::Constant(value) => value.clone(),
            Step::Property(index) => self.property(*index),
            Step::Negate => self.pop().negated(),
            Step::Not => boolean(truth(&self.pop()).map(|value| !value)),
            Step::ToBoolean => boolean((self.pop() != Value::Null).then_some(false)),
            Step::Equal => {
                let right = self.pop();
                boolean(self.pop().equals(&right)?)
            }
            Step::Relate(relation) => {
                let right = self.pop();
                boolean(self.pop().relates(*relation, &right)?)
            }
            Step::Search(search) => Value::Boolean(search.finds(&self.pop())),
            Step::IsAmong(among) => boolean(among.holds(&self.pop())),
            Step::And => {
                let right = truth(&self.pop());
                boolean(and(truth(&self.pop()), right))
            }
            Step::Or => {
                let right = truth(&self.pop()).map(|value| !value);
                boolean(and(truth(&self.pop()).map(|value| !value), right).map(|value| !value))
            }
            Step::SkipIf { left, step_count } => {
                let decides = match left {
                    Some(left) => self.stack.last() == Some(&Value::Boolean(*left)),
                    None => self.stack.last() == Some(&Value::Null),
                };
                return Ok(if decides { *step_count } else { 0 });
            }
        };
        self.stack.push(value);
        Ok(0)
    }

    fn pop(&mut self) -> Value<'a> {
        self.stack.pop().unwrap_or(Value::Null)
    }

    /// A property as text; each is looked for once, in the encoded string.
    fn property(&mut self, index: usize) -> Value<'a> {
        if self.found.is_empty() {
            self.found.resize(self.names.len(), None);
        }
        let Some(slot) = self.found.get_mut(index) else { return Value::Null };
        let value = slot.get_or_insert_with(|| {
            let name = self.names.get(index).map_or("", String::as_str).as_bytes();
            let last = properties::pairs(self.encoded).filter(|(found, _)| *found == name).last();
            last.map_or(Value::Null, |(_, value)| Value::Text(String::from_utf8_lossy(value)))
        });
        value.clone()
    }
}

impl Search {
    /// Absent values and those that are no text have no place for anything, and nothing is nowhere: RocketMQ
    /// answers the negated question with no as well then.
    fn finds(&self, value: &Value<'_>) -> bool {
        let Value::Text(value) = value else { return false };
        let found = match self.place {
            SearchPlace::Anywhere => value.contains(&self.text),
            SearchPlace::Start => value.starts_with(&self.text),
            SearchPlace::End => value.ends_with(&self.text),
        };
        found != self.negated
    }
}

impl Among {
    fn holds(&self, value: &Value<'_>) -> Option<bool> {
        let Value::Text(value) = value else { return None };
        let is_among = self.texts.binary_search_by(|text| text.as_str().cmp(value)).is_ok();
        Some(is_among != self.negated)
    }
}

fn truth(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(*value),
        _ => None,
    }
}

fn boolean<'a>(value: Option<bool>) -> Value<'a> {
    value.map_or(Value::Null, Value::Boolean)
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// A text that lives as long as the program.
pub(super) fn text_constant(text: String) -> Step {
    Step::Constant(Value::Text(Cow::Owned(text)))
}
