//! A command as it travels (`RemotingCommand`): what a frame's header says apart from its body.

use std::borrow::Cow;

use bytes::Bytes;

use crate::ext_fields::ExtFields;

/// The version servers and clients of this project claim: RocketMQ 5.3.3 (`MQVersion` ordinal).
pub const CURRENT_VERSION: i32 = 479;
/// The name of [`CURRENT_VERSION`].
pub const CURRENT_VERSION_NAME: &str = "V5_3_3";

/// Bit of `flag`: the command answers a request.
pub const FLAG_RESPONSE: i32 = 1;
/// Bit of `flag`: the sender waits for no answer.
pub const FLAG_ONEWAY: i32 = 1 << 1;

/// How a command's header is written (`SerializeType`); every frame says it for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SerializeType {
    /// A JSON object.
    #[default]
    Json,
    /// RocketMQ's own binary layout.
    RocketMq,
}

impl SerializeType {
    /// The type of that number in a frame's second word.
    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Json),
            1 => Some(Self::RocketMq),
            _ => None,
        }
    }

    /// The number in a frame's second word.
    pub fn code(self) -> u8 {
        match self {
            Self::Json => 0,
            Self::RocketMq => 1,
        }
    }
}

/// The language of a peer's client library (`LanguageCode`).
///
/// A name or number unknown here decodes as [`Self::OTHER`]: it is never a reason to refuse a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language(u8);

const LANGUAGE_NAMES: [&str; 14] = [
    "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS",
    "RUST", "NODE_JS",
];

impl Language {
    /// What RocketMQ's own servers and clients are written in, and what this project answers as.
    pub const JAVA: Self = Self(0);
    /// The C++ client, which reads some bodies in a form of its own.
    pub const CPP: Self = Self(1);
    /// A language without a name here.
    pub const OTHER: Self = Self(7);

    /// The language of that name.
    pub fn from_name(name: &str) -> Self {
        let position = LANGUAGE_NAMES.iter().position(|known| *known == name);
        position.and_then(|code| u8::try_from(code).ok()).map_or(Self::OTHER, Self)
    }

    /// The language of that number.
    pub fn from_code(code: u8) -> Self {
        if usize::from(code) < LANGUAGE_NAMES.len() { Self(code) } else { Self::OTHER }
    }

    /// The number in a binary header.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The name in a JSON header.
    pub fn name(self) -> &'static str {
        LANGUAGE_NAMES.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }
}

/// A command's header, borrowing from its frame.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRef<'a> {
    /// Request code or response code.
    pub code: i32,
    /// What the peer is written in.
    pub language: Language,
    /// The peer's `MQVersion` ordinal.
    pub version: i32,
    /// Ties a response to its request; each end counts its own requests.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`] and [`FLAG_ONEWAY`].
    pub flag: i32,
    /// A text for people.
    pub remark: Option<Cow<'a, str>>,
    /// The fields of the typed header, and whatever else the peer sent.
    pub ext: ExtFields<'a>,
    /// How this header was written.
    pub serialize: SerializeType,
}

impl CommandRef<'_> {
    /// Whether the command answers a request of ours.
    pub fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// Whether the peer waits for no answer.
    pub fn is_oneway(&self) -> bool {
        self.flag & FLAG_ONEWAY != 0
    }
}

/// An answer to a request of ours, independent of its frame.
#[derive(Clone, Debug)]
pub struct Response {
    /// Response code; see [`crate::response_code`].
    pub code: i32,
    /// The peer's `MQVersion` ordinal.
    pub version: i32,
    /// A text for people.
    pub remark: Option<String>,
    /// The fields of the typed reply header.
    pub ext: ExtFields<'static>,
    /// The reply's body.
    pub body: Bytes,
}
