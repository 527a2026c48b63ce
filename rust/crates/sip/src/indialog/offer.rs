//! New offers during a call: re-INVITE (RFC 3261 section 14) and UPDATE (RFC 3311).
//!
//! Only one offer may be open at a time. While ours waits for its answer theirs gets 491; while we owe an answer to
//! theirs a second one gets 500 with Retry-After. An offer we cannot use gets 488 and leaves everything as it was.

use crate::change::timer::{MIN_SE, Wish};
use crate::receive::Asked;
use crate::sdp::{Body, Description, answer_offer, held_back, offer, sdp_of};
use crate::session::{Phase, Session};
use crate::ua::UserAgent;
use crate::wire::{Method, Request, phrase};

/// What hinders a new offer.
enum Hindrance {
    /// Our own offer is open (491).
    OursOpen,
    /// Theirs is, and we have not answered (500).
    TheirsOpen,
}

impl UserAgent {
    /// A re-INVITE.
    pub(super) fn receive_reinvite(&mut self, session: &mut Session, asked: Asked<'_>) {
        if self.refuse_interval(session, asked) {
            return;
        }
        if let Some(hindrance) = hindrance(session, asked.request) {
            return self.refuse_offer(session, asked, &hindrance);
        }
        if session.phase == Phase::Closing {
            return self.reply(session, asked, 481);
        }
        let Some(local) = session.media.local.clone() else {
            return self.reply(session, asked, 488);
        };
        match sdp_of(&asked.request.headers, &asked.request.body) {
            Body::Sdp(theirs) => self.answer_new_offer(session, asked, &theirs),
            Body::None => {
                refresh_target(session, asked);
                let holding = session.media.holding;
                let sdp = session.media.settle(|origin| held_back(offer(&local, origin), holding));
                self.send_ok(session, asked, Some(&sdp));
            }
            Body::Malformed => self.reply(session, asked, 400),
            Body::Unsupported => self.refuse_body(session, asked),
        }
    }

    /// An UPDATE.
    pub(super) fn receive_update(&mut self, session: &mut Session, asked: Asked<'_>) {
        if self.refuse_interval(session, asked) {
            return;
        }
        match sdp_of(&asked.request.headers, &asked.request.body) {
            Body::None => {
                refresh_target(session, asked);
                self.send_ok(session, asked, None);
            }
            Body::Malformed => self.reply(session, asked, 400),
            Body::Unsupported => self.refuse_body(session, asked),
            Body::Sdp(theirs) => match hindrance(session, asked.request) {
                Some(hindrance) => self.refuse_offer(session, asked, &hindrance),
                None => self.answer_new_offer(session, asked, &theirs),
            },
        }
    }

    fn answer_new_offer(&mut self, session: &mut Session, asked: Asked<'_>, theirs: &Description) {
        let agreed = session.media.local.as_ref().and_then(|local| {
            let (_, media) = answer_offer(theirs, local, session.media.origin).ok()?;
            Some((local.clone(), media))
        });
        let Some((local, media)) = agreed else {
            return self.reply(session, asked, 488);
        };
        let holding = session.media.holding;
        let write = |origin| answer_offer(theirs, &local, origin).map(|(sdp, _)| held_back(sdp, holding));
        let sdp = session.media.settle(|origin| write(origin).unwrap_or_default());
        refresh_target(session, asked);
        self.send_ok(session, asked, Some(&sdp));
        let forks = session.outgoing.as_mut().map(|outgoing| outgoing.forks.as_mut_slice()).unwrap_or_default();
        if let Some(fork) = forks.iter_mut().find(|fork| fork.dialog.remote_tag == asked.request.id.from_tag) {
            fork.media = Some(media);
        }
        self.agree(session, media);
        self.note_hold(session, theirs);
    }

    /// 200 to a re-INVITE or UPDATE. That of a re-INVITE is repeated until its ACK, like any 2xx to an INVITE.
    pub(crate) fn send_ok(&mut self, session: &mut Session, asked: Asked<'_>, sdp: Option<&str>) {
        let Some(head) = asked.request.reply_head(asked.from) else { return };
        let mut writer = head.start(200, phrase(200), &session.dialog.local_tag);
        self.write_contact(&mut writer, session);
        if matches!(asked.request.method, Method::Invite | Method::Update) {
            session.features.learn(&asked.request.headers);
            for (name, value) in Self::answer_timer(asked.now, session, Wish::of(&asked.request.headers)) {
                writer.header(&name, value);
            }
        }
        let bytes = writer.finish(sdp.map(|sdp| ("application/sdp", sdp.as_bytes())));
        let is_invite = asked.request.method == Method::Invite;
        self.respond(asked.now, asked.key, is_invite, session.leg(), (head.reply_to, 200, bytes.clone()));
        if is_invite {
            let wants_answer = asked.request.body.is_empty();
            self.await_ack(asked.now, session, (asked.request.id.cseq, wants_answer), (head.reply_to, bytes), false);
        }
    }

    fn refuse_offer(&mut self, session: &Session, asked: Asked<'_>, hindrance: &Hindrance) {
        match hindrance {
            Hindrance::OursOpen => self.reply(session, asked, 491),
            Hindrance::TheirsOpen => {
                // RFC 3261 section 14.2: a random time of 0 to 10 seconds.
                let retry_after = (self.random.number() % 11).to_string();
                self.reply_with(session, asked, (500, &[("Retry-After", &retry_after)]));
            }
        }
    }

    /// A session interval below the least gets 422 (RFC 4028 section 9).
    fn refuse_interval(&mut self, session: &Session, asked: Asked<'_>) -> bool {
        let too_small = Wish::of(&asked.request.headers).is_too_small();
        if too_small {
            self.counters.refused_interval += 1;
            self.reply_with(session, asked, (422, &[("Min-SE", MIN_SE)]));
        }
        too_small
    }

    fn refuse_body(&mut self, session: &Session, asked: Asked<'_>) {
        self.counters.refused_unsupported += 1;
        self.reply_with(session, asked, (415, &[("Accept", "application/sdp")]));
    }
}

/// Take a new target for the dialog of a request (RFC 3261 section 12.2.2).
fn refresh_target(session: &mut Session, asked: Asked<'_>) {
    if let Some(dialog) = session.dialog_mut(Some(&asked.request.id.from_tag)) {
        dialog.refresh(&asked.request.headers);
    }
}

fn hindrance(session: &Session, request: &Request) -> Option<Hindrance> {
    let is_invite = request.method == Method::Invite;
    let change = &session.change;
    if change.has_open_offer() || (is_invite && change.has_open_invite()) {
        return Some(Hindrance::OursOpen);
    }
    match session.phase {
        // An exchange that reliable responses completed leaves room for the next, by UPDATE (RFC 3311 section 5.1).
        Phase::Proceeding if !is_invite && is_settled(session, &request.id.from_tag) => None,
        // Our INVITE with its offer is still open.
        Phase::Calling | Phase::Proceeding | Phase::Withdrawn | Phase::Cancelling => Some(Hindrance::OursOpen),
        Phase::Offered if is_invite => Some(Hindrance::TheirsOpen),
        Phase::Offered => match &session.incoming {
            Some(incoming) if incoming.settled => None,
            Some(incoming) if incoming.unacked.as_ref().is_some_and(|unacked| unacked.offers) => {
                Some(Hindrance::OursOpen)
            }
            _ => Some(Hindrance::TheirsOpen),
        },
        _ => match &session.pending {
            Some(pending) if pending.wants_answer => Some(Hindrance::OursOpen),
            // A re-INVITE before the ACK of the last one: two INVITE transactions at once (RFC 3261 section 14.1).
            Some(pending) if is_invite && !pending.initial => Some(Hindrance::OursOpen),
            _ => None,
        },
    }
}

/// Whether the fork of our INVITE with this To tag has completed its first exchange.
fn is_settled(session: &Session, tag: &[u8]) -> bool {
    let forks = session.outgoing.as_ref().map(|outgoing| outgoing.forks.as_slice()).unwrap_or_default();
    forks.iter().any(|fork| fork.settled && fork.dialog.remote_tag == tag)
}
