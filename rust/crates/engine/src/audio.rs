//! Streams of audio to programs: what Python asks for, checked, and the media side tied to the socket's.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringback_media::{AudioStream, StreamEnd, StreamShape, ToProgram};
use ringback_net::{AudioEnd, AudioRequest, Carried};

use crate::config::{in_range, split_host_port};
use crate::error::EngineError;
use crate::ids::{LegId, OpId};

type Checked<T> = Result<T, EngineError>;

const MAX_URL_BYTES: usize = 2048;
const MAX_METADATA_BYTES: usize = 8192;

/// A stream as Python asks for it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct StreamArgs {
    pub url: String,
    pub address: Option<String>,
    pub private_ok: bool,
    pub rate: i64,
    pub direction: String,
    pub metadata: String,
    pub connect_timeout_ms: i64,
}

/// What is known of it after the checks.
#[derive(Debug)]
pub(crate) struct StreamPlan {
    pub(crate) shape: StreamShape,
    request: AudioRequest,
    rate: i64,
    direction: String,
    metadata: String,
}

impl StreamPlan {
    pub(crate) fn check(args: StreamArgs) -> Checked<Self> {
        if args.rate != 8000 && args.rate != 16_000 {
            return Err(EngineError::argument("rate", format!("{} is neither 8000 nor 16000", args.rate)));
        }
        let (out, into) = match args.direction.as_str() {
            "out" => (true, false),
            "in" => (false, true),
            "both" => (true, true),
            other => return Err(EngineError::argument("direction", format!("{other:?} is not one of in, out, both"))),
        };
        let metadata = args.metadata.trim().to_owned();
        let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&metadata).is_ok();
        if metadata.len() > MAX_METADATA_BYTES || !is_object {
            let problem = format!("must be a JSON object of at most {MAX_METADATA_BYTES} bytes");
            return Err(EngineError::argument("metadata", problem));
        }
        let url = Url::parse(&args.url)?;
        let address = url.address(args.address.as_deref(), args.private_ok)?;
        let timeout = in_range("connect_timeout_ms", args.connect_timeout_ms, 100, 30_000)?;
        let request = AudioRequest {
            address,
            authority: url.authority,
            host: url.host,
            path: url.path,
            secure: url.secure,
            timeout: Duration::from_millis(crate::args::number(timeout)),
            start: String::new(),
        };
        let shape = StreamShape { wide: args.rate == 16_000, out, into };
        Ok(Self { shape, request, rate: args.rate, direction: args.direction, metadata })
    }

    /// Return what is to be opened; the first frame says whose audio comes.
    pub(crate) fn request(self, op: OpId, leg: LegId) -> AudioRequest {
        let Self { request, rate, direction, metadata, .. } = self;
        let start = format!(
            r#"{{"event":"start","stream":{op},"leg":{leg},"encoding":"pcm16le","rate":{rate},"direction":"{direction}","metadata":{metadata}}}"#
        );
        AudioRequest { start, ..request }
    }
}

struct Url {
    secure: bool,
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(url: &str) -> Checked<Self> {
        let wrong = |why: &str| EngineError::argument("url", format!("{url:?} is no ws:// or wss:// URL: {why}"));
        if url.len() > MAX_URL_BYTES || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("it is too long or has spaces, line breaks or characters outside ASCII"));
        }
        let (secure, rest) = match (url.strip_prefix("wss://"), url.strip_prefix("ws://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("the scheme is another")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') || path.contains('#') {
            return Err(wrong("user names and fragments have no place in it"));
        }
        let usual = if secure { 443 } else { 80 };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let full = if has_port { authority.to_owned() } else { format!("{authority}:{usual}") };
        let (host, port) = split_host_port("url", &full)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, authority: authority.to_owned(), host: host.to_owned(), port, path })
    }

    /// Return where to connect to: the address given, else the URL's own, if it is one; and never a private one
    /// unless that is allowed.
    fn address(&self, given: Option<&str>, private_ok: bool) -> Checked<SocketAddr> {
        let ip = match given {
            Some(text) => text.parse::<IpAddr>().map_err(|_| {
                EngineError::argument("address", format!("{text:?} is no IP address; resolve the name before"))
            })?,
            None => self.host.parse().map_err(|_| {
                let problem = format!("the host {:?} is a name: give the address it was resolved to", self.host);
                EngineError::argument("address", problem)
            })?,
        };
        if !private_ok && !is_public(ip) {
            return Err(EngineError::argument("address", format!("{ip} is not a public address")));
        }
        Ok(SocketAddr::new(ip, self.port))
    }
}

/// Say whether an address may be connected to on behalf of a customer. The list is that of `webhook/addresses.py`.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match inner(ip) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(ip),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    const REFUSED: [([u8; 4], u32); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    let number = u32::from(ip);
    REFUSED.iter().all(|(network, bits)| (number ^ u32::from_be_bytes(*network)) >> (32 - bits) != 0)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    const REFUSED: [(u128, u32); 10] = [
        (0, 96),
        (0x0100 << 112, 64),
        (0x2001 << 112, 23),
        (0x2001_0db8 << 96, 32),
        (0x3fff << 112, 20),
        (0x5f00 << 112, 16),
        (0xfc00 << 112, 7),
        (0xfe80 << 112, 10),
        (0xfec0 << 112, 10),
        (0xff00 << 112, 8),
    ];
    let number = u128::from(ip);
    REFUSED.iter().all(|(network, bits)| (number ^ network) >> (128 - bits) != 0)
}

/// Return the IPv4 address inside an IPv6 one that leads there: mapped, NAT64, 6to4.
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = ip.segments();
    let last = Ipv4Addr::from((u32::from(parts[6]) << 16) | u32::from(parts[7]));
    match parts {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Some(last),
        [0x2002, high, low, ..] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}

/// Times a program had to wait because all that fits was ahead of what is heard.
pub(crate) type Waits = Arc<AtomicU64>;

/// The media side of a stream as the socket sees it.
pub(crate) struct Carrier {
    pub(crate) stream: Arc<AudioStream>,
    pub(crate) waits: Waits,
}

impl AudioEnd for Carrier {
    fn take(&self) -> VecDeque<Carried> {
        self.stream.take().into_iter().map(carried).collect()
    }

    fn feed(&self, pcm: &[u8]) -> bool {
        let taken = self.stream.feed(pcm);
        self.waits.fetch_add(u64::from(!taken), Ordering::Relaxed);
        taken
    }

    fn mark(&self, name: &str) {
        // One mark too many does not come back: the program counts its own.
        let _ = self.stream.mark(name);
    }

    fn clear(&self) {
        self.stream.clear();
    }

    fn end(&self, failure: Option<String>) {
        self.stream.end(failure.map_or(StreamEnd::Done, StreamEnd::Failed));
    }

    fn farewell(&self) -> Option<String> {
        match self.stream.ended()? {
            StreamEnd::Left(why) => Some(format!(r#"{{"event":"stop","reason":"{why}"}}"#)),
            StreamEnd::Done | StreamEnd::Failed(_) => Some(r#"{"event":"stop","reason":"done"}"#.to_owned()),
        }
    }
}

fn carried(piece: ToProgram) -> Carried {
    match piece {
        ToProgram::Audio(bytes) => Carried::Audio(bytes),
        ToProgram::Mark(name) => {
            Carried::Text(format!(r#"{{"event":"mark","name":{}}}"#, serde_json::Value::from(name)))
        }
        ToProgram::Digit { digit, duration_ms } => {
            Carried::Text(format!(r#"{{"event":"dtmf","digit":"{digit}","duration_ms":{duration_ms}}}"#))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: &str, address: Option<&str>) -> StreamArgs {
        StreamArgs {
            url: url.to_owned(),
            address: address.map(str::to_owned),
            private_ok: false,
            rate: 8000,
            direction: "both".to_owned(),
            metadata: "{}".to_owned(),
            connect_timeout_ms: 5000,
        }
    }

    #[test]
    fn urls_become_addresses_hosts_and_paths() {
        let plan = StreamPlan::check(args("wss://ai.example/talk?id=7", Some("93.184.216.34"))).unwrap();
        let request = plan.request(3, 9);

        assert_eq!(request.address.to_string(), "93.184.216.34:443");
        assert_eq!((request.authority.as_str(), request.path.as_str()), ("ai.example", "/talk?id=7"));
        assert!(request.secure && request.start.contains(r#""stream":3,"leg":9"#), "{}", request.start);
        let other = StreamPlan::check(args("ws://93.184.216.34:8080", None)).unwrap().request(1, 1);
        assert_eq!((other.address.to_string().as_str(), other.path.as_str()), ("93.184.216.34:8080", "/"));
    }

    #[test]
    fn private_addresses_names_without_one_and_odd_urls_are_refused() {
        for (url, address, names) in [
            ("ws://ai.example/", None, "address"),
            ("ws://ai.example/", Some("10.0.0.1"), "address"),
            ("ws://ai.example/", Some("::ffff:127.0.0.1"), "address"),
            ("ws://ai.example/", Some("64:ff9b::a00:1"), "address"),
            ("ws://ai.example/", Some("2002:7f00:1::"), "address"),
            ("ws://ai.example/", Some("fd00::1"), "address"),
            ("ws://127.0.0.1/", None, "address"),
            ("http://93.184.216.34/", None, "url"),
            ("ws://user@93.184.216.34/", None, "url"),
            ("ws://93.184.216.34/\r\nX: y", None, "url"),
        ] {
            let error = StreamPlan::check(args(url, address)).unwrap_err().to_string();
            assert!(error.starts_with(names), "{url} {address:?}: {error}");
        }
        let allowed = StreamArgs { private_ok: true, ..args("ws://127.0.0.1:9/", None) };
        assert!(StreamPlan::check(allowed).is_ok());
        assert!(is_public("2606:4700::1111".parse().unwrap()) && is_public("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn names_of_marks_come_back_as_json_and_metadata_must_be_an_object() {
        let text = carried(ToProgram::Mark("a\"b\\\n\u{e4}".to_owned()));
        assert_eq!(text, Carried::Text("{\"event\":\"mark\",\"name\":\"a\\\"b\\\\\\n\u{e4}\"}".to_owned()));
        let url = "ws://93.184.216.34/";
        let odd = StreamArgs { metadata: r#"{}, "event": {}"#.to_owned(), ..args(url, None) };
        assert!(StreamPlan::check(odd).unwrap_err().to_string().starts_with("metadata"));
    }
}
