//! What a driver prints: one JSON object a line, with the name of an event.

use serde_json::Value;
use std::collections::BTreeMap;

/// One line of a driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Event(pub Value);

impl Event {
    /// A line that is an object with an event name; anything else a driver's libraries may print is not.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        value.get("event")?.as_str()?;
        Some(Self(value))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0["event"].as_str().unwrap_or_default()
    }

    /// A text field. Panics when it is none.
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_else(|| panic!("no text {field} in {self:?}"))
    }

    /// A number field. Panics when it is none.
    pub fn number(&self, field: &str) -> i64 {
        self.0[field].as_i64().unwrap_or_else(|| panic!("no number {field} in {self:?}"))
    }

    /// The properties of a message.
    pub fn properties(&self) -> BTreeMap<String, String> {
        let object = self.0["properties"].as_object().unwrap_or_else(|| panic!("no properties in {self:?}"));
        object
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect()
    }
}

/// The events of one name.
pub fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.name() == name).collect()
}
