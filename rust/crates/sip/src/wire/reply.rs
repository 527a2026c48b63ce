//! What a response copies from its request (RFC 3261 section 8.2.6.2).

use bytes::Bytes;

use super::address::AddressParts;
use super::via::{Via, with_source};
use super::write::Writer;
use crate::peer::Peer;

/// The headers of a request that each of its responses repeats, already written.
#[derive(Debug, Clone)]
pub(crate) struct ReplyHead {
    /// Via, From, Call-ID and CSeq lines.
    lines: Box<[u8]>,
    /// To value as received, empty if there was none.
    to: Box<[u8]>,
    has_to_tag: bool,
    /// Where the responses go.
    pub(crate) reply_to: Peer,
}

/// The raw values a response needs.
#[derive(Debug, Default)]
pub(super) struct Copied<'a> {
    pub(super) vias: Vec<std::borrow::Cow<'a, [u8]>>,
    pub(super) from: Option<std::borrow::Cow<'a, [u8]>>,
    pub(super) to: Option<std::borrow::Cow<'a, [u8]>>,
    pub(super) call_id: Option<std::borrow::Cow<'a, [u8]>>,
    pub(super) cseq: Option<std::borrow::Cow<'a, [u8]>>,
}

impl Copied<'_> {
    /// None without a Via to send a response by. Of the others what is missing stays missing (RFC 4475 section 3.3.1
    /// wants a 400 even then).
    pub(super) fn head(&self, source: Peer) -> Option<ReplyHead> {
        let (top, rest) = self.vias.split_first()?;
        let via = Via::parse_first(top)?;
        let mut writer = Writer::empty();
        writer.header("Via", with_source(top, source.address));
        for line in rest {
            writer.header("Via", line);
        }
        for (name, value) in [("From", &self.from), ("Call-ID", &self.call_id), ("CSeq", &self.cseq)] {
            if let Some(value) = value {
                writer.header(name, value);
            }
        }
        let to = self.to.as_deref().unwrap_or_default();
        let has_to_tag = AddressParts::parse(to).is_some_and(|parts| !parts.tag().is_empty());
        Some(ReplyHead {
            lines: writer.into_lines().into_boxed_slice(),
            to: Box::from(to),
            has_to_tag,
            reply_to: via.reply_to(source),
        })
    }
}

impl ReplyHead {
    /// Start a response. `to_tag` is added unless the request had one.
    pub(crate) fn start(&self, code: u16, phrase: &str, to_tag: &[u8]) -> Writer {
        let mut writer = Writer::response(code, phrase);
        writer.raw(&self.lines);
        if self.to.is_empty() {
            return writer;
        }
        if self.has_to_tag || code == 100 {
            writer.header("To", &self.to);
        } else {
            writer.header("To", [&self.to, b";tag=".as_slice(), to_tag].concat());
        }
        writer
    }

    /// A response without anything particular.
    pub(crate) fn plain(&self, code: u16, to_tag: &[u8], server: &str) -> Bytes {
        let mut writer = self.start(code, super::phrase(code), to_tag);
        writer.header("Server", server);
        writer.finish(None)
    }
}
