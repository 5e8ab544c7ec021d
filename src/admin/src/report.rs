//! What a command says: RocketMQ's text and a JSON value of the same, put together in one go.

use std::fmt::{Display, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::format;

/// A piece of output.
#[derive(Debug, Default)]
pub(crate) struct Report {
    text: String,
    json: Map<String, Value>,
}

impl Report {
    /// RocketMQ's text.
    pub(crate) fn as_text(&self) -> &str {
        &self.text
    }

    /// The JSON object.
    pub(crate) fn into_json(self) -> Value {
        Value::Object(self.json)
    }

    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Text that says nothing beyond the fields.
    pub(crate) fn text(&mut self, text: impl Display) -> &mut Self {
        self.text += &text.to_string();
        self
    }

    /// A field of the JSON object, its text is elsewhere.
    pub(crate) fn field(&mut self, key: &str, value: impl Serialize) -> &mut Self {
        // What cannot be JSON is shown as nothing; no such type is ever given.
        self.json.insert(key.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// A table, which is an array of objects in JSON.
    pub(crate) fn table(&mut self, key: &str, table: &Table) -> &mut Self {
        self.text += &table.head();
        self.rows(key, table)
    }

    /// The rows of a table without its head.
    pub(crate) fn rows(&mut self, key: &str, table: &Table) -> &mut Self {
        for row in &table.rows {
            self.text += &table.line(row);
        }
        self.field(key, table.objects())
    }
}

/// How a cell is padded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pad {
    /// `%-Ns`
    Left(usize),
    /// `%Ns`
    Right(usize),
}

impl Pad {
    fn put(self, line: &mut String, text: &str) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Left(width) => write!(line, "{text:<width$}"),
            Self::Right(width) => write!(line, "{text:>width$}"),
        };
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    key: &'static str,
    title: &'static str,
    head: Pad,
    cell: Pad,
    gap: &'static str,
    head_gap: &'static str,
}

impl Column {
    /// A column whose title and cells are padded alike, two blanks before the next one.
    pub(crate) const fn new(key: &'static str, title: &'static str, pad: Pad) -> Self {
        Self { key, title, head: pad, cell: pad, gap: "  ", head_gap: "  " }
    }

    /// A column at the left of `width`.
    pub(crate) const fn left(key: &'static str, title: &'static str, width: usize) -> Self {
        Self::new(key, title, Pad::Left(width))
    }

    /// The cells are padded in another way than the title.
    pub(crate) const fn cell(mut self, pad: Pad) -> Self {
        self.cell = pad;
        self
    }

    /// What stands before the next column.
    pub(crate) const fn gap(mut self, gap: &'static str) -> Self {
        self.gap = gap;
        self.head_gap = gap;
        self
    }

    /// What stands before the next title, where that is something else.
    pub(crate) const fn head_gap(mut self, gap: &'static str) -> Self {
        self.head_gap = gap;
        self
    }
}

/// A cell: its value in JSON, and its text where that is another.
#[derive(Debug)]
pub(crate) struct Cell {
    value: Value,
    text: Option<String>,
}

impl Cell {
    /// A cell that reads as its value does.
    pub(crate) fn of(value: impl Serialize) -> Self {
        Self { value: serde_json::to_value(value).unwrap_or(Value::Null), text: None }
    }

    /// A cell that reads otherwise than its value.
    pub(crate) fn shown(value: impl Serialize, text: impl Display) -> Self {
        Self { text: Some(text.to_string()), ..Self::of(value) }
    }

    /// A text of which only so many characters are shown.
    pub(crate) fn cut(text: &str, chars: usize) -> Self {
        Self::shown(text, format::front(text, chars))
    }

    fn as_text(&self) -> String {
        match (&self.text, &self.value) {
            (Some(text), _) | (None, Value::String(text)) => text.clone(),
            (None, value) => value.to_string(),
        }
    }
}

/// Cells of a row.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::report::IntoCell::into_cell($cell)),*] };
}
pub(crate) use row;

/// What [`row!`] takes: cells and plain values.
pub(crate) trait IntoCell {
    fn into_cell(self) -> Cell;
}

impl IntoCell for Cell {
    fn into_cell(self) -> Cell {
        self
    }
}

macro_rules! into_cell {
    ($($plain:ty),*) => {$(
        impl IntoCell for $plain {
            fn into_cell(self) -> Cell {
                Cell::of(self)
            }
        }
    )*};
}
into_cell!(&str, &String, String, i32, i64, usize, bool);

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, a cell a column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    fn head(&self) -> String {
        let mut line = String::new();
        for (place, column) in self.columns.iter().enumerate() {
            column.head.put(&mut line, column.title);
            line += if place + 1 < self.columns.len() { column.head_gap } else { "\n" };
        }
        line
    }

    fn line(&self, cells: &[Cell]) -> String {
        let mut line = String::new();
        for (place, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            column.cell.put(&mut line, &cell.as_text());
            line += if place + 1 < self.columns.len() { column.gap } else { "\n" };
        }
        line
    }

    fn objects(&self) -> Vec<Value> {
        let object = |cells: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(cells);
            Value::Object(pairs.map(|(column, cell)| (column.key.to_owned(), cell.value.clone())).collect())
        };
        self.rows.iter().map(object).collect()
    }
}
