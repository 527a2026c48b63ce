//! What the core knows of one leg.

use std::time::Instant;

use ringback_sip as sip;

use crate::command::Dial;
use crate::event::{Ended, LegStats};
use crate::ids::OpId;
use crate::media_policy::MediaPolicy;

/// Where a leg is, as far as the core must know; the SIP state is the user agent's.
#[derive(Debug)]
pub(super) enum Phase {
    /// Dialed: the gateway's name is being looked up, nothing was sent yet.
    Resolving { dial: Box<Dial>, until: Instant },
    /// Incoming: Python has not touched it yet.
    Undecided { until: Instant },
    /// The user agent has it.
    Signaling,
    /// Over for SIP; waiting for the media side to close.
    Closing { ended: Box<Ended>, until: Instant },
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) phase: Phase,
    pub(super) incoming: bool,
    pub(super) policy: MediaPolicy,
    /// Its signaling is encrypted.
    pub(super) secure: bool,
    /// The key we send with, once media was described.
    pub(super) crypto: Option<sip::LocalCrypto>,
    /// RTP port once media is open.
    pub(super) media_port: Option<u16>,
    /// Codec agreed last; None before any agreement.
    pub(super) codec: Option<sip::Codec>,
    pub(super) answered: bool,
    pub(super) stats: Option<LegStats>,
    /// Operations that have not ended, in the order they began.
    pub(super) ops: Vec<OpId>,
    /// Until when the far end still plays what was sent last.
    pub(super) drains_until: Option<Instant>,
    /// A hang-up that waits for it: Q.850 cause and Reason.
    pub(super) hangup: Option<(Option<u8>, Option<String>)>,
    /// Says more than the cause the user agent will report (`overload`, `no_media_port`).
    pub(super) forced_cause: Option<&'static str>,
}

impl Leg {
    pub(super) fn new(phase: Phase, incoming: bool, policy: MediaPolicy, secure: bool) -> Self {
        Self {
            phase,
            incoming,
            policy,
            secure,
            crypto: None,
            media_port: None,
            codec: None,
            answered: false,
            stats: None,
            ops: Vec::new(),
            drains_until: None,
            hangup: None,
            forced_cause: None,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    pub(super) fn codec_name(&self) -> &'static str {
        self.codec.map_or("", codec_name)
    }
}

/// A codec as the Python contract calls it.
pub(super) fn codec_name(codec: sip::Codec) -> &'static str {
    codec.as_str()
}
