//! What media reports.

use crate::command::{Codec, LegId, OpId};
use crate::operation::machine::Verdict;
use crate::operation::room::RoomId;

/// Where events go. Called from media threads: must return at once and never block.
pub trait EventSink: Send + Sync {
    /// Take one event. Events of one leg come in order.
    fn push(&self, event: MediaEvent);
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpResult {
    /// It came to its end.
    Done,
    /// Somebody asked for the end.
    Stopped,
    /// A newer operation took its place.
    Replaced,
    /// A digit stopped it.
    Digit,
    /// The far end was silent for as long as asked.
    Silence,
    /// It reached its maximum length.
    Limit,
    /// The leg was closed.
    LegEnded,
    /// It could not be done; the detail says why.
    Failed,
}

impl OpResult {
    /// Return the name Python knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Replaced => "replaced",
            Self::Digit => "digit",
            Self::Silence => "silence",
            Self::Limit => "limit",
            Self::LegEnded => "leg_ended",
            Self::Failed => "failed",
        }
    }
}

/// How a gather ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatherResult {
    /// The most digits asked for, or a terminator or time-out after enough of them.
    Match,
    /// No digit came in time.
    NoInput,
    /// A terminator or time-out came before enough digits.
    TooFew,
    /// Somebody asked for the end.
    Stopped,
    /// A newer gather took its place.
    Replaced,
    /// The leg was closed.
    LegEnded,
    /// It could not be done; the detail says why.
    Failed,
}

impl GatherResult {
    /// Return the name Python knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::NoInput => "no_input",
            Self::TooFew => "too_few",
            Self::Stopped => "stopped",
            Self::Replaced => "replaced",
            Self::LegEnded => "leg_ended",
            Self::Failed => "failed",
        }
    }
}

/// How a digit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigitSource {
    /// As a telephone event (RFC 4733).
    Event,
    /// As a pair of frequencies within the audio (ITU-T Q.23).
    Inband,
}

impl DigitSource {
    /// Return the name Python knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "rfc4733",
            Self::Inband => "inband",
        }
    }
}

/// Media figures of a leg over its whole life.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaStats {
    /// Codec agreed last; `None` if there never was a remote.
    pub codec: Option<Codec>,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Valid RTP packets received.
    pub packets_received: u64,
    /// Expected by sequence number, but never received.
    pub packets_lost: u64,
    /// Packets of anybody but the far end, refused.
    pub packets_foreign: u64,
    /// Packets that came after their turn and were not played.
    pub packets_late: u64,
    /// How much of the audio was made up in place of what did not come in time, in milliseconds.
    pub concealed_ms: u64,
    /// The most `jitter_ms` was.
    pub jitter_max_ms: f64,
    /// Mean opinion score of what was received, 1 to 4.5, estimated by the E-model (ITU-T G.107); `None` if nothing was.
    pub mos: Option<f64>,
    /// Interarrival jitter in milliseconds (RFC 3550 A.8), the last value.
    pub jitter_ms: f64,
    /// How long received packets wait to be played, in milliseconds, at the end.
    pub playout_ms: u32,
    /// Round trip in milliseconds out of the far end's last RTCP report.
    pub round_trip_ms: Option<f64>,
    /// Loss the far end reported last about what we sent, 0-1.
    pub remote_loss: Option<f64>,
}

/// Something that happened on a leg.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// The first valid RTP packet came from the far end.
    FirstPacket {
        /// Which leg.
        leg: LegId,
    },
    /// The far end pressed a key; reported once, when it is released.
    Dtmf {
        /// Which leg.
        leg: LegId,
        /// One of `0-9*#A-D`.
        digit: char,
        /// How long it was down.
        duration_ms: u32,
        /// How it came.
        how: DigitSource,
    },
    /// A member of a room began or ceased to talk; at most 25 in a second for each room.
    Talking {
        /// Which room.
        room: RoomId,
        /// Which leg.
        leg: LegId,
        /// Began.
        on: bool,
    },
    /// A `DetectMachine` knows something; the operation may go on.
    Machine {
        /// Which operation.
        op: OpId,
        /// Which leg.
        leg: LegId,
        /// Who answered, or that the beep is over.
        verdict: Verdict,
        /// What decided it: `short_greeting`, `long_greeting`, `many_words`, `beep`, `initial_silence`, `timeout`.
        why: &'static str,
    },
    /// An operation ended; exactly one for each.
    OpDone {
        /// Which operation.
        op: OpId,
        /// The leg it was asked for (of a join: `a`).
        leg: LegId,
        /// How.
        result: OpResult,
        /// For people, when it failed.
        detail: Option<String>,
        /// From its begin; of a recording its length.
        duration_ms: u64,
    },
    /// A gather ended; exactly one for each.
    GatherDone {
        /// Which operation.
        op: OpId,
        /// Which leg.
        leg: LegId,
        /// Without the terminator.
        digits: String,
        /// How.
        result: GatherResult,
        /// The digit that ended it.
        terminator: Option<char>,
        /// For people, when it failed.
        detail: Option<String>,
    },
    /// Nothing was received for the media time-out although media is expected. Once, until media comes back or the
    /// remote is set again.
    Lost {
        /// Which leg.
        leg: LegId,
    },
    /// The leg's media failed by a fault of our own; its operations were ended as failed. `close_leg` is still due.
    Fault {
        /// Which leg.
        leg: LegId,
        /// What happened.
        what: String,
    },
    /// Figures of the leg, just before `Closed`.
    Stats {
        /// Which leg.
        leg: LegId,
        /// The figures.
        stats: MediaStats,
    },
    /// The leg is over and its ports are free; the last event of a leg.
    Closed {
        /// Which leg.
        leg: LegId,
    },
}
