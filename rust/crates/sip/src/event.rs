//! What the user agent reports.

use std::time::Duration;

use bytes::Bytes;

use crate::access::TrunkId;
use crate::peer::Peer;
use crate::registrar::{Gone, PhoneId};
use crate::registration::RegistrationState;
use crate::sdp::Negotiated;

/// Number of a leg. Dialled legs are numbered by the engine, incoming ones by the user agent from [`INCOMING_LEGS`] up.
pub type LegId = u64;

/// First number of incoming legs.
pub const INCOMING_LEGS: LegId = 1 << 40;

/// What comes out of the user agent; drain with `poll_output` after every `handle_*`.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this message.
    Transmit {
        /// Destination.
        to: Peer,
        /// One whole SIP message.
        bytes: Bytes,
        /// The leg it belongs to, if any.
        leg: Option<LegId>,
    },
    /// Something happened.
    Event(Event),
}

/// Something that happened to a leg. Order per leg is kept; `Ended` comes exactly once for each leg and last
/// (a `Trace` of what is retransmitted afterwards carries no leg).
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A new incoming call whose source matched an access rule. Answer it with `Ring`, `Answer`, `Reject` or `Hangup`.
    Incoming {
        /// The new leg.
        leg: LegId,
        /// Trunk of the access rule, or of the registration that was called; 0 for a phone.
        trunk: TrunkId,
        /// The registered phone that calls, its password checked.
        phone: Option<PhoneId>,
        /// Where the INVITE came from.
        source: Peer,
        /// Call-ID.
        call_id: String,
        /// Request-URI as received.
        request_uri: String,
        /// URI of To as received.
        to_uri: String,
        /// URI of From as received.
        from_uri: String,
        /// All headers as received, at most 100; bytes that are not UTF-8 are replaced.
        headers: Vec<(String, String)>,
        /// Whether the offer (or its absence) lets us answer with a codec of the trunk.
        codec_ok: bool,
        /// JSON for `Command::EndDialog`.
        dialog: String,
        /// The leg that the call takes the place of when it is answered (RFC 3891).
        replaces: Option<LegId>,
    },
    /// A provisional response on a dialled leg; 100 too.
    Progress {
        /// The leg.
        leg: LegId,
        /// 100-199.
        code: u16,
        /// Its reason phrase.
        phrase: String,
        /// Set when it carried usable SDP: early media.
        media: Option<Negotiated>,
    },
    /// One of several peers did not take the INVITE of a dialled leg; it goes to the next.
    Tried {
        /// The leg.
        leg: LegId,
        /// Who was tried.
        peer: Peer,
        /// `Timeout`, `Transport`, or `Response` with the code.
        cause: Cause,
        /// 503.
        code: Option<u16>,
        /// Who is tried now.
        next: Peer,
    },
    /// A dialled leg was answered with usable SDP; the ACK is sent.
    Answered {
        /// The leg.
        leg: LegId,
        /// 200-299.
        code: u16,
        /// Its reason phrase.
        phrase: String,
        /// What was agreed.
        media: Negotiated,
        /// JSON for `Command::EndDialog`.
        dialog: String,
    },
    /// Media was agreed or changed: our answer to an incoming call, the ACK of a delayed offer, a re-INVITE, an UPDATE.
    MediaAgreed {
        /// The leg.
        leg: LegId,
        /// What was agreed.
        media: Negotiated,
    },
    /// The caller of an incoming leg showed that it has our 200.
    AnswerConfirmed {
        /// The leg.
        leg: LegId,
        /// How it showed.
        how: Confirmation,
    },
    /// A 2xx came after we had given the leg up; it got ACK and BYE.
    LateAnswer {
        /// The leg.
        leg: LegId,
        /// 200-299.
        code: u16,
    },
    /// The far end put the leg on hold or took it back.
    Held {
        /// The leg.
        leg: LegId,
        /// On hold now.
        on: bool,
    },
    /// What became of a hold or resume of ours.
    HoldDone {
        /// The leg.
        leg: LegId,
        /// Hold, not resume.
        on: bool,
        /// Final status of the request: 200-299 agreed; 408 also where none came; 488 also for an unusable answer.
        code: u16,
    },
    /// The far end asks to be transferred (REFER). Answer with `AcceptTransfer` or `RejectTransfer`, within 16 T1.
    TransferRequested {
        /// The leg.
        leg: LegId,
        /// Where to, a URI without headers.
        target: String,
        /// The leg of ours that the call there is to replace: an attended transfer between two calls with us.
        replaces: Option<LegId>,
        /// The target names a dialog to be replaced, of ours or of somebody else.
        has_replaces: bool,
        /// URI of Referred-By.
        referred_by: Option<String>,
    },
    /// How a transfer goes that we asked for with `Command::Refer`.
    TransferProgress {
        /// The leg.
        leg: LegId,
        /// Of the response to the REFER, then of the far end's call.
        code: u16,
        /// Its phrase.
        phrase: String,
        /// Nothing more will be told.
        is_final: bool,
    },
    /// A digit came by SIP INFO.
    InfoDtmf {
        /// The leg.
        leg: LegId,
        /// One of `0-9*#A-D`.
        digit: char,
        /// As told by the far end, 1-10000; 250 if it did not say.
        duration_ms: u32,
    },
    /// The leg is over; its last event.
    Ended {
        /// The leg.
        leg: LegId,
        /// How it ended.
        cause: Cause,
        /// Who did it.
        side: Side,
        /// Final status code as received or sent.
        code: Option<u16>,
        /// Its reason phrase.
        phrase: Option<String>,
        /// Raw Reason header(s) of the message that ended it, comma-joined.
        reason: Option<String>,
        /// Q.850 cause out of `reason`, 1-127.
        q850: Option<u8>,
        /// Retry-After of the final response.
        retry_after_s: Option<u32>,
    },
    /// A phone registered a contact or refreshed it.
    PhoneRegistered {
        /// The phone.
        phone: PhoneId,
        /// Contact URI.
        contact: String,
        /// Seconds granted.
        expires_s: u32,
        /// Where the REGISTER came from.
        source: Peer,
        /// Its User-Agent, at most 200 bytes.
        user_agent: Option<String>,
    },
    /// A contact of a phone is gone.
    PhoneGone {
        /// The phone.
        phone: PhoneId,
        /// Contact URI.
        contact: String,
        /// Why.
        why: Gone,
    },
    /// Somebody gave wrong credentials, for REGISTER or INVITE. For the owner to slow down or ban the source.
    AuthenticationFailed {
        /// Where the request came from.
        source: Peer,
        /// The user name it gave, at most 64 characters.
        username: String,
    },
    /// How a trunk's registration stands.
    Registration {
        /// The trunk.
        trunk: TrunkId,
        /// How it stands now.
        state: RegistrationState,
        /// Status code of the answer; None if there was none.
        code: Option<u16>,
        /// Its reason phrase, or what was wrong.
        phrase: Option<String>,
        /// Seconds granted, 0 unless registered.
        expires_s: u32,
    },
    /// A watched gateway came up or went down.
    TrunkState {
        /// Its trunk.
        trunk: TrunkId,
        /// Its name, as given with [`Probe`](crate::Probe).
        gateway: String,
        /// It answers.
        up: bool,
        /// Status code of the last answer; None if none came.
        code: Option<u16>,
        /// From our OPTIONS to its answer, retransmissions included.
        round_trip: Option<Duration>,
    },
    /// Somebody must look up where a URI leads, and tell by `handle_lookup`.
    Lookup {
        /// What it is for, to be handed back.
        what: LookedUp,
        /// The trunk on whose behalf.
        trunk: TrunkId,
        /// `sip:` URI.
        uri: String,
    },
    /// One message as sent or received (with `Config::trace`).
    Trace {
        /// The leg it belongs to, when known.
        leg: Option<LegId>,
        /// Sent, not received.
        sent: bool,
        /// The other end.
        peer: Peer,
        /// The whole message.
        bytes: Bytes,
    },
}

/// What a look-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LookedUp {
    /// A registrar.
    Registrar(u64),
    /// A watched gateway.
    Gateway(u64),
}

/// How the caller of an incoming leg showed that it has our 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// ACK.
    Ack,
    /// Any other request inside the dialog.
    Request,
    /// Media, as told by `Command::MediaSeen`.
    Rtp,
}

impl Confirmation {
    /// The word of the Python contract: `ack`, `request`, `rtp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Request => "request",
            Self::Rtp => "rtp",
        }
    }
}

/// How a leg ended. The engine knows further causes of its own (`dns`, `overload`, `no_media_port`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A final response 3xx-6xx: theirs to our INVITE, or ours to theirs.
    Response,
    /// Dialled: 487, silence or a crossing 2xx after our CANCEL. Incoming: the caller's CANCEL.
    Cancelled,
    /// A BYE; see the side.
    Bye,
    /// No response at all (Timer B).
    Timeout,
    /// The socket refused.
    Transport,
    /// Answered, but with unusable SDP.
    NoCommonCodec,
    /// One side wants SRTP and the other cannot or will not.
    NoSrtp,
    /// Our 200 was never acknowledged.
    NoAck,
    /// Our reliable provisional response was never acknowledged (RFC 3262).
    NoPrack,
    /// Nobody refreshed the session (RFC 4028), or the far end has forgotten the dialog.
    SessionExpired,
    /// `Command::StopAll`.
    Stopped,
    /// A fault of our own (a message could not be built).
    Fault,
}

impl Cause {
    /// The word of the Python contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Cancelled => "cancelled",
            Self::Bye => "bye",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::NoCommonCodec => "no_common_codec",
            Self::NoSrtp => "no_srtp",
            Self::NoAck => "no_ack",
            Self::NoPrack => "no_prack",
            Self::SessionExpired => "session_expired",
            Self::Stopped => "stopped",
            Self::Fault => "fault",
        }
    }
}

/// Who ended a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The far end.
    Remote,
    /// We.
    Local,
    /// Nobody: time-outs, sockets.
    Network,
}

impl Side {
    /// The word of the Python contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Local => "local",
            Self::Network => "network",
        }
    }
}
