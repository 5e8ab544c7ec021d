//! From words to steps, with a stack of what is still open instead of recursion.

use std::cmp::Ordering;

use super::{
    MAX_DEPTH, ParseError,
    lexer::{Placed, Token, token_at, unquoted},
    operand::{Between, Binary, Kind, Level, Operand, Pending, binary, decimal, float, shown},
    program::{Among, Program, Search, SearchPlace, Step, text_constant},
    value::{Relation, Value},
};

struct Parser<'a> {
    text: &'a str,
    at: usize,
    program: Program,
    pending: Vec<Pending>,
    operands: Vec<Operand>,
}

/// Compiles an expression.
pub(super) fn parse(text: &str) -> Result<Program, ParseError> {
    let mut parser =
        Parser { text, at: 0, program: Program::default(), pending: Vec::new(), operands: Vec::new() };
    parser.expression()?;
    Ok(parser.program)
}

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Result<(), ParseError> {
        self.primary()?;
        loop {
            self.close_prefixes()?;
            if self.close_bound()? || self.operators()? {
                self.primary()?;
                continue;
            }
            self.reduce(Level::Or)?;
            let Some(Pending::Parenthesis(start)) = self.pending.pop() else { return self.make_boolean() };
            let end = self.expect(Token::Close)?.end;
            if let Some(operand) = self.operands.last_mut() {
                (operand.start, operand.end) = (start, end);
            }
        }
    }

    fn peek(&self) -> Result<Placed<'a>, ParseError> {
        token_at(self.text, self.at)
    }

    fn next(&mut self) -> Result<Placed<'a>, ParseError> {
        let placed = self.peek()?;
        self.at = placed.end;
        Ok(placed)
    }

    fn unexpected(&self, placed: &Placed<'_>) -> ParseError {
        ParseError::unexpected(self.text, placed.start, placed.end)
    }

    fn expect(&mut self, token: Token<'_>) -> Result<Placed<'a>, ParseError> {
        let placed = self.next()?;
        if placed.token == token { Ok(placed) } else { Err(self.unexpected(&placed)) }
    }

    fn expect_text(&mut self) -> Result<String, ParseError> {
        let placed = self.next()?;
        match placed.token {
            Token::Text(quoted) => Ok(unquoted(quoted)),
            _ => Err(self.unexpected(&placed)),
        }
    }

    fn open(&mut self, pending: Pending) -> Result<(), ParseError> {
        if self.pending.len() >= MAX_DEPTH {
            return Err(ParseError::TooComplex);
        }
        self.pending.push(pending);
        Ok(())
    }

    /// Signs and parentheses, and the literal or name behind them.
    fn primary(&mut self) -> Result<(), ParseError> {
        loop {
            let placed = self.next()?;
            let first_step = self.program.len();
            let kind = match placed.token {
                Token::Plus => {
                    self.open(Pending::Plus)?;
                    continue;
                }
                Token::Minus => {
                    self.open(Pending::Minus)?;
                    continue;
                }
                Token::Not => {
                    self.open(Pending::Not)?;
                    continue;
                }
                Token::Open => {
                    self.open(Pending::Parenthesis(placed.start))?;
                    continue;
                }
                Token::Name(name) => {
                    self.program.push_property(name)?;
                    Kind::Property
                }
                Token::Text(quoted) => {
                    self.program.push(text_constant(unquoted(quoted)))?;
                    Kind::Text
                }
                Token::Decimal(digits) => self.constant(decimal(digits)?, Kind::Number)?,
                Token::Float(digits) => self.constant(float(digits)?, Kind::Number)?,
                Token::True => self.constant(Value::Boolean(true), |_| Kind::Truth)?,
                Token::False => self.constant(Value::Boolean(false), |_| Kind::Truth)?,
                Token::Null => self.constant(Value::Null, |_| Kind::Null)?,
                _ => return Err(self.unexpected(&placed)),
            };
            self.operands.push(Operand { kind, first_step, start: placed.start, end: placed.end });
            return Ok(());
        }
    }

    fn constant(
        &mut self,
        value: Value<'static>,
        kind: impl FnOnce(Value<'static>) -> Kind,
    ) -> Result<Kind, ParseError> {
        self.program.push(Step::Constant(value.clone()))?;
        Ok(kind(value))
    }

    /// Applies the signs directly before a complete primary: they bind tightest.
    fn close_prefixes(&mut self) -> Result<(), ParseError> {
        loop {
            match self.pending.last() {
                Some(Pending::Plus) => {}
                Some(Pending::Minus) => {
                    self.program.push(Step::Negate)?;
                    self.set_kind(Kind::Negated);
                }
                Some(Pending::Not) => {
                    self.make_boolean()?;
                    self.program.push(Step::Not)?;
                }
                _ => return Ok(()),
            }
            self.pending.pop();
        }
    }

    fn set_kind(&mut self, kind: Kind) {
        if let Some(operand) = self.operands.last_mut() {
            operand.kind = kind;
        }
    }

    /// The last operand as something that is true or false (`asBooleanExpression`).
    fn make_boolean(&mut self) -> Result<(), ParseError> {
        let Some(operand) = self.operands.last() else { return Ok(()) };
        match operand.kind {
            Kind::Boolean | Kind::Null | Kind::Truth => {}
            Kind::Property => self.program.push(Step::ToBoolean)?,
            Kind::Number(_) | Kind::Text | Kind::Negated => {
                return Err(ParseError::NoBoolean(self.source(operand)));
            }
        }
        self.set_kind(Kind::Boolean);
        Ok(())
    }

    /// If the operand is a bound of BETWEEN, closes it; whether the other bound is next.
    fn close_bound(&mut self) -> Result<bool, ParseError> {
        match self.pending.last() {
            Some(Pending::Between(_)) => self.close_lower().map(|()| true),
            Some(Pending::BetweenUpper { .. }) => self.close_upper().map(|()| false),
            _ => Ok(false),
        }
    }

    fn close_lower(&mut self) -> Result<(), ParseError> {
        let (Some(Pending::Between(mut between)), Some(bound)) = (self.pending.pop(), self.operands.pop())
        else {
            return Ok(());
        };
        self.check_order(&bound)?;
        self.expect(Token::And)?;
        let relation = if between.negated { Relation::Less } else { Relation::GreaterEqual };
        self.program.push(Step::Relate(relation))?;
        self.program.land(between.skip);
        let logic = self.program.push_skip(Some(between.negated))?;
        self.program.repeat(between.value.clone())?;
        between.skip = self.program.push_skip(None)?;
        self.open(Pending::BetweenUpper { between, lower: bound.kind, logic })
    }

    fn close_upper(&mut self) -> Result<(), ParseError> {
        let (Some(Pending::BetweenUpper { between, lower, logic }), Some(bound)) =
            (self.pending.pop(), self.operands.pop())
        else {
            return Ok(());
        };
        self.check_order(&bound)?;
        if let (false, Kind::Number(low), Kind::Number(high)) = (between.negated, &lower, &bound.kind)
            && high.ordering(low) == Ok(Some(Ordering::Less))
        {
            return Err(ParseError::BetweenOrder(shown(low), shown(high)));
        }
        let relation = if between.negated { Relation::Greater } else { Relation::LessEqual };
        self.program.push(Step::Relate(relation))?;
        self.program.land(between.skip);
        self.program.push(if between.negated { Step::Or } else { Step::And })?;
        self.program.land(logic);
        if let Some(operand) = self.operands.last_mut() {
            operand.kind = Kind::Boolean;
            operand.end = bound.end;
        }
        Ok(())
    }

    /// Operators behind a complete operand; whether one of them wants another operand.
    ///
    /// One that binds tighter than the one before it is not seen any more, as in a grammar of levels.
    fn operators(&mut self) -> Result<bool, ParseError> {
        let mut ceiling = Level::Comparison;
        loop {
            let placed = self.peek()?;
            if let Some(operator) = binary(placed.token).filter(|operator| operator.level() <= ceiling) {
                self.at = placed.end;
                self.open_binary(operator)?;
                return Ok(true);
            }
            match placed.token {
                Token::Is if ceiling >= Level::Equality => {
                    self.at = placed.end;
                    self.is_null()?;
                    ceiling = Level::Equality;
                }
                Token::Not if ceiling == Level::Comparison => {
                    self.at = placed.end;
                    let second = self.peek()?;
                    if self.comparison_word(&second, true)?.ok_or_else(|| self.unexpected(&placed))? {
                        return Ok(true);
                    }
                }
                _ if ceiling == Level::Comparison => match self.comparison_word(&placed, false)? {
                    Some(true) => return Ok(true),
                    Some(false) => {}
                    None => return Ok(false),
                },
                _ => return Ok(false),
            }
        }
    }

    fn open_binary(&mut self, operator: Binary) -> Result<(), ParseError> {
        self.reduce(operator.level())?;
        let skip = match operator {
            Binary::Or | Binary::And => {
                self.make_boolean()?;
                Some(self.program.push_skip(Some(operator == Binary::Or))?)
            }
            Binary::Relate(_) => {
                self.check_last_order()?;
                Some(self.program.push_skip(None)?)
            }
            // Both sides are always looked at.
            Binary::Equal | Binary::NotEqual => None,
        };
        self.open(Pending::Binary { operator, skip })
    }

    /// Applies the operators that bind as tightly as `level`, now that their right sides are complete.
    fn reduce(&mut self, level: Level) -> Result<(), ParseError> {
        while let Some(Pending::Binary { operator, skip }) = self.pending.last().cloned() {
            if operator.level() < level {
                return Ok(());
            }
            self.pending.pop();
            self.apply(operator, skip)?;
        }
        Ok(())
    }

    fn apply(&mut self, operator: Binary, skip: Option<usize>) -> Result<(), ParseError> {
        if matches!(operator, Binary::Or | Binary::And) {
            self.make_boolean()?;
        }
        let Some(right) = self.operands.pop() else { return Ok(()) };
        match operator {
            Binary::Or => self.program.push(Step::Or)?,
            Binary::And => self.program.push(Step::And)?,
            Binary::Equal | Binary::NotEqual => {
                self.check_equality(&right)?;
                self.program.push(Step::Equal)?;
                if operator == Binary::NotEqual {
                    self.program.push(Step::Not)?;
                }
            }
            Binary::Relate(relation) => {
                self.check_order(&right)?;
                self.program.push(Step::Relate(relation))?;
            }
        }
        if let Some(skip) = skip {
            self.program.land(skip);
        }
        if let Some(left) = self.operands.last_mut() {
            left.kind = Kind::Boolean;
            left.end = right.end;
        }
        Ok(())
    }

    /// `IS [NOT] NULL`, behind the first word.
    fn is_null(&mut self) -> Result<(), ParseError> {
        self.reduce(Level::Equality)?;
        let negated = self.peek()?.token == Token::Not;
        if negated {
            self.next()?;
        }
        let end = self.expect(Token::Null)?.end;
        self.program.push(Step::Constant(Value::Null))?;
        self.program.push(Step::Equal)?;
        if negated {
            self.program.push(Step::Not)?;
        }
        self.end_operand(end);
        Ok(())
    }

    /// An operator that is a word and may have NOT before it: `None` if this is none; else whether it wants another
    /// operand.
    fn comparison_word(&mut self, word: &Placed<'_>, negated: bool) -> Result<Option<bool>, ParseError> {
        let place = match word.token {
            Token::Contains => Some(SearchPlace::Anywhere),
            Token::StartsWith => Some(SearchPlace::Start),
            Token::EndsWith => Some(SearchPlace::End),
            Token::Between | Token::In => None,
            _ => return Ok(None),
        };
        self.at = word.end;
        self.reduce(Level::Comparison)?;
        if let Some(place) = place {
            self.search(place, negated)?;
        } else if word.token == Token::In {
            self.is_among(negated)?;
        } else {
            self.open_between(negated)?;
            return Ok(Some(true));
        }
        Ok(Some(false))
    }

    fn open_between(&mut self, negated: bool) -> Result<(), ParseError> {
        self.check_last_order()?;
        let first_step = self.operands.last().map_or(0, |operand| operand.first_step);
        let value = first_step..self.program.len();
        let skip = self.program.push_skip(None)?;
        self.open(Pending::Between(Between { value, negated, skip }))
    }

    fn search(&mut self, place: SearchPlace, negated: bool) -> Result<(), ParseError> {
        let text = self.expect_text()?;
        if text.is_empty() {
            // Nothing is nowhere, and the operand is not even looked at.
            if let Some(operand) = self.operands.last() {
                self.program.truncate(operand.first_step);
            }
            self.program.push(Step::Constant(Value::Boolean(false)))?;
        } else {
            self.program.push(Step::Search(Box::new(Search { place, text, negated })))?;
        }
        self.end_operand(self.at);
        Ok(())
    }

    fn is_among(&mut self, negated: bool) -> Result<(), ParseError> {
        self.expect(Token::Open)?;
        let mut texts = vec![self.expect_text()?];
        while self.peek()?.token == Token::Comma {
            self.next()?;
            texts.push(self.expect_text()?);
        }
        self.expect(Token::Close)?;
        if let Some(operand) = self.operands.last().filter(|operand| operand.kind != Kind::Property) {
            return Err(ParseError::NoProperty(self.source(operand)));
        }
        texts.sort_unstable();
        texts.dedup();
        self.program.push(Step::IsAmong(Box::new(Among { texts, negated })))?;
        self.end_operand(self.at);
        Ok(())
    }

    /// The last operand is true or false now and reaches to `end`.
    fn end_operand(&mut self, end: usize) {
        if let Some(operand) = self.operands.last_mut() {
            operand.kind = Kind::Boolean;
            operand.end = end;
        }
    }

    fn check_last_order(&self) -> Result<(), ParseError> {
        self.operands.last().map_or(Ok(()), |operand| self.check_order(operand))
    }

    /// Whether something may be greater or less than it (`checkLessThanOperand`).
    fn check_order(&self, operand: &Operand) -> Result<(), ParseError> {
        match operand.kind {
            Kind::Property | Kind::Number(_) | Kind::Negated => Ok(()),
            Kind::Null | Kind::Truth | Kind::Text | Kind::Boolean => {
                Err(ParseError::NoOrder(self.source(operand)))
            }
        }
    }

    /// Whether `=` may stand between the last operand and `right` (`checkEqualOperandCompatability`).
    fn check_equality(&self, right: &Operand) -> Result<(), ParseError> {
        let Some(left) = self.operands.last() else { return Ok(()) };
        if let Some(null) = [left, right].into_iter().find(|operand| operand.kind == Kind::Null) {
            return Err(ParseError::NullCompared(self.source(null)));
        }
        if left.kind == Kind::Truth && matches!(right.kind, Kind::Number(_) | Kind::Text) {
            return Err(ParseError::Incompatible(self.source(left), self.source(right)));
        }
        Ok(())
    }

    /// An operand as it was written.
    fn source(&self, operand: &Operand) -> String {
        self.text.get(operand.start..operand.end).unwrap_or_default().to_owned()
    }
}
