//! Why a NameServer's answer is missing or of no use.

use common::fastjson::FastjsonError;
use remoting::{header::HeaderError, response_code::ResponseCode};
use thiserror::Error;

use crate::pool::PoolError;

/// Why a request to NameServers failed.
#[derive(Debug, Error)]
pub enum NameServerError {
    /// No server is configured.
    #[error("no name server is configured")]
    NoAddress,
    /// The server did not answer.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The server answered with another code than `SUCCESS`.
    #[error("name server {addr} refused with code {}: {remark}", code.0)]
    Refused {
        /// Its address.
        addr: String,
        /// Its code.
        code: ResponseCode,
        /// Its text.
        remark: String,
    },
    /// The answer's header is not the one that belongs to the request.
    #[error("answer of a name server: {0}")]
    Header(#[from] HeaderError),
    /// The answer's body cannot be read.
    #[error("answer of a name server: {0}")]
    Body(#[from] FastjsonError),
}

impl NameServerError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether another server may do better.
    pub(super) fn is_about_this_server(&self) -> bool {
        match self {
            Self::Pool(PoolError::Closed) | Self::NoAddress | Self::Header(_) | Self::Body(_) => false,
            Self::Pool(_) => true,
            Self::Refused { code, .. } => matches!(
                *code,
                ResponseCode::SYSTEM_ERROR | ResponseCode::SYSTEM_BUSY | ResponseCode::GO_AWAY
            ),
        }
    }
}
