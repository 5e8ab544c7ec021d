//! A consumer of single pops and acknowledgements.

use crate::client::{Client, FAST, Run};
use crate::event::{Event, named};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(180);
/// Longer than any message is hidden for, and Java's revive service looks at its queues every few seconds only.
const REVIVED: Duration = Duration::from_secs(240);

/// A consumer that pops and acknowledges what it is told to (`pop-raw`).
#[derive(Debug)]
pub struct Popper<'c> {
    run: Run<'c>,
}

impl<'c> Popper<'c> {
    /// Starts one whose topic and group have one name.
    pub fn new(client: &'c Client, name: &str) -> Self {
        Self::with(client, &format!("topic={name} group={name}"))
    }

    /// Starts one with these arguments.
    pub fn with(client: &'c Client, arguments: &str) -> Self {
        let mut run = client.begin("pop-raw", &format!("{arguments} {FAST}"));
        run.wait_for("started", LONG);
        Self { run }
    }

    /// The keys of what a pop got, in order.
    pub fn pop(&mut self, arguments: &str) -> Vec<String> {
        self.pop_messages(arguments).iter().map(|message| message.text("keys").to_owned()).collect()
    }

    /// What a pop got.
    pub fn pop_messages(&mut self, arguments: &str) -> Vec<Event> {
        self.run.tell(&format!("pop{}{arguments}", if arguments.is_empty() { "" } else { "," }));
        let mut messages = Vec::new();
        loop {
            let event = self.run.wait_until("an answer", LONG, |event| {
                matches!(event.name(), "message" | "popped" | "refused")
            });
            match event.name() {
                "message" => messages.push(event),
                "popped" => return messages,
                _ => panic!("refused: {}", event.0),
            }
        }
    }

    /// Pops until there are so many messages, sorted by key.
    pub fn pop_all(&mut self, count: usize, arguments: &str) -> Vec<Event> {
        let deadline = Instant::now() + REVIVED;
        let mut messages = Vec::new();
        while messages.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} messages", messages.len());
            messages.extend(self.pop_messages(&format!("poll=2000,{arguments}")));
        }
        messages.sort_by(|one, other| one.text("keys").cmp(other.text("keys")));
        messages
    }

    /// Sends any command, whose answer is waited for later.
    pub fn order(&self, command: &str) {
        self.run.tell(command);
    }

    /// Waits for an answer.
    pub fn wait_for(&mut self, answer: &str) -> Event {
        self.run.wait_for(answer, LONG)
    }

    /// Sends any command and waits for its answer, or for a refusal.
    pub fn tell(&mut self, command: &str, answer: &str) -> Event {
        self.run.tell(command);
        self.run.wait_until(answer, LONG, |event| event.name() == answer || event.name() == "refused")
    }

    /// Acknowledges messages.
    pub fn ack(&mut self, keys: &[impl AsRef<str>]) {
        for key in keys {
            let answer = self.tell(&format!("ack,keys={}", key.as_ref()), "acked");
            assert_eq!(answer.0["status"], "OK", "{}", answer.0);
        }
    }

    /// Ends it.
    pub fn stop(self) {
        self.run.tell("stop");
        self.run.finish();
    }
}

/// Sends messages and returns their keys.
pub fn send_keyed(client: &Client, topic: &str, keys: &str, count: usize, more: &str) -> Vec<String> {
    let sent = client.run(
        "produce-sync",
        &format!("topic={topic} group={topic}-p keys={keys} count={count} {FAST} {more}"),
    );
    named(&sent, "sent").iter().map(|event| event.text("keys").to_owned()).collect()
}

/// The keys of messages.
pub fn keys_of(messages: &[Event]) -> BTreeSet<String> {
    messages.iter().map(|message| message.text("keys").to_owned()).collect()
}
