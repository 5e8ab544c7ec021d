//! What a connection hands its requests to, and what it tells of itself.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use thiserror::Error;

use super::ConnectionHandle;
use crate::{codec::FrameError, command::CommandRef, reply::Answer, response_code::ResponseCode};

/// What a connection hands its requests to.
pub trait Service: Send + Sync + 'static {
    /// Begins to work on a request; polled first on the task that read it.
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
    ) -> BoxFuture<'static, Answer>;

    /// Whether this service wants to hear of answers.
    fn times_answers(&self) -> bool {
        false
    }

    /// A request was answered; only called where [`Self::times_answers`].
    fn answered(&self, _answered: &Answered) {}

    /// A connection has begun.
    fn connected(&self, _peer: &ConnectionHandle) {}

    /// A connection has ended.
    fn disconnected(&self, _peer: &ConnectionHandle, _reason: &CloseReason) {}
}

/// An answer as it leaves.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// What was asked.
    pub request_code: i32,
    /// What was answered.
    pub response_code: ResponseCode,
    /// Whether the request had waited for something to happen.
    pub has_waited: bool,
    /// Whether nobody waits for the answer, so that it goes nowhere.
    pub is_oneway: bool,
    /// The time since the request was read.
    pub took: Duration,
}

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum CloseReason {
    /// The peer closed it.
    #[error("closed by peer")]
    Peer,
    /// Nothing moved for too long.
    #[error("idle")]
    Idle,
    /// A frame did not become whole in time.
    #[error("frame not whole in time")]
    SlowFrame,
    /// We are shutting down.
    #[error("shutting down")]
    Drained,
    /// What came was no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
