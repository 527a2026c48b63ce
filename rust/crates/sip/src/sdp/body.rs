//! Finding the SDP in a message body (RFC 3261 section 7.4, RFC 5621).
//!
//! Carriers that also speak ISUP wrap SDP in `multipart/mixed`; the SDP part is what we want.

use super::answer::{Refusal, accept_answer, answer_offer, has_any};
use super::write::Origin;
use super::{Codec, Description};
use crate::command::LocalMedia;
use crate::event::Cause;
use crate::wire::{Headers, Name};

/// What a message body says about media.
#[derive(Debug)]
pub(crate) enum Body {
    /// No body, or one that is not about media.
    None,
    /// A description.
    Sdp(Description),
    /// It claims to be SDP and is not.
    Malformed,
    /// A type or encoding that we must be able to read and are not (415).
    Unsupported,
}

impl Body {
    /// Why there is no agreement: nothing in common, or no SRTP where one side wants it.
    pub(crate) fn why_not(&self, local: Option<&LocalMedia>, is_offer: bool) -> Cause {
        let (Self::Sdp(theirs), Some(local)) = (self, local) else { return Cause::NoCommonCodec };
        let origin = Origin { session: 0, version: 0 };
        let refusal =
            if is_offer { answer_offer(theirs, local, origin).err() } else { accept_answer(theirs, local).err() };
        if refusal == Some(Refusal::NoSrtp) { Cause::NoSrtp } else { Cause::NoCommonCodec }
    }

    /// Whether the offer, or its absence, lets us answer with one of these codecs.
    pub(crate) fn codec_ok(&self, codecs: &[Codec]) -> bool {
        match self {
            Self::None => true,
            Self::Sdp(offer) => offer.audio().is_some_and(|(_, audio)| has_any(audio, codecs)),
            Self::Malformed | Self::Unsupported => false,
        }
    }
}

/// Look for SDP.
pub(crate) fn sdp_of(headers: &Headers, body: &[u8]) -> Body {
    if body.is_empty() {
        return Body::None;
    }
    if headers.get(&Name::ContentEncoding).is_some_and(|value| !value.eq_ignore_ascii_case(b"identity")) {
        return Body::Unsupported;
    }
    let content_type = headers.get(&Name::ContentType).unwrap_or_default();
    let content_type = String::from_utf8_lossy(&content_type).into_owned();
    let kind = media_type(&content_type);
    if kind == "application/sdp" {
        return parsed(body);
    }
    if kind.starts_with("multipart/") {
        return boundary(&content_type).map_or(Body::Malformed, |boundary| in_parts(body, &boundary));
    }
    let optional = headers
        .get(&Name::ContentDisposition)
        .is_some_and(|value| String::from_utf8_lossy(&value).to_ascii_lowercase().contains("handling=optional"));
    if optional { Body::None } else { Body::Unsupported }
}

fn parsed(body: &[u8]) -> Body {
    Description::parse(body).map_or(Body::Malformed, Body::Sdp)
}

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn boundary(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then(|| format!("--{value}"))
    })
}

fn in_parts(body: &[u8], boundary: &str) -> Body {
    let text = String::from_utf8_lossy(body);
    for part in text.split(boundary).skip(1).take(16) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else { continue };
        let is_sdp = head.lines().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| {
                let name = name.trim();
                let names_type = name.eq_ignore_ascii_case("content-type") || name.eq_ignore_ascii_case("c");
                names_type && media_type(value) == "application/sdp"
            })
        });
        if is_sdp {
            return parsed(content.as_bytes());
        }
    }
    Body::None
}
