//! What the engine may ask of media.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::audio::country_tones::Country;
use crate::operation::machine::MachineRules;

/// A leg, numbered by the engine.
pub type LegId = u64;

/// An operation on a leg (play, gather, record ...), numbered by the engine; never used twice.
pub type OpId = u64;

/// How samples travel in RTP: 8 kHz, one byte each (RFC 3551 section 4.5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

impl Codec {
    /// Return the encoding name of SDP, `PCMA` or `PCMU`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }
}

/// What offer and answer agreed about one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Where the far end said it listens for RTP; RTCP goes to the port above. An unspecified address or port 0 means
    /// nowhere (a hold of the old kind).
    pub address: SocketAddr,
    /// Codec of what we send, and of what comes with `payload_type`.
    pub codec: Codec,
    /// RTP payload type of `codec`, 0-127.
    pub payload_type: u8,
    /// Payload type of `telephone-event` (RFC 4733); without it digits are sent as tones within the audio.
    pub dtmf_payload_type: Option<u8>,
    /// Audio in one packet we send, 10-60 ms; other values are taken as 20. Any of 10-60 ms is accepted from the far end.
    pub ptime_ms: u32,
    /// Whether we may send: false while the far end holds us.
    pub send: bool,
    /// Whether we expect to receive; only then can media be lost.
    pub receive: bool,
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
            | Self::Join { op, a: leg, .. } => Some((op, leg)),
            Self::Digit { .. } | Self::Stop { .. } => None,
        }
    }
}
