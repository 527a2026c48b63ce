//! Session timers (RFC 4028): a call whose far end has vanished ends, though nobody sent a BYE.
//!
//! Who refreshes is agreed with each refresh. If the caller leaves the choice to us we take it: our own clock is the one
//! we know. Refreshes are sent at half the interval; without any the call ends a little before the interval does, so that
//! the BYE still finds the dialog of the far end (section 10).

use std::time::{Duration, Instant};

use crate::event::{Cause, Side};
use crate::session::due::Why;
use crate::session::{End, Phase, Session};
use crate::ua::UserAgent;
use crate::wire::{AddressParts, Headers, Name, Response, text};

/// The shortest interval we agree to, and the shortest there is (RFC 4028 section 4).
pub(crate) const MIN_SE_S: u32 = 90;
/// The same as a header value.
pub(crate) const MIN_SE: &str = "90";
/// The longest we let ourselves be asked for; a day without a sign of life is no timer.
const MAX_SE_S: u32 = 86_400;
/// A far end that insists on less than this is not obeyed: refreshes must not become a flood.
const FLOOR_S: u32 = 20;

/// The timer that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub(crate) interval_s: u32,
    /// We send the refreshes.
    pub(crate) ours: bool,
}

/// What a request of the far end says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wish {
    interval_s: Option<u32>,
    /// `refresher=uac`: they refresh. `uas`: we do. None leaves it to us.
    theirs: Option<bool>,
    min_se_s: u32,
    /// They know the extension; without that a proxy asked in their name (section 8).
    knows: bool,
}

impl Wish {
    pub(crate) fn of(headers: &Headers) -> Self {
        let (interval_s, refresher) = read(headers);
        let knows = [&Name::Supported, &Name::Require]
            .into_iter()
            .any(|name| headers.list(name).iter().any(|tag| tag.eq_ignore_ascii_case(b"timer")));
        let theirs = refresher.map(|refresher| refresher == "uac");
        Self { interval_s, theirs, min_se_s: headers.number(&Name::MinSe).unwrap_or(0).min(MAX_SE_S), knows }
    }

    /// Whether to refuse with 422 (section 9): only who knows the extension can do something about it.
    pub(crate) fn is_too_small(self) -> bool {
        self.knows && self.interval_s.is_some_and(|interval| interval < MIN_SE_S)
    }

    /// The timer to answer with (section 9, table 2). `running` goes on when the request says nothing.
    fn settle(self, wanted_s: u32, running: Option<SessionTimer>) -> Option<SessionTimer> {
        let lowest = self.min_se_s.max(MIN_SE_S);
        let wanted = (wanted_s > 0).then(|| wanted_s.max(lowest));
        let interval_s = match (self.interval_s, wanted, running) {
            // Never higher than they ask.
            (Some(theirs), Some(ours), _) => theirs.min(ours),
            (Some(theirs), None, _) => theirs,
            (None, _, Some(running)) => running.interval_s,
            (None, Some(ours), None) => ours,
            (None, None, None) => return None,
        };
        let ours = match self.theirs {
            _ if !self.knows => true,
            Some(theirs) => !theirs,
            None => running.is_none_or(|running| running.ours),
        };
        Some(SessionTimer { interval_s: interval_s.clamp(FLOOR_S, MAX_SE_S), ours })
    }
}

/// Interval and refresher of Session-Expires.
fn read(headers: &Headers) -> (Option<u32>, Option<String>) {
    let Some(value) = headers.get(&Name::SessionExpires) else { return (None, None) };
    let refresher = AddressParts::parse(&value)
        .and_then(|parts| crate::wire::param(parts.params, "refresher"))
        .map(|word| text(word).to_ascii_lowercase())
        .filter(|word| word == "uac" || word == "uas");
    (headers.number(&Name::SessionExpires), refresher)
}

/// Header lines of a request of ours: what runs, or what the trunk asks for in the INVITE.
pub(crate) fn of_our_request(session: &Session) -> Vec<(String, String)> {
    let expires = match session.timer {
        Some(timer) => {
            let refresher = if timer.ours { "uac" } else { "uas" };
            format!("{};refresher={refresher}", timer.interval_s.max(session.min_se_s))
        }
        None if session.policy.session_expires_s > 0 && session.phase == Phase::Calling => {
            session.policy.session_expires_s.max(session.min_se_s).max(MIN_SE_S).to_string()
        }
        None => return Vec::new(),
    };
    let mut lines = vec![("Session-Expires".to_owned(), expires)];
    if session.min_se_s > MIN_SE_S {
        lines.push(("Min-SE".to_owned(), session.min_se_s.to_string()));
    }
    lines
}

impl UserAgent {
    /// Agree on the timer of a request of theirs that is answered 2xx now; the lines of that answer.
    pub(crate) fn answer_timer(now: Instant, session: &mut Session, wish: Wish) -> Vec<(String, String)> {
        let Some(timer) = wish.settle(session.policy.session_expires_s, session.timer) else { return Vec::new() };
        run_timer(now, session, timer);
        let refresher = if timer.ours { "uas" } else { "uac" };
        let mut lines = vec![("Session-Expires".to_owned(), format!("{};refresher={refresher}", timer.interval_s))];
        if !timer.ours {
            lines.push(("Require".to_owned(), "timer".to_owned()));
        }
        lines
    }

    /// Take the timer out of a 2xx to a request of ours (section 7.2).
    pub(crate) fn learn_timer_from_response(now: Instant, session: &mut Session, response: &Response) {
        let timer = match read(&response.headers) {
            (Some(interval_s), refresher) => {
                let interval_s = interval_s.clamp(FLOOR_S, MAX_SE_S);
                SessionTimer { interval_s, ours: refresher.as_deref() != Some("uas") }
            }
            // They do not say anything: what runs goes on, if there is anything.
            (None, _) => match session.timer {
                Some(timer) => timer,
                None => return,
            },
        };
        run_timer(now, session, timer);
    }

    /// Nobody refreshed the session.
    pub(crate) fn session_expired(&mut self, now: Instant, session: &mut Session) {
        if session.phase == Phase::Up {
            self.counters.sessions_expired += 1;
            self.send_bye(now, session, End::of(Cause::SessionExpired, Side::Network));
        }
    }

    /// A 422: take its Min-SE. False if that says nothing new.
    pub(crate) fn raise_min_se(&mut self, session: &mut Session, response: &Response) -> bool {
        let least = response.headers.number(&Name::MinSe).unwrap_or(0);
        let higher = least > session.min_se_s && least <= MAX_SE_S;
        if higher {
            session.min_se_s = least;
            self.counters.intervals_raised += 1;
        }
        higher
    }
}

fn run_timer(now: Instant, session: &mut Session, timer: SessionTimer) {
    session.timer = Some(timer);
    let interval = Duration::from_secs(u64::from(timer.interval_s));
    let lead = (interval / 3).min(Duration::from_secs(32));
    session.due.set(Why::Expiry, now + interval.saturating_sub(lead));
    if timer.ours {
        session.due.set(Why::Refresh, now + interval / 2);
    } else {
        session.due.clear(Why::Refresh);
    }
}

/// A refresh failed: once more halfway to the end.
pub(super) fn refresh_later(now: Instant, session: &mut Session) {
    let Some(timer) = session.timer.filter(|timer| timer.ours) else { return };
    session.due.set(Why::Refresh, now + Duration::from_secs(u64::from(timer.interval_s)) / 8);
}
