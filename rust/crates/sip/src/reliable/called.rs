//! They call: our 18x is sent again until its PRACK comes (RFC 3262 section 3).
//!
//! One reliable response is out at a time. What the engine wants to say meanwhile waits, the answer only if the response
//! carries SDP: a 2xx may not overtake that (RFC 3262 section 3, last rule).

use std::time::Instant;

use bytes::Bytes;

use crate::event::{Cause, Side};
use crate::receive::Asked;
use crate::sdp::{Body, accept_answer, answer_offer, sdp_of};
use crate::session::due::Why;
use crate::session::policy::Reliable;
use crate::session::{End, Incoming, Session, Step, Unacked};
use crate::ua::UserAgent;
use crate::wire::{Name, Writer, phrase};

impl UserAgent {
    /// Whether the next provisional response is to be a reliable one.
    pub(crate) fn is_reliable(session: &Session, incoming: &Incoming) -> bool {
        let can = session.features.reliable && session.policy.reliable != Reliable::Off;
        incoming.needs_reliable || (can && session.policy.reliable == Reliable::Required)
    }

    /// Whether our offer may go out before the answer: only a reliable response can carry it.
    pub(crate) fn can_offer_early(session: &Session, incoming: &Incoming) -> bool {
        matches!(incoming.body, Body::None)
            && !incoming.settled
            && session.policy.reliable != Reliable::Off
            && (incoming.needs_reliable || session.features.reliable)
    }

    /// Let a step wait if a reliable response has to be acknowledged before it. True if it waits.
    pub(crate) fn must_wait(session: &mut Session, step: &Step) -> bool {
        let Some(incoming) = session.incoming.as_mut() else { return false };
        let Some(unacked) = &incoming.unacked else { return false };
        if matches!(step, Step::Answer(_)) && !unacked.offers && !unacked.answers {
            return false;
        }
        let same = |old: &Step| std::mem::discriminant(old) == std::mem::discriminant(step);
        if !incoming.waiting.iter().any(same) {
            incoming.waiting.push(step.clone());
        }
        true
    }

    /// Send a provisional response reliably; its writer holds everything but `RSeq` and Require. The SDP says whether it is
    /// our offer.
    pub(crate) fn send_reliable(
        &mut self,
        now: Instant,
        session: &mut Session,
        response: (u16, Writer),
        sdp: Option<(&str, bool)>,
    ) {
        let Some(mut incoming) = session.incoming.take() else { return };
        let (code, mut writer) = response;
        // RFC 3262 section 3: the first is between 1 and 2**31 - 1, each further one higher by one.
        incoming.rseq = match incoming.rseq {
            0 => 1 + (self.random.number() % 100_000) as u32,
            last => last + 1,
        };
        writer.header("Require", "100rel").header("RSeq", incoming.rseq.to_string());
        let bytes: Bytes = writer.finish(sdp.map(|(sdp, _)| ("application/sdp", sdp.as_bytes())));
        incoming.unacked = Some(Unacked {
            offers: sdp.is_some_and(|(_, offers)| offers),
            answers: sdp.is_some_and(|(_, offers)| !offers),
            response: bytes.clone(),
            interval: self.timers.t1,
            give_up_at: now + self.timers.timeout(),
        });
        session.due.set(Why::Reliable, now + self.timers.t1);
        self.respond(now, incoming.key, true, session.leg(), (incoming.head.reply_to, code, bytes));
        session.incoming = Some(incoming);
    }

    /// The clock of a reliable response without PRACK: its interval doubles without a cap.
    pub(crate) fn repeat_reliable(&mut self, now: Instant, session: &mut Session) {
        let leg = session.leg();
        let Some(incoming) = session.incoming.as_mut() else { return };
        let Some(unacked) = incoming.unacked.as_mut() else { return };
        if unacked.give_up_at <= now {
            self.counters.unacknowledged_progress += 1;
            return self.reject_with(now, session, End::by_code(Cause::NoPrack, Side::Network, 504, phrase(504)), None);
        }
        unacked.interval *= 2;
        session.due.set(Why::Reliable, (now + unacked.interval).min(unacked.give_up_at));
        let (to, bytes) = (incoming.head.reply_to, unacked.response.clone());
        self.counters.retransmissions_sent += 1;
        self.transmit(leg, to, bytes);
    }

    /// A PRACK.
    pub(crate) fn receive_prack(&mut self, session: &mut Session, asked: Asked<'_>) {
        let rack = asked.request.headers.get(&Name::RAck).unwrap_or_default().into_owned();
        let matching = session.incoming.as_mut().and_then(|incoming| {
            incoming.unacked.take_if(|_| read_rack(&rack) == Some((incoming.rseq, incoming.cseq)))
        });
        let Some(unacked) = matching else {
            // Our 200 was quicker than their PRACK for a response without SDP.
            if session.overtaken.take_if(|overtaken| read_rack(&rack) == Some(*overtaken)).is_some() {
                return self.reply(session, asked, 200);
            }
            self.counters.refused_no_dialog += 1;
            return self.reply(session, asked, 481);
        };
        session.due.clear(Why::Reliable);
        let body = sdp_of(&asked.request.headers, &asked.request.body);
        if unacked.offers {
            if !self.take_early_answer(session, &body) {
                self.reply(session, asked, 488);
                let end = End::by_code(Cause::NoCommonCodec, Side::Local, 488, phrase(488));
                return self.reject_with(asked.now, session, end, None);
            }
            self.reply(session, asked, 200);
        } else {
            self.answer_in_prack(session, asked, &body);
        }
        if let Some(incoming) = session.incoming.as_mut().filter(|_| unacked.answers || unacked.offers) {
            incoming.settled = true;
        }
        self.continue_waiting(asked.now, session);
    }

    fn take_early_answer(&mut self, session: &mut Session, body: &Body) -> bool {
        let (Body::Sdp(theirs), Some(local)) = (body, &session.media.local) else { return false };
        let Ok(media) = accept_answer(theirs, local) else { return false };
        self.agree(session, media);
        self.note_hold(session, theirs);
        true
    }

    /// A PRACK may bring a new offer once the first is answered (RFC 3262 section 5); its 200 answers that.
    fn answer_in_prack(&mut self, session: &mut Session, asked: Asked<'_>, body: &Body) {
        let (Body::Sdp(theirs), Some(local)) = (body, session.media.local.clone()) else {
            return self.reply(session, asked, 200);
        };
        let Ok((_, agreed)) = answer_offer(theirs, &local, session.media.origin) else {
            return self.reply(session, asked, 488);
        };
        let sdp =
            session.media.settle(|origin| answer_offer(theirs, &local, origin).map(|(sdp, _)| sdp).unwrap_or_default());
        self.send_ok(session, asked, Some(&sdp));
        self.agree(session, agreed);
        self.note_hold(session, theirs);
    }

    /// The PRACK is here: do what had to wait for it, up to the next reliable response.
    fn continue_waiting(&mut self, now: Instant, session: &mut Session) {
        let steps = session.incoming.as_mut().map(|incoming| std::mem::take(&mut incoming.waiting)).unwrap_or_default();
        for step in steps {
            match step {
                Step::Ring => self.ring(now, session),
                Step::EarlyMedia(local) => self.early_media(now, session, local),
                Step::Answer(local) => self.answer(now, session, local),
            }
        }
    }
}

/// `RAck: response-number CSeq-number Method` (RFC 3262 section 7.2).
fn read_rack(value: &[u8]) -> Option<(u32, u32)> {
    let mut words = std::str::from_utf8(value).ok()?.split_ascii_whitespace();
    let (rseq, cseq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (words.next()? == "INVITE" && words.next().is_none()).then_some((rseq, cseq))
}
