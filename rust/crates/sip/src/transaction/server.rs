//! Server transactions: requests to us (RFC 3261 section 17.2, RFC 6026 section 7).
//!
//! ```text
//!   INVITE: Proceeding --2xx--> Accepted (L)                   (the 2xx itself is sent again by the session)
//!           Proceeding --3xx-6xx--> Completed (G, H) --ACK--> Confirmed (I)
//!   others: answered at once --> Completed (J)
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::peer::Peer;
use crate::session::SessionId;
use crate::timers::Timers;

/// Where a server transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerState {
    /// INVITE: no final response yet.
    Proceeding,
    /// A final response was sent (INVITE: not a 2xx).
    Completed,
    /// INVITE: the ACK of a refusal came.
    Confirmed,
    /// INVITE: a 2xx was sent.
    Accepted,
}

/// A server transaction.
#[derive(Debug)]
pub(crate) struct ServerTx {
    pub(crate) is_invite: bool,
    pub(crate) state: ServerState,
    /// The session of an INVITE that began a call.
    pub(crate) owner: Option<SessionId>,
    /// Where responses go.
    pub(crate) to: Peer,
    /// The last response; empty in Confirmed and Accepted.
    pub(crate) response: Bytes,
    /// Fingerprint of the INVITE, to know a copy that came another way (482).
    pub(crate) merge_key: Option<u64>,
    interval: Duration,
    retransmit_at: Option<Instant>,
    expires_at: Option<Instant>,
}

/// What a fired timer means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerTick {
    /// Not due.
    Nothing,
    /// Send the response again (timer G).
    Retransmit,
    /// Forget it.
    Done,
}

impl ServerTx {
    /// A request was received; nothing is sent yet.
    pub(crate) fn new(is_invite: bool, owner: Option<SessionId>, to: Peer) -> Self {
        Self {
            is_invite,
            state: ServerState::Proceeding,
            owner,
            to,
            response: Bytes::new(),
            merge_key: None,
            interval: Duration::ZERO,
            retransmit_at: None,
            expires_at: None,
        }
    }

    /// Be forgotten at `at`, unless a response sets another time.
    pub(crate) fn expire_at(&mut self, at: Instant) {
        self.expires_at = Some(at);
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Option<Instant> {
        match (self.retransmit_at, self.expires_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// A response is being sent.
    pub(crate) fn on_response(&mut self, now: Instant, timers: &Timers, code: u16, response: Bytes) {
        if self.state != ServerState::Proceeding {
            return;
        }
        self.response = response;
        if code < 200 {
            return;
        }
        self.expires_at = Some(now + timers.timeout());
        let reliable = self.to.transport.is_reliable();
        if !self.is_invite {
            self.state = ServerState::Completed;
            // J is for copies of the request; a stream brings none.
            if reliable {
                self.expires_at = Some(now);
            }
        } else if code < 300 {
            // Copies of the INVITE are absorbed: the session repeats its 2xx by its own clock.
            self.state = ServerState::Accepted;
            self.response = Bytes::new();
        } else {
            self.state = ServerState::Completed;
            self.interval = timers.t1;
            self.retransmit_at = (!reliable).then(|| now + timers.t1);
        }
    }

    /// The ACK of a refusal came. Timer I keeps further copies quiet.
    pub(crate) fn on_ack(&mut self, now: Instant, timers: &Timers) {
        if self.state == ServerState::Completed {
            self.state = ServerState::Confirmed;
            self.response = Bytes::new();
            self.retransmit_at = None;
            let wait = if self.to.transport.is_reliable() { Duration::ZERO } else { timers.t4 };
            self.expires_at = Some(now + wait);
        }
    }

    /// Time went by.
    pub(crate) fn on_timer(&mut self, now: Instant, timers: &Timers) -> ServerTick {
        if self.expires_at.is_some_and(|at| at <= now) {
            return ServerTick::Done;
        }
        if self.retransmit_at.is_none_or(|at| at > now) {
            return ServerTick::Nothing;
        }
        self.interval = timers.double_capped(self.interval);
        self.retransmit_at = Some(now + self.interval);
        ServerTick::Retransmit
    }
}
