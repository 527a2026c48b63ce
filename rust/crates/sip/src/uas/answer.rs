//! Ringing, answering, refusing (RFC 3261 section 13.3).
//!
//! A 2xx is sent again by us, not by its transaction, from T1 doubling up to T2, until the ACK comes. After 64·T1
//! without any sign of the caller the call is ended by BYE.

use std::time::Instant;

use crate::command::LocalMedia;
use crate::event::{Cause, Confirmation, Event, Side};
use crate::receive::spread;
use crate::sdp::{Body, Negotiated, Origin, accept_answer, answer_offer, offer, sdp_of};
use crate::session::due::Why;
use crate::session::{End, Incoming, Pending, Phase, Session, Step};
use crate::ua::UserAgent;
use crate::uas::NO_ROOM_RETRY_S;
use crate::wire::{ALLOW, Request, Writer, phrase};

impl UserAgent {
    /// Send 180.
    pub(crate) fn ring(&mut self, now: Instant, session: &mut Session) {
        if Self::must_wait(session, &Step::Ring) {
            return;
        }
        let Some(incoming) = &session.incoming else { return self.counters.stale_commands += 1 };
        let mut writer = incoming.head.start(180, phrase(180), &session.dialog.local_tag);
        self.write_dialog_headers(&mut writer, session, incoming);
        if Self::is_reliable(session, incoming) {
            return self.send_reliable(now, session, (180, writer), None);
        }
        let response = (incoming.head.reply_to, 180, writer.finish(None));
        self.respond(now, incoming.key, true, session.leg(), response);
    }

    /// Send 183 with the answer that our 200 will repeat (RFC 3261 section 13.2.1 allows the same one early), or with our
    /// offer where the caller has none and acknowledges it (RFC 3262 section 5).
    pub(crate) fn early_media(&mut self, now: Instant, session: &mut Session, local: LocalMedia) {
        if Self::must_wait(session, &Step::EarlyMedia(local.clone())) {
            return;
        }
        let Some(incoming) = session.incoming.take() else { return self.counters.stale_commands += 1 };
        let offers = Self::can_offer_early(session, &incoming);
        let agreed = match &incoming.body {
            Body::Sdp(theirs) => answer_offer(theirs, &local, session.media.origin).ok().map(|(_, agreed)| agreed),
            _ => None,
        };
        // What is settled needs no second word.
        let speaks = (offers || agreed.is_some()) && !incoming.settled;
        let sdp = speaks.then(|| session.media.settle(|origin| text_of(&incoming.body, &local, origin)));
        session.media.local = Some(local);
        let mut writer = incoming.head.start(183, phrase(183), &session.dialog.local_tag);
        self.write_dialog_headers(&mut writer, session, &incoming);
        let (key, to) = (incoming.key, incoming.head.reply_to);
        let reliable = offers || Self::is_reliable(session, &incoming);
        session.incoming = Some(incoming);
        if reliable {
            self.send_reliable(now, session, (183, writer), sdp.as_deref().map(|sdp| (sdp, offers)));
        } else {
            let bytes = writer.finish(sdp.as_ref().map(|sdp| ("application/sdp", sdp.as_bytes())));
            self.respond(now, key, true, session.leg(), (to, 183, bytes));
        }
        if let Some(media) = agreed.filter(|_| speaks) {
            self.agree(session, media);
        }
    }

    /// Send 200, or 488 if their offer has nothing for us.
    pub(crate) fn answer(&mut self, now: Instant, session: &mut Session, local: LocalMedia) {
        if Self::must_wait(session, &Step::Answer(local.clone())) {
            return;
        }
        let Some(mut incoming) = session.incoming.take() else { return self.counters.stale_commands += 1 };
        session.due.clear(Why::Reliable);
        session.overtaken = incoming.unacked.take().map(|_| (incoming.rseq, incoming.cseq));
        let Some((_, agreed)) = describe(&incoming.body, &local, session.media.origin) else {
            let end = End::by_code(incoming.body.why_not(Some(&local), true), Side::Local, 488, phrase(488));
            return self.refuse_incoming(now, session, &incoming, end, None);
        };
        let settled = incoming.settled;
        let sdp = (!settled).then(|| session.media.settle(|origin| text_of(&incoming.body, &local, origin)));
        session.media.local = Some(local);
        let mut writer = incoming.head.start(200, phrase(200), &session.dialog.local_tag);
        self.write_dialog_headers(&mut writer, session, &incoming);
        for (name, value) in Self::answer_timer(now, session, incoming.timer) {
            writer.header(&name, value);
        }
        let bytes = writer.finish(sdp.as_ref().map(|sdp| ("application/sdp", sdp.as_bytes())));
        self.respond(now, incoming.key, true, session.leg(), (incoming.head.reply_to, 200, bytes.clone()));
        session.phase = Phase::Answering;
        let wants_answer = agreed.is_none() && !settled;
        self.await_ack(now, session, (incoming.cseq, wants_answer), (incoming.head.reply_to, bytes), true);
        if let (Some(media), Body::Sdp(theirs), false) = (agreed, &incoming.body, settled) {
            self.agree(session, media);
            self.note_hold(session, theirs);
        }
        // RFC 3891 section 3: once the new call is answered the old one goes, by BYE or CANCEL.
        if let Some(replaced) = incoming.replaces {
            self.with_session(replaced, |ua, old| ua.hang_up(now, old, None, false));
        }
    }

    /// Refuse with a final response of the engine's choice.
    pub(crate) fn reject(&mut self, now: Instant, session: &mut Session, code: u16, reason: Option<&str>) {
        let code = if (400..=699).contains(&code) { code } else { 480 };
        self.reject_with(now, session, End::by_code(Cause::Response, Side::Local, code, phrase(code)), reason);
    }

    /// Refuse, and end as told.
    pub(crate) fn reject_with(&mut self, now: Instant, session: &mut Session, end: End, reason: Option<&str>) {
        match session.incoming.take() {
            Some(incoming) => self.refuse_incoming(now, session, &incoming, end, reason),
            None => self.counters.stale_commands += 1,
        }
    }

    /// Send a refusal. The transaction takes care of the ACK, so the leg is over at once.
    fn refuse_incoming(
        &mut self,
        now: Instant,
        session: &mut Session,
        incoming: &Incoming,
        end: End,
        reason: Option<&str>,
    ) {
        let code = end.code.unwrap_or(480);
        let mut writer = incoming.head.start(code, phrase(code), &session.dialog.local_tag);
        writer.header("Server", &self.config.user_agent);
        if let Some(reason) = reason {
            writer.header("Reason", reason);
        }
        if code == 503 {
            writer.header("Retry-After", spread(NO_ROOM_RETRY_S, self.random.number()).to_string());
        }
        let response = (incoming.head.reply_to, code, writer.finish(None));
        self.respond(now, incoming.key, true, session.leg(), response);
        self.finish(session, end);
    }

    /// What a response that makes or refreshes a dialog carries (RFC 3261 section 12.1.1).
    fn write_dialog_headers(&self, writer: &mut Writer, session: &Session, incoming: &Incoming) {
        for line in &incoming.record_route {
            writer.header("Record-Route", line);
        }
        self.write_contact(writer, session);
    }

    /// Contact, Allow, Supported and Server.
    pub(crate) fn write_contact(&self, writer: &mut Writer, session: &Session) {
        writer
            .header("Contact", self.config.contact(session.dialog.peer, session.dialog.secure))
            .header("Allow", ALLOW)
            .header("Supported", session.policy.supported())
            .header("Server", &self.config.user_agent);
    }

    /// A 2xx was sent: repeat it until its ACK comes.
    pub(crate) fn await_ack(
        &mut self,
        now: Instant,
        session: &mut Session,
        invite: (u32, bool),
        response: (crate::peer::Peer, bytes::Bytes),
        initial: bool,
    ) {
        let (cseq, wants_answer) = invite;
        let (to, response) = response;
        let next_at = now + self.timers.t1;
        let give_up_at = now + self.timers.timeout();
        let interval = self.timers.t1;
        let pending = Pending { to, response, cseq, wants_answer, initial, interval, next_at, give_up_at };
        session.pending = Some(Box::new(pending));
        session.due.set(Why::Answer, next_at);
    }

    /// The clock of a 2xx without ACK.
    pub(crate) fn repeat_answer(&mut self, now: Instant, session: &mut Session) {
        let leg = session.leg();
        let Some(pending) = &mut session.pending else { return };
        if pending.give_up_at <= now {
            return self.give_up_waiting_for_ack(now, session);
        }
        pending.interval = self.timers.double_capped(pending.interval);
        pending.next_at = now + pending.interval;
        session.due.set(Why::Answer, pending.next_at.min(pending.give_up_at));
        let (to, bytes) = (pending.to, pending.response.clone());
        self.counters.retransmissions_sent += 1;
        self.transmit(leg, to, bytes);
    }

    fn give_up_waiting_for_ack(&mut self, now: Instant, session: &mut Session) {
        let Some(pending) = session.pending.take() else { return };
        // Media or a request proved that they have the 200; only its ACK was lost.
        let proven = pending.initial && session.confirmed && !pending.wants_answer;
        if proven {
            return;
        }
        let end = match session.end.take() {
            Some(end) if session.bye_wanted => end,
            _ => End::of(Cause::NoAck, Side::Network),
        };
        self.send_bye(now, session, end);
    }

    /// An ACK for a 2xx of ours.
    pub(crate) fn acknowledged(&mut self, now: Instant, session: &mut Session, ack: &Request) {
        let matches = session.pending.as_ref().is_some_and(|pending| pending.cseq == ack.id.cseq);
        let Some(pending) = session.pending.take_if(|_| matches) else {
            return self.counters.retransmissions_absorbed += 1;
        };
        session.due.clear(Why::Answer);
        if pending.wants_answer && session.phase != Phase::Closing && !self.agree_on_ack(session, ack) {
            return self.send_bye(now, session, End::of(Cause::NoCommonCodec, Side::Local));
        }
        if pending.initial {
            self.confirm(session, Confirmation::Ack);
        }
        self.hang_up_if_wanted(now, session);
        self.pursue_change(now, session);
    }

    /// The answer to an offer in our 2xx.
    fn agree_on_ack(&mut self, session: &mut Session, ack: &Request) -> bool {
        let (Body::Sdp(theirs), Some(local)) = (sdp_of(&ack.headers, &ack.body), &session.media.local) else {
            return false;
        };
        let Ok(media) = accept_answer(&theirs, local) else { return false };
        self.agree(session, media);
        self.note_hold(session, &theirs);
        true
    }

    /// The caller showed that it has our 200.
    pub(crate) fn confirm(&mut self, session: &mut Session, how: Confirmation) {
        if session.confirmed || session.phase != Phase::Answering {
            return;
        }
        session.confirmed = true;
        session.phase = Phase::Up;
        self.report(session, |leg| Event::AnswerConfirmed { leg, how });
    }

    /// A hang-up that had to wait for the ACK.
    pub(crate) fn hang_up_if_wanted(&mut self, now: Instant, session: &mut Session) {
        if session.bye_wanted && session.phase == Phase::Up {
            let end = session.end.take().unwrap_or_else(|| End::of(Cause::Bye, Side::Local));
            self.send_bye(now, session, end);
        }
    }
}

/// Our SDP for a 200, and what it agrees on if it is an answer. None if their offer has nothing for us.
fn describe(theirs: &Body, local: &LocalMedia, origin: Origin) -> Option<(String, Option<Negotiated>)> {
    match theirs {
        Body::Sdp(theirs) => answer_offer(theirs, local, origin).ok().map(|(sdp, agreed)| (sdp, Some(agreed))),
        _ => Some((offer(local, origin), None)),
    }
}

fn text_of(theirs: &Body, local: &LocalMedia, origin: Origin) -> String {
    describe(theirs, local, origin).map(|(text, _)| text).unwrap_or_default()
}
