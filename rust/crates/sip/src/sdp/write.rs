//! Writing a session description.

use std::fmt::Write;
use std::net::SocketAddr;

use super::parse::Media;
use super::{Codec, Direction};
use crate::command::LocalMedia;

/// Payload type we offer telephone-event with; the one everybody uses.
pub(super) const DTMF_PAYLOAD_TYPE: u8 = 101;

/// The `o=` line: constant for a session but for the version, which grows with every change (RFC 8866 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) session: u64,
    pub(crate) version: u64,
}

/// One `m=` section to write.
pub(super) enum Stream<'a> {
    /// Our audio.
    Audio { codecs: Vec<(u8, Codec)>, dtmf: Option<u8>, direction: Direction, ptime_ms: u32 },
    /// A stream of theirs that we do not want.
    Refused(&'a Media),
}

/// Everything we can, both ways.
pub(crate) fn offer(local: &LocalMedia, origin: Origin) -> String {
    let codecs = local.codecs.iter().map(|codec| (codec.static_payload_type(), *codec)).collect();
    let audio = Stream::Audio { codecs, dtmf: Some(DTMF_PAYLOAD_TYPE), direction: Direction::SendRecv, ptime_ms: 20 };
    write(local.rtp, origin, &[audio])
}

pub(super) fn write(rtp: SocketAddr, origin: Origin, streams: &[Stream<'_>]) -> String {
    let family = if rtp.is_ipv4() { "IP4" } else { "IP6" };
    let ip = rtp.ip();
    let mut out = String::with_capacity(320);
    let Origin { session, version } = origin;
    let _ = write!(out, "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n");
    for stream in streams {
        match stream {
            Stream::Audio { codecs, dtmf, direction, ptime_ms } => {
                write_audio(&mut out, rtp.port(), codecs, *dtmf);
                let _ = write!(out, "a=ptime:{ptime_ms}\r\na={}\r\n", direction.as_str());
            }
            Stream::Refused(media) => write_refused(&mut out, media),
        }
    }
    out
}

fn write_audio(out: &mut String, port: u16, codecs: &[(u8, Codec)], dtmf: Option<u8>) {
    let _ = write!(out, "m=audio {port} RTP/AVP");
    for payload_type in codecs.iter().map(|(number, _)| *number).chain(dtmf) {
        let _ = write!(out, " {payload_type}");
    }
    out.push_str("\r\n");
    for (payload_type, codec) in codecs {
        let _ = write!(out, "a=rtpmap:{payload_type} {}/8000\r\n", codec.as_str());
    }
    if let Some(payload_type) = dtmf {
        let _ = write!(out, "a=rtpmap:{payload_type} telephone-event/8000\r\na=fmtp:{payload_type} 0-15\r\n");
    }
}

fn write_refused(out: &mut String, media: &Media) {
    let format = media.formats.first().map_or("0", String::as_str);
    let _ = write!(out, "m={} 0 {} {format}\r\n", media.kind, media.protocol);
}
