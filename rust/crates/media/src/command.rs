//! What the engine may ask of media.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::srtp::SrtpKey;

use crate::audio::country_tones::Country;
use crate::operation::audio_stream::StreamLease;
use crate::operation::machine::MachineRules;
use crate::operation::record::Pause;
use crate::operation::room::{Membership, Role, RoomId};
use crate::operation::tap::TapMode;

/// A leg, numbered by the engine.
pub type LegId = u64;

/// An operation on a leg (play, gather, record ...), numbered by the engine; never used twice.
pub type OpId = u64;

/// How samples travel in RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law: 8 kHz, one byte a sample (RFC 3551 section 4.5.14).
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722 at 64 kbit/s: 16 kHz audio that RTP counts at 8000 Hz (RFC 3551 section 4.5.2).
    G722,
    /// Opus (RFC 6716, RFC 7587), used at 16 kHz, mono; RTP counts it at 48000 Hz. Needs the feature `opus`.
    Opus,
}

impl Codec {
    /// Every codec of this build, telephone ones first.
    pub const ALL: &'static [Self] = if cfg!(feature = "opus") {
        &[Self::Pcma, Self::Pcmu, Self::G722, Self::Opus]
    } else {
        &[Self::Pcma, Self::Pcmu, Self::G722]
    };

    /// Return the name that the Python contract uses: `PCMA`, `PCMU`, `G722`, `OPUS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
            Self::Opus => "OPUS",
        }
    }

    /// Return the ticks of its RTP clock in a millisecond.
    pub fn ticks_per_ms(self) -> u32 {
        if self == Self::Opus { 48 } else { 8 }
    }

    /// Say whether it carries 16 kHz audio.
    pub fn is_wide(self) -> bool {
        matches!(self, Self::G722 | Self::Opus)
    }
}

/// What offer and answer agreed about one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is an attribute of SDP of its own
pub struct RemoteMedia {
    /// Where the far end said it listens for RTP; RTCP goes to the port above. An unspecified address or port 0 means
    /// nowhere (a hold of the old kind).
    pub address: SocketAddr,
    /// Codec of what we send, and of what comes with `payload_type`.
    pub codec: Codec,
    /// RTP payload type that the far end wants `codec` with, 0-127.
    pub payload_type: u8,
    /// Payload types the far end may use for its audio, if they are others than ours (RFC 3264 section 5.1: each side
    /// says what it wants to receive). `payload_type` and the static types of G.711 are always understood.
    pub accepts: Vec<(u8, Codec)>,
    /// `telephone-event` (RFC 4733) as the far end wants it; without it digits are sent as tones within the audio.
    pub dtmf: Option<EventType>,
    /// `telephone-event` as the far end may send it, if that is not `dtmf`.
    pub accepts_dtmf: Vec<EventType>,
    /// Audio in one packet we send, 10-60 ms; other values are taken as 20. Any of 10-60 ms is accepted from the far
    /// end. Opus has packets of 10, 20, 40 and 60 ms; others are rounded down.
    pub ptime_ms: u32,
    /// Opus: send copies of what was before within packets (`useinbandfec`).
    pub fec: bool,
    /// Opus: send nothing while there is silence (`usedtx`).
    pub dtx: bool,
    /// Where RTCP goes, if not to the port above that of RTP (RFC 3605).
    pub rtcp: Option<SocketAddr>,
    /// Keys of SRTP; `None` for media in the clear.
    pub srtp: Option<SrtpKeys>,
    /// Whether we may send: false while the far end holds us.
    pub send: bool,
    /// Whether we expect to receive; only then can media be lost.
    pub receive: bool,
}

impl RemoteMedia {
    /// Return both ways of one codec in packets of 20 ms, without telephone events.
    pub fn new(address: SocketAddr, codec: Codec, payload_type: u8) -> Self {
        Self {
            address,
            codec,
            payload_type,
            accepts: Vec::new(),
            dtmf: None,
            accepts_dtmf: Vec::new(),
            ptime_ms: 20,
            fec: false,
            dtx: false,
            rtcp: None,
            srtp: None,
            send: true,
            receive: true,
        }
    }

    /// Return what audio a payload type of the far end stands for.
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        let accepted = self.accepts.iter().find(|(number, _)| *number == payload_type).map(|(_, codec)| *codec);
        accepted.or_else(|| (payload_type == self.payload_type).then_some(self.codec))
    }

    /// Return the events a payload type of the far end stands for.
    pub(crate) fn events_of(&self, payload_type: u8) -> Option<EventType> {
        self.accepts_dtmf.iter().chain(&self.dtmf).find(|events| events.payload_type == payload_type).copied()
    }
}

/// Keys of both directions of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Of what we send.
    pub local: SrtpKey,
    /// Of what the far end sends.
    pub remote: SrtpKey,
}

/// A payload type of `telephone-event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// 0-127.
    pub payload_type: u8,
    /// Ticks of its clock in a millisecond: 8, or 48 beside Opus.
    pub ticks_per_ms: u32,
}

/// A signal of the telephone network (ITU-T E.180), different from country to country, or a beep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToneName {
    /// Digits can be dialed.
    Dial,
    /// The called party's phone rings.
    Ringback,
    /// The called party is on the phone.
    Busy,
    /// The network cannot carry the call.
    Congestion,
    /// Three rising tones: the call cannot be completed; often before an announcement.
    SpecialInformation,
    /// 1000 Hz without a cadence; 300 ms unless a duration is given.
    Beep,
}

impl FromStr for ToneName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "dial" => Ok(Self::Dial),
            "ringback" => Ok(Self::Ringback),
            "busy" => Ok(Self::Busy),
            "congestion" => Ok(Self::Congestion),
            "special_information" => Ok(Self::SpecialInformation),
            "beep" => Ok(Self::Beep),
            _ => Err(()),
        }
    }
}

/// The prompt of a gather.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatherPrompt {
    /// WAV files played one after another, none for no prompt.
    pub files: Vec<PathBuf>,
    /// Whether a digit stops the prompt. Without it digits pressed during the prompt count once it is over.
    pub barge_in: bool,
}

/// A request about a leg that is open. Each with an `op` ends with exactly one `OpDone` or `GatherDone` for it.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaCommand {
    /// Play WAV files one after another; replaces a play or tone on the leg.
    Play {
        /// Number of this operation.
        op: OpId,
        /// Who hears it.
        leg: LegId,
        /// Paths of WAV files (PCM16/8/24/32 or float, mono or stereo, 8-48 kHz), at most 100.
        files: Vec<PathBuf>,
        /// How often all files are played, 0 for endless.
        loop_count: u32,
        /// Whether a digit stops it (result `digit`).
        barge_in: bool,
        /// -40 to 12.
        gain_db: f32,
    },
    /// Play a prompt and collect digits; replaces a gather on the leg.
    Gather {
        /// Number of this operation.
        op: OpId,
        /// Whose digits.
        leg: LegId,
        /// What to play meanwhile; it replaces a play or tone on the leg.
        prompt: GatherPrompt,
        /// Fewer digits than this are `too_few` (none at all: `no_input`).
        min_digits: u32,
        /// This many digits end the gather, at most 64.
        max_digits: u32,
        /// Digits that end the gather and are not part of the result, out of `0-9*#A-D`.
        terminators: String,
        /// From the end of the prompt to the first digit.
        first_timeout_ms: u32,
        /// From a digit to the next.
        inter_timeout_ms: u32,
    },
    /// Record to a WAV file, PCM16 at 8 kHz; at most four at once on a leg.
    Record {
        /// Number of this operation.
        op: OpId,
        /// Who is recorded.
        leg: LegId,
        /// File to create; what was there before is lost.
        path: PathBuf,
        /// Left what we hear from the leg, right what we send to it; otherwise both in one channel.
        stereo: bool,
        /// Result `limit` after this long; 0 and more than a day mean a day.
        max_ms: u64,
        /// Result `silence` when nothing was heard from the leg for this long; 0 switches it off.
        silence_stop_ms: u64,
    },
    /// Play a tone; replaces a play or tone on the leg.
    Tone {
        /// Number of this operation.
        op: OpId,
        /// Who hears it.
        leg: LegId,
        /// Which.
        name: ToneName,
        /// Whose network.
        country: Country,
        /// 0 is endless for all but the beep.
        duration_ms: u64,
    },
    /// Send digits, after those of an earlier `SendDtmf` still under way (at most eight wait).
    SendDtmf {
        /// Number of this operation.
        op: OpId,
        /// Who gets them.
        leg: LegId,
        /// `0-9*#A-D`; `,` pauses 500 ms; at most 64.
        digits: String,
        /// Length of a tone, 40-5000 ms.
        tone_ms: u32,
        /// Pause after it, 20-5000 ms.
        gap_ms: u32,
    },
    /// Find out whether a person or a machine answered; replaces an older one on the leg.
    ///
    /// `Machine` events say what is known. It ends as `done` when nothing more will be known, as `limit` when the
    /// machine did not beep in time.
    DetectMachine {
        /// Number of this operation.
        op: OpId,
        /// Who is listened to.
        leg: LegId,
        /// What the decision rests on.
        rules: MachineRules,
    },
    /// Let two legs hear each other; replaces play, tone and join on both. Its `OpDone` names leg `a`.
    Join {
        /// Number of this operation.
        op: OpId,
        /// One leg.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// Let a leg take part in a room; replaces play, tone and any other talk on it.
    JoinRoom {
        /// Number of this operation.
        op: OpId,
        /// Who.
        leg: LegId,
        /// Where.
        room: RoomId,
        /// How.
        membership: Membership,
    },
    /// Let a supervisor listen to a join; replaces play, tone and any other talk on its leg.
    Tap {
        /// Number of this operation.
        op: OpId,
        /// The supervisor.
        leg: LegId,
        /// The operation of the join.
        join: OpId,
        /// Who hears the supervisor.
        mode: TapMode,
    },
    /// Exchange audio with a program far away; replaces an older one on the leg. What it says is heard beside a talk,
    /// and waits while something plays.
    Stream {
        /// Number of this operation.
        op: OpId,
        /// Whose audio.
        leg: LegId,
        /// The leg's side.
        lease: Arc<StreamLease>,
    },
    /// A digit that came another way (SIP INFO): counts for gather and barge-in, is not reported as `Dtmf`.
    Digit {
        /// Whose.
        leg: LegId,
        /// One of `0-9*#A-D`.
        digit: char,
    },
    /// End an operation with result `stopped`.
    Stop {
        /// Which.
        op: OpId,
    },
}

/// What can be changed about an operation under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Pause a recording, or let it go on.
    Pause(Option<Pause>),
    /// Role of a member of a room.
    Role(Role),
    /// Whether nobody hears a member of a room.
    Mute(bool),
    /// Gain of a member of a room, -40 to 12 dB.
    Gain(f32),
    /// Who hears a supervisor.
    Tap(TapMode),
}

impl MediaCommand {
    /// Return the operation this begins and the leg its end is reported for.
    pub fn begins(&self) -> Option<(OpId, LegId)> {
        match *self {
            Self::Play { op, leg, .. }
            | Self::Gather { op, leg, .. }
            | Self::Record { op, leg, .. }
            | Self::Tone { op, leg, .. }
            | Self::SendDtmf { op, leg, .. }
            | Self::DetectMachine { op, leg, .. }
            | Self::JoinRoom { op, leg, .. }
            | Self::Stream { op, leg, .. }
            | Self::Tap { op, leg, .. }
            | Self::Join { op, a: leg, .. } => Some((op, leg)),
            Self::Digit { .. } | Self::Stop { .. } => None,
        }
    }
}
