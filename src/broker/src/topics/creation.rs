//! How the making of a topic or group ends.

use std::sync::Arc;

use common::{names::InvalidTopic, permission::Permission, topic::TopicConfig};
use thiserror::Error;

use super::{AttributeError, TOPICS_MAX};

/// Why a topic is not created or changed; the texts are the remarks of RocketMQ where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicError {
    /// The name breaks a rule.
    #[error(transparent)]
    Name(#[from] InvalidTopic),
    /// The template topic does not exist.
    #[error("the template topic {template} does not exist")]
    NoTemplate {
        /// Its name.
        template: String,
    },
    /// The template topic is none: it lacks the inherit permission.
    #[error("the template topic {template} has permission {}, new topics cannot be made after it", permission.0)]
    NotInheritable {
        /// Its name.
        template: String,
        /// Its permission.
        permission: Permission,
    },
    /// The broker has [`TOPICS_MAX`] topics.
    #[error("the broker has {TOPICS_MAX} topics already, delete some first")]
    TooMany,
    /// The attributes cannot be altered as asked.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
}

/// Whether a configuration was made or changed by the call that returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was, and waits to be persisted and announced.
    New,
    /// It had been there and was changed: it waits to be persisted.
    Changed,
    /// It had been there just so.
    Existing,
}

/// A configuration that is there now, and whether it is new.
#[derive(Clone, Debug)]
pub struct Creation<T = TopicConfig> {
    /// The configuration.
    pub config: Arc<T>,
    /// Whether it is new.
    pub created: Created,
}

impl<T> Creation<T> {
    pub(crate) fn new(config: Arc<T>) -> Self {
        Self { config, created: Created::New }
    }

    pub(crate) fn existing(config: Arc<T>) -> Self {
        Self { config, created: Created::Existing }
    }

    pub(crate) fn changed(config: Arc<T>) -> Self {
        Self { config, created: Created::Changed }
    }

    /// Whether the configuration waits to be announced.
    pub fn is_new(&self) -> bool {
        self.created == Created::New
    }

    /// Whether the configuration waits to be persisted.
    pub fn is_unsaved(&self) -> bool {
        self.created != Created::Existing
    }
}
