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
use crate::uac::GivenUp;

/// Reminders that may be kept beyond those in use before they are looked through.
const SPARE_REMINDERS: usize = 1024;

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
        self.tidy_queue();
    }

    /// Whoever moves its deadline leaves a reminder behind. A peer that refreshes its session again and again could pile
    /// them up for as long as the session may last.
    fn tidy_queue(&mut self) {
        let owners = self.clients.len() + self.servers.len() + self.sessions.len();
        let others = self.registrar.len() + self.registrations.len() + self.probes.len();
        if self.queue.len() < SPARE_REMINDERS + 4 * (owners + others) {
            return;
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.retain(|at, target| self.due_of(target) == Some(at));
        self.queue = queue;
    }

    fn due_of(&self, target: Target) -> Option<Instant> {
        match target {
            Target::Client(key) => self.clients.get(&key)?.due(),
            Target::Server(key) => self.servers.get(&key)?.due(),
            Target::Session(id) => self.sessions.get(&id)?.due.next(),
            Target::Binding(id) => self.registrar.due(id),
            Target::Registration(id) => self.registrations.due(id),
            Target::Probe(id) => self.probes.due(id),
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
                if ua.try_next(now, session, GivenUp::Cause(cause)) {
                    return;
                }
                let end = session.end.take().unwrap_or_else(|| End::of(cause, Side::Network));
                ua.finish(session, end);
            }
            Purpose::Bye => {
                ua.counters.unanswered_byes += 1;
                ua.finish_closing(session);
            }
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
            Why::Peer => self.give_up_peer(now, session),
            Why::Answer => self.repeat_answer(now, session),
            Why::Reliable => self.repeat_reliable(now, session),
            Why::Offer => self.change_due(now, session),
            Why::Refresh => self.refresh_session(now, session),
            Why::Expiry => self.session_expired(now, session),
            Why::Transfer => self.transfer_due(now, session),
            Why::Referral => self.referral_due(session),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, Listener};
    use crate::peer::Transport;
    use crate::probe::Probe;

    fn user_agent() -> UserAgent {
        let local = "192.0.2.1:5060".parse().expect("an address");
        UserAgent::new(Config {
            listeners: vec![Listener::new(Transport::Udp, local)],
            user_agent: "Ringback".to_owned(),
            t1: Duration::from_millis(500),
            max_legs: 10,
            max_incoming_per_s: 0,
            seed: 1,
            trace: false,
        })
    }

    #[test]
    fn reminders_left_behind_do_not_pile_up_and_those_in_use_stay() {
        let (mut ua, now) = (user_agent(), Instant::now());
        let second = Duration::from_secs(1);
        let (gateway, uri) = ("one".to_owned(), "sip:192.0.2.9".to_owned());
        let (interval, timeout) = (second * 60, second * 2);
        ua.set_probes(now, vec![Probe { trunk: 1, gateway, uri, interval, timeout, up_after: 1, down_after: 2 }]);
        let in_use = ua.queue.len();
        assert!(in_use > 0);

        for moved in 1..=50_000 {
            ua.queue.push(now + Duration::from_secs(1800) + Duration::from_millis(moved), Target::Session(7));
            ua.tick(now);
            assert!(ua.queue.len() <= SPARE_REMINDERS + 8);
        }

        ua.queue.retain(|_, target| target != Target::Session(7));
        assert_eq!(ua.queue.len(), in_use);
    }
}
