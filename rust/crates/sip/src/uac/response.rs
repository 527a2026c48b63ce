//! Responses to our requests: which transaction, and what it makes of them (RFC 3261 section 17.1).

use std::time::Instant;

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::event::Event;
use crate::reliable::{Taken, take_in_order};
use crate::sdp::{Body, Negotiated, accept_answer, sdp_of};
use crate::session::{Fork, Phase, Session};
use crate::timers::Target;
use crate::transaction::{ClientState, ClientTx, Purpose, TxKey, client_key_of, is_of_ours};
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
            Purpose::Reinvite if response.is_success() => self.reinvite_accepted(now, key, response),
            Purpose::Invite | Purpose::Reinvite => self.invite_refused(now, key, response),
            Purpose::Bye | Purpose::Cancel | Purpose::Errand => self.other_finished(now, key, response),
            Purpose::Register(_) | Purpose::Probe(_) | Purpose::KeepAlive(_) => {
                self.aside_answered(now, key, response);
            }
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
        let Some(id) = owner else { return };
        self.with_session(id, |ua, session| match purpose {
            Purpose::Bye => ua.bye_answered(now, session, response),
            Purpose::Errand => ua.errand_answered(now, session, key, response),
            _ => {}
        });
    }

    /// Put a client transaction into a final state.
    pub(crate) fn complete_client(&mut self, now: Instant, key: TxKey, state: ClientState, ack: Bytes) {
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
        session.features.learn(&response.headers);
        let mut media = None;
        if !response.id.to_tag.is_empty() {
            let taken = self.note_fork(session, response);
            if taken == Taken::Skip {
                return self.counters.retransmissions_absorbed += 1;
            }
            media = Self::early_answer(session, response, taken != Taken::Unreliable);
            if let Taken::Next(rseq) = taken {
                self.acknowledge_progress(now, session, rseq, response);
                media = media.or_else(|| fork_media(session, response));
            }
        }
        let (code, phrase) = (response.code, response.phrase.clone());
        self.report(session, |leg| Event::Progress { leg, code, phrase, media });
        self.pursue_change(now, session);
    }

    /// Every fork that rings is an early dialog of its own, and may send requests. Says what the response is among the
    /// reliable ones of its fork.
    fn note_fork(&mut self, session: &mut Session, response: &Response) -> Taken {
        let Some(mut outgoing) = session.outgoing.take() else { return Taken::Unreliable };
        let tag = &response.id.to_tag;
        if outgoing.forks.iter().all(|fork| fork.dialog.remote_tag != *tag) && outgoing.forks.len() < MAX_FORKS {
            let dialog = Dialog::of_response(response, &outgoing.uri, outgoing.peer);
            outgoing.forks.push(Fork { dialog, media: None, rseq: None, settled: false });
            // The key only: which fork becomes the dialog is decided by the 2xx.
            let mine = std::mem::replace(&mut session.dialog.remote_tag, tag.clone());
            self.register(session);
            session.dialog.remote_tag = mine;
        }
        let taken = match outgoing.forks.iter_mut().find(|fork| fork.dialog.remote_tag == *tag) {
            Some(fork) => {
                let taken = take_in_order(fork.rseq, response);
                if let Taken::Next(rseq) = taken {
                    fork.rseq = Some(rseq);
                    fork.dialog.refresh(&response.headers);
                }
                taken
            }
            None => Taken::Unreliable,
        };
        session.outgoing = Some(outgoing);
        taken
    }

    /// What a provisional response agrees on, if our INVITE had an offer and it has a usable answer.
    fn early_answer(session: &mut Session, response: &Response, reliable: bool) -> Option<Negotiated> {
        let Body::Sdp(theirs) = sdp_of(&response.headers, &response.body) else { return None };
        let local = session.media.local.as_ref()?;
        let outgoing = session.outgoing.as_mut().filter(|outgoing| !outgoing.sdp.is_empty())?;
        let media = accept_answer(&theirs, local).ok()?;
        if let Some(fork) = outgoing.forks.iter_mut().find(|fork| fork.dialog.remote_tag == response.id.to_tag) {
            fork.media = Some(media);
            fork.settled |= reliable;
        }
        Some(media)
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
        let purpose = tx.purpose;
        let ack = self.ack_of_refusal(tx, response);
        self.complete_client(now, key, ClientState::Completed, ack.clone());
        let leg = owner.and_then(|id| self.sessions.get(&id)).and_then(|session| session.leg());
        self.touched = leg.or(self.touched);
        self.transmit(leg, to, ack);
        if let Some(id) = owner {
            self.with_session(id, |ua, session| match purpose {
                Purpose::Invite => ua.refused(now, session, response),
                _ => ua.errand_answered(now, session, key, response),
            });
        }
    }

    fn ack_of_refusal(&self, tx: &ClientTx, response: &Response) -> Bytes {
        let header = |name| response.headers.get(name).unwrap_or_default();
        let branch = String::from_utf8_lossy(&response.via.branch);
        let mut writer = Writer::request(Method::Ack, &tx.uri);
        writer.header("Via", self.config.via(tx.to, &branch));
        for route in &tx.routes {
            writer.header("Route", route);
        }
        writer
            .header("Max-Forwards", "70")
            .header("From", header(&Name::From))
            .header("To", header(&Name::To))
            .header("Call-ID", header(&Name::CallId))
            .header("CSeq", format!("{} ACK", response.id.cseq))
            .header("User-Agent", &self.config.user_agent);
        writer.finish(None)
    }
}

/// The media of the fork that a response belongs to.
fn fork_media(session: &Session, response: &Response) -> Option<Negotiated> {
    let forks = &session.outgoing.as_ref()?.forks;
    let fork = forks.iter().find(|fork| fork.dialog.remote_tag == response.id.to_tag)?;
    fork.media.filter(|_| !response.body.is_empty())
}
