//! Writing a session description.

use std::fmt::Write;
use std::net::SocketAddr;

use super::crypto::{self, KeySalt, Suite};
use super::parse::Media;
use super::{Codec, Direction, Events};
use crate::command::LocalMedia;

/// telephone-event as we offer it: 101 is what everybody uses. Beside Opus its clock is offered too (RFC 4733 section
/// 2.1: the clock of the audio), as 110, the number of browsers.
pub(super) const EVENTS: Events = Events { payload_type: 101, clock_hz: 8000 };
pub(super) const WIDE_EVENTS: Events = Events { payload_type: 110, clock_hz: 48_000 };
/// Longest packet we take, ms.
const MAX_PTIME_MS: u32 = 60;

/// The `o=` line: constant for a session but for the version, which grows with every change (RFC 8866 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) session: u64,
    pub(crate) version: u64,
}

/// One `m=` section to write.
pub(super) enum Stream<'a> {
    /// Our audio.
    Audio(Audio<'a>),
    /// A stream of theirs that we do not want.
    Refused(&'a Media),
}

/// Our audio stream.
pub(super) struct Audio<'a> {
    pub(super) protocol: &'a str,
    pub(super) codecs: Vec<(u8, Codec)>,
    pub(super) dtmf: Vec<Events>,
    pub(super) direction: Direction,
    pub(super) ptime_ms: u32,
    /// Tag, suite and key of each `a=crypto` line.
    pub(super) crypto: Vec<(u32, Suite, KeySalt)>,
}

/// Events that may go with codecs.
pub(super) fn events_beside(codecs: &[Codec]) -> Vec<Events> {
    let wide = codecs.contains(&Codec::Opus).then_some(WIDE_EVENTS);
    [EVENTS].into_iter().chain(wide).collect()
}

/// Everything we can, both ways.
pub(crate) fn offer(local: &LocalMedia, origin: Origin) -> String {
    let offered = |crypto: &crypto::LocalCrypto| {
        (1..).zip(Suite::ALL).map(|(tag, suite)| (tag, suite, crypto.key)).collect::<Vec<_>>()
    };
    let audio = Audio {
        // Keys within plain RTP/AVP are the offer that those without SRTP can take, too; carriers and phones read it so.
        protocol: if local.crypto.is_some_and(|crypto| crypto.required) { "RTP/SAVP" } else { "RTP/AVP" },
        codecs: local.codecs.iter().map(|codec| (codec.payload_type(), *codec)).collect(),
        dtmf: events_beside(&local.codecs),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        crypto: local.crypto.as_ref().map(offered).unwrap_or_default(),
    };
    write(local.rtp, origin, &[Stream::Audio(audio)])
}

pub(super) fn write(rtp: SocketAddr, origin: Origin, streams: &[Stream<'_>]) -> String {
    let family = if rtp.is_ipv4() { "IP4" } else { "IP6" };
    let ip = rtp.ip();
    let mut out = String::with_capacity(320);
    let Origin { session, version } = origin;
    let _ = write!(out, "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    for stream in streams {
        match stream {
            Stream::Audio(audio) => write_audio(&mut out, rtp.port(), audio),
            Stream::Refused(media) => write_refused(&mut out, media),
        }
    }
    out
}

fn write_audio(out: &mut String, port: u16, audio: &Audio<'_>) {
    let _ = write!(out, "m=audio {port} {}", audio.protocol);
    let codecs = audio.codecs.iter().map(|(number, _)| *number);
    for payload_type in codecs.chain(audio.dtmf.iter().map(|events| events.payload_type)) {
        let _ = write!(out, " {payload_type}");
    }
    out.push_str("\r\n");
    for (payload_type, codec) in &audio.codecs {
        let _ = write!(out, "a=rtpmap:{payload_type} {}\r\n", codec.encoding());
        if let Some(parameters) = codec.parameters() {
            let _ = write!(out, "a=fmtp:{payload_type} {parameters}\r\n");
        }
    }
    for Events { payload_type, clock_hz } in &audio.dtmf {
        let _ = write!(out, "a=rtpmap:{payload_type} telephone-event/{clock_hz}\r\na=fmtp:{payload_type} 0-15\r\n");
    }
    for (tag, suite, key) in &audio.crypto {
        let _ = write!(out, "{}\r\n", crypto::line(*tag, *suite, key));
    }
    let (ptime_ms, direction) = (audio.ptime_ms, audio.direction.as_str());
    let _ = write!(out, "a=ptime:{ptime_ms}\r\na=maxptime:{MAX_PTIME_MS}\r\na={direction}\r\n");
}

fn write_refused(out: &mut String, media: &Media) {
    let format = media.formats.first().map_or("0", String::as_str);
    let _ = write!(out, "m={} 0 {} {format}\r\n", media.kind, media.protocol);
}
