//! Whether a binding is still true: its time, and OPTIONS to contacts behind NAT, which keep the way open, too.

use std::time::Instant;

use super::{BindingId, Gone};
use crate::aside::Aside;
use crate::peer::Peer;
use crate::transaction::Purpose;
use crate::ua::UserAgent;
use crate::wire::{Method, text};

/// OPTIONS without an answer, in a row, until a contact is taken for gone: routers restart, too.
const MAX_MISSED: u8 = 3;

impl UserAgent {
    /// The time of a binding came.
    pub(crate) fn tick_binding(&mut self, now: Instant, at: Instant, id: BindingId) {
        let Some(binding) = self.registrar.bindings.get_mut(id).filter(|binding| binding.due() == at) else { return };
        if binding.expires_at <= now {
            return self.unbind(id, Gone::Expired);
        }
        // Until the answer, or the lack of one, sets the next time.
        binding.check_at = None;
        let request = Aside {
            purpose: Purpose::KeepAlive(id),
            method: Method::Options,
            peer: binding.reach,
            uri: binding.uri.clone(),
            routes: binding.path.clone(),
            to: [b"<".as_slice(), &binding.uri, b">"].concat(),
            from: None,
            call_id: format!("keep-{}", text(&self.random.token())),
            cseq: 1,
            headers: Vec::new(),
        };
        self.remind_binding(id);
        self.ask_aside(now, request);
    }

    /// An OPTIONS to a contact was answered (whatever the answer, somebody is there) or not.
    pub(crate) fn binding_checked(&mut self, now: Instant, id: BindingId, answered: bool) {
        let keepalive = self.registrar.limits.keepalive;
        let Some(binding) = self.registrar.bindings.get_mut(id) else { return };
        binding.missed = if answered { 0 } else { binding.missed + 1 };
        if binding.missed >= MAX_MISSED {
            return self.unbind(id, Gone::Unreachable);
        }
        if !keepalive.is_zero() {
            binding.check_at = Some(now + keepalive);
            self.remind_binding(id);
        }
    }

    /// A connection is closed: what registered over it cannot be reached any more (RFC 5626 section 4.2.2 makes the
    /// phone open a new flow).
    pub(crate) fn unbind_connection(&mut self, peer: Peer) {
        if peer.connection == 0 {
            return;
        }
        for id in self.registrar.bindings.pick(|binding| binding.source.connection == peer.connection) {
            self.unbind(id, Gone::Disconnected);
        }
    }
}
