//! 2xx to our INVITE (RFC 3261 section 13.2.2.4).
//!
//! Each 2xx is acknowledged, every time it comes. The first one makes the call, unless we had given it up: then it is
//! ended by BYE, and nobody is left with a ghost.

use std::time::Instant;

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::dialog::reference::DialogRef;
use crate::dialog::request::{Extra, build};
use crate::event::{Cause, Event, Side};
use crate::peer::Peer;
use crate::sdp::{Body, Negotiated, accept_answer, answer_offer, sdp_of};
use crate::session::{End, Fork, Outgoing, Phase, Session};
use crate::transaction::{ClientState, TxKey};
use crate::ua::UserAgent;
use crate::wire::{Method, Response};

impl UserAgent {
    /// A 2xx came for the INVITE transaction `key`.
    pub(super) fn invite_answered(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get(&key) else { return };
        let owner = tx.owner;
        if let Some((_, to, ack)) = tx.acks.iter().find(|(tag, _, _)| **tag == *response.id.to_tag).cloned() {
            let leg = owner.filter(|id| self.sessions.contains_key(id));
            self.touched = leg;
            self.counters.retransmissions_sent += 1;
            return self.transmit(leg, to, ack);
        }
        if tx.state != ClientState::Accepted {
            self.complete_client(now, key, ClientState::Accepted, Bytes::new());
        }
        let first = owner.filter(|id| self.sessions.get(id).is_some_and(|session| session.outgoing.is_some()));
        match first {
            Some(id) => {
                self.with_session(id, |ua, session| ua.answered(now, session, key, response));
            }
            None => self.end_extra_answer(now, key, response),
        }
    }

    /// The first answer of a call of ours.
    fn answered(&mut self, now: Instant, session: &mut Session, key: TxKey, response: &Response) {
        let Some(outgoing) = session.outgoing.take() else { return };
        session.dialog = Dialog::of_response(response, &outgoing.uri, outgoing.peer);
        if let Some(fork) = fork_of(&outgoing, response) {
            // Requests went both ways in the early dialog already; the numbers go on.
            session.dialog.local_cseq = fork.dialog.local_cseq;
            session.dialog.remote_cseq = fork.dialog.remote_cseq;
        }
        session.features.learn(&response.headers);
        self.register_only(session);
        Self::learn_timer_from_response(now, session, response);
        let (media, answer) = agree_on_answer(session, &outgoing, response);
        self.acknowledge(session, key, (&outgoing.sent_auth, answer.as_deref()), response);
        let code = response.code;
        if matches!(session.phase, Phase::Withdrawn | Phase::Cancelling) {
            self.report(session, |leg| Event::LateAnswer { leg, code });
            let mut end = session.end.take().unwrap_or_else(|| End::of(Cause::Cancelled, Side::Local));
            (end.code, end.phrase) = (Some(code), Some(response.phrase.clone()));
            return self.send_bye(now, session, end);
        }
        session.phase = Phase::Up;
        session.confirmed = true;
        let Some(media) = media else {
            let theirs = sdp_of(&response.headers, &response.body);
            let cause = theirs.why_not(session.media.local.as_ref(), false);
            let end = End::by_code(cause, Side::Local, code, &response.phrase);
            return self.send_bye(now, session, end);
        };
        session.media.agreed = Some(media);
        let phrase = response.phrase.clone();
        let dialog = DialogRef::uac(&session.dialog);
        self.report(session, |leg| Event::Answered { leg, code, phrase, media, dialog });
        if let Body::Sdp(theirs) = sdp_of(&response.headers, &response.body) {
            self.note_hold(session, &theirs);
        }
        self.pursue_change(now, session);
    }

    /// Send the ACK of a 2xx, with credentials and our answer to its offer if there is one, and keep it for the copies
    /// of that 2xx.
    pub(crate) fn acknowledge(
        &mut self,
        session: &Session,
        key: TxKey,
        extra: (&[(String, String)], Option<&str>),
        response: &Response,
    ) {
        let (credentials, answer) = extra;
        let extra = Extra {
            config: &self.config,
            headers: credentials,
            body: answer.map(|sdp| ("application/sdp", sdp.as_bytes())),
        };
        let built = build(&session.dialog, Method::Ack, response.id.cseq, extra);
        let kept: (Box<[u8]>, Peer, Bytes) =
            (response.id.to_tag.clone().into_boxed_slice(), built.to, built.bytes.clone());
        if let Some(tx) = self.clients.get_mut(&key) {
            tx.acks.push(kept);
        }
        self.transmit(session.leg(), built.to, built.bytes);
    }
}

/// What the 2xx agrees on, and our answer if it brought the offer.
///
/// An exchange completed by reliable responses stands, whatever the 2xx repeats (RFC 6337 section 3.1). Some far ends put
/// their answer into an ordinary 18x only; it counts if the fork is the same.
fn agree_on_answer(
    session: &mut Session,
    outgoing: &Outgoing,
    response: &Response,
) -> (Option<Negotiated>, Option<String>) {
    let fork = fork_of(outgoing, response);
    if let Some(fork) = fork.filter(|fork| fork.settled) {
        return (fork.media, None);
    }
    let Some(local) = session.media.local.clone() else { return (None, None) };
    match sdp_of(&response.headers, &response.body) {
        Body::Sdp(theirs) if outgoing.sdp.is_empty() => {
            let agreed = answer_offer(&theirs, &local, session.media.origin).ok().map(|(_, agreed)| agreed);
            let write = |origin| answer_offer(&theirs, &local, origin).map(|(sdp, _)| sdp).unwrap_or_default();
            let answer = agreed.map(|_| session.media.settle(write));
            (agreed, answer)
        }
        Body::Sdp(theirs) => (accept_answer(&theirs, &local).ok(), None),
        Body::None => (fork.and_then(|fork| fork.media), None),
        Body::Malformed | Body::Unsupported => (None, None),
    }
}

fn fork_of<'a>(outgoing: &'a Outgoing, response: &Response) -> Option<&'a Fork> {
    outgoing.forks.iter().find(|fork| fork.dialog.remote_tag == response.id.to_tag)
}
