//! Time goes by: retransmissions and time-outs.

use std::time::Instant;

use crate::aside::Outcome;
use crate::event::{Cause, Side};
use crate::peer::Peer;
use crate::session::due::Why;
use crate::session::{End, Session};
use crate::timers::Target;
use crate::transaction::{ClientState, ClientTick, Purpose, ServerTick, TxKey};
use crate::ua::UserAgent;

impl UserAgent {
    /// Do everything that is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some((at, target)) = self.queue.pop_due(now) {
            match target {
                Target::Client(key) => self.tick_client(now, at, key),
                Target::Server(key) => self.tick_server(now, at, key),
                Target::Binding(id) => self.tick_binding(now, at, id),
                Target::Registration(id) => self.tick_registration(now, at, id),
                Target::Probe(id) => self.tick_probe(now, at, id),
                Target::Session(id) => {
                    self.with_session(id, |ua, session| {
                        while let Some(why) = session.due.take(now).filter(|_| !session.over) {
                            ua.tick_session(now, session, why);
                        }
                    });
                }
            }
        }
    }

    fn tick_client(&mut self, now: Instant, at: Instant, key: TxKey) {
        let Some(tx) = self.clients.get_mut(&key).filter(|tx| tx.due() == Some(at)) else { return };
        match tx.on_timer(now, &self.timers) {
            ClientTick::Nothing => {}
            ClientTick::Retransmit => {
                let (to, bytes, due) = (tx.to, tx.message.clone(), tx.due());
                // Once its leg is reported over, a trace must not name it any more.
                let leg = tx.owner.and_then(|id| self.sessions.get(&id)).and_then(|session| session.leg());
                if let Some(due) = due {
                    self.queue.push(due, Target::Client(key));
                }
                self.counters.retransmissions_sent += 1;
                self.transmit(leg, to, bytes);
            }
            ClientTick::Done => {
                self.clients.remove(&key);
            }
            ClientTick::TimedOut => self.fail_client(now, key, Cause::Timeout),
        }
    }

    /// A request of ours will not be answered any more.
    fn fail_client(&mut self, now: Instant, key: TxKey, cause: Cause) {
        let Some(tx) = self.clients.remove(&key) else { return };
        if tx.purpose.is_aside() {
            return self.aside_over(now, key, tx.purpose, &Outcome::Failed(cause));
        }
        let Some(owner) = tx.owner else { return };
        self.with_session(owner, |ua, session| match tx.purpose {
            Purpose::Invite => {
                let end = session.end.take().unwrap_or_else(|| End::of(cause, Side::Network));
                ua.finish(session, end);
            }
            Purpose::Bye => ua.finish_closing(session),
            Purpose::Errand | Purpose::Reinvite => ua.errand_failed(now, session, key),
            // The session has its own time-out for what follows a CANCEL.
            _ => {}
        });
    }

    fn tick_server(&mut self, now: Instant, at: Instant, key: TxKey) {
        let Some(tx) = self.servers.get_mut(&key).filter(|tx| tx.due() == Some(at)) else { return };
        match tx.on_timer(now, &self.timers) {
            ServerTick::Nothing => {}
            ServerTick::Retransmit => {
                let (to, bytes, due) = (tx.to, tx.response.clone(), tx.due());
                if let Some(due) = due {
                    self.queue.push(due, Target::Server(key));
                }
                self.counters.retransmissions_sent += 1;
                self.transmit(None, to, bytes);
            }
            ServerTick::Done => self.forget_server(key),
        }
    }

    /// Let a server transaction go.
    pub(crate) fn forget_server(&mut self, key: TxKey) {
        if let Some(merge) = self.servers.remove(&key).and_then(|tx| tx.merge_key) {
            self.merges.remove(&merge);
        }
    }

    fn tick_session(&mut self, now: Instant, session: &mut Session, why: Why) {
        match why {
            Why::Cancel => self.give_up_cancelling(now, session),
            Why::Answer => self.repeat_answer(now, session),
            Why::Reliable => self.repeat_reliable(now, session),
            Why::Offer => self.change_due(now, session),
            Why::Refresh => self.refresh_session(now, session),
            Why::Expiry => self.session_expired(now, session),
            Why::Transfer => {}
        }
    }

    /// Requests to a peer that cannot be reached fail at once, oldest first, unless something was heard already.
    pub(crate) fn fail_requests_to(&mut self, now: Instant, to: Peer) {
        let mut failed: Vec<(u64, TxKey)> = self
            .clients
            .iter()
            .filter(|(_, tx)| to.concerns(&tx.to) && tx.state == ClientState::Waiting)
            .map(|(key, tx)| (tx.started(), *key))
            .collect();
        failed.sort_unstable();
        for (_, key) in failed {
            if to.connection == 0 || !self.retry_client(key) {
                self.fail_client(now, key, Cause::Transport);
            }
        }
    }

    /// Send a request again whose connection was lost, over a new one; once only. An idle connection may have been
    /// closed by the far end just as we wrote.
    fn retry_client(&mut self, key: TxKey) -> bool {
        let Some(tx) = self.clients.get_mut(&key).filter(|tx| !tx.retried) else { return false };
        tx.retried = true;
        tx.to.connection = 0;
        let (to, bytes) = (tx.to, tx.message.clone());
        let leg = tx.owner.and_then(|id| self.sessions.get(&id)).and_then(|session| session.leg());
        self.counters.retransmissions_sent += 1;
        self.transmit(leg, to, bytes);
        true
    }
}
