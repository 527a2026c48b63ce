//! The wire: bytes to messages and back (RFC 3261 section 7).
//!
//! This folder is the only place that names the parser crate. Reading is tolerant: header values stay bytes, only
//! what the user agent needs is looked into, and an odd display name or a Latin-1 byte never costs a call. Writing is
//! strict: see [`Writer`]. Why this seam exists is told in `docs/decisions/0002-sip-wire-layer.md`.

mod address;
mod headers;
mod parse;
mod phrase;
mod reason;
mod reply;
mod uri;
mod via;
mod write;

pub(crate) use address::{AddressParts, has_param, param, split_list};
pub(crate) use headers::{Headers, Name};
pub(crate) use parse::{Malformed, parse};
pub(crate) use phrase::phrase;
pub(crate) use reason::{ReasonText, q850_header};
pub(crate) use reply::ReplyHead;
pub(crate) use uri::{Hop, is_uri, user_of};
pub(crate) use via::Via;
pub(crate) use write::{Writer, is_safe_value, is_token};

use bytes::Bytes;

/// A request method, as far as we tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Info,
    Update,
    Prack,
    Refer,
    Notify,
    Register,
    /// Known to the RFCs, not offered by us: 405.
    KnownElsewhere,
    /// Known to nobody: 501.
    Unknown,
}

impl Method {
    /// The token of a method that we send ourselves.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Register => "REGISTER",
            Self::KnownElsewhere | Self::Unknown => "UNKNOWN",
        }
    }
}

/// The methods we answer, for Allow (RFC 3261 section 20.5).
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY";

/// A message that could be read.
#[derive(Debug)]
pub(crate) enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// What names a transaction and a dialog in every message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) call_id: Vec<u8>,
    /// Empty when absent (RFC 2543).
    pub(crate) from_tag: Vec<u8>,
    /// Empty when absent.
    pub(crate) to_tag: Vec<u8>,
    pub(crate) cseq: u32,
    /// Method in CSeq.
    pub(crate) method: Method,
}

/// A request whose mandatory headers are in order.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Request-URI as received.
    pub(crate) uri: Vec<u8>,
    pub(crate) id: Identity,
    /// Topmost Via.
    pub(crate) via: Via,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// A response whose mandatory headers are in order.
#[derive(Debug)]
pub(crate) struct Response {
    /// 100-699.
    pub(crate) code: u16,
    pub(crate) phrase: String,
    pub(crate) id: Identity,
    /// Topmost Via, ours.
    pub(crate) via: Via,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn is_provisional(&self) -> bool {
        self.code < 200
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// Bytes as text for people and events; what is not UTF-8 is replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
