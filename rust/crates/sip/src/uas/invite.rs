//! An INVITE from outside a dialog: may it in, and is it well (RFC 3261 section 8.2).
//!
//! The order is that of cost: who is it, is there room, does it fit what we understand. All refusals up to the last
//! are sent without keeping anything, for they are what a flood consists of.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use crate::access::TrunkId;
use crate::change::timer::{MIN_SE, Wish};
use crate::dialog::Dialog;
use crate::dialog::reference::DialogRef;
use crate::digest::Auth;
use crate::event::{Event, LegId};
use crate::peer::Peer;
use crate::receive::Asked;
use crate::registrar::Caller;
use crate::sdp::{Body, sdp_of};
use crate::session::policy::Policy;
use crate::session::{Incoming, Media, Phase, Session};
use crate::transaction::ServerTx;
use crate::transfer::{Match, find_replaced};
use crate::ua::UserAgent;
use crate::uas::NO_ROOM_RETRY_S;
use crate::wire::{AddressParts, Name, Request, text};

/// Headers of an INVITE that are handed up.
const MAX_HEADERS_REPORTED: usize = 100;

impl UserAgent {
    /// A new INVITE.
    pub(crate) fn receive_invite(&mut self, asked: Asked<'_>) {
        let Asked { now, from, request, .. } = asked;
        let Some(caller) = self.caller(asked) else { return };
        let policy = caller.policy;
        if self.refuse_for_lack_of_room(asked, caller.trunk) {
            return;
        }
        let body = sdp_of(&request.headers, &request.body);
        if self.refuse_for_its_form(now, from, request, (&body, policy)) {
            return;
        }
        let replaces = match find_replaced(self, request) {
            _ if !policy.allow_transfer => None,
            Match::None => None,
            Match::Leg(leg) => Some(leg),
            Match::Refuse(code) => {
                self.counters.refused_no_dialog += 1;
                return self.refuse(from, request, code, &[]);
            }
        };
        self.begin_incoming(asked, (&caller, replaces), body);
    }

    fn refuse_for_lack_of_room(&mut self, asked: Asked<'_>, trunk: TrunkId) -> bool {
        let Asked { now, from, request, .. } = asked;
        if let Some(retry_after) = self.closed_for() {
            self.counters.refused_gate += 1;
            self.refuse_for_now(from, request, retry_after);
            return true;
        }
        if self.counters.legs >= self.config.max_legs as u64 {
            self.counters.refused_max_legs += 1;
        } else if !self.has_room_for_server() {
            self.counters.refused_max_transactions += 1;
        } else if !self.rates.admit(now, from.address.ip()) {
            self.counters.refused_rate += 1;
        } else if !self.admits_trunk(now, trunk) {
            self.counters.refused_trunk_rate += 1;
        } else {
            return false;
        }
        self.refuse_for_now(from, request, NO_ROOM_RETRY_S);
        true
    }

    /// Whether the trunk may send one more INVITE now.
    fn admits_trunk(&mut self, now: Instant, trunk: TrunkId) -> bool {
        let (limits, used) = &mut self.trunk_rates;
        limits.get(&trunk).is_none_or(|per_second| used.admit_at(now, trunk, *per_second))
    }

    fn refuse_for_its_form(&mut self, now: Instant, from: Peer, request: &Request, what: (&Body, Policy)) -> bool {
        if self.was_given_up(now, request) {
            self.refuse(from, request, 480, &[]);
            return true;
        }
        if self.merges.contains_key(&merge_key(request)) {
            self.counters.refused_unsupported += 1;
            self.refuse(from, request, 482, &[]);
            return true;
        }
        self.refuse_unsupported(from, request, what)
    }

    /// Schemes, extensions, wishes and bodies we cannot handle.
    fn refuse_unsupported(&mut self, from: Peer, request: &Request, what: (&Body, Policy)) -> bool {
        let (body, policy) = what;
        if self.refuse_scheme_or_extension(from, request, policy) {
            return true;
        }
        let accepted = [("Accept", "application/sdp"), ("Accept-Encoding", "identity")];
        if Wish::of(&request.headers).is_too_small() {
            self.counters.refused_interval += 1;
            self.refuse(from, request, 422, &[("Min-SE", MIN_SE)]);
            return true;
        }
        match body {
            Body::Unsupported => {
                self.counters.refused_unsupported += 1;
                self.refuse(from, request, 415, &accepted);
            }
            Body::Malformed => {
                self.counters.refused_malformed += 1;
                self.refuse(from, request, 400, &[]);
            }
            Body::None | Body::Sdp(_) if !accepts_sdp(request) => {
                self.counters.refused_unsupported += 1;
                self.refuse(from, request, 406, &accepted[..1]);
            }
            Body::None | Body::Sdp(_) => return false,
        }
        true
    }

    /// A Request-URI of a scheme that no call has, or an extension we do not know (RFC 3261 sections 8.2.2.1 and
    /// 8.2.2.3): refuse and say so.
    pub(crate) fn refuse_scheme_or_extension(&mut self, from: Peer, request: &Request, policy: Policy) -> bool {
        let scheme = request.uri.split(|byte| *byte == b':').next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(scheme.as_slice(), b"sip" | b"sips" | b"tel") {
            self.counters.refused_unsupported += 1;
            self.refuse(from, request, 416, &[]);
            return true;
        }
        if let Some(unsupported) = required(request, policy) {
            self.counters.refused_unsupported += 1;
            self.refuse(from, request, 420, &[("Unsupported", &unsupported)]);
            return true;
        }
        false
    }

    fn begin_incoming(&mut self, asked: Asked<'_>, whose: (&Caller, Option<LegId>), body: Body) {
        let (caller, replaces) = whose;
        let policy = caller.policy;
        let Asked { from, request, key, .. } = asked;
        let Some(head) = request.reply_head(from) else { return };
        let leg = self.next_leg;
        self.next_leg += 1;
        let dialog = Dialog::of_request(request, self.random.token(), from);
        let event = incoming_event((leg, replaces), caller, from, request, &dialog, body.codec_ok(&caller.codecs));
        let media = Media::new(self.random.number(), None);
        let mut session = Session::new(leg, Phase::Offered, dialog, media, Auth::default());
        session.policy = policy;
        session.features.learn(&request.headers);
        let mut tx = ServerTx::new(true, Some(leg), head.reply_to);
        // RFC 3261 section 17.2.1: 100 stops the caller's retransmissions while we think.
        let trying = head.start(100, "Trying", b"").finish(None);
        tx.response = trying.clone();
        tx.merge_key = Some(merge_key(request));
        self.merges.insert(merge_key(request), key);
        self.servers.insert(key, tx);
        self.transmit(Some(leg), head.reply_to, trying);
        let record_route = request.headers.lines(&Name::RecordRoute).map(std::borrow::Cow::into_owned).collect();
        let needs_reliable = requires(request, b"100rel");
        session.incoming = Some(Box::new(Incoming {
            key,
            head,
            record_route,
            body,
            cseq: request.id.cseq,
            needs_reliable,
            rseq: 0,
            unacked: None,
            waiting: Vec::new(),
            settled: false,
            replaces,
            timer: Wish::of(&request.headers),
        }));
        self.register(&mut session);
        self.report(&session, |_| event);
        self.adopt(session);
    }
}

/// Whether an extension is in Require.
fn requires(request: &Request, tag: &[u8]) -> bool {
    request.headers.list(&Name::Require).iter().any(|given| given.eq_ignore_ascii_case(tag))
}

/// Option tags in Require that we do not support (RFC 3261 section 8.2.2.3).
pub(crate) fn required(request: &Request, policy: Policy) -> Option<String> {
    let mut tags = request.headers.list(&Name::Require);
    tags.retain(|tag| !policy.supports(tag));
    (!tags.is_empty()).then(|| tags.iter().map(|tag| text(tag)).collect::<Vec<_>>().join(", "))
}

/// Whether the caller would take a description in our answer: no Accept means SDP (RFC 3261 section 20.1).
fn accepts_sdp(request: &Request) -> bool {
    let mut types = request.headers.list(&Name::Accept).into_iter().peekable();
    types.peek().is_none()
        || types.any(|entry| {
            let kind = entry.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            [b"application/sdp".as_slice(), b"application/*", b"*/*"]
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known))
        })
}

/// RFC 3261 section 8.2.2.2: the same request over two paths has the same From tag, Call-ID and CSeq.
fn merge_key(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&request.id.call_id, &request.id.from_tag, request.id.cseq).hash(&mut hasher);
    hasher.finish()
}

fn incoming_event(
    legs: (LegId, Option<LegId>),
    caller: &Caller,
    source: Peer,
    request: &Request,
    dialog: &Dialog,
    codec_ok: bool,
) -> Event {
    let (leg, replaces) = legs;
    let uri_of = |name| {
        let value = request.headers.get(name).unwrap_or_default();
        AddressParts::parse(&value).map(|parts| text(parts.uri)).unwrap_or_default()
    };
    Event::Incoming {
        leg,
        trunk: caller.trunk,
        phone: caller.phone,
        source,
        call_id: text(&request.id.call_id),
        request_uri: text(&request.uri),
        to_uri: uri_of(&Name::To),
        from_uri: uri_of(&Name::From),
        headers: request.headers.to_text(MAX_HEADERS_REPORTED),
        codec_ok,
        dialog: DialogRef::uas(dialog),
        replaces,
    }
}
