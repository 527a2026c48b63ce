//! Requests of ours inside a dialog, other than INVITE, ACK and BYE (RFC 3261 section 12.2.1).
//!
//! Each is kept as a sketch until its final response, so that it can be sent again with credentials.

use std::time::Instant;

use bytes::Bytes;

use crate::dialog::request::{Extra, build, request_uri};
use crate::digest::Subject;
use crate::session::Session;
use crate::transaction::{ClientState, Purpose, TxKey, client_key};
use crate::ua::UserAgent;
use crate::wire::{ALLOW, Method, Response, text};

/// Requests of one dialog that are out at once; a peer that answers none of so many will not answer the next.
const MAX_ERRANDS: usize = 16;

/// What a request of ours says.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    pub(crate) method: Method,
    /// Header lines beyond those of every request.
    pub(crate) headers: Vec<(String, String)>,
    /// Content type and content.
    pub(crate) body: Option<(&'static str, String)>,
}

/// A request that waits for its final response.
#[derive(Debug)]
pub(crate) struct Errand {
    key: TxKey,
    /// To tag of the fork whose dialog it belongs to; None is the dialog of the session.
    fork: Option<Vec<u8>>,
    sketch: Sketch,
    kind: Kind,
    /// Its credentials: the ACK of an INVITE repeats them (RFC 3261 section 22.1).
    sent_auth: Vec<(String, String)>,
}

/// What the response is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PRACK: nothing depends on its response.
    Prack,
    /// A re-INVITE or UPDATE of ours.
    Change,
    /// REFER.
    Refer,
    /// NOTIFY: who does not want to hear it any more is not told again.
    Notify,
}

impl UserAgent {
    /// Send a request inside the dialog of a session or of one of its forks. False if that was not possible.
    pub(crate) fn send_errand(
        &mut self,
        now: Instant,
        session: &mut Session,
        fork: Option<Vec<u8>>,
        kind: Kind,
        sketch: Sketch,
    ) -> bool {
        if session.errands.len() >= MAX_ERRANDS {
            self.counters.dropped_requests += 1;
            return false;
        }
        session.auth.next_request();
        self.transmit_errand(now, session, fork, kind, sketch)
    }

    fn transmit_errand(
        &mut self,
        now: Instant,
        session: &mut Session,
        fork: Option<Vec<u8>>,
        kind: Kind,
        sketch: Sketch,
    ) -> bool {
        let mut auth = std::mem::take(&mut session.auth);
        let mut sent_auth = Vec::new();
        let built = session.dialog_mut(fork.as_deref()).map(|dialog| {
            dialog.local_cseq += 1;
            let mut headers = Vec::new();
            if !matches!(sketch.method, Method::Prack | Method::Info) {
                headers.push(("Contact".to_owned(), self.config.contact(dialog.peer, dialog.secure)));
                headers.push(("Allow".to_owned(), ALLOW.to_owned()));
            }
            headers.extend(sketch.headers.iter().cloned());
            let body = sketch.body.as_ref().map(|(kind, content)| (*kind, content.as_bytes()));
            if auth.is_needed() {
                let cnonce = text(&self.random.token());
                let uri = text(&request_uri(dialog));
                let body = body.map(|(_, content)| content).unwrap_or_default();
                sent_auth = auth.headers(Subject { method: sketch.method.as_str(), uri: &uri, body }, &cnonce);
                headers.extend(sent_auth.iter().cloned());
            }
            let extra = Extra { config: &self.config, headers: &headers, body };
            build(dialog, sketch.method, dialog.local_cseq, extra)
        });
        session.auth = auth;
        let Some(built) = built else { return false };
        let key = client_key(built.branch.as_bytes(), sketch.method);
        let is_invite = sketch.method == Method::Invite;
        session.errands.push(Errand { key, fork, sketch, kind, sent_auth });
        let purpose = if is_invite { Purpose::Reinvite } else { Purpose::Errand };
        self.start_client(now, purpose, session, key, (built.to, built.bytes));
        if let Some(tx) = self.clients.get_mut(&key).filter(|_| is_invite) {
            (tx.uri, tx.routes) = (built.uri.into_boxed_slice(), built.routes);
        }
        true
    }

    /// A final response to one of them.
    pub(crate) fn errand_answered(&mut self, now: Instant, session: &mut Session, key: TxKey, response: &Response) {
        let Some(at) = session.errands.iter().position(|errand| errand.key == key) else { return };
        let errand = session.errands.swap_remove(at);
        if matches!(response.code, 401 | 407) && session.auth.challenged(&response.headers) {
            self.counters.challenges_answered += 1;
            self.transmit_errand(now, session, errand.fork, errand.kind, errand.sketch);
            return;
        }
        self.conclude(now, session, &errand.kind, Some(response));
    }

    /// One of them will not be answered any more.
    pub(crate) fn errand_failed(&mut self, now: Instant, session: &mut Session, key: TxKey) {
        let Some(at) = session.errands.iter().position(|errand| errand.key == key) else { return };
        let errand = session.errands.swap_remove(at);
        self.conclude(now, session, &errand.kind, None);
    }

    fn conclude(&mut self, now: Instant, session: &mut Session, kind: &Kind, response: Option<&Response>) {
        match kind {
            // What a lost PRACK means is decided by the INVITE: its sender ends it or answers it.
            Kind::Prack | Kind::Notify => {
                self.counters.failed_requests += u64::from(response.is_none_or(|response| !response.is_success()));
            }
            Kind::Refer => self.refer_answered(session, response),
            Kind::Change => self.change_answered(now, session, response),
        }
    }

    /// A 2xx to an INVITE of ours inside the dialog: acknowledge it, each time it comes, and refresh the target.
    pub(crate) fn reinvite_accepted(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get(&key) else { return };
        let owner = tx.owner;
        if let Some((_, to, ack)) = tx.acks.first().cloned() {
            self.touched = owner.filter(|id| self.sessions.contains_key(id));
            self.counters.retransmissions_sent += 1;
            return self.transmit(self.touched, to, ack);
        }
        self.complete_client(now, key, ClientState::Accepted, Bytes::new());
        let Some(id) = owner else { return };
        self.with_session(id, |ua, session| {
            session.dialog.refresh(&response.headers);
            let errand = session.errands.iter().find(|errand| errand.key == key);
            let credentials = errand.map(|errand| errand.sent_auth.clone()).unwrap_or_default();
            ua.acknowledge(session, key, (&credentials, None), response);
            ua.errand_answered(now, session, key, response);
        });
    }
}
