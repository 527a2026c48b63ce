//! What becomes of a change that we asked for.

use std::time::{Duration, Instant};

use super::Open;
use crate::event::{Cause, Event, INCOMING_LEGS, Side};
use crate::sdp::{Body, accept_answer, sdp_of};
use crate::session::due::Why;
use crate::session::{End, Phase, Session};
use crate::ua::UserAgent;
use crate::wire::{Name, Response, phrase};

/// Times a change is put off before it counts as refused.
const MAX_TRIES: u8 = 5;
/// Longest Retry-After that is waited for.
const MAX_RETRY_AFTER_S: u32 = 10;

impl UserAgent {
    /// The final response to it; None when there will be none.
    pub(crate) fn change_answered(&mut self, now: Instant, session: &mut Session, response: Option<&Response>) {
        let Some(open) = session.change.open.take() else { return };
        session.due.clear(Why::Offer);
        let code = response.map_or(408, |response| response.code);
        match response {
            Some(response) if response.is_success() => self.change_accepted(now, session, open, response),
            _ if matches!(code, 408 | 481) && session.phase == Phase::Up => {
                // RFC 3261 section 12.2.1.2: the far end is gone, or has forgotten the dialog.
                let end = End::by_code(Cause::SessionExpired, Side::Network, code, phrase(code));
                return self.send_bye(now, session, end);
            }
            Some(response) if session.change.tries < MAX_TRIES => {
                match self.wait_before_retry(session, open, response) {
                    Some(wait) => self.put_off(now, session, open, wait),
                    None => self.change_refused(now, session, open, code),
                }
            }
            _ => self.change_refused(now, session, open, code),
        }
        self.pursue_change(now, session);
    }

    fn change_accepted(&mut self, now: Instant, session: &mut Session, open: Open, response: &Response) {
        session.change.tries = 0;
        session.features.learn(&response.headers);
        Self::learn_timer_from_response(now, session, response);
        if open.offers && !self.take_answer(session, open, response) {
            return self.change_refused(now, session, open, 488);
        }
        if let Some(on) = open.hold {
            let code = response.code;
            self.report(session, |leg| Event::HoldDone { leg, on, code });
        }
    }

    /// The answer to the offer of a change. Without a usable one all stays as it was.
    fn take_answer(&mut self, session: &mut Session, open: Open, response: &Response) -> bool {
        let (Body::Sdp(theirs), Some(local)) = (sdp_of(&response.headers, &response.body), &session.media.local) else {
            return false;
        };
        let Ok(mut media) = accept_answer(&theirs, local) else { return false };
        session.media.holding = open.hold.unwrap_or(session.media.holding);
        media.receive &= !session.media.holding;
        self.agree(session, media);
        // What they answer to our hold is no hold of theirs.
        if !session.media.holding {
            self.note_hold(session, &theirs);
        }
        true
    }

    /// How long to wait before the same again; None if it makes no sense.
    fn wait_before_retry(&mut self, session: &mut Session, open: Open, response: &Response) -> Option<Duration> {
        match response.code {
            // RFC 3261 section 14.1: the owner of the Call-ID waits longer, so that the two do not meet again.
            491 => {
                let ours = session.leg().is_some_and(|leg| leg < INCOMING_LEGS);
                let steps = self.random.number();
                let ms = if ours { 2100 + steps % 191 * 10 } else { steps % 201 * 10 };
                Some(self.timers.scaled(ms))
            }
            422 => self.raise_min_se(session, response).then_some(Duration::ZERO),
            // RFC 3311 section 5.2: the far end owes an answer to an earlier request.
            500 if !open.is_invite => {
                let seconds = response.headers.number(&Name::RetryAfter)?.min(MAX_RETRY_AFTER_S);
                Some(self.timers.scaled(u64::from(seconds) * 1000))
            }
            _ => None,
        }
    }

    /// Want it again, later, unless the opposite is wanted by now.
    fn put_off(&mut self, now: Instant, session: &mut Session, open: Open, wait: Duration) {
        let change = &mut session.change;
        change.tries += 1;
        change.hold = change.hold.or(open.hold);
        change.refresh |= open.refresh;
        session.due.set(Why::Offer, now + wait);
        self.counters.changes_put_off += 1;
    }

    /// It failed, and the call goes on.
    pub(super) fn change_refused(&mut self, now: Instant, session: &mut Session, open: Open, code: u16) {
        session.change.tries = 0;
        self.counters.failed_requests += 1;
        if let Some(on) = open.hold {
            self.report(session, |leg| Event::HoldDone { leg, on, code });
        }
        if open.refresh {
            super::timer::refresh_later(now, session);
        }
    }
}
