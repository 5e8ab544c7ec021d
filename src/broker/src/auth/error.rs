//! Why users and access control lists are not changed.

use remoting::{reply::Refusal, response_code::ResponseCode};
use thiserror::Error;

use crate::metadata::MetadataError;

/// Why.
#[derive(Debug, Error)]
pub enum AuthError {
    /// No metadata provider is configured. RocketMQ says "An system error occurred, please try again later."
    #[error("users and ACLs are not kept by this broker: {0} is not configured")]
    NotConfigured(&'static str),
    /// A parameter makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is against a rule; the texts are RocketMQ's.
    #[error("{0}")]
    Denied(String),
    /// A table is full.
    #[error("no room for more {0}")]
    Full(&'static str),
    /// It could not be written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

impl AuthError {
    pub(super) fn denied(text: impl Into<String>) -> Self {
        Self::Denied(text.into())
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::Invalid(_) => ResponseCode::INVALID_PARAMETER,
            AuthError::Denied(_) => ResponseCode::NO_PERMISSION,
            AuthError::NotConfigured(_) | AuthError::Full(_) | AuthError::Metadata(_) => {
                ResponseCode::SYSTEM_ERROR
            }
        };
        Self::new(code, error.to_string())
    }
}
