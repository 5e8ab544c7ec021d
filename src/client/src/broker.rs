//! What tools and clients ask of brokers: one request, one answer, and a refusal as an error.

use std::{sync::Arc, time::Duration};

use common::fastjson::{self, FastjsonError};
use remoting::{
    command::Response,
    header::HeaderError,
    reply::Body,
    request::{Request, RequestCode},
    response_code::ResponseCode,
};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::pool::{ConnectionPool, PoolError};

/// Why a request to a broker failed.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// The broker did not answer.
    #[error("{source}")]
    Pool {
        /// Its address.
        addr: String,
        /// What happened instead.
        source: PoolError,
    },
    /// The broker answered with another code than `SUCCESS`.
    #[error("{addr} refused {} with {}: {remark}", request.name(), code.label())]
    Refused {
        /// Its address.
        addr: String,
        /// What was asked.
        request: RequestCode,
        /// Its code.
        code: ResponseCode,
        /// Its text.
        remark: String,
    },
    /// The answer's header is not the one that belongs to the request.
    #[error("answer of {addr}: {source}")]
    Header {
        /// The broker's address.
        addr: String,
        /// What is wrong with the header.
        source: HeaderError,
    },
    /// The answer's body cannot be read.
    #[error("answer of {addr}: {source}")]
    Body {
        /// The broker's address.
        addr: String,
        /// What is wrong with the body.
        source: FastjsonError,
    },
}

impl BrokerError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// A way to ask brokers, by their addresses.
#[derive(Clone)]
pub struct BrokerClient {
    pool: Arc<ConnectionPool>,
}

impl BrokerClient {
    /// A client over the pool's connections.
    pub fn new(pool: Arc<ConnectionPool>) -> Self {
        Self { pool }
    }

    /// Asks the broker at `addr` and waits for its answer, at most `limit`.
    ///
    /// # Errors
    /// When there is no answer, or it is another than `SUCCESS`.
    pub async fn ask<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, BrokerError> {
        let response = self.answer::<R>(addr, header, Vec::new(), body, limit).await?;
        accepted::<R>(addr, response)
    }

    /// As [`Self::ask`], with fields beside the typed header.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_with_extra<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, BrokerError> {
        let response = self.answer::<R>(addr, header, extra, body, limit).await?;
        accepted::<R>(addr, response)
    }

    /// Asks the broker at `addr` for a body in the fastjson dialect.
    ///
    /// # Errors
    /// As [`Self::ask`], or when the body is no `T`.
    pub async fn body<R: Request, T: DeserializeOwned>(
        &self,
        addr: &str,
        header: R::Header,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<T, BrokerError> {
        let response = self.ask::<R>(addr, header, body, limit).await?;
        fastjson::from_slice(&response.body)
            .map_err(|source| BrokerError::Body { addr: addr.to_owned(), source })
    }

    /// Asks the broker at `addr` for a typed reply header.
    ///
    /// # Errors
    /// As [`Self::ask`], or when the header is not the reply's.
    pub async fn header<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<R::ReplyHeader, BrokerError> {
        let response = self.ask::<R>(addr, header, body, limit).await?;
        response.header::<R>().map_err(|source| BrokerError::Header { addr: addr.to_owned(), source })
    }

    /// The answer of the broker at `addr`, whatever its code.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn answer<R: Request>(
        &self,
        addr: &str,
        header: R::Header,
        extra: Vec<(&'static str, String)>,
        body: impl Into<Body>,
        limit: Duration,
    ) -> Result<Response, BrokerError> {
        let answer = self.pool.call_with_extra::<R>(addr, header, extra, body, limit).await;
        answer.map_err(|source| BrokerError::Pool { addr: addr.to_owned(), source })
    }
}

/// An answer of another code than `SUCCESS` as the refusal it is.
pub(crate) fn refusal<R: Request>(addr: &str, response: Response) -> BrokerError {
    BrokerError::Refused {
        addr: addr.to_owned(),
        request: R::CODE,
        code: ResponseCode(response.code),
        remark: response.remark.unwrap_or_default(),
    }
}

fn accepted<R: Request>(addr: &str, response: Response) -> Result<Response, BrokerError> {
    if response.code == ResponseCode::SUCCESS.0 { Ok(response) } else { Err(refusal::<R>(addr, response)) }
}
