//! Reading a session description.

use std::net::IpAddr;

use super::Direction;
use super::crypto::Offered;

/// A session description, as far as audio needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Description {
    /// Every media section in order.
    pub(crate) media: Vec<Media>,
}

/// One `m=` section with what it inherits from the session level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    /// `audio`, `video` ...
    pub(crate) kind: String,
    /// 0 is a refused stream.
    pub(crate) port: u16,
    /// `RTP/AVP` ...
    pub(crate) protocol: String,
    /// Formats in order of preference.
    pub(crate) formats: Vec<String>,
    /// Connection address, None if missing or a host name.
    pub(crate) address: Option<IpAddr>,
    pub(crate) direction: Direction,
    /// Payload type, encoding name, clock rate.
    pub(crate) maps: Vec<(u8, String, u32)>,
    pub(crate) ptime_ms: Option<u32>,
    pub(crate) maxptime_ms: Option<u32>,
    /// Payload type and parameters of a format.
    pub(crate) parameters: Vec<(u8, String)>,
    /// `a=rtcp`: port, and address if it is another.
    pub(super) rtcp: Option<(u16, Option<IpAddr>)>,
    /// Keys we could use, in their order.
    pub(super) crypto: Vec<Offered>,
}

/// More than any real description has; beyond it lines are ignored.
const MAX_MEDIA: usize = 16;
const MAX_FORMATS: usize = 64;
const MAX_CRYPTO: usize = 16;
const MAX_BYTES: usize = 16 * 1024;

impl Description {
    /// Read a description. None if it is none: no `v=0` at the start, or too large.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        if body.len() > MAX_BYTES {
            return None;
        }
        let text = String::from_utf8_lossy(body);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines.next()? != "v=0" {
            return None;
        }
        let mut session = Media::session_level();
        let mut media: Vec<Media> = Vec::new();
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else { continue };
            if kind.trim() == "m" {
                if media.len() >= MAX_MEDIA {
                    break;
                }
                media.push(session.section(value)?);
                continue;
            }
            let section = media.last_mut().unwrap_or(&mut session);
            match kind.trim() {
                "c" => section.address = connection(value),
                "a" => section.attribute(value.trim()),
                _ => {}
            }
        }
        Some(Self { media })
    }

    /// The stream we can talk over: the first audio with a port, RTP and an address.
    pub(crate) fn audio(&self) -> Option<(usize, &Media)> {
        self.media.iter().enumerate().find(|(_, media)| media.is_usable_audio())
    }
}

impl Media {
    fn session_level() -> Self {
        Self {
            kind: String::new(),
            port: 0,
            protocol: String::new(),
            formats: Vec::new(),
            address: None,
            direction: Direction::SendRecv,
            maps: Vec::new(),
            ptime_ms: None,
            maxptime_ms: None,
            parameters: Vec::new(),
            rtcp: None,
            crypto: Vec::new(),
        }
    }

    /// A new section out of `audio 49170 RTP/AVP 0 8`, inheriting from the session level.
    fn section(&self, value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let kind = words.next()?.to_owned();
        // `49170/2` is a range of ports; the first is enough.
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next()?.to_owned();
        let formats = words.take(MAX_FORMATS).map(str::to_owned).collect();
        Some(Self { kind, port, protocol, formats, ..self.clone() })
    }

    fn attribute(&mut self, value: &str) {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        match name.trim() {
            "sendrecv" => self.direction = Direction::SendRecv,
            "sendonly" => self.direction = Direction::SendOnly,
            "recvonly" => self.direction = Direction::RecvOnly,
            "inactive" => self.direction = Direction::Inactive,
            "ptime" => self.ptime_ms = whole_number(value),
            "maxptime" => self.maxptime_ms = whole_number(value),
            "rtpmap" if self.maps.len() < MAX_FORMATS => self.maps.extend(rtpmap(value)),
            "fmtp" if self.parameters.len() < MAX_FORMATS => self.parameters.extend(parameters(value)),
            "rtcp" => self.rtcp = rtcp(value),
            "crypto" if self.crypto.len() < MAX_CRYPTO => self.crypto.extend(Offered::parse(value)),
            _ => {}
        }
    }

    /// Media may only be encrypted (RFC 3711, `RTP/SAVP`).
    pub(super) fn is_secure(&self) -> bool {
        ["RTP/SAVP", "RTP/SAVPF"].iter().any(|name| self.protocol.eq_ignore_ascii_case(name))
    }

    fn is_usable_audio(&self) -> bool {
        let rtp = ["RTP/AVP", "RTP/AVPF"].iter().any(|name| self.protocol.eq_ignore_ascii_case(name));
        self.kind.eq_ignore_ascii_case("audio") && self.port != 0 && (rtp || self.is_secure()) && self.address.is_some()
    }
}

/// `IN IP4 192.0.2.1`, with or without a multicast suffix.
fn connection(value: &str) -> Option<IpAddr> {
    let address = value.split_ascii_whitespace().nth(2)?;
    address.split('/').next()?.parse().ok()
}

/// `101 telephone-event/8000`.
fn rtpmap(value: &str) -> Option<(u8, String, u32)> {
    let mut words = value.split_ascii_whitespace();
    let payload_type = words.next()?.parse().ok().filter(|number| *number < 128)?;
    let mut parts = words.next()?.split('/');
    Some((payload_type, parts.next()?.to_ascii_lowercase(), parts.next()?.parse().ok()?))
}

/// `111 useinbandfec=1`.
fn parameters(value: &str) -> Option<(u8, String)> {
    let (payload_type, rest) = value.trim().split_once(' ')?;
    Some((payload_type.parse().ok()?, rest.to_ascii_lowercase()))
}

/// `53020`, or `53020 IN IP4 126.16.64.4`.
fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
    Some((port, words.nth(2).and_then(|address| address.parse().ok())))
}

/// Some write `a=ptime:20.0`.
fn whole_number(value: &str) -> Option<u32> {
    value.trim().split('.').next()?.parse().ok()
}
