//! Why a command failed, and what to do about it.

use std::{io, path::PathBuf};

use client::{broker::BrokerError, nameserver::NameServerError, producer::SendError, puller::PullError};
use remoting::response_code::ResponseCode;
use thiserror::Error;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum AdminError {
    /// A NameServer refused or did not answer.
    #[error(transparent)]
    NameServer(#[from] NameServerError),
    /// A broker refused or did not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// What was asked for is not there.
    #[error("{what}")]
    Missing {
        /// What is missing.
        what: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The client says so itself, with one of RocketMQ's codes.
    #[error("{remark}")]
    Refused {
        /// The code.
        code: ResponseCode,
        /// The text.
        remark: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The question before harm was answered with no.
    #[error("nothing was done")]
    NotConfirmed,
    /// Several of the brokers asked failed, and were named when they did.
    #[error("{failed} of {asked} brokers failed")]
    SomeFailed {
        /// How many did.
        failed: usize,
        /// How many were asked.
        asked: usize,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<PullError> for AdminError {
    fn from(error: PullError) -> Self {
        match error {
            PullError::NameServer(error) => error.into(),
            PullError::Broker(error) => error.into(),
            error @ PullError::Record { .. } => Self::Failed(error.to_string()),
        }
    }
}

impl From<SendError> for AdminError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NameServer(error) => error.into(),
            SendError::Broker(error) => error.into(),
            error @ SendError::NoQueue(_) => {
                Self::Refused { code: ResponseCode::TOPIC_NOT_EXIST, remark: error.to_string() }
            }
        }
    }
}

impl AdminError {
    /// RocketMQ's code, where there is one.
    pub(crate) fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::NameServer(error) => error.code(),
            Self::Broker(error) => error.code(),
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether it is of that code.
    pub(crate) fn is(&self, code: ResponseCode) -> bool {
        self.code() == Some(code)
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NameServer(NameServerError::NoAddress) => {
                return Some("name one with -n host:9876, or set NAMESRV_ADDR");
            }
            Self::NameServer(NameServerError::Pool(_)) => {
                return Some("check that the NameServer runs and that -n or NAMESRV_ADDR is its address");
            }
            Self::Broker(BrokerError::Pool { .. }) => {
                return Some(
                    "check that the broker runs and that this machine reaches the address it advertises (brokerIP1)",
                );
            }
            Self::Missing { advice, .. } => return Some(advice),
            _ => {}
        }
        match self.code()? {
            ResponseCode::TOPIC_NOT_EXIST => Some("see the topics with topicList, make one with updateTopic"),
            ResponseCode::CONSUMER_NOT_ONLINE => {
                Some("no member of the group is connected; see the groups with consumerProgress")
            }
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST => {
                Some("see the groups with consumerProgress, make one with updateSubGroup")
            }
            ResponseCode::REQUEST_CODE_NOT_SUPPORTED => Some("this server does not offer it"),
            ResponseCode::NO_PERMISSION => {
                Some("the server wants a user with more rights, or the topic forbids it")
            }
            ResponseCode::SYSTEM_BUSY => Some("the server sheds load; try again"),
            _ => None,
        }
    }

    /// What to exit with: 2 when the command line is wrong, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }
}
