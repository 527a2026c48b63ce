//! Taking an INVITE back (RFC 3261 section 9.1).
//!
//! CANCEL must not overtake its INVITE, so it waits for a provisional response. It carries the INVITE's branch and
//! CSeq number. Whatever its own response says, what counts is the final response of the INVITE; if none comes within
//! 64·T1 the call is over all the same, and a 2xx that comes even later is acknowledged and ended.

use std::time::Instant;

use crate::event::{Cause, Side};
use crate::session::due::Why;
use crate::session::{End, Phase, Session};
use crate::timers::Target;
use crate::transaction::{Purpose, client_key};
use crate::ua::UserAgent;
use crate::wire::{Method, Writer};

impl UserAgent {
    /// Send CANCEL for the INVITE that is out.
    pub(crate) fn send_cancel(&mut self, now: Instant, session: &mut Session) {
        let Some(outgoing) = &session.outgoing else { return };
        let dialog = &session.dialog;
        let mut writer = Writer::request(Method::Cancel, &outgoing.uri);
        writer.header("Via", self.config.via(outgoing.peer, &outgoing.branch));
        for route in &dialog.routes {
            writer.header("Route", route);
        }
        writer
            .header("Max-Forwards", "70")
            .header("From", &dialog.local)
            .header("To", &dialog.remote)
            .header("Call-ID", &dialog.call_id)
            .header("CSeq", format!("{} CANCEL", dialog.local_cseq))
            .header("User-Agent", &self.config.user_agent);
        if let Some(reason) = session.reason() {
            writer.header("Reason", reason);
        }
        let key = client_key(outgoing.branch.as_bytes(), Method::Cancel);
        let request = (outgoing.peer, writer.finish(None));
        self.start_client(now, Purpose::Cancel, session, key, request);
        session.phase = Phase::Cancelling;
        session.due.set(Why::Cancel, now + self.timers.timeout());
    }

    /// No final response after our CANCEL.
    pub(crate) fn give_up_cancelling(&mut self, now: Instant, session: &mut Session) {
        self.leave_invite(now, session);
        let end = session.end.take().unwrap_or_else(|| End::of(Cause::Cancelled, Side::Local));
        self.finish(session, end);
    }

    /// The session goes, its INVITE transaction stays a while to catch a 2xx.
    pub(crate) fn leave_invite(&mut self, now: Instant, session: &Session) {
        let Some(outgoing) = &session.outgoing else { return };
        let Some(tx) = self.clients.get_mut(&outgoing.key) else { return };
        if tx.due().is_none() {
            let at = now + self.timers.timeout();
            tx.expire_at(at);
            self.queue.push(at, Target::Client(outgoing.key));
        }
    }
}
