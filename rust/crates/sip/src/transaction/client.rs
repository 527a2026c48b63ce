//! Client transactions: requests of ours (RFC 3261 section 17.1, RFC 6026 section 8).
//!
//! ```text
//!            INVITE                                   BYE, CANCEL, others
//!   Waiting --1xx--> Proceeding              Waiting --1xx--> Proceeding (sent again every T2)
//!      |  B: time-out    |                      |  F: time-out    |
//!      +--2xx--> Accepted (M) <--2xx--+         +-----final--> Completed (K)
//!      +--3xx-6xx--> Completed (D) <--+
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::peer::Peer;
use crate::probe::ProbeId;
use crate::registrar::BindingId;
use crate::registration::RegistrationId;
use crate::session::SessionId;
use crate::timers::Timers;

/// Where a client transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientState {
    /// Nothing came back yet ("Calling", "Trying").
    Waiting,
    /// A provisional response came.
    Proceeding,
    /// A final response came (INVITE: not a 2xx).
    Completed,
    /// INVITE: a 2xx came, and more may follow.
    Accepted,
}

/// What the request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Invite,
    Cancel,
    Bye,
    /// An INVITE inside a dialog.
    Reinvite,
    /// Any other request inside a dialog; the session knows which.
    Errand,
    /// REGISTER of a trunk.
    Register(RegistrationId),
    /// OPTIONS to a gateway.
    Probe(ProbeId),
    /// OPTIONS to a phone.
    KeepAlive(BindingId),
}

impl Purpose {
    /// Outside any dialog: no session waits for it.
    pub(crate) fn is_aside(self) -> bool {
        matches!(self, Self::Register(_) | Self::Probe(_) | Self::KeepAlive(_))
    }
}

impl Purpose {
    /// Its responses are those to an INVITE.
    pub(crate) fn is_invite(self) -> bool {
        matches!(self, Self::Invite | Self::Reinvite)
    }
}

/// A client transaction.
#[derive(Debug)]
pub(crate) struct ClientTx {
    pub(crate) purpose: Purpose,
    /// The session to tell; None once it is over or was never there.
    pub(crate) owner: Option<SessionId>,
    pub(crate) to: Peer,
    pub(crate) state: ClientState,
    /// The request while it may be sent again, then the ACK of a refused INVITE.
    pub(crate) message: Bytes,
    /// Request-URI of an INVITE: its ACKs need it.
    pub(crate) uri: Box<[u8]>,
    /// Route values of an INVITE inside a dialog, for the ACK of its refusal.
    pub(crate) routes: Vec<Vec<u8>>,
    /// 2xx answers seen: To tag and ACK. A forked INVITE has several.
    pub(crate) acks: Vec<(Box<[u8]>, Peer, Bytes)>,
    /// Sent again over a new connection already, because the first was lost.
    pub(crate) retried: bool,
    interval: Duration,
    retransmit_at: Option<Instant>,
    expires_at: Option<Instant>,
    started: u64,
}

/// What a fired timer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientTick {
    /// Not due.
    Nothing,
    /// Send the request again.
    Retransmit,
    /// No final response came in time.
    TimedOut,
    /// Late copies are no longer expected: forget it.
    Done,
}

impl ClientTx {
    /// Start one whose request is being sent now. `started` orders transactions by age.
    pub(crate) fn new(purpose: Purpose, owner: Option<SessionId>, to: Peer, message: Bytes, started: u64) -> Self {
        Self {
            purpose,
            owner,
            to,
            state: ClientState::Waiting,
            message,
            uri: Box::default(),
            routes: Vec::new(),
            acks: Vec::new(),
            retried: false,
            interval: Duration::ZERO,
            retransmit_at: None,
            expires_at: None,
            started,
        }
    }

    /// Start the timers of a request just sent (A and B, E and F).
    pub(crate) fn arm(&mut self, now: Instant, timers: &Timers) {
        self.interval = timers.t1;
        self.retransmit_at = self.unless_reliable(now + timers.t1);
        self.expires_at = Some(now + timers.timeout());
    }

    /// When to send again; never over a stream (timers A and E).
    fn unless_reliable(&self, at: Instant) -> Option<Instant> {
        (!self.to.transport.is_reliable()).then_some(at)
    }

    /// Expect nothing after `at`.
    pub(crate) fn expire_at(&mut self, at: Instant) {
        self.expires_at = Some(at);
    }

    /// Order of creation.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Option<Instant> {
        match (self.retransmit_at, self.expires_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// A provisional response came. An INVITE now waits for ever (RFC 3261 section 17.1.1.2: B fires in Calling only).
    pub(crate) fn on_provisional(&mut self, now: Instant, timers: &Timers) {
        if self.state != ClientState::Waiting {
            return;
        }
        self.state = ClientState::Proceeding;
        if self.purpose.is_invite() {
            self.retransmit_at = None;
            self.expires_at = None;
            self.message = Bytes::new();
        } else {
            self.interval = timers.t2;
            self.retransmit_at = self.unless_reliable(now + timers.t2);
        }
    }

    /// A final response came; `ack` is the ACK of a refused INVITE.
    pub(crate) fn on_final(&mut self, now: Instant, timers: &Timers, state: ClientState, ack: Bytes) {
        self.state = state;
        self.message = ack;
        self.retransmit_at = None;
        let wait = match (self.purpose, state) {
            // M: a forked INVITE may have more answers, whatever the transport (RFC 6026 section 8.4).
            (Purpose::Invite, ClientState::Accepted) => timers.timeout(),
            // D and K are for copies of the response; a stream brings none.
            _ if self.to.transport.is_reliable() => Duration::ZERO,
            (Purpose::Invite, _) => timers.timeout(),
            _ => timers.t4,
        };
        self.expires_at = Some(now + wait);
    }

    /// Time went by.
    pub(crate) fn on_timer(&mut self, now: Instant, timers: &Timers) -> ClientTick {
        if self.expires_at.is_some_and(|at| at <= now) {
            return match self.state {
                ClientState::Waiting | ClientState::Proceeding => ClientTick::TimedOut,
                ClientState::Completed | ClientState::Accepted => ClientTick::Done,
            };
        }
        if self.retransmit_at.is_none_or(|at| at > now) {
            return ClientTick::Nothing;
        }
        // Timer A doubles without a cap, timer E stops at T2.
        self.interval = match self.purpose {
            Purpose::Invite | Purpose::Reinvite => self.interval * 2,
            _ => timers.double_capped(self.interval),
        };
        self.retransmit_at = Some(now + self.interval);
        ClientTick::Retransmit
    }
}
