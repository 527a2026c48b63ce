//! We ask the far end to call somebody else (RFC 3515 section 2.4.1), and hear how it goes.

use std::time::Instant;

use super::OUTCOME_WITHIN_MS;
use super::replaces::escaped;
use crate::errand::{Kind, Sketch};
use crate::event::{Event, LegId};
use crate::receive::Asked;
use crate::session::due::Why;
use crate::session::{Phase, Session};
use crate::ua::UserAgent;
use crate::wire::{Method, Name, Response, is_safe_value, is_uri, phrase, text};

/// A REFER of ours whose outcome is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Referral {
    /// What was heard last.
    code: u16,
}

/// What the engine asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) to: String,
    pub(crate) replaces: Option<LegId>,
    pub(crate) referred_by: Option<String>,
}

impl UserAgent {
    /// Send a REFER. What cannot be asked is refused at once: 491 while another is under way, 481 for a dialog that is
    /// not there, 400 for what is no URI.
    pub(crate) fn refer(&mut self, now: Instant, session: &mut Session, wanted: &Wanted) {
        let replaced = wanted.replaces.map(|leg| self.sessions.get(&leg).and_then(|other| identity(other)));
        let by = wanted.referred_by.as_deref();
        let code = match &replaced {
            _ if !is_uri(wanted.to.as_bytes()) || by.is_some_and(|by| !is_uri(by.as_bytes())) => 400,
            _ if !is_safe_value(wanted.to.as_bytes()) || wanted.to.contains(['<', '>', '"']) => 400,
            _ if session.phase != Phase::Up || matches!(replaced, Some(None)) => 481,
            _ if session.transfers.referral.is_some() => 491,
            _ => 0,
        };
        if code > 0 {
            let phrase = phrase(code).to_owned();
            return self.report(session, |leg| Event::TransferProgress { leg, code, phrase, is_final: true });
        }
        let to = match replaced.flatten() {
            Some(dialog) => {
                let mark = if wanted.to.contains('?') { '&' } else { '?' };
                format!("<{}{mark}Replaces={}>", wanted.to, escaped(&dialog))
            }
            None => format!("<{}>", wanted.to),
        };
        let mut headers = vec![("Refer-To".to_owned(), to)];
        headers.extend(by.map(|by| ("Referred-By".to_owned(), format!("<{by}>"))));
        session.transfers.referral = Some(Referral { code: 0 });
        session.due.set(Why::Referral, now + self.timers.scaled(OUTCOME_WITHIN_MS));
        let sketch = Sketch { method: Method::Refer, headers, body: None };
        if !self.send_errand(now, session, None, Kind::Refer, sketch) {
            self.referral_over(session, 500, phrase(500));
        }
    }

    /// The final response to our REFER.
    pub(crate) fn refer_answered(&mut self, session: &mut Session, response: Option<&Response>) {
        let Some(response) = response else { return self.referral_over(session, 408, phrase(408)) };
        let (code, words) = (response.code, response.phrase.as_str());
        // RFC 4488: accepted, and that was the last we hear of it.
        let silent = response.headers.get(&Name::ReferSub).is_some_and(|value| value.starts_with(b"false"));
        if !response.is_success() || silent {
            return self.referral_over(session, code, words);
        }
        // A NOTIFY may have been quicker.
        if let Some(referral) = session.transfers.referral.as_mut().filter(|referral| referral.code == 0) {
            referral.code = code;
            let phrase = words.to_owned();
            self.report(session, |leg| Event::TransferProgress { leg, code, phrase, is_final: false });
        }
    }

    /// A NOTIFY about our REFER; any other subscription is unknown.
    pub(crate) fn receive_notify(&mut self, session: &mut Session, asked: Asked<'_>) {
        let headers = &asked.request.headers;
        let event = headers.get(&Name::Event).unwrap_or_default();
        if event.split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii) != Some(b"refer") {
            self.counters.refused_unsupported += 1;
            return self.reply(session, asked, 489);
        }
        let Some(referral) = session.transfers.referral.as_mut() else {
            self.counters.refused_no_dialog += 1;
            return self.reply(session, asked, 481);
        };
        let state = headers.get(&Name::SubscriptionState).unwrap_or_default().to_ascii_lowercase();
        let terminated = state.starts_with(b"terminated");
        let heard = read_fragment(&text(&asked.request.body));
        let code = heard.as_ref().map_or(referral.code, |(code, _)| *code);
        let words = heard.map_or_else(|| phrase(code).to_owned(), |(_, words)| words);
        referral.code = code;
        self.reply(session, asked, 200);
        if terminated || code >= 200 {
            return self.referral_over(session, code, &words);
        }
        self.report(session, |leg| Event::TransferProgress { leg, code, phrase: words, is_final: false });
    }

    /// Nobody told how it went.
    pub(crate) fn referral_due(&mut self, session: &mut Session) {
        self.referral_over(session, 408, phrase(408));
    }

    fn referral_over(&mut self, session: &mut Session, code: u16, words: &str) {
        session.due.clear(Why::Referral);
        if session.transfers.referral.take().is_some() {
            let phrase = words.to_owned();
            self.report(session, |leg| Event::TransferProgress { leg, code, phrase, is_final: true });
        }
    }
}

/// The dialog of a session as its far end calls it in Replaces: the tags are named from there (RFC 3891 section 3).
fn identity(session: &Session) -> Option<String> {
    let dialog = &session.dialog;
    (session.phase == Phase::Up).then(|| {
        let (call_id, theirs, ours) = (text(&dialog.call_id), text(&dialog.remote_tag), text(&dialog.local_tag));
        format!("{call_id};to-tag={theirs};from-tag={ours}")
    })
}

/// The first line of a `message/sipfrag` (RFC 3420).
fn read_fragment(body: &str) -> Option<(u16, String)> {
    let rest = body.lines().next()?.strip_prefix("SIP/2.0 ")?;
    let (code, words) = rest.trim_end().split_once(' ').unwrap_or((rest.trim_end(), ""));
    let code = code.parse().ok().filter(|code| (100..=699).contains(code))?;
    Some((code, words.to_owned()))
}
