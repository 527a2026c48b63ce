//! Responses to our requests: which transaction, and what it makes of them (RFC 3261 section 17.1).

use std::time::Instant;

use bytes::Bytes;

use crate::event::Event;
use crate::peer::Peer;
use crate::sdp::{Body, Negotiated, accept_answer, sdp_of};
use crate::session::{Phase, Session};
use crate::timers::Target;
use crate::transaction::{ClientState, Purpose, TxKey, client_key_of, is_of_ours};
use crate::ua::UserAgent;
use crate::wire::{Method, Name, Response, Writer};

/// Forks of one INVITE that are told apart; more than that is no telephone call.
const MAX_FORKS: usize = 16;

impl UserAgent {
    /// A response came.
    pub(crate) fn receive_response(&mut self, now: Instant, response: &Response) {
        let key = client_key_of(response);
        let Some(tx) = self.clients.get(&key).filter(|_| is_of_ours(response)) else {
            self.counters.dropped_stray_responses += 1;
            return;
        };
        if response.is_provisional() {
            return self.provisional(now, key, response);
        }
        match tx.purpose {
            Purpose::Invite if response.is_success() => self.invite_answered(now, key, response),
            Purpose::Invite => self.invite_refused(now, key, response),
            Purpose::Bye | Purpose::Cancel => self.other_finished(now, key, response),
        }
    }

    /// A provisional response. One that comes after the final response is late, and says nothing about a newer try.
    fn provisional(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get_mut(&key) else { return };
        if matches!(tx.state, ClientState::Completed | ClientState::Accepted) {
            return;
        }
        tx.on_provisional(now, &self.timers);
        let (owner, purpose) = (tx.owner, tx.purpose);
        if let Some(at) = tx.due() {
            self.queue.push(at, Target::Client(key));
        }
        if let Some(id) = owner.filter(|_| purpose == Purpose::Invite) {
            self.with_session(id, |ua, session| ua.progressed(now, session, response));
        }
    }

    fn other_finished(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get_mut(&key) else { return };
        if tx.state == ClientState::Completed {
            return;
        }
        let (owner, purpose) = (tx.owner, tx.purpose);
        self.complete_client(now, key, ClientState::Completed, Bytes::new());
        if let Some(id) = owner.filter(|_| purpose == Purpose::Bye) {
            self.with_session(id, |ua, session| ua.bye_answered(now, session, response));
        }
    }

    /// Put a client transaction into a final state.
    pub(super) fn complete_client(&mut self, now: Instant, key: TxKey, state: ClientState, ack: Bytes) {
        let Some(tx) = self.clients.get_mut(&key) else { return };
        tx.on_final(now, &self.timers, state, ack);
        if let Some(at) = tx.due() {
            self.queue.push(at, Target::Client(key));
        }
    }

    /// A provisional response to our INVITE.
    fn progressed(&mut self, now: Instant, session: &mut Session, response: &Response) {
        match session.phase {
            Phase::Calling => session.phase = Phase::Proceeding,
            Phase::Proceeding => {}
            Phase::Withdrawn => return self.send_cancel(now, session),
            _ => return,
        }
        let media = early_media(session, response);
        if !response.id.to_tag.is_empty() {
            self.note_early_dialog(session, response, media);
        }
        let (code, phrase) = (response.code, response.phrase.clone());
        self.report(session, |leg| Event::Progress { leg, code, phrase, media });
    }

    /// Every fork that rings is an early dialog of its own, and may send requests.
    fn note_early_dialog(&mut self, session: &mut Session, response: &Response, media: Option<Negotiated>) {
        let Some(mut outgoing) = session.outgoing.take() else { return };
        let room = outgoing.early.len() < MAX_FORKS;
        match outgoing.early.iter_mut().find(|(tag, _)| *tag == response.id.to_tag) {
            Some((_, known)) => *known = media.or(*known),
            None if room => {
                outgoing.early.push((response.id.to_tag.clone(), media));
                // The key only: which fork becomes the dialog is decided by the 2xx.
                let mine = std::mem::replace(&mut session.dialog.remote_tag, response.id.to_tag.clone());
                self.register(session);
                session.dialog.remote_tag = mine;
            }
            None => {}
        }
        session.outgoing = Some(outgoing);
    }

    /// A refusal: acknowledge it inside its transaction (RFC 3261 section 17.1.1.3), then see what to make of it.
    fn invite_refused(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get(&key) else { return };
        match tx.state {
            ClientState::Completed => {
                let (to, ack) = (tx.to, tx.message.clone());
                self.counters.retransmissions_sent += 1;
                return self.transmit(None, to, ack);
            }
            ClientState::Accepted => return,
            ClientState::Waiting | ClientState::Proceeding => {}
        }
        let (to, owner) = (tx.to, tx.owner);
        let ack = self.ack_of_refusal(to, &tx.uri, response);
        self.complete_client(now, key, ClientState::Completed, ack.clone());
        let leg = owner.and_then(|id| self.sessions.get(&id)).and_then(|session| session.leg());
        self.touched = leg.or(self.touched);
        self.transmit(leg, to, ack);
        if let Some(id) = owner {
            self.with_session(id, |ua, session| ua.refused(now, session, response));
        }
    }

    fn ack_of_refusal(&self, to: Peer, uri: &[u8], response: &Response) -> Bytes {
        let header = |name| response.headers.get(name).unwrap_or_default();
        let branch = String::from_utf8_lossy(&response.via.branch);
        let mut writer = Writer::request(Method::Ack, uri);
        writer
            .header("Via", self.config.via(to, &branch))
            .header("Max-Forwards", "70")
            .header("From", header(&Name::From))
            .header("To", header(&Name::To))
            .header("Call-ID", header(&Name::CallId))
            .header("CSeq", format!("{} ACK", response.id.cseq))
            .header("User-Agent", &self.config.user_agent);
        writer.finish(None)
    }
}

/// What a provisional response agrees on, if it has usable SDP.
fn early_media(session: &Session, response: &Response) -> Option<Negotiated> {
    let Body::Sdp(theirs) = sdp_of(&response.headers, &response.body) else { return None };
    accept_answer(&theirs, session.media.local.as_ref()?).ok()
}
