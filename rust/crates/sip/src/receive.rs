//! Messages: what is it, and whose is it (RFC 3261 sections 8.2, 12.2.2, 17.2.3, 18).

use std::time::Instant;

use bytes::Bytes;

use crate::dialog::DialogKey;
use crate::event::{Event, Output};
use crate::peer::Peer;
use crate::sdp::masked;
use crate::session::policy::Policy;
use crate::timers::Target;
use crate::transaction::{ServerState, TxKey, server_key};
use crate::ua::UserAgent;
use crate::wire::{Malformed, Message, Method, Request, parse};

/// Retry-After once `StopAll` was asked for.
const STOPPING_RETRY_S: u32 = 30;

/// A request, and what its answer needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) now: Instant,
    /// Where it came from.
    pub(crate) from: Peer,
    pub(crate) request: &'a Request,
    /// Its server transaction.
    pub(crate) key: TxKey,
}

impl UserAgent {
    /// One message came.
    pub(crate) fn receive(&mut self, now: Instant, from: Peer, bytes: &[u8]) {
        self.counters.datagrams_received += 1;
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0)) {
            self.counters.keepalives += 1;
            return;
        }
        if self.turns_away(now, from, bytes) {
            return;
        }
        self.heard = Some((now, bytes.len()));
        self.touched = None;
        let trace_at = self.config.trace.then_some(self.outputs.len());
        if self.config.trace {
            let shown = masked(bytes).map_or_else(|| Bytes::copy_from_slice(bytes), Bytes::from);
            let event = Event::Trace { leg: None, sent: false, peer: from, bytes: shown };
            self.outputs.push_back(Output::Event(event));
        }
        // Some phones put line ends in front of a message (RFC 3261 section 7.5).
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
        match parse(bytes.get(start..).unwrap_or_default(), from) {
            Ok(Message::Request(request)) => self.receive_request(now, from, &request),
            Ok(Message::Response(response)) => self.receive_response(now, &response),
            Err(malformed) => self.receive_malformed(from, malformed),
        }
        // Only now it is known whose message it was.
        if let Some(Output::Event(Event::Trace { leg, .. })) = trace_at.and_then(|at| self.outputs.get_mut(at)) {
            *leg = self.touched;
        }
    }

    fn receive_malformed(&mut self, from: Peer, malformed: Malformed) {
        match malformed {
            Malformed::Garbage => self.counters.dropped_garbage += 1,
            // Strangers learn nothing about us.
            Malformed::Answer { .. } if !self.knows(from) => {
                self.counters.dropped_unknown_source += 1;
            }
            Malformed::Answer { head, code, phrase } => {
                self.counters.refused_malformed += 1;
                let mut writer = head.start(code, phrase, b"sl-malformed");
                writer.header("Server", &self.config.user_agent);
                self.transmit(None, head.reply_to, writer.finish(None));
            }
        }
    }

    fn receive_request(&mut self, now: Instant, from: Peer, request: &Request) {
        match request.method {
            Method::Ack => return self.receive_ack(now, request),
            Method::Cancel => return self.receive_cancel(now, from, request),
            _ => {}
        }
        let key = server_key(request, request.method);
        if self.absorb(key) {
            return;
        }
        let asked = Asked { now, from, request, key };
        if !request.id.to_tag.is_empty() {
            return self.receive_in_dialog(asked);
        }
        match request.method {
            Method::Invite => self.receive_invite(asked),
            Method::Register => self.receive_register(asked),
            _ if !self.knows(from) => self.counters.dropped_unknown_source += 1,
            Method::Options => self.receive_options(now, from, request),
            Method::KnownElsewhere => self.refuse_method(from, request, 405),
            // A transfer of nothing.
            Method::Refer => {
                self.counters.refused_transfers += 1;
                self.refuse(from, request, 603, &[]);
            }
            Method::Unknown => self.refuse_method(from, request, 501),
            // BYE, INFO and UPDATE live in dialogs only.
            _ => self.refuse_no_dialog(from, request),
        }
    }

    /// A copy of a request that we have already: answer as before, and tell nobody.
    pub(crate) fn absorb(&mut self, key: TxKey) -> bool {
        let Some(tx) = self.servers.get(&key) else { return false };
        let (to, response, owner) = (tx.to, tx.response.clone(), tx.owner);
        self.counters.retransmissions_absorbed += 1;
        if !response.is_empty() {
            let leg = owner.filter(|id| self.sessions.contains_key(id));
            self.counters.retransmissions_sent += 1;
            self.transmit(leg, to, response);
        }
        true
    }

    fn receive_in_dialog(&mut self, asked: Asked<'_>) {
        let Asked { from, request, .. } = asked;
        let session = self.dialogs.get(&DialogKey::of_received(&request.id)).copied();
        let found = session.is_some_and(|id| self.with_session(id, |ua, session| ua.in_dialog(session, asked)));
        if found {
            return;
        }
        if self.knows(from) {
            self.refuse_no_dialog(from, request);
        } else {
            self.counters.dropped_unknown_source += 1;
        }
    }

    fn receive_ack(&mut self, now: Instant, request: &Request) {
        let key = server_key(request, Method::Invite);
        if let Some(tx) = self.servers.get_mut(&key) {
            match tx.state {
                ServerState::Completed => {
                    tx.on_ack(now, &self.timers);
                    if let Some(at) = tx.due() {
                        self.queue.push(at, Target::Server(key));
                    }
                    return;
                }
                ServerState::Confirmed => {
                    self.counters.retransmissions_absorbed += 1;
                    return;
                }
                // A peer that gives the ACK of a 2xx the branch of its INVITE: the dialog knows what to do.
                ServerState::Accepted | ServerState::Proceeding => {}
            }
        }
        let session = self.dialogs.get(&DialogKey::of_received(&request.id)).copied();
        let found =
            session.is_some_and(|id| self.with_session(id, |ua, session| ua.acknowledged(now, session, request)));
        // Refusals sent without a transaction are acknowledged too; nothing waits for that.
        if !found && !request.id.to_tag.starts_with(b"sl-") {
            self.counters.dropped_stray_acks += 1;
        }
    }

    /// Answer a request without keeping anything. The To tag derives from the request, so that copies get the same
    /// answer (RFC 3261 section 8.2.7).
    pub(crate) fn refuse(&mut self, from: Peer, request: &Request, code: u16, headers: &[(&str, &str)]) {
        let Some(head) = request.reply_head(from) else { return };
        let tag = self.stateless_tag(request);
        let mut writer = head.start(code, crate::wire::phrase(code), &tag);
        writer.header("Server", &self.config.user_agent);
        for (name, value) in headers {
            writer.header(name, value);
        }
        let response = writer.finish(None);
        if self.may_answer(from, code, response.len()) {
            self.transmit(None, head.reply_to, response);
        }
    }

    /// Refuse for want of room. Retry-After is spread over `base_s` to twice that, so that those refused together do not
    /// come back together; it derives from the request, so that copies get the same answer.
    pub(crate) fn refuse_for_now(&mut self, from: Peer, request: &Request, base_s: u32) {
        let retry_after = spread(base_s, self.stateless_hash(request)).to_string();
        self.refuse(from, request, 503, &[("Retry-After", &retry_after)]);
    }

    /// Over UDP the source of a request may be forged. What we do not know gets no more than it sent, neither in bytes
    /// nor in number, so that nobody can be flooded by way of us. Challenges may be longer: phones need them.
    fn may_answer(&mut self, from: Peer, code: u16, size: usize) -> bool {
        let Some((now, received)) = self.heard.filter(|_| !from.transport.is_reliable() && !self.knows(from)) else {
            return true;
        };
        if code != 401 && size > received {
            self.counters.dropped_amplification += 1;
            return false;
        }
        let admitted = self.stranger_rates.admit(now, from.address.ip());
        self.counters.dropped_stranger_rate += u64::from(!admitted);
        admitted
    }

    fn stateless_tag(&self, request: &Request) -> Vec<u8> {
        format!("sl-{:016x}", self.stateless_hash(request)).into_bytes()
    }

    fn stateless_hash(&self, request: &Request) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.config.seed, &request.id.call_id, &request.id.from_tag, request.id.cseq).hash(&mut hasher);
        hasher.finish()
    }

    fn refuse_no_dialog(&mut self, from: Peer, request: &Request) {
        self.counters.refused_no_dialog += 1;
        self.refuse(from, request, 481, &[]);
    }

    pub(crate) fn refuse_method(&mut self, from: Peer, request: &Request, code: u16) {
        self.counters.refused_unsupported += 1;
        self.refuse(from, request, code, &[("Allow", crate::wire::ALLOW)]);
    }

    /// OPTIONS outside a dialog is how carriers ask whether we live; it is answered as an INVITE would be.
    fn receive_options(&mut self, now: Instant, from: Peer, request: &Request) {
        if !self.ping_rates.admit(now, from.address.ip()) {
            self.counters.dropped_ping_rate += 1;
            return;
        }
        self.counters.pings_answered += 1;
        if let Some(retry_after) = self.closed_for() {
            self.refuse_for_now(from, request, retry_after);
            return;
        }
        if self.refuse_scheme_or_extension(from, request, Policy::default()) {
            return;
        }
        self.refuse(from, request, 200, crate::uas::CAPABILITIES);
    }

    /// Retry-After in seconds, before it is spread, while no calls are let in.
    pub(crate) fn closed_for(&self) -> Option<u32> {
        match self.gate {
            _ if self.stopping => Some(STOPPING_RETRY_S),
            crate::access::Gate::Refuse { retry_after_s } => Some(retry_after_s),
            crate::access::Gate::Open => None,
        }
    }
}

/// A Retry-After from `base_s` to twice that.
pub(crate) fn spread(base_s: u32, chance: u64) -> u64 {
    u64::from(base_s) + chance % (u64::from(base_s) + 1)
}
