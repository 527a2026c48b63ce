//! Answers nobody waits for: further forks of an INVITE, and answers after the end (RFC 3261 section 13.2.2.4).
//!
//! Each is a call that somebody picked up. It gets its ACK, and then BYE.

use std::time::Instant;

use crate::dialog::Dialog;
use crate::digest::Auth;
use crate::event::{Cause, Side};
use crate::session::{End, Media, Phase, Session};
use crate::transaction::TxKey;
use crate::ua::UserAgent;
use crate::wire::Response;

/// Answers to one INVITE that are ended one by one; what comes beyond is counted as stray.
const MAX_ANSWERS: usize = 16;

impl UserAgent {
    /// End an answer that makes no call.
    pub(super) fn end_extra_answer(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get(&key) else { return };
        if tx.acks.len() >= MAX_ANSWERS {
            self.counters.dropped_stray_responses += 1;
            return;
        }
        let auth = tx.owner.and_then(|id| self.sessions.get(&id)).map(|session| session.auth.clone());
        match auth {
            Some(_) => self.counters.forked_answers += 1,
            None => self.counters.late_answers += 1,
        }
        let dialog = Dialog::of_response(response, &tx.uri, tx.to);
        let media = Media::new(0, None);
        let mut session = Session::new(self.silent_id(), Phase::Up, dialog, media, auth.unwrap_or_else(Auth::default));
        self.register(&mut session);
        self.acknowledge(&session, key, (&[], None), response);
        self.send_bye(now, &mut session, End::of(Cause::Bye, Side::Local));
        self.adopt(session);
    }
}
