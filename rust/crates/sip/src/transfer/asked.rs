//! The far end asks us to transfer it (RFC 3515 section 2.4): the engine decides, and we tell how it goes.

use std::time::Instant;

use super::OUTCOME_WITHIN_MS;
use super::replaces::read_target;
use crate::errand::{Kind, Sketch};
use crate::event::Event;
use crate::receive;
use crate::session::due::Why;
use crate::session::{Phase, Session};
use crate::timers::Target;
use crate::transaction::{ServerTx, TxKey};
use crate::ua::UserAgent;
use crate::wire::{AddressParts, Method, Name, ReplyHead, phrase, text};

/// How long the engine may think, in multiples of T1: well within the time-out of the REFER.
const DECIDE_WITHIN_T1: u32 = 16;

/// A REFER.
#[derive(Debug)]
pub(crate) struct Asked {
    key: TxKey,
    head: ReplyHead,
    /// `Refer-Sub: false` (RFC 4488): they do not want to hear of it.
    silent: bool,
    /// Answered 202.
    accepted: bool,
    /// `;id=` of Event in NOTIFYs, from the second REFER on (RFC 3515 section 2.4.6).
    id: Option<u32>,
}

impl UserAgent {
    /// A REFER inside the dialog.
    pub(crate) fn receive_refer(&mut self, session: &mut Session, asked: receive::Asked<'_>) {
        let request = asked.request;
        if !session.policy.allow_transfer || session.phase != Phase::Up || session.transfers.asked.is_some() {
            self.counters.refused_transfers += 1;
            return self.reply(session, asked, 603);
        }
        let targets: Vec<_> = request.headers.lines(&Name::ReferTo).map(std::borrow::Cow::into_owned).collect();
        let target = match targets.as_slice() {
            [one] => AddressParts::parse(one).and_then(|parts| read_target(parts.uri)),
            _ => None,
        };
        let (Some(target), Some(head)) = (target, request.reply_head(asked.from)) else {
            self.counters.refused_malformed += 1;
            return self.reply(session, asked, 400);
        };
        if !self.has_room_for_server() {
            self.counters.refused_max_transactions += 1;
            return self.reply(session, asked, 503);
        }
        // Copies are absorbed while the engine thinks; whatever happens, the transaction goes.
        let mut tx = ServerTx::new(false, None, head.reply_to);
        let over = asked.now + self.timers.timeout();
        tx.expire_at(over);
        self.queue.push(over, Target::Server(asked.key));
        self.servers.insert(asked.key, tx);
        let silent = request.headers.get(&Name::ReferSub).is_some_and(|value| value.starts_with(b"false"));
        let id = (session.transfers.taken > 0).then_some(request.id.cseq);
        session.transfers.taken += 1;
        session.transfers.asked = Some(Asked { key: asked.key, head, silent, accepted: false, id });
        session.due.set(Why::Transfer, asked.now + self.timers.t1 * DECIDE_WITHIN_T1);
        let replaces = target.replaces.as_ref().and_then(|key| self.leg_of(key));
        let has_replaces = target.replaces.is_some();
        let referred_by = request.headers.get(&Name::ReferredBy);
        let referred_by = referred_by.and_then(|value| AddressParts::parse(&value).map(|parts| text(parts.uri)));
        let target = text(&target.uri);
        self.report(session, |leg| Event::TransferRequested { leg, target, replaces, has_replaces, referred_by });
    }

    /// The engine lets the transfer go ahead: 202, and the first NOTIFY.
    pub(crate) fn accept_transfer(&mut self, now: Instant, session: &mut Session) {
        let Some(asked) = session.transfers.asked.as_mut().filter(|asked| !asked.accepted) else {
            return self.counters.stale_commands += 1;
        };
        asked.accepted = true;
        let silent = asked.silent;
        self.answer_refer(now, session, 202);
        if silent {
            session.transfers.asked = None;
            session.due.clear(Why::Transfer);
        } else {
            session.due.set(Why::Transfer, now + self.timers.scaled(OUTCOME_WITHIN_MS));
            self.notify_transfer(now, session, 100);
        }
    }

    /// The engine does not want it.
    pub(crate) fn reject_transfer(&mut self, now: Instant, session: &mut Session, code: u16) {
        if session.transfers.asked.as_ref().is_none_or(|asked| asked.accepted) {
            return self.counters.stale_commands += 1;
        }
        let code = if (400..=699).contains(&code) { code } else { 603 };
        self.counters.refused_transfers += 1;
        self.answer_refer(now, session, code);
        session.transfers.asked = None;
        session.due.clear(Why::Transfer);
    }

    fn answer_refer(&mut self, now: Instant, session: &mut Session, code: u16) {
        let Some(asked) = &session.transfers.asked else { return };
        let (key, to) = (asked.key, asked.head.reply_to);
        let mut writer = asked.head.start(code, phrase(code), &session.dialog.local_tag);
        if code == 202 {
            self.write_contact(&mut writer, session);
            if asked.silent {
                writer.header("Refer-Sub", "false");
            }
        } else {
            writer.header("Server", &self.config.user_agent);
        }
        self.respond(now, key, false, session.leg(), (to, code, writer.finish(None)));
    }

    /// Tell how the call to the target goes; a final code is the last word (RFC 3515 section 2.4.5).
    pub(crate) fn notify_transfer(&mut self, now: Instant, session: &mut Session, code: u16) {
        let Some(asked) = session.transfers.asked.as_ref().filter(|asked| asked.accepted) else {
            return self.counters.stale_commands += 1;
        };
        let event = asked.id.map_or_else(|| "refer".to_owned(), |id| format!("refer;id={id}"));
        let is_final = code >= 200;
        let state = if is_final { "terminated;reason=noresource" } else { "active;expires=180" };
        if is_final {
            session.transfers.asked = None;
            session.due.clear(Why::Transfer);
        }
        let sketch = Sketch {
            method: Method::Notify,
            headers: vec![("Event".to_owned(), event), ("Subscription-State".to_owned(), state.to_owned())],
            body: Some(("message/sipfrag;version=2.0", format!("SIP/2.0 {code} {}\r\n", phrase(code)))),
        };
        self.send_errand(now, session, None, Kind::Notify, sketch);
    }

    /// The engine has not decided, or nobody has told how it went.
    pub(crate) fn transfer_due(&mut self, now: Instant, session: &mut Session) {
        match &session.transfers.asked {
            Some(asked) if asked.accepted => self.notify_transfer(now, session, 408),
            Some(_) => self.reject_transfer(now, session, 603),
            None => {}
        }
    }
}
