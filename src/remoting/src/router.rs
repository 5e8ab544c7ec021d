//! From a command to its processor: one route per request code.
//!
//! A server lists **every code ↦ processor ↦ lane** in one place with [`Router::route`]; a code that is
//! not listed is answered with RocketMQ's "not supported".

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};

use crate::{
    command::CommandRef,
    connection::{ConnectionHandle, Service},
    header::{Header, HeaderError},
    lane::{Lane, LanePermit},
    reply::{Answer, Incoming, Refusal, ReplyResult},
    request::{Request, RequestCode},
    response_code::ResponseCode,
};

/// Works on requests of one kind.
pub trait Processor<R: Request>: Send + Sync + 'static {
    /// Answers the request.
    fn process(&self, incoming: Incoming<R>) -> impl Future<Output = ReplyResult<R>> + Send;
}

/// The routes of one listener.
#[derive(Clone, Default)]
pub struct Router {
    routes: Vec<Option<Route>>,
    /// Why codes lead nowhere that the server ought to answer.
    refused: &'static [(RequestCode, &'static str)],
}

#[derive(Clone)]
struct Route {
    lane: Arc<Lane>,
    handler: Arc<dyn Handler>,
}

impl Router {
    /// No routes.
    pub fn new() -> Self {
        Self { routes: RequestCode::ALL.iter().map(|_| None).collect(), refused: &[] }
    }

    /// Sends requests of kind `R` to `processor` through `lane`.
    #[must_use]
    pub fn route<R: Request, P: Processor<R>>(mut self, processor: &Arc<P>, lane: &Arc<Lane>) -> Self {
        let handler = Typed { processor: Arc::clone(processor), request: std::marker::PhantomData::<fn(R)> };
        if let Some(slot) = self.routes.get_mut(R::CODE.index()) {
            *slot = Some(Route { lane: Arc::clone(lane), handler: Arc::new(handler) });
        }
        self
    }

    /// The same routes without some codes.
    #[must_use]
    pub fn without(mut self, codes: &[RequestCode]) -> Self {
        for code in codes {
            if let Some(slot) = self.routes.get_mut(code.index()) {
                *slot = None;
            }
        }
        self
    }

    /// Says why codes are refused.
    #[must_use]
    pub fn refusing(mut self, refused: &'static [(RequestCode, &'static str)]) -> Self {
        self.refused = refused;
        self
    }

    /// Why a code leads nowhere.
    pub fn why_refused(&self, code: RequestCode) -> &'static str {
        let own = self.refused.iter().find(|(refused, _)| *refused == code).map(|(_, why)| *why);
        own.unwrap_or_else(|| code.answerer().why_not_here())
    }

    /// The codes that lead somewhere.
    pub fn routed(&self) -> impl Iterator<Item = RequestCode> {
        RequestCode::ALL.iter().copied().filter(|code| self.find(code.number()).is_some())
    }

    fn find(&self, number: i32) -> Option<&Route> {
        let code = RequestCode::from_number(number)?;
        self.routes.get(code.index())?.as_ref()
    }

    /// RocketMQ's answer to a code it has no processor for, and why that is so.
    fn not_supported(&self, number: i32) -> Refusal {
        let why = RequestCode::from_number(number).map(|code| self.why_refused(code));
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let remark = format!(" request type {number} not supported{why}");
        Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, remark)
    }
}

impl Service for Router {
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
    ) -> BoxFuture<'static, Answer> {
        let Some(route) = self.find(command.code) else {
            tracing::debug!(code = command.code, peer = %peer.peer_addr(), "request code not supported");
            return ready(self.not_supported(command.code).into()).boxed();
        };
        let answer = match route.lane.try_enter() {
            Some(permit) => route.handler.call(command, body, peer, permit),
            None => route.handler.wait(command, body, peer, Arc::clone(&route.lane)),
        };
        answer.unwrap_or_else(|error| ready(Refusal::from(error).into()).boxed())
    }
}

trait Handler: Send + Sync {
    /// Begins to work on a request.
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
        permit: LanePermit,
    ) -> Result<BoxFuture<'static, Answer>, HeaderError>;

    /// The same once the lane has room.
    fn wait(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
        lane: Arc<Lane>,
    ) -> Result<BoxFuture<'static, Answer>, HeaderError>;
}

struct Typed<R, P> {
    processor: Arc<P>,
    request: std::marker::PhantomData<fn(R)>,
}

impl<R: Request, P: Processor<R>> Handler for Typed<R, P> {
    fn call(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
        permit: LanePermit,
    ) -> Result<BoxFuture<'static, Answer>, HeaderError> {
        let header = R::Header::decode(&command.ext)?;
        let (version, language, peer) = (command.version, command.language, peer.clone());
        let incoming = Incoming { header, body, peer, version, language, permit };
        Ok(processed(Arc::clone(&self.processor), incoming).boxed())
    }

    fn wait(
        &self,
        command: &CommandRef<'_>,
        body: Bytes,
        peer: &ConnectionHandle,
        lane: Arc<Lane>,
    ) -> Result<BoxFuture<'static, Answer>, HeaderError> {
        let header = R::Header::decode(&command.ext)?;
        let (version, language, peer) = (command.version, command.language, peer.clone());
        let processor = Arc::clone(&self.processor);
        let answer = async move {
            match lane.enter().await {
                Ok(permit) => {
                    processed(processor, Incoming { header, body, peer, version, language, permit }).await
                }
                Err(full) => Refusal::from(full).into(),
            }
        };
        Ok(answer.boxed())
    }
}

/// What a processor makes of a request. An `async fn` would keep the request twice, in a box that is made for each.
fn processed<R: Request, P: Processor<R>>(
    processor: Arc<P>,
    incoming: Incoming<R>,
) -> impl Future<Output = Answer> + Send {
    let processing = async move { processor.process(incoming).await };
    AssertUnwindSafe(processing).catch_unwind().map(|outcome| match outcome {
        Ok(Ok(reply)) => reply.into(),
        Ok(Err(refusal)) => refusal.into(),
        Err(_) => panicked(R::CODE).into(),
    })
}

/// A processor failed in a way nobody foresaw; its connection goes on.
fn panicked(code: RequestCode) -> Refusal {
    tracing::error!(request = code.name(), "processor panicked, please report this");
    Refusal::system_error("internal error, see the broker's log")
}
