//! What a broker said about a store, as rows that can be compared.

use compat_tests::Event;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Where messages go that were popped and not acknowledged.
const POP_RETRY_TOPICS: &str = "%RETRY%store-poppers";

/// Rows by what they are about: `message plain/0/17`, say.
pub struct Answers(BTreeMap<String, Value>);

impl From<&Vec<Event>> for Answers {
    fn from(events: &Vec<Event>) -> Self {
        let rows = events.iter().filter(|event| !matches!(event.name(), "result" | "end"));
        Self::of(rows.map(|event| {
            let mut row = event.0.clone();
            row.as_object_mut().unwrap().remove("run");
            row
        }))
    }
}

impl Answers {
    fn of(rows: impl Iterator<Item = Value>) -> Self {
        let mut answers = BTreeMap::new();
        for row in rows {
            let previous = answers.insert(subject(&row), row);
            assert!(previous.is_none(), "said twice: {previous:?}");
        }
        Self(answers)
    }

    /// From text with a row a line.
    pub fn parse(text: &str) -> Self {
        Self::of(text.lines().map(|line| serde_json::from_str(line).unwrap()))
    }

    /// Both together.
    pub fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Everything that does not change while time goes on was answered in the same way.
    pub fn assert_answered_by(&self, said: &Self) {
        let is_timeless =
            |row: &Value| !matches!(kind(row), "due" | "delay") && !topic(row).starts_with("due-");
        self.compare(said, &is_timeless);
    }

    /// What was under way arrived, as what it was.
    pub fn assert_came_due(&self, said: &Self) {
        self.compare(said, &|row| matches!(kind(row), "due" | "delay"));
    }

    /// Whether a look-up by key found what Java's broker found and, rightly, messages that it had lost from its index.
    fn finds_more(&self, subject: &str, row: &Value) -> bool {
        let (Some(own), "keyed") = (self.0.get(subject), kind(row)) else { return false };
        let places = |row: &Value| -> Vec<String> { serde_json::from_value(row["places"].clone()).unwrap() };
        let (own, javas) = (places(own), places(row));
        let has_key = |place: &String| {
            let holder = |message: &&Value| {
                topic(message) == topic(row)
                    && *place == format!("{}/{}", message["queueId"], message["queueOffset"])
            };
            let message = self.0.values().filter(|row| kind(row) == "message").find(holder).unwrap();
            let keys = message["keys"].as_str().unwrap_or_default();
            message["msgId"] == row["key"] || keys.split(' ').any(|key| row["key"] == key)
        };
        javas.iter().all(|place| own.contains(place)) && own.iter().all(has_key)
    }

    fn compare(&self, said: &Self, counts: &dyn Fn(&Value) -> bool) {
        let expected: Vec<_> = self.0.iter().filter(|(_, row)| counts(row)).collect();
        assert!(!expected.is_empty(), "nothing is expected");
        let differences: Vec<String> = expected
            .iter()
            .filter(|(subject, row)| {
                said.0.get(*subject).map(comparable) != Some(comparable(row))
                    && !said.finds_more(subject, row)
            })
            .map(|(subject, row)| match said.0.get(*subject) {
                Some(other) => format!("Java: {row}\nhere: {other}"),
                None => format!("Java: {row}\nhere: nothing"),
            })
            .collect();
        let shown = differences.iter().take(8).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(
            differences.is_empty(),
            "{} of {} answers differ:\n{shown}",
            differences.len(),
            expected.len()
        );
        eprintln!("  {} answers", expected.len());
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.values().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// A message that is revived has the address of the broker that revives it, whose port is another one here.
fn comparable(row: &Value) -> Value {
    let mut row = row.clone();
    if kind(&row) == "due" && topic(&row).starts_with(POP_RETRY_TOPICS) {
        let host = row["storeHost"].as_str().and_then(|address| address.split(':').next());
        row["storeHost"] = host.unwrap_or_default().into();
    }
    row
}

fn kind(row: &Value) -> &str {
    row["event"].as_str().unwrap()
}

/// The topic that was asked; a light queue answers with messages of others.
fn topic(row: &Value) -> &str {
    row["from"].as_str().or(row["topic"].as_str()).unwrap_or_default()
}

/// What a row is about.
fn subject(row: &Value) -> String {
    let fields: &[&str] = match kind(row) {
        "message" => &["from", "topic", "queueId", "queueOffset", "commitLogOffset"],
        "due" => &["topic", "keys", "msgId"],
        _ => &["topic", "queueId", "group", "key", "level"],
    };
    let values: Vec<String> = fields
        .iter()
        .map(|field| &row[field])
        .filter(|value| !value.is_null())
        .map(Value::to_string)
        .collect();
    format!("{} {}", kind(row), values.join("/"))
}
