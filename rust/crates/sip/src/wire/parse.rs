//! Reading a message, and saying what is wrong with it.

use std::borrow::Cow;

use bytes::Bytes;
use sipx_sip::{Limits, parse_datagram};

use super::address::AddressParts;
use super::reply::{Copied, ReplyHead};
use super::via::{Via, all_are_hops};
use super::{Headers, Identity, Message, Method, Name, Request, Response, text};
use crate::peer::Peer;

/// Why a datagram is not a message we can use.
#[derive(Debug)]
pub(crate) enum Malformed {
    /// No SIP, or a response nobody could use.
    Garbage,
    /// A request that is broken but can be answered.
    Answer {
        /// What its response copies.
        head: ReplyHead,
        /// 400, 505 or 513.
        code: u16,
        /// What is wrong, for the phrase.
        phrase: &'static str,
    },
}

/// Bounds of what is looked at; a UDP datagram cannot be larger anyway.
const LIMITS: Limits = Limits {
    max_message_bytes: 64 * 1024,
    max_body_bytes: 64 * 1024,
    max_headers: 200,
    max_header_bytes: 10 * 1024, // an Identity of 8 KB (RFC 8224) with its name
    max_folding_lines: 16,
};

/// Read one message.
pub(crate) fn parse(datagram: &[u8], source: Peer) -> Result<Message, Malformed> {
    match parse_datagram(Bytes::copy_from_slice(datagram), &LIMITS) {
        Ok(sipx_sip::Message::Request(request)) => read_request(request, source).map(Message::Request),
        Ok(sipx_sip::Message::Response(response)) => {
            read_response(response).map(Message::Response).ok_or(Malformed::Garbage)
        }
        Err(_) => Err(salvage(datagram, source)),
    }
}

impl Request {
    /// What every response to this request copies.
    pub(crate) fn reply_head(&self, source: Peer) -> Option<ReplyHead> {
        copied(&self.headers.0).head(source)
    }
}

fn copied(headers: &sipx_sip::Headers) -> Copied<'_> {
    Copied {
        vias: headers.iter().filter(|header| *header.name() == Name::Via).map(sipx_sip::Header::value).collect(),
        from: headers.value(&Name::From),
        to: headers.value(&Name::To),
        call_id: headers.value(&Name::CallId),
        cseq: headers.value(&Name::CSeq),
    }
}

fn read_request(request: sipx_sip::Request, source: Peer) -> Result<Request, Malformed> {
    let refuse = |request: &sipx_sip::Request, code, phrase| match copied(&request.headers).head(source) {
        Some(head) if request.method != sipx_sip::Method::Ack => Malformed::Answer { head, code, phrase },
        _ => Malformed::Garbage,
    };
    if !request.version.is_supported() {
        return Err(refuse(&request, 505, "Version Not Supported"));
    }
    let method = read_method(request.method.as_bytes());
    let (id, via) = match read_identity(&request.headers) {
        Ok(found) => found,
        Err(what) => return Err(refuse(&request, 400, what)),
    };
    let cseq = request.headers.value(&Name::CSeq).unwrap_or_default();
    let names_another = cseq.split(u8::is_ascii_whitespace).next_back() != Some(request.method.as_bytes());
    // A method that nobody knows is refused for that (RFC 4475 section 3.1.2.18).
    if names_another && method != Method::Unknown {
        return Err(refuse(&request, 400, "CSeq Names Another Method"));
    }
    let uri = request.uri.to_bytes().to_vec();
    let body = request.body().clone();
    Ok(Request { method, uri, id, via, headers: Headers(request.headers), body })
}

fn read_response(response: sipx_sip::Response) -> Option<Response> {
    if !response.version.is_supported() {
        return None;
    }
    let (id, via) = read_identity(&response.headers).ok()?;
    let body = response.body().clone();
    Some(Response {
        code: response.status.code(),
        phrase: text(&response.reason),
        id,
        via,
        headers: Headers(response.headers),
        body,
    })
}

/// The mandatory headers (RFC 3261 section 8.1.1), or what is wrong with them.
fn read_identity(headers: &sipx_sip::Headers) -> Result<(Identity, Via), &'static str> {
    let via = headers.value(&Name::Via).ok_or("Missing Via")?;
    let via = Via::parse_first(&via).filter(|_| all_are_hops(&via)).ok_or("Malformed Via")?;
    for (name, what) in [
        (Name::From, "From Is Not Single"),
        (Name::To, "To Is Not Single"),
        (Name::CallId, "Call-ID Is Not Single"),
        (Name::CSeq, "CSeq Is Not Single"),
    ] {
        if headers.count(&name) != 1 {
            return Err(what);
        }
    }
    let tag = |name: &Name, what| {
        let value = headers.value(name).unwrap_or_default();
        AddressParts::parse(&value).map(|parts| parts.tag().to_vec()).ok_or(what)
    };
    let from_tag = tag(&Name::From, "Malformed From")?;
    let to_tag = tag(&Name::To, "Malformed To")?;
    let call_id = headers.value(&Name::CallId).unwrap_or_default().into_owned();
    if call_id.is_empty() || call_id.contains(&b' ') {
        return Err("Malformed Call-ID");
    }
    let (cseq, method) = headers.value(&Name::CSeq).as_deref().and_then(read_cseq).ok_or("Malformed CSeq")?;
    Ok((Identity { call_id, from_tag, to_tag, cseq, method }, via))
}

fn read_cseq(value: &[u8]) -> Option<(u32, Method)> {
    let space = value.iter().position(u8::is_ascii_whitespace)?;
    let (number, method) = value.split_at(space);
    // RFC 3261 section 8.1.1.5: below 2**31.
    let number = std::str::from_utf8(number).ok()?.parse().ok().filter(|number| *number < 1 << 31)?;
    Some((number, read_method(method.trim_ascii())))
}

fn read_method(token: &[u8]) -> Method {
    match token {
        b"INVITE" => Method::Invite,
        b"ACK" => Method::Ack,
        b"BYE" => Method::Bye,
        b"CANCEL" => Method::Cancel,
        b"OPTIONS" => Method::Options,
        b"INFO" => Method::Info,
        b"UPDATE" => Method::Update,
        b"REGISTER" => Method::Register,
        b"PRACK" => Method::Prack,
        b"REFER" => Method::Refer,
        b"NOTIFY" => Method::Notify,
        b"SUBSCRIBE" | b"MESSAGE" | b"PUBLISH" => Method::KnownElsewhere,
        _ => Method::Unknown,
    }
}

/// A request the parser refused can often still be told so: look for the five headers a 400 needs.
fn salvage(datagram: &[u8], source: Peer) -> Malformed {
    let mut lines = datagram.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let start = lines.next().unwrap_or_default();
    let is_request = start.windows(5).any(|part| part.eq_ignore_ascii_case(b" SIP/"));
    if !is_request || start.starts_with(b"ACK ") || start.starts_with(b"SIP/") {
        return Malformed::Garbage;
    }
    let mut copied = Copied::default();
    for line in lines.take_while(|line| !line.is_empty()).take(LIMITS.max_headers) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = Cow::Borrowed(value.get(1..).unwrap_or_default().trim_ascii());
        match Name::parse(&Bytes::copy_from_slice(name.trim_ascii())) {
            Name::Via => copied.vias.push(value),
            Name::From => copied.from = Some(value),
            Name::To => copied.to = Some(value),
            Name::CallId => copied.call_id = Some(value),
            Name::CSeq => copied.cseq = Some(value),
            _ => {}
        }
    }
    match copied.head(source) {
        Some(head) => Malformed::Answer { head, code: 400, phrase: "Bad Request" },
        None => Malformed::Garbage,
    }
}
