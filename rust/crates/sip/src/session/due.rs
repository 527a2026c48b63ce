//! When to look at a session again, and why.

use std::time::Instant;

/// What a session waits for. Several at once may be due; the order here is that in which they are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Our 2xx is to be sent again, or given up.
    Answer,
    /// Our CANCEL has waited long enough.
    Cancel,
    /// Our reliable provisional response is to be sent again, or given up (RFC 3262).
    Reliable,
    /// An offer of ours can be tried, or has been open too long.
    Offer,
    /// The session is to be refreshed by us (RFC 4028).
    Refresh,
    /// Nobody refreshed the session.
    Expiry,
    /// A transfer was not decided, or not reported on.
    Transfer,
    /// Nobody told how a transfer went that we asked for.
    Referral,
    /// One of several peers does not answer our INVITE.
    Peer,
}

const ALL: [Why; 9] = [
    Why::Answer,
    Why::Cancel,
    Why::Reliable,
    Why::Offer,
    Why::Refresh,
    Why::Expiry,
    Why::Transfer,
    Why::Referral,
    Why::Peer,
];

/// One deadline for each reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Due([Option<Instant>; ALL.len()]);

impl Due {
    /// Look again at `at` for this reason; an earlier wish for it is forgotten.
    pub(crate) fn set(&mut self, why: Why, at: Instant) {
        if let Some(slot) = self.0.get_mut(why as usize) {
            *slot = Some(at);
        }
    }

    /// Nothing to wait for any more.
    pub(crate) fn clear(&mut self, why: Why) {
        if let Some(slot) = self.0.get_mut(why as usize) {
            *slot = None;
        }
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Whether something is waited for.
    pub(crate) fn is_set(&self, why: Why) -> bool {
        self.0.get(why as usize).is_some_and(Option::is_some)
    }

    /// Take one reason whose time has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Why> {
        ALL.into_iter()
            .find(|why| self.0.get_mut(*why as usize).is_some_and(|slot| slot.take_if(|at| *at <= now).is_some()))
    }
}
