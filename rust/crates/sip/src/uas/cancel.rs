//! CANCEL of their INVITE (RFC 3261 section 9.2).
//!
//! Its own response is always 200 when the INVITE is known, and says nothing about the call. If the INVITE has no
//! final response yet it gets 487; after our 200 a CANCEL has no effect.

use std::time::Instant;

use crate::event::{Cause, Side};
use crate::peer::Peer;
use crate::session::{End, Phase};
use crate::transaction::server_key;
use crate::ua::UserAgent;
use crate::wire::{Method, ReasonText, Request, phrase};

impl UserAgent {
    /// A CANCEL came.
    pub(crate) fn receive_cancel(&mut self, now: Instant, from: Peer, request: &Request) {
        let key = server_key(request, Method::Cancel);
        if self.absorb(key) {
            return;
        }
        let invite = server_key(request, Method::Invite);
        let Some(tx) = self.servers.get(&invite) else {
            if !self.knows(from) {
                self.counters.dropped_unknown_source += 1;
                return;
            }
            self.counters.refused_no_dialog += 1;
            return self.refuse(from, request, 481, &[]);
        };
        let Some(head) = request.reply_head(from) else { return };
        let owner = tx.owner;
        let session = owner.and_then(|id| self.sessions.get(&id));
        let tag = session.map_or_else(|| self.random.token(), |session| session.dialog.local_tag.clone());
        let ok = head.plain(200, &tag, &self.config.user_agent);
        self.touched = owner;
        self.respond(now, key, false, owner, (head.reply_to, 200, ok));
        let Some(id) = owner else { return };
        self.with_session(id, |ua, session| {
            if session.phase != Phase::Offered {
                return;
            }
            let mut end = End::by_code(Cause::Cancelled, Side::Remote, 487, phrase(487));
            end.reason = ReasonText::of(&request.headers);
            ua.reject_with(now, session, end, None);
        });
    }
}
