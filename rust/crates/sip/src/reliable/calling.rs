//! We call: each reliable provisional response gets its PRACK, in order and once (RFC 3262 section 4).
//!
//! The INVITE does not wait for that; a PRACK that fails fails alone.

use std::time::Instant;

use crate::errand::{Kind, Sketch};
use crate::event::{Cause, Side};
use crate::sdp::{Body, answer_offer, sdp_of};
use crate::session::{End, Session};
use crate::ua::UserAgent;
use crate::wire::{Method, Name, Response, phrase};

/// What to do with a provisional response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is an ordinary one.
    Unreliable,
    /// It is the next reliable one: PRACK it.
    Next(u32),
    /// It is a copy, or came out of order: its sender repeats what is missing.
    Skip,
}

/// Look at the order of a provisional response of the fork that sent `last` before.
pub(crate) fn take_in_order(last: Option<u32>, response: &Response) -> Taken {
    let reliable = response.code > 100
        && response.headers.list(&Name::Require).iter().any(|tag| tag.eq_ignore_ascii_case(b"100rel"));
    let Some(rseq) = response.headers.number(&Name::RSeq).filter(|rseq| reliable && *rseq > 0) else {
        return Taken::Unreliable;
    };
    match last {
        Some(last) if rseq != last.wrapping_add(1) => Taken::Skip,
        _ => Taken::Next(rseq),
    }
}

impl UserAgent {
    /// Acknowledge a reliable provisional response of the fork `tag`. Where it carries an offer, because our INVITE had
    /// none, the PRACK answers it (RFC 3262 section 5).
    pub(crate) fn acknowledge_progress(&mut self, now: Instant, session: &mut Session, rseq: u32, response: &Response) {
        let tag = response.id.to_tag.clone();
        let answer = Self::answer_early_offer(session, &tag, response);
        let rack = format!("{rseq} {} INVITE", response.id.cseq);
        let unusable = matches!(answer, EarlyAnswer::Impossible);
        let body = match answer {
            EarlyAnswer::Text(sdp) => Some(("application/sdp", sdp)),
            EarlyAnswer::NotAsked | EarlyAnswer::Impossible => None,
        };
        let sketch = Sketch { method: Method::Prack, headers: vec![("RAck".to_owned(), rack)], body };
        self.send_errand(now, session, Some(tag), Kind::Prack, sketch);
        if unusable {
            session.end = Some(End::by_code(Cause::NoCommonCodec, Side::Local, 488, phrase(488)));
            self.send_cancel(now, session);
        }
    }

    fn answer_early_offer(session: &mut Session, tag: &[u8], response: &Response) -> EarlyAnswer {
        let Some(outgoing) = session.outgoing.as_mut().filter(|outgoing| outgoing.sdp.is_empty()) else {
            return EarlyAnswer::NotAsked;
        };
        let Some(fork) = outgoing.forks.iter_mut().find(|fork| fork.dialog.remote_tag == tag && !fork.settled) else {
            return EarlyAnswer::NotAsked;
        };
        let (Body::Sdp(theirs), Some(local)) = (sdp_of(&response.headers, &response.body), session.media.local.clone())
        else {
            return EarlyAnswer::NotAsked;
        };
        let Ok((_, agreed)) = answer_offer(&theirs, &local, session.media.origin) else {
            return EarlyAnswer::Impossible;
        };
        fork.media = Some(agreed);
        fork.settled = true;
        let sdp = session
            .media
            .settle(|origin| answer_offer(&theirs, &local, origin).map(|(sdp, _)| sdp).unwrap_or_default());
        EarlyAnswer::Text(sdp)
    }
}

enum EarlyAnswer {
    NotAsked,
    Text(String),
    /// They offer nothing we can use.
    Impossible,
}
