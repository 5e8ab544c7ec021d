//! What a processor gets and what it gives: [`Incoming`], [`Reply`] and [`Refusal`].

use std::{borrow::Cow, fmt};

use bytes::Bytes;

use crate::{
    command::Language,
    connection::ConnectionHandle,
    header::{EncodeHeader, HeaderError},
    lane::LanePermit,
    request::Request,
    response_code::ResponseCode,
};

/// A request as a processor gets it.
#[derive(Debug)]
pub struct Incoming<R: Request> {
    /// The typed header.
    pub header: R::Header,
    /// The body, a slice of what was read from the socket.
    pub body: Bytes,
    /// The connection it came on, to be called back.
    pub peer: ConnectionHandle,
    /// The asker's `MQVersion` ordinal.
    pub version: i32,
    /// What the asker is written in.
    pub language: Language,
    /// Leave to work on the request. A processor that parks it drops this first.
    pub permit: LanePermit,
}

/// The body of a reply.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// One piece.
    Whole(Bytes),
    /// Pieces written one after the other without being copied together.
    Pieces(Vec<Bytes>),
}

impl Body {
    /// Length of the whole.
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much of it is memory of its own: pieces are parts of something that is there anyway.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Empty | Self::Pieces(_) => 0,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes.into())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

/// An answer to a request, typed by it.
pub struct Reply<R: Request> {
    code: ResponseCode,
    remark: Option<Cow<'static, str>>,
    header: Option<R::ReplyHeader>,
    extra: Vec<(&'static str, String)>,
    body: Body,
    has_waited: bool,
}

impl<R: Request> Reply<R> {
    /// `SUCCESS` and nothing else.
    pub fn success() -> Self {
        Self::of(ResponseCode::SUCCESS)
    }

    /// An answer of that code: for the codes that are no refusal, such as "no message yet".
    pub fn of(code: ResponseCode) -> Self {
        Self { code, remark: None, header: None, extra: Vec::new(), body: Body::Empty, has_waited: false }
    }

    /// With a typed header.
    #[must_use]
    pub fn with_header(mut self, header: R::ReplyHeader) -> Self {
        self.header = Some(header);
        self
    }

    /// With a field beside the typed header.
    #[must_use]
    pub fn with_extra(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((key, value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Given after the request had waited for something to happen.
    #[must_use]
    pub fn after_waiting(mut self) -> Self {
        self.has_waited = true;
        self
    }

    /// With a text for people.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<Cow<'static, str>>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// The answer's code.
    pub fn code(&self) -> ResponseCode {
        self.code
    }

    /// The typed header, if one was set.
    pub fn header(&self) -> Option<&R::ReplyHeader> {
        self.header.as_ref()
    }

    /// The typed header, to be changed.
    pub fn header_mut(&mut self) -> Option<&mut R::ReplyHeader> {
        self.header.as_mut()
    }

    /// The same answer under another code, with a remark that goes with it or none.
    #[must_use]
    pub fn recoded(mut self, code: ResponseCode, remark: Option<Cow<'static, str>>) -> Self {
        self.code = code;
        self.remark = remark;
        self
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The same answer as that of another request with the same reply header.
    pub fn cast<Q: Request<ReplyHeader = R::ReplyHeader>>(self) -> Reply<Q> {
        let Self { code, remark, header, extra, body, has_waited } = self;
        Reply { code, remark, header, extra, body, has_waited }
    }
}

impl<R: Request> fmt::Debug for Reply<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("code", &self.code)
            .field("remark", &self.remark)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A request that was not done: RocketMQ's code and remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: ResponseCode,
    remark: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of that code and text.
    pub fn new(code: ResponseCode, remark: impl Into<Cow<'static, str>>) -> Self {
        Self { code, remark: remark.into() }
    }

    /// `SYSTEM_ERROR` with that text.
    pub fn system_error(remark: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, remark)
    }

    /// The code.
    pub fn code(&self) -> ResponseCode {
        self.code
    }

    /// The text.
    pub fn remark(&self) -> &str {
        &self.remark
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self::system_error(error.to_string())
    }
}

/// What a processor gives.
pub type ReplyResult<R> = Result<Reply<R>, Refusal>;

/// An answer whose request no longer matters.
pub struct Answer {
    /// Response code.
    pub code: ResponseCode,
    /// A text for people.
    pub remark: Option<Cow<'static, str>>,
    /// The typed header.
    pub header: Option<Box<dyn EncodeHeader>>,
    /// Fields beside it.
    pub extra: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether the request had waited for something to happen.
    pub has_waited: bool,
}

impl<R: Request> From<Reply<R>> for Answer {
    fn from(reply: Reply<R>) -> Self {
        Self {
            code: reply.code,
            remark: reply.remark,
            header: reply.header.map(|header| Box::new(header) as Box<dyn EncodeHeader>),
            extra: reply.extra,
            body: reply.body,
            has_waited: reply.has_waited,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code,
            remark: Some(refusal.remark),
            header: None,
            extra: Vec::new(),
            body: Body::Empty,
            has_waited: false,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Answer")
            .field("code", &self.code)
            .field("remark", &self.remark)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
