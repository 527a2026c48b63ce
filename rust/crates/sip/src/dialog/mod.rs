//! Dialogs (RFC 3261 section 12): what two user agents must remember to send each other requests.

pub(crate) mod reference;
pub(crate) mod request;
pub(crate) mod route;

use crate::dialog::route::route_set;
use crate::peer::Peer;
use crate::wire::{AddressParts, Headers, Identity, Name, Request, Response, is_uri};

/// One dialog, confirmed or early. An INVITE of ours without any answer has no remote tag yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialog {
    pub(crate) call_id: Vec<u8>,
    pub(crate) local_tag: Vec<u8>,
    /// Empty: not known yet, or an RFC 2543 peer without one.
    pub(crate) remote_tag: Vec<u8>,
    /// Our From value, tag and all.
    pub(crate) local: Vec<u8>,
    /// Our To value, tag and all once there is one.
    pub(crate) remote: Vec<u8>,
    /// Where requests are meant to end up: the far end's Contact.
    pub(crate) target: Vec<u8>,
    pub(crate) routes: Vec<Vec<u8>>,
    /// CSeq of our last request.
    pub(crate) local_cseq: u32,
    /// CSeq of their last request.
    pub(crate) remote_cseq: Option<u32>,
    /// Begun by a SIPS URI: our Contact is one too (RFC 3261 section 12.1.1).
    pub(crate) secure: bool,
    /// Where the far end's message came from.
    pub(crate) peer: Peer,
}

impl Dialog {
    /// The dialog of a call to us (RFC 3261 section 12.1.1): the route set keeps its order.
    pub(crate) fn of_request(request: &Request, local_tag: Vec<u8>, source: Peer) -> Self {
        let header = |name| request.headers.get(name).unwrap_or_default().into_owned();
        let local = [header(&Name::To).as_slice(), b";tag=", &local_tag].concat();
        let target = contact(&request.headers).unwrap_or_else(|| format!("sip:{}", source.address).into_bytes());
        Self {
            call_id: request.id.call_id.clone(),
            local_tag,
            remote_tag: request.id.from_tag.clone(),
            local,
            remote: header(&Name::From),
            target,
            routes: route_set(&request.headers, false),
            local_cseq: 0,
            remote_cseq: Some(request.id.cseq),
            secure: is_sips(&request.uri),
            peer: source,
        }
    }

    /// The dialog that a response to our INVITE made (RFC 3261 section 12.1.2): the route set is reversed.
    ///
    /// `fallback` is the target when the answer has no usable Contact.
    pub(crate) fn of_response(response: &Response, fallback: &[u8], peer: Peer) -> Self {
        let header = |name| response.headers.get(name).unwrap_or_default().into_owned();
        Self {
            call_id: response.id.call_id.clone(),
            local_tag: response.id.from_tag.clone(),
            remote_tag: response.id.to_tag.clone(),
            local: header(&Name::From),
            remote: header(&Name::To),
            target: contact(&response.headers).unwrap_or_else(|| fallback.to_vec()),
            routes: route_set(&response.headers, true),
            local_cseq: response.id.cseq,
            remote_cseq: None,
            secure: is_sips(fallback),
            peer,
        }
    }

    /// Take a new target out of a target refresh (RFC 3261 section 12.2).
    pub(crate) fn refresh(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    /// The key under which requests of the far end find this dialog.
    pub(crate) fn key(&self) -> DialogKey {
        DialogKey::new(&self.call_id, &self.local_tag, &self.remote_tag)
    }
}

/// Whether a URI asks for encryption on every hop.
pub(crate) fn is_sips(uri: &[u8]) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"))
}

/// The Contact of a message, if it can be used as a Request-URI.
pub(crate) fn contact(headers: &Headers) -> Option<Vec<u8>> {
    headers.list(&Name::Contact).iter().find_map(|value| {
        let uri = AddressParts::parse(value)?.uri;
        (is_uri(uri) && uri != b"*").then(|| uri.to_vec())
    })
}

/// Call-ID and tags: the identity of a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DialogKey(Box<[u8]>);

impl DialogKey {
    /// The dialog with these names, seen from our side.
    pub(crate) fn named(call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> Self {
        Self::new(call_id, local_tag, remote_tag)
    }

    fn new(call_id: &[u8], local_tag: &[u8], remote_tag: &[u8]) -> Self {
        Self([call_id, b"\n", local_tag, b"\n", remote_tag].concat().into_boxed_slice())
    }

    /// The dialog a request from the network belongs to.
    pub(crate) fn of_received(id: &Identity) -> Self {
        Self::new(&id.call_id, &id.to_tag, &id.from_tag)
    }
}
