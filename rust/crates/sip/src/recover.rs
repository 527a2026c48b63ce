//! Ending dialogs known from the journal only, after a crash.
//!
//! A confirmed dialog gets BYE. An INVITE of ours without an answer gets CANCEL: its branch derives from Call-ID and
//! tag, so the far end takes it for that of the process that died. A call to us may have been answered or not; BYE is
//! right in the first case and harmless in the second, and the INVITE is refused if it is repeated.

use std::time::Instant;

use crate::dialog::Dialog;
use crate::dialog::reference::{DialogRef, Recovered};
use crate::digest::Auth;
use crate::event::{Cause, Side};
use crate::session::{End, Media, Phase, Session};
use crate::timers::Target;
use crate::transaction::{ClientState, ClientTx, Purpose, TxKey, branch, client_key};
use crate::ua::UserAgent;
use crate::wire::{Method, Request, Writer};

/// INVITEs that one call may have sent: the first, and one more for credentials.
const INVITES: std::ops::RangeInclusive<u32> = 1..=2;
/// Calls from before a crash that are remembered at once.
const MAX_GIVEN_UP: usize = 10_000;

impl UserAgent {
    /// End a dialog by its text form.
    pub(crate) fn end_dialog(&mut self, now: Instant, json: &str) {
        match DialogRef::read(json) {
            None => self.counters.refused_dialogs += 1,
            Some(Recovered::Calling(mut dialog)) => {
                dialog.peer = self.config.settle(dialog.peer);
                self.withdraw_unknown(now, &dialog);
            }
            Some(Recovered::Confirmed(mut dialog)) => {
                dialog.peer = self.config.settle(dialog.peer);
                if self.dialogs.contains_key(&dialog.key()) {
                    // It is alive, so it is no crash; whoever owns the leg must end it.
                    self.counters.refused_dialogs += 1;
                    return;
                }
                // We never sent a request in it: they called us, and may not know our answer.
                if dialog.local_cseq == 0 && self.given_up.len() < MAX_GIVEN_UP {
                    let until = now + self.timers.timeout();
                    self.given_up.push_back((until, dialog.call_id.clone(), dialog.remote_tag.clone()));
                }
                self.end_silently(now, dialog);
            }
        }
    }

    fn end_silently(&mut self, now: Instant, dialog: Dialog) {
        let mut session = Session::new(self.silent_id(), Phase::Up, dialog, Media::new(0, None), Auth::default());
        self.register(&mut session);
        self.send_bye(now, &mut session, End::of(Cause::Bye, Side::Local));
        self.adopt(session);
    }

    /// CANCEL without the INVITE: its transaction is made up as one that had a provisional response.
    fn withdraw_unknown(&mut self, now: Instant, dialog: &Dialog) {
        for cseq in INVITES {
            let branch = branch(&dialog.call_id, &dialog.local_tag, cseq, Method::Invite);
            let invite = client_key(branch.as_bytes(), Method::Invite);
            if self.clients.contains_key(&invite) {
                self.counters.refused_dialogs += 1;
                continue;
            }
            self.expect_answer(now, invite, dialog);
            self.cancel_unknown(now, dialog, cseq, &branch);
        }
    }

    fn expect_answer(&mut self, now: Instant, invite: TxKey, dialog: &Dialog) {
        self.started += 1;
        let mut tx = ClientTx::new(Purpose::Invite, None, dialog.peer, bytes::Bytes::new(), self.started);
        tx.state = ClientState::Proceeding;
        tx.uri = dialog.target.clone().into_boxed_slice();
        let at = now + self.timers.timeout();
        tx.expire_at(at);
        self.queue.push(at, Target::Client(invite));
        self.clients.insert(invite, tx);
    }

    fn cancel_unknown(&mut self, now: Instant, dialog: &Dialog, cseq: u32, branch: &str) {
        let mut writer = Writer::request(Method::Cancel, &dialog.target);
        writer
            .header("Via", self.config.via(dialog.peer, branch))
            .header("Max-Forwards", "70")
            .header("From", &dialog.local)
            .header("To", &dialog.remote)
            .header("Call-ID", &dialog.call_id)
            .header("CSeq", format!("{cseq} CANCEL"))
            .header("User-Agent", &self.config.user_agent);
        self.start_ownerless(
            now,
            Purpose::Cancel,
            client_key(branch.as_bytes(), Method::Cancel),
            (dialog.peer, writer.finish(None)),
        );
    }

    /// Whether this is a call from before a crash that `EndDialog` gave up.
    pub(crate) fn was_given_up(&mut self, now: Instant, request: &Request) -> bool {
        while self.given_up.front().is_some_and(|(until, _, _)| *until <= now) {
            self.given_up.pop_front();
        }
        let id = &request.id;
        self.given_up.iter().any(|(_, call_id, tag)| *call_id == id.call_id && *tag == id.from_tag)
    }
}
