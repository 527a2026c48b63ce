//! Other ways for an INVITE: over TCP because of its length (RFC 3261 section 18.1.1), or to the next server (RFC 3263
//! section 4.3).

use std::time::Instant;

use crate::event::{Cause, Event};
use crate::peer::{Peer, Transport};
use crate::session::{Outgoing, Phase, Session};
use crate::ua::UserAgent;

/// RFC 3261 section 18.1.1: what is longer does not go by UDP when the path's MTU is not known.
const LONGEST_DATAGRAM: usize = 1300;

/// Why a peer was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    Cause(Cause),
    Code(u16),
}

impl UserAgent {
    /// Whether this INVITE is to be sent by TCP instead, because it is `length` bytes long.
    pub(super) fn turn_to_tcp(&self, outgoing: &mut Outgoing, length: usize) -> bool {
        let peer = outgoing.peer;
        if !outgoing.reach.mtu_to_tcp || peer.transport != Transport::Udp || length <= LONGEST_DATAGRAM {
            return false;
        }
        let tcp = self.config.settle(Peer::new(Transport::Tcp, peer.address));
        outgoing.by_udp = Some(peer);
        outgoing.peer = tcp;
        true
    }

    /// Try the next peer. False if there is none, or nobody wants the call any more.
    pub(crate) fn try_next(&mut self, now: Instant, session: &mut Session, why: GivenUp) -> bool {
        if !matches!(session.phase, Phase::Calling | Phase::Proceeding) {
            return false;
        }
        let Some(outgoing) = &mut session.outgoing else { return false };
        if !outgoing.forks.is_empty() {
            return false;
        }
        let by_udp = outgoing.by_udp.take().filter(|_| why == GivenUp::Cause(Cause::Transport));
        let next = match by_udp {
            Some(peer) => {
                // TCP is refused there: better a long datagram than none.
                outgoing.reach.mtu_to_tcp = false;
                peer
            }
            None if outgoing.reach.then.is_empty() => return false,
            None => outgoing.reach.then.remove(0),
        };
        let peer = std::mem::replace(&mut outgoing.peer, self.config.settle(next));
        let (cause, code) = match why {
            GivenUp::Cause(cause) => (cause, None),
            GivenUp::Code(code) => (Cause::Response, Some(code)),
        };
        self.report(session, |leg| Event::Tried { leg, peer, cause, code, next });
        self.send_invite(now, session);
        true
    }

    /// No response at all within the patience for one of several peers.
    pub(crate) fn give_up_peer(&mut self, now: Instant, session: &mut Session) {
        if session.phase != Phase::Calling {
            return;
        }
        let silent = session.outgoing.as_ref().map(|outgoing| outgoing.key);
        if self.try_next(now, session, GivenUp::Cause(Cause::Timeout)) {
            // A late answer of the silent one is no longer ours: it gets ACK and BYE without a session.
            if let Some(tx) = silent.and_then(|key| self.clients.get_mut(&key)) {
                tx.owner = None;
            }
        }
    }
}
