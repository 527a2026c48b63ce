//! Changes of a call that we ask for: hold, resume, and the refresh of its session.
//!
//! One request is out at a time: a re-INVITE (RFC 3261 section 14), or an UPDATE (RFC 3311) where the INVITE is still
//! open or nothing but a refresh is wanted. What the engine wants meanwhile waits for its turn. A refusal leaves the call
//! as it was; only a far end that is gone (no response, 408, 481) ends it.

mod answered;
pub(crate) mod timer;

use std::time::Instant;

use crate::errand::{Kind, Sketch};
use crate::event::Event;
use crate::sdp::{Direction, redirected};
use crate::session::due::Why;
use crate::session::{Phase, Session};
use crate::ua::UserAgent;
use crate::wire::Method;

/// What is wanted, and what is out.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Hold (true) or resume, as asked last and not yet sent.
    hold: Option<bool>,
    /// The session is to be refreshed.
    refresh: bool,
    /// The request that is out.
    open: Option<Open>,
    /// Times it was put off by 491, 500 or 422.
    tries: u8,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Open {
    hold: Option<bool>,
    refresh: bool,
    /// It carries an offer.
    offers: bool,
    is_invite: bool,
}

/// How a change is asked for.
enum Way {
    Reinvite,
    /// In the early dialog of this fork, or in the only dialog.
    Update(Option<Vec<u8>>),
}

impl Change {
    /// Whether an offer of ours waits for its answer.
    pub(crate) fn has_open_offer(&self) -> bool {
        self.open.is_some_and(|open| open.offers)
    }

    /// Whether an INVITE of ours is open.
    pub(crate) fn has_open_invite(&self) -> bool {
        self.open.is_some_and(|open| open.is_invite)
    }
}

impl UserAgent {
    /// The engine wants the far end on hold, or back.
    pub(crate) fn hold(&mut self, now: Instant, session: &mut Session, on: bool) {
        session.change.hold = Some(on);
        self.pursue_change(now, session);
    }

    /// The session is due for a refresh.
    pub(crate) fn refresh_session(&mut self, now: Instant, session: &mut Session) {
        session.change.refresh = true;
        self.pursue_change(now, session);
    }

    /// The time for another try has come, or the request that is out has waited long enough for its answer.
    pub(crate) fn change_due(&mut self, now: Instant, session: &mut Session) {
        match session.change.open.take() {
            // It rang on and on, so the far end lives; the call stays as it is.
            Some(open) => self.change_refused(now, session, open, 408),
            None => self.pursue_change(now, session),
        }
    }

    /// Send what is wanted, if the dialog lets us now. Whatever hinders it comes back here when it is over.
    pub(crate) fn pursue_change(&mut self, now: Instant, session: &mut Session) {
        if session.change.open.is_some() || session.due.is_set(Why::Offer) {
            return;
        }
        if let Some(on) = session.change.hold.take_if(|on| *on == session.media.holding) {
            self.report(session, |leg| Event::HoldDone { leg, on, code: 200 });
        }
        if session.change.hold.is_none() && !session.change.refresh {
            return;
        }
        if let Some(way) = way(session) {
            self.send_change(now, session, way);
        }
    }

    fn send_change(&mut self, now: Instant, session: &mut Session, way: Way) {
        let (hold, refresh) = (session.change.hold.take(), std::mem::take(&mut session.change.refresh));
        let (method, fork) = match way {
            Way::Reinvite => (Method::Invite, None),
            Way::Update(fork) => (Method::Update, fork),
        };
        let is_invite = method == Method::Invite;
        let body = match hold {
            Some(on) => Some(("application/sdp", direct(session, on))),
            None => is_invite.then(|| ("application/sdp", session.media.last.clone())),
        };
        session.change.open = Some(Open { hold, refresh, offers: body.is_some(), is_invite });
        let mut headers = vec![("Supported".to_owned(), session.policy.supported().to_owned())];
        headers.extend(timer::of_our_request(session));
        if self.send_errand(now, session, fork, Kind::Change, Sketch { method, headers, body }) {
            // Its transaction gives up before that, unless a provisional response came.
            session.due.set(Why::Offer, now + self.timers.timeout() + self.timers.t2);
        } else if let Some(open) = session.change.open.take() {
            self.change_refused(now, session, open, 500);
        }
    }
}

/// Our last description with another direction. All its streams stay in their places (RFC 3264 section 8).
fn direct(session: &mut Session, hold: bool) -> String {
    let direction = match (hold, session.media.held) {
        (true, true) => Direction::Inactive,
        (true, false) => Direction::SendOnly,
        (false, _) => Direction::SendRecv,
    };
    let last = session.media.last.clone();
    session.media.settle(|origin| redirected(&last, direction, origin))
}

/// How the change that is wanted can be asked for now. None: not yet.
fn way(session: &Session) -> Option<Way> {
    if session.media.last.is_empty() {
        return None;
    }
    let may_update = session.features.update;
    match session.phase {
        Phase::Up if session.pending.is_none() => match session.change.hold {
            None if may_update => Some(Way::Update(None)),
            _ => Some(Way::Reinvite),
        },
        // RFC 3311 section 5.1: while the INVITE is open, only once the first exchange is complete.
        Phase::Proceeding if may_update => {
            let outgoing = session.outgoing.as_ref()?;
            let settled = outgoing.forks.iter().find(|fork| fork.settled)?;
            Some(Way::Update(Some(settled.dialog.remote_tag.clone())))
        }
        Phase::Offered if may_update => {
            let incoming = session.incoming.as_ref()?;
            (incoming.settled && incoming.unacked.is_none()).then_some(Way::Update(None))
        }
        _ => None,
    }
}
