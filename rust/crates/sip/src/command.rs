//! What the engine asks of the user agent.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::access::TrunkId;
use crate::event::LegId;
use crate::peer::Peer;
use crate::sdp::{Codec, LocalCrypto};
use crate::session::policy::Policy;

/// An order for the user agent. One for a leg that is already over does nothing and is counted
/// (`Counters::stale_commands`).
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // one at a time, on its way through a queue: boxing would only cost
pub enum Command {
    /// Send an INVITE. Ends in `Answered` or `Ended`; progress on the way.
    Dial {
        /// The caller's choice, below `INCOMING_LEGS`, never used before.
        leg: LegId,
        /// Where the INVITE goes, already resolved.
        peer: Peer,
        /// Where else, when nobody answers there or it is refused with 503 (RFC 3263 section 4.3).
        reach: Reach,
        /// Request-URI and To, `sip:+49...@host`.
        to: String,
        /// From, `sip:+49...@host`.
        from: String,
        /// Display name of From, any text.
        display_name: Option<String>,
        /// Call-ID, token characters. Together with `local_tag` it makes the Via branch.
        call_id: String,
        /// From tag, token characters.
        local_tag: String,
        /// Extra headers; those the user agent owns, and any with line breaks, are left out and counted.
        headers: Vec<(String, String)>,
        /// What our SDP offers.
        media: LocalMedia,
        /// Answers to 401 and 407.
        credentials: Option<Credentials>,
        /// Follow one 3xx, and only one that leads back to `peer`.
        allow_redirects: bool,
        /// How its dialog behaves.
        policy: Policy,
        /// Where it is addressed, if not simply to `to`.
        target: DialTarget,
    },
    /// Send 180 on an incoming leg that was not answered yet. May be repeated.
    Ring {
        /// The leg.
        leg: LegId,
    },
    /// Send 183 with our SDP on an incoming leg that was not answered yet, so that the caller hears us before the 200.
    /// An INVITE without an offer gets ours if the caller can acknowledge the response (RFC 3262), else 183 without SDP.
    EarlyMedia {
        /// The leg.
        leg: LegId,
        /// What our SDP answers.
        media: LocalMedia,
    },
    /// Send 200 with our SDP on an incoming leg.
    Answer {
        /// The leg.
        leg: LegId,
        /// What our SDP answers (or offers, if the INVITE had no SDP).
        media: LocalMedia,
    },
    /// Refuse an incoming leg with a final response. After our 200 it does nothing.
    Reject {
        /// The leg.
        leg: LegId,
        /// 400-699; anything else becomes 480. 503 carries Retry-After.
        code: u16,
        /// Value of a Reason header, as it is written.
        reason: Option<String>,
    },
    /// End a leg in the way its state asks for: CANCEL (held until a provisional came), BYE, or 480.
    Hangup {
        /// The leg.
        leg: LegId,
        /// Goes out as `Reason: Q.850;cause=...`.
        q850: Option<u8>,
    },
    /// Say why a leg is about to be ended: what ends it carries these values of Reason (RFC 3326) before the Q.850 one.
    Explain {
        /// The leg.
        leg: LegId,
        /// Values as they are written, comma-joined.
        reason: String,
    },
    /// Ask the far end to call somebody else (REFER); `Event::TransferProgress` tells how it goes.
    Refer {
        /// The leg.
        leg: LegId,
        /// Whom to call, a URI.
        to: String,
        /// The leg of ours whose far end is to be talked to instead: an attended transfer.
        replaces: Option<LegId>,
        /// URI for Referred-By.
        referred_by: Option<String>,
    },
    /// Let a transfer go ahead that the far end asked for.
    AcceptTransfer {
        /// The leg.
        leg: LegId,
    },
    /// Do not.
    RejectTransfer {
        /// The leg.
        leg: LegId,
        /// 400-699; anything else becomes 603.
        code: u16,
    },
    /// Tell the far end how the call to its target goes.
    NotifyTransfer {
        /// The leg.
        leg: LegId,
        /// 100-699; from 200 on it is the last word.
        code: u16,
    },
    /// Put the far end on hold, or take it back; ends in `Event::HoldDone`, unless the leg ends before.
    Hold {
        /// The leg.
        leg: LegId,
        /// Hold, not resume.
        on: bool,
    },
    /// End a dialog known only from the journal; see `end_dialog` of the Python contract. Counted, not reported.
    EndDialog {
        /// The `dialog` of `Incoming` or `Answered`, or the object made before the INVITE.
        dialog: String,
    },
    /// End every leg with cause `stopped` and refuse new ones.
    StopAll,
    /// Valid RTP was received on an incoming leg after our 200: the caller has our answer.
    MediaSeen {
        /// The leg.
        leg: LegId,
    },
}

/// How far an INVITE may go beyond its first peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Further peers in the order to try them. Each try has a branch of its own; Call-ID and tag stay.
    pub then: Vec<Peer>,
    /// With further peers left, go on to the next after this time without any response.
    pub patience: Option<Duration>,
    /// Send over TCP what is too long for one datagram, and over UDP all the same if TCP is refused (RFC 3261 section
    /// 18.1.1).
    pub mtu_to_tcp: bool,
}

/// How an INVITE is addressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DialTarget {
    /// Request-URI; None for `to`. A device is called by its Contact, whatever it is known as.
    pub uri: Option<String>,
    /// Route values in order: the Path of a device (RFC 3327).
    pub routes: Vec<String>,
    /// Take the routes from this trunk's registration (RFC 3608) when there are none.
    pub trunk: Option<TrunkId>,
}

/// Our side of the media as it is written into SDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Advertised address and port of our RTP.
    pub rtp: SocketAddr,
    /// Order of preference. telephone-event is always added.
    pub codecs: Vec<Codec>,
    /// SRTP; None offers and takes media in the clear only.
    pub crypto: Option<LocalCrypto>,
}

impl LocalMedia {
    /// Media in the clear.
    pub fn plain(rtp: SocketAddr, codecs: Vec<Codec>) -> Self {
        Self { rtp, codecs, crypto: None }
    }
}

/// Digest user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password, never printed.
    pub password: String,
    /// Answer challenges of this realm only; None answers any (RFC 3261 section 22.1).
    pub realm: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}
