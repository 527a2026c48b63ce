//! Requests of the far end inside a dialog (RFC 3261 section 12.2.2).

mod info;
mod media;
mod offer;

use crate::event::Confirmation;
use crate::receive::Asked;
use crate::session::due::Why;
use crate::session::{Phase, Session};
use crate::ua::UserAgent;
use crate::uas::{CAPABILITIES, required};
use crate::wire::{ALLOW, Method, Request, phrase};

impl UserAgent {
    /// A request that belongs to this session.
    pub(crate) fn in_dialog(&mut self, session: &mut Session, asked: Asked<'_>) {
        if let Some(dialog) = session.dialog_mut(Some(&asked.request.id.from_tag)) {
            if dialog.remote_cseq.is_some_and(|last| asked.request.id.cseq <= last) {
                self.counters.refused_cseq += 1;
                return self.reply(session, asked, 500);
            }
            dialog.remote_cseq = Some(asked.request.id.cseq);
        }
        if let Some(unsupported) = required(asked.request, session.policy) {
            self.counters.refused_unsupported += 1;
            return self.reply_with(session, asked, (420, &[("Unsupported", &unsupported)]));
        }
        self.take_as_confirmation(session, asked.request);
        match asked.request.method {
            Method::Bye => return self.receive_bye(session, asked),
            Method::Invite => self.receive_reinvite(session, asked),
            Method::Update => self.receive_update(session, asked),
            Method::Prack => self.receive_prack(session, asked),
            Method::Info => self.receive_info(session, asked),
            Method::Options => self.reply_with(session, asked, (200, CAPABILITIES)),
            Method::Refer => self.receive_refer(session, asked),
            Method::Notify => self.receive_notify(session, asked),
            Method::KnownElsewhere => self.refuse_in_dialog(session, asked, 405),
            _ => self.refuse_in_dialog(session, asked, 501),
        }
        self.hang_up_if_wanted(asked.now, session);
        self.pursue_change(asked.now, session);
    }

    /// Who sends requests in a dialog has our 200, even if its ACK is lost.
    fn take_as_confirmation(&mut self, session: &mut Session, request: &Request) {
        if session.phase != Phase::Answering || request.method == Method::Bye {
            return;
        }
        self.confirm(session, Confirmation::Request);
        if session.pending.as_ref().is_some_and(|pending| !pending.wants_answer) {
            session.pending = None;
            session.due.clear(Why::Answer);
        }
    }

    fn refuse_in_dialog(&mut self, session: &Session, asked: Asked<'_>, code: u16) {
        self.counters.refused_unsupported += 1;
        self.reply_with(session, asked, (code, &[("Allow", ALLOW)]));
    }

    /// Answer a request of the dialog without anything particular.
    pub(crate) fn reply(&mut self, session: &Session, asked: Asked<'_>, code: u16) {
        self.reply_with(session, asked, (code, &[]));
    }

    /// Answer a request of the dialog, with further headers.
    pub(crate) fn reply_with(&mut self, session: &Session, asked: Asked<'_>, answer: (u16, &[(&str, &str)])) {
        let Some(head) = asked.request.reply_head(asked.from) else { return };
        let (code, headers) = answer;
        let mut writer = head.start(code, phrase(code), &session.dialog.local_tag);
        writer.header("Server", &self.config.user_agent);
        for (name, value) in headers {
            writer.header(name, value);
        }
        let response = (head.reply_to, code, writer.finish(None));
        self.respond(asked.now, asked.key, asked.request.method == Method::Invite, session.leg(), response);
    }
}
