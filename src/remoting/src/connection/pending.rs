//! Requests of the peer that are being worked on.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::{command::SerializeType, reply::Answer};

/// What of a request its answer needs.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) opaque: i32,
    pub(super) serialize: SerializeType,
    pub(super) oneway: bool,
    /// What it holds while it is worked on.
    pub(super) held_bytes: usize,
    pub(super) code: i32,
    /// When it was read, where somebody wants to know how long it takes.
    pub(super) since: Option<Instant>,
}

/// A request that is being worked on.
pub(super) struct Pending {
    pub(super) asked: Asked,
    pub(super) answer: BoxFuture<'static, Answer>,
}

impl Future for Pending {
    type Output = (Asked, Answer);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let asked = self.asked;
        self.answer.as_mut().poll(context).map(|answer| (asked, answer))
    }
}
