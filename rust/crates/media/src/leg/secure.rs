//! SRTP of a leg: what comes is checked before anything else looks at it, what goes leaves protected or not at all.

use super::{Context, Leg};
use crate::command::SrtpKeys;
use crate::counters::count;
use crate::output::Channel;
use crate::srtp::{Protector, SrtpError, Unprotector};

/// The state of both directions.
#[derive(Debug)]
pub(super) struct Secure {
    keys: SrtpKeys,
    protector: Protector,
    unprotector: Unprotector,
    /// The packet that is checked, used again.
    scratch: Vec<u8>,
}

impl Secure {
    fn new(keys: SrtpKeys) -> Self {
        let (protector, unprotector) = (Protector::new(&keys.local), Unprotector::new(&keys.remote));
        Self { keys, protector, unprotector, scratch: Vec::new() }
    }

    /// Take keys agreed anew. A direction whose key stayed the same goes on counting: a keystream must not be used twice
    /// (RFC 3711 section 9.1).
    fn change(&mut self, keys: SrtpKeys) {
        if keys.local != self.keys.local {
            self.protector = Protector::new(&keys.local);
        }
        if keys.remote != self.keys.remote {
            self.unprotector = Unprotector::new(&keys.remote);
        }
        self.keys = keys;
    }
}

/// Protect the packet that `out` holds from `start` on; without SRTP it stays as it is, and if it cannot be protected
/// nothing of it is left.
pub(super) fn protect(secure: Option<&mut Secure>, channel: Channel, out: &mut Vec<u8>, start: usize) {
    let Some(secure) = secure else { return };
    let protected = match channel {
        Channel::Rtp => secure.protector.protect_rtp(out, start),
        Channel::Rtcp => secure.protector.protect_rtcp(out, start),
    };
    if protected.is_err() {
        out.truncate(start);
    }
}

impl Leg {
    /// Take the keys of an agreement, or their absence.
    pub(super) fn set_keys(&mut self, keys: Option<&SrtpKeys>) {
        match (keys, &mut self.secure) {
            (None, secure) => *secure = None,
            (Some(keys), Some(secure)) => secure.change(keys.clone()),
            (Some(keys), secure) => *secure = Some(Box::new(Secure::new(keys.clone()))),
        }
    }

    /// Check and decrypt a datagram and give it to `take`; what is forged or was received before is counted and dropped.
    pub(super) fn opened(
        &mut self,
        channel: Channel,
        bytes: &[u8],
        ctx: &mut Context<'_>,
        take: impl FnOnce(&mut Self, &[u8], &mut Context<'_>),
    ) {
        let Some(mut secure) = self.secure.take() else { return take(self, bytes, ctx) };
        let Secure { unprotector, scratch, .. } = &mut *secure;
        scratch.clear();
        scratch.extend_from_slice(bytes);
        let opened = match channel {
            Channel::Rtp => unprotector.unprotect_rtp(scratch),
            Channel::Rtcp => unprotector.unprotect_rtcp(scratch),
        };
        match opened {
            Ok(clear) => take(self, clear, ctx),
            Err(SrtpError::Replayed) => count(&ctx.counters.dropped_srtp_replayed),
            Err(SrtpError::Short) => count(&ctx.counters.dropped_rtp_malformed),
            Err(SrtpError::Tag | SrtpError::Sources | SrtpError::Exhausted) => {
                count(&ctx.counters.dropped_srtp_forged);
            }
        }
        self.secure = Some(secure);
    }
}
