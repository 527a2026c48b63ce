//! Ending: hang-up by whichever means the state asks for, BYE out and in (RFC 3261 section 15).

use std::time::Instant;

use crate::change::Change;
use crate::dialog::request::{Extra, build, request_uri};
use crate::digest::Subject;
use crate::event::{Cause, Confirmation, Side};
use crate::receive::Asked;
use crate::session::due::Due;
use crate::session::{End, Phase, Session};
use crate::transaction::{Purpose, client_key};
use crate::ua::UserAgent;
use crate::wire::{Method, ReasonText, Response, phrase, text};

impl UserAgent {
    /// End a leg. `stopped` when the whole engine ends.
    pub(crate) fn hang_up(&mut self, now: Instant, session: &mut Session, q850: Option<u8>, stopped: bool) {
        session.q850 = q850.filter(|cause| (1..=127).contains(cause));
        let cause = |cause| if stopped { Cause::Stopped } else { cause };
        match session.phase {
            Phase::Calling => {
                session.phase = Phase::Withdrawn;
                session.end = Some(End::of(cause(Cause::Cancelled), Side::Local));
            }
            Phase::Proceeding => {
                session.end = Some(End::of(cause(Cause::Cancelled), Side::Local));
                self.send_cancel(now, session);
            }
            Phase::Offered => {
                let reason = session.reason();
                let end = End::by_code(cause(Cause::Response), Side::Local, 480, phrase(480));
                self.reject_with(now, session, end, reason.as_deref());
            }
            Phase::Answering => {
                session.bye_wanted = true;
                session.end = Some(End::of(cause(Cause::Bye), Side::Local));
            }
            Phase::Up => self.send_bye(now, session, End::of(cause(Cause::Bye), Side::Local)),
            Phase::Withdrawn | Phase::Cancelling | Phase::Closing => {}
        }
    }

    /// Send BYE; the session ends as `end` says when the BYE is answered or timed out.
    pub(crate) fn send_bye(&mut self, now: Instant, session: &mut Session, end: End) {
        session.end = Some(end);
        session.phase = Phase::Closing;
        session.pending = None;
        session.due = Due::default();
        session.errands.clear();
        session.change = Change::default();
        session.auth.next_request();
        self.transmit_bye(now, session);
    }

    fn transmit_bye(&mut self, now: Instant, session: &mut Session) {
        session.dialog.local_cseq += 1;
        let uri = text(&request_uri(&session.dialog));
        let mut headers = Vec::new();
        if session.auth.is_needed() {
            let cnonce = text(&self.random.token());
            headers = session.auth.headers(Subject { method: "BYE", uri: &uri, body: b"" }, &cnonce);
        }
        if let Some(reason) = session.reason() {
            headers.push(("Reason".to_owned(), reason));
        }
        let extra = Extra { config: &self.config, headers: &headers, body: None };
        let built = build(&session.dialog, Method::Bye, session.dialog.local_cseq, extra);
        let key = client_key(built.branch.as_bytes(), Method::Bye);
        self.start_client(now, Purpose::Bye, session, key, (built.to, built.bytes));
    }

    /// The BYE got its final response. Whatever it says, the dialog is over, unless it asks for credentials we have.
    pub(crate) fn bye_answered(&mut self, now: Instant, session: &mut Session, response: &Response) {
        if session.phase != Phase::Closing {
            return;
        }
        if matches!(response.code, 401 | 407) && session.auth.challenged(&response.headers) {
            self.counters.challenges_answered += 1;
            return self.transmit_bye(now, session);
        }
        self.finish_closing(session);
    }

    /// Nothing more to wait for after our BYE.
    pub(crate) fn finish_closing(&mut self, session: &mut Session) {
        let end = session.end.take().unwrap_or_else(|| End::of(Cause::Bye, Side::Local));
        self.finish(session, end);
    }

    /// A BYE from the far end.
    pub(crate) fn receive_bye(&mut self, session: &mut Session, asked: Asked<'_>) {
        let now = asked.now;
        self.reply(session, asked, 200);
        let mut end = End::of(Cause::Bye, Side::Remote);
        end.reason = ReasonText::of(&asked.request.headers);
        match session.phase {
            // Both hung up at once: what we asked for first counts.
            Phase::Closing => return self.finish_closing(session),
            Phase::Offered => {
                // The caller may give up an early dialog this way too.
                let mut cancelled = End::by_code(Cause::Cancelled, Side::Remote, 487, phrase(487));
                cancelled.reason = end.reason;
                return self.reject_with(now, session, cancelled, None);
            }
            // Their BYE overtook their 2xx. The answer that still comes gets ACK and BYE without a session.
            Phase::Calling | Phase::Proceeding | Phase::Withdrawn | Phase::Cancelling => {
                self.leave_invite(now, session);
            }
            Phase::Answering => self.confirm(session, Confirmation::Request),
            Phase::Up => {}
        }
        // What we wanted already counts before what they wanted.
        let end = session.end.take().unwrap_or(end);
        self.finish(session, end);
    }
}
