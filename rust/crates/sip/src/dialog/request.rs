//! Requests inside a dialog, and the ACK of a 2xx (RFC 3261 sections 12.2.1.1 and 13.2.2.4).

use bytes::Bytes;

use crate::config::Config;
use crate::dialog::Dialog;
use crate::dialog::route::address;
use crate::peer::Peer;
use crate::transaction::branch;
use crate::wire::{Method, Writer};

/// What goes into a request besides the dialog.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extra<'a> {
    /// Our listeners and our name.
    pub(crate) config: &'a Config,
    /// Further header lines: credentials, Reason.
    pub(crate) headers: &'a [(String, String)],
    /// Content type and content.
    pub(crate) body: Option<(&'a str, &'a [u8])>,
}

/// A request ready to go.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) to: Peer,
    pub(crate) bytes: Bytes,
    pub(crate) branch: String,
    /// Request-URI and Route values: the ACK of a refused INVITE repeats them.
    pub(crate) uri: Vec<u8>,
    pub(crate) routes: Vec<Vec<u8>>,
}

/// Write a request with this CSeq. For an ACK that is the CSeq of the INVITE it acknowledges.
pub(crate) fn build(dialog: &Dialog, method: Method, cseq: u32, extra: Extra<'_>) -> Built {
    let addressing = address(&dialog.target, &dialog.routes, dialog.peer);
    let to = reachable(extra.config, addressing.to, dialog.peer);
    // The remote tag makes the ACKs of two forked answers two transactions.
    let tags = [dialog.local_tag.as_slice(), b"\n", &dialog.remote_tag].concat();
    let branch = branch(&dialog.call_id, &tags, cseq, method);
    let mut writer = Writer::request(method, &addressing.uri);
    writer.header("Via", extra.config.via(to, &branch));
    for route in &addressing.routes {
        writer.header("Route", route);
    }
    writer
        .header("Max-Forwards", "70")
        .header("From", &dialog.local)
        .header("To", &dialog.remote)
        .header("Call-ID", &dialog.call_id)
        .header("CSeq", format!("{cseq} {}", method.as_str()))
        .header("User-Agent", &extra.config.user_agent);
    for (name, value) in extra.headers {
        writer.header(name, value);
    }
    Built { to, bytes: writer.finish(extra.body), branch, uri: addressing.uri, routes: addressing.routes }
}

/// The Request-URI that `build` writes: digest credentials are computed over it.
pub(crate) fn request_uri(dialog: &Dialog) -> Vec<u8> {
    address(&dialog.target, &dialog.routes, dialog.peer).uri
}

/// `to` with its listener. What none of our listeners can send goes where the far end was heard.
fn reachable(config: &Config, to: Peer, heard: Peer) -> Peer {
    if to.listener != Peer::ANY_LISTENER {
        return to;
    }
    match config.listener_for(to.transport, to.address.ip()) {
        Some(listener) => Peer { listener, ..to },
        None => heard,
    }
}
