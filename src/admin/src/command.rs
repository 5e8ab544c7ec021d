//! How a command is defined: once, and everything else is derived from it.
//!
//! A [`Spec`] says what a command is called, what it takes and what runs it. The command line, help,
//! completions, `--watch` and the question before harm are made from it.

use futures_util::future::LocalBoxFuture;

use crate::{context::Context, error::AdminError};

/// Where a command stands in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Category {
    Cluster,
    Topic,
    Consumer,
    Producer,
    Message,
    Offset,
    Broker,
    NameServer,
    Queue,
    Stats,
    Auth,
    Export,
    HighAvailability,
    Controller,
    Container,
    RocksDb,
}

impl Category {
    /// As a heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cluster => "Clusters",
            Self::Topic => "Topics",
            Self::Consumer => "Consumer groups",
            Self::Producer => "Producers",
            Self::Message => "Messages",
            Self::Offset => "Consumer offsets",
            Self::Broker => "Brokers",
            Self::NameServer => "NameServers",
            Self::Queue => "Queues",
            Self::Stats => "Statistics",
            Self::Auth => "Users and access control",
            Self::Export => "Export",
            Self::HighAvailability => "Replication",
            Self::Controller => "Controllers",
            Self::Container => "Broker containers",
            Self::RocksDb => "RocksDB",
        }
    }
}

/// Runs a command.
pub(crate) type Call = for<'a> fn(&'a Context) -> LocalBoxFuture<'a, Result<(), AdminError>>;

/// A command.
#[derive(Debug)]
pub(crate) struct Spec {
    /// RocketMQ's name of it.
    pub(crate) name: &'static str,
    /// Another name RocketMQ takes.
    pub(crate) alias: Option<&'static str>,
    pub(crate) category: Category,
    /// What it does, in RocketMQ's words.
    pub(crate) about: &'static str,
    /// What more there is to say.
    pub(crate) note: Option<&'static str>,
    pub(crate) options: &'static [Opt],
    /// What is lost by it; there is a question before it is.
    pub(crate) harm: Option<&'static str>,
    /// Whether it is worth looking at again and again.
    pub(crate) is_watched: bool,
    pub(crate) call: Call,
}

impl Spec {
    pub(crate) const fn new(
        name: &'static str,
        category: Category,
        about: &'static str,
        options: &'static [Opt],
        call: Call,
    ) -> Self {
        Self { name, alias: None, category, about, note: None, options, harm: None, is_watched: false, call }
    }

    pub(crate) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    pub(crate) const fn harm(mut self, harm: &'static str) -> Self {
        self.harm = Some(harm);
        self
    }

    pub(crate) const fn watched(mut self) -> Self {
        self.is_watched = true;
        self
    }
}

/// An option of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    /// The short form after one dash: a letter, or a few as in `-mf`; empty for none.
    pub(crate) short: &'static str,
    /// The long form, which is also the name its value is asked for by.
    pub(crate) long: &'static str,
    pub(crate) help: &'static str,
    pub(crate) takes_value: bool,
    pub(crate) is_required: bool,
    /// Whether it belongs to those of which exactly one is given.
    pub(crate) is_choice: bool,
}

impl Opt {
    /// An option with a value.
    pub(crate) const fn value(short: &'static str, long: &'static str, help: &'static str) -> Self {
        Self { short, long, help, takes_value: true, is_required: false, is_choice: false }
    }

    /// An option without a value.
    pub(crate) const fn flag(short: &'static str, long: &'static str, help: &'static str) -> Self {
        Self { short, long, help, takes_value: false, is_required: false, is_choice: false }
    }

    /// It must be given.
    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Of all such options of a command exactly one must be given.
    pub(crate) const fn choice(mut self) -> Self {
        self.is_choice = true;
        self
    }
}
