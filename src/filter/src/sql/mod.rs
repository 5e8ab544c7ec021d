//! SQL92 expressions over the properties of a message, as RocketMQ 5.3 has them.
//!
//! ```text
//! or          = and { OR and }
//! and         = equality { AND equality }
//! equality    = comparison { "=" comparison | "<>" comparison | IS [NOT] NULL }
//! comparison  = unary { (">" | ">=" | "<" | "<=") unary | [NOT] BETWEEN unary AND unary
//!                     | [NOT] IN "(" string { "," string } ")"
//!                     | [NOT] (CONTAINS | STARTSWITH | ENDSWITH) string }
//! unary       = "+" unary | "-" unary | NOT unary | primary
//! primary     = string | integer | float | TRUE | FALSE | NULL | name | "(" or ")"
//! ```
//!
//! Properties of RocketMQ's language that surprise: there is neither LIKE nor arithmetic; NOT binds tighter than
//! any comparison; a property alone is false, not true; what follows a complete expression is ignored; `0.0`
//! is refused. Logic has three values, and a message is taken when the expression is true.
//!
//! An expression is compiled once into steps without recursion, so neither its depth nor its length can exhaust
//! a stack, and is refused beyond [`MAX_EXPRESSION_BYTES`], [`MAX_DEPTH`] and [`MAX_STEPS`].

mod lexer;
mod number;
mod operand;
mod parser;
mod program;
mod value;

use thiserror::Error;

use self::program::Program;

/// Bytes an expression may have.
pub const MAX_EXPRESSION_BYTES: usize = 64 * 1024;
/// Operators and parentheses that may be open at once. RocketMQ's parser gives up at some such depth too.
pub const MAX_DEPTH: usize = 2_000;
/// Steps an expression may compile to, which is also how many evaluating it takes at most.
pub const MAX_STEPS: usize = 32 * 1024;
/// Different properties an expression may name.
pub const MAX_PROPERTIES: usize = 256;

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// No word begins here.
    #[error("Lexical error at line {line}, column {column}.")]
    Lexical {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A word that cannot stand here.
    #[error("Encountered \"{found}\" at line {line}, column {column}.")]
    Unexpected {
        /// The word; `<EOF>` at the end.
        found: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// Something without an order.
    #[error("Value '{0}' cannot be compared.")]
    NoOrder(String),
    /// `=` with NULL.
    #[error("'{0}' cannot be compared.")]
    NullCompared(String),
    /// A truth value and a constant of another kind.
    #[error("'{0}' cannot be compared with '{1}'")]
    Incompatible(String, String),
    /// The bounds of BETWEEN are the wrong way round.
    #[error("Illegal values of between, left value({0}) must less than or equal to right value({1})")]
    BetweenOrder(String, String),
    /// IN with something else than a property.
    #[error("Expected a property for In expression, got: {0}")]
    NoProperty(String),
    /// Neither true nor false.
    #[error("Expression will not result in a boolean value: {0}")]
    NoBoolean(String),
    /// A number Java cannot hold, or holds as zero.
    #[error("{0} is out of range")]
    NumberRange(String),
    /// More than [`MAX_EXPRESSION_BYTES`].
    #[error("the expression is longer than {MAX_EXPRESSION_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_DEPTH`], [`MAX_STEPS`] or [`MAX_PROPERTIES`].
    #[error("the expression is too complex")]
    TooComplex,
}

impl ParseError {
    fn lexical(text: &str, at: usize) -> Self {
        let (line, column) = place(text, at);
        Self::Lexical { line, column }
    }

    fn unexpected(text: &str, start: usize, end: usize) -> Self {
        let (line, column) = place(text, start);
        let found = text.get(start..end).filter(|word| !word.is_empty()).unwrap_or("<EOF>").to_owned();
        Self::Unexpected { found, line, column }
    }
}

/// Line and column of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).map_or(0, |line| line.chars().count()) + 1;
    (before.matches('\n').count() + 1, column)
}

/// Why an expression has no value for a message. The message is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvaluateError {
    /// A property is compared with a number, or by order, and is none of that type.
    #[error("For input string: \"{0}\"")]
    NoNumber(String),
    /// A truth value left of a property: RocketMQ converts the wrong side.
    #[error("a truth value cannot be compared with a property that stands right of it")]
    TruthValueBeforeText,
}

/// A compiled expression (`SelectorParser`, `Expression`).
#[derive(Clone, Debug, PartialEq)]
pub struct SqlExpression {
    program: Program,
}

impl SqlExpression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When RocketMQ refuses it, or when it is larger than anybody needs.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_EXPRESSION_BYTES {
            return Err(ParseError::TooLong);
        }
        Ok(Self { program: parser::parse(text)? })
    }

    /// True, false or unknown for a message with these encoded properties.
    ///
    /// # Errors
    /// When a property cannot be compared as the expression wants it.
    pub fn evaluate(&self, properties: &[u8]) -> Result<Option<bool>, EvaluateError> {
        self.program.run(properties)
    }

    /// Whether a message with these encoded properties is taken.
    pub fn matches(&self, properties: &[u8]) -> bool {
        match self.evaluate(properties) {
            Ok(value) => value == Some(true),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
