//! What every part of the user agent needs: sending, reporting, sessions in and out of the table.

use std::time::Instant;

use bytes::Bytes;

use crate::dialog::DialogKey;
use crate::event::{Event, LegId, Output};
use crate::peer::Peer;
use crate::sdp::masked;
use crate::session::{End, Session, SessionId};
use crate::timers::Target;
use crate::transaction::{ClientTx, Purpose, ServerTx, TxKey};
use crate::ua::UserAgent;

impl UserAgent {
    /// Send a message.
    pub(crate) fn transmit(&mut self, leg: Option<LegId>, to: Peer, bytes: Bytes) {
        self.counters.datagrams_sent += 1;
        if self.config.trace {
            let shown = masked(&bytes).map_or_else(|| bytes.clone(), Bytes::from);
            let event = Event::Trace { leg, sent: true, peer: to, bytes: shown };
            self.outputs.push_back(Output::Event(event));
        }
        self.outputs.push_back(Output::Transmit { to, bytes, leg });
    }

    /// Report something about a leg. A silent session has nothing to report.
    pub(crate) fn report(&mut self, session: &Session, event: impl FnOnce(LegId) -> Event) {
        if let Some(leg) = session.leg() {
            self.outputs.push_back(Output::Event(event(leg)));
        }
    }

    /// A session is over: report how, and let it go.
    pub(crate) fn finish(&mut self, session: &mut Session, end: End) {
        session.over = true;
        if session.leg().is_none() {
            self.counters.dialogs_ended += 1;
        }
        let End { cause, side, code, phrase, reason, retry_after_s } = end;
        let (reason, q850) = (reason.raw, reason.q850);
        self.report(session, |leg| Event::Ended { leg, cause, side, code, phrase, reason, q850, retry_after_s });
    }

    /// Work on a session. While `act` runs it is out of the table.
    pub(crate) fn with_session(&mut self, id: SessionId, act: impl FnOnce(&mut Self, &mut Session)) -> bool {
        let Some(mut session) = self.sessions.remove(&id) else { return false };
        self.touched = session.leg().or(self.touched);
        let due = session.due.next();
        act(self, &mut session);
        self.put(session, due);
        true
    }

    /// Take up a new session.
    pub(crate) fn adopt(&mut self, session: Session) {
        if session.leg().is_some() {
            self.counters.legs += 1;
            self.touched = session.leg();
        }
        self.put(Box::new(session), None);
    }

    fn put(&mut self, session: Box<Session>, due: Option<Instant>) {
        if session.over {
            self.unregister(&session.keys);
            if session.leg().is_some() {
                self.counters.legs -= 1;
            }
            return;
        }
        if let Some(at) = session.due.next().filter(|at| Some(*at) != due) {
            self.queue.push(at, Target::Session(session.id));
        }
        self.sessions.insert(session.id, session);
    }

    /// Let requests find a session under its dialog's present key.
    pub(crate) fn register(&mut self, session: &mut Session) {
        let key = session.dialog.key();
        self.dialogs.insert(key.clone(), session.id);
        if !session.keys.contains(&key) {
            session.keys.push(key);
        }
    }

    fn unregister(&mut self, keys: &[DialogKey]) {
        for key in keys {
            self.dialogs.remove(key);
        }
    }

    /// The dialog is settled: what the other forks of the INVITE send no longer belongs to this session.
    pub(crate) fn register_only(&mut self, session: &mut Session) {
        let early = std::mem::take(&mut session.keys);
        self.unregister(&early);
        self.register(session);
    }

    /// Number for a silent session.
    pub(crate) fn silent_id(&mut self) -> SessionId {
        self.next_silent += 1;
        self.next_silent
    }

    /// Send a request and start its transaction.
    pub(crate) fn start_client(
        &mut self,
        now: Instant,
        purpose: Purpose,
        session: &Session,
        key: TxKey,
        request: (Peer, Bytes),
    ) {
        self.begin_client(now, (purpose, Some(session.id), session.leg()), key, request);
    }

    /// The same for a request that no session waits for.
    pub(crate) fn start_ownerless(&mut self, now: Instant, purpose: Purpose, key: TxKey, request: (Peer, Bytes)) {
        self.begin_client(now, (purpose, None, None), key, request);
    }

    fn begin_client(
        &mut self,
        now: Instant,
        whose: (Purpose, Option<SessionId>, Option<LegId>),
        key: TxKey,
        request: (Peer, Bytes),
    ) {
        let ((purpose, owner, leg), (to, bytes)) = (whose, request);
        self.started += 1;
        let mut tx = ClientTx::new(purpose, owner, to, bytes.clone(), self.started);
        tx.arm(now, &self.timers);
        self.remind_client(key, &tx);
        self.clients.insert(key, tx);
        self.transmit(leg, to, bytes);
    }

    /// Put the deadline of a client transaction into the queue.
    pub(crate) fn remind_client(&mut self, key: TxKey, tx: &ClientTx) {
        if let Some(at) = tx.due() {
            self.queue.push(at, Target::Client(key));
        }
    }

    /// Answer a request inside its server transaction, which is begun if need be.
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        key: TxKey,
        is_invite: bool,
        leg: Option<LegId>,
        response: (Peer, u16, Bytes),
    ) {
        let (to, code, bytes) = response;
        if !self.servers.contains_key(&key) {
            if !self.has_room_for_server() {
                // Better to work through a copy again than to remember without bounds.
                self.counters.refused_max_transactions += 1;
                return self.transmit(leg, to, bytes);
            }
            self.servers.insert(key, ServerTx::new(is_invite, None, to));
        }
        if let Some(tx) = self.servers.get_mut(&key) {
            tx.on_response(now, &self.timers, code, bytes.clone());
            if let Some(at) = tx.due() {
                self.queue.push(at, Target::Server(key));
            }
        }
        self.transmit(leg, to, bytes);
    }

    /// Whether one more server transaction may be kept. A call leaves two of them behind for 64·T1, so the bound leaves
    /// room for 32 generations of calls as many as there may be legs.
    pub(crate) fn has_room_for_server(&self) -> bool {
        self.servers.len() < self.config.max_legs.saturating_mul(64).saturating_add(10_000)
    }
}
