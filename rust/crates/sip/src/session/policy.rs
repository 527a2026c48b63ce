//! What a trunk lets a dialog do, and what the far end of a dialog can do.

use crate::wire::{Headers, Name};

/// How the dialogs of a trunk behave. Every dialog keeps the policy it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Reliable provisional responses (RFC 3262).
    pub reliable: Reliable,
    /// Session interval to ask for, seconds (RFC 4028); 0 has a session timer only if the far end asks.
    pub session_expires_s: u32,
    /// Dial without an offer: the far end offers, our ACK or PRACK answers.
    pub delayed_offer: bool,
    /// The far end may ask for a transfer (REFER) and take calls over (Replaces).
    pub allow_transfer: bool,
}

/// Whether provisional responses are acknowledged (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliable {
    /// Neither offered nor accepted.
    Off,
    /// Offered; used towards callers who require it.
    #[default]
    Supported,
    /// Required of who we call; used towards callers who can.
    Required,
}

impl Policy {
    /// Option tags we understand, for Supported (RFC 3261 section 20.37).
    pub(crate) fn supported(self) -> &'static str {
        match (self.reliable, self.allow_transfer) {
            (Reliable::Off, false) => "timer",
            (Reliable::Off, true) => "timer, replaces, norefersub",
            (_, false) => "100rel, timer",
            (_, true) => "100rel, timer, replaces, norefersub",
        }
    }

    /// Whether an option tag of Require is one of those.
    pub(crate) fn supports(self, tag: &[u8]) -> bool {
        self.supported().split(", ").any(|known| tag.eq_ignore_ascii_case(known.as_bytes()))
    }
}

/// What the far end of a dialog said it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Features {
    /// `100rel`.
    pub(crate) reliable: bool,
    /// `timer`.
    pub(crate) timer: bool,
    /// UPDATE is in Allow.
    pub(crate) update: bool,
}

impl Features {
    /// Learn from a message: what it does not mention stays as it was.
    pub(crate) fn learn(&mut self, headers: &Headers) {
        let lists = |name: &Name, word: &str| {
            headers.list(name).iter().any(|value| value.eq_ignore_ascii_case(word.as_bytes()))
        };
        let can = |word: &str| lists(&Name::Supported, word) || lists(&Name::Require, word);
        if headers.get(&Name::Supported).is_some() || headers.get(&Name::Require).is_some() {
            (self.reliable, self.timer) = (can("100rel"), can("timer"));
        }
        if headers.get(&Name::Allow).is_some() {
            self.update = lists(&Name::Allow, "UPDATE");
        }
    }
}
