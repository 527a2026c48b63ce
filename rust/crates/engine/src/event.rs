//! What the engine reports to Python: one variant for each event class of `_engine.pyi`, fields in the same order.

use crate::ids::{LegId, OpId, TrunkId};

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub at_ns: u64,
    /// What happened.
    pub what: What,
}

/// What happened. The Python contract describes each.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // field by field documented in `_engine.pyi`, the contract
pub enum What {
    Incoming(Box<Incoming>),
    Progress {
        leg: LegId,
        code: u16,
        phrase: String,
        early_media: bool,
    },
    Tried {
        leg: LegId,
        target: String,
        cause: &'static str,
        code: Option<u16>,
        next: String,
    },
    Answered {
        leg: LegId,
        code: u16,
        phrase: String,
        codec: &'static str,
        dialog: String,
    },
    AnswerConfirmed {
        leg: LegId,
        how: &'static str,
        codec: &'static str,
    },
    LateAnswer {
        leg: LegId,
        code: u16,
    },
    Ended(Ended),
    Dtmf {
        leg: LegId,
        digit: char,
        duration_ms: u32,
        how: &'static str,
    },
    Talking {
        room: LegId,
        leg: LegId,
        on: bool,
    },
    Machine {
        op: OpId,
        leg: LegId,
        verdict: &'static str,
        why: &'static str,
    },
    OpDone {
        op: OpId,
        leg: LegId,
        result: &'static str,
        detail: Option<String>,
        duration_ms: u64,
    },
    GatherDone {
        op: OpId,
        leg: LegId,
        digits: String,
        result: &'static str,
        terminator: Option<char>,
        detail: Option<String>,
    },
    MediaLost {
        leg: LegId,
    },
    Held {
        leg: LegId,
        on: bool,
    },
    TransferRequested {
        leg: LegId,
        target: String,
        replaces: Option<LegId>,
        has_replaces: bool,
        referred_by: Option<String>,
    },
    TransferProgress {
        leg: LegId,
        code: u16,
        phrase: String,
        is_final: bool,
    },
    HoldDone {
        leg: LegId,
        on: bool,
        code: u16,
    },
    LegStats(LegStats),
    PhoneRegistered {
        phone: u64,
        contact: String,
        expires_s: u32,
        source: String,
        user_agent: Option<String>,
    },
    PhoneGone {
        phone: u64,
        contact: String,
        why: &'static str,
    },
    Registration {
        trunk: TrunkId,
        state: &'static str,
        code: Option<u16>,
        phrase: Option<String>,
        expires_s: u32,
    },
    TrunkState {
        trunk: TrunkId,
        gateway: String,
        up: bool,
        code: Option<u16>,
        round_trip_ms: Option<f64>,
    },
    Overload {
        on: bool,
        why: &'static str,
    },
    Fault {
        what: String,
        leg: Option<LegId>,
    },
    Trace {
        leg: Option<LegId>,
        sent: bool,
        peer: String,
        message: Vec<u8>,
    },
}

impl What {
    /// Whether the event may be dropped (and counted) when Python is far behind: figures and traces only.
    pub fn is_droppable(&self) -> bool {
        matches!(self, Self::LegStats(_) | Self::Trace { .. })
    }

    /// Whether the far end can repeat the event at will, so that its number needs a bound of its own.
    pub fn is_repeatable(&self) -> bool {
        matches!(
            self,
            Self::Progress { .. }
                | Self::Dtmf { .. }
                | Self::Talking { .. }
                | Self::Held { .. }
                | Self::MediaLost { .. }
                | Self::TransferRequested { .. }
                | Self::TransferProgress { is_final: false, .. }
                | Self::PhoneRegistered { .. }
        )
    }
}

/// A new incoming call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Incoming {
    pub leg: LegId,
    pub trunk: TrunkId,
    pub phone: Option<u64>,
    pub source: String,
    pub call_id: String,
    pub request_uri: String,
    pub to_uri: String,
    pub from_uri: String,
    pub headers: Vec<(String, String)>,
    pub codec_ok: bool,
    pub dialog: String,
    pub replaces: Option<LegId>,
}

/// A leg's last event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ended {
    pub leg: LegId,
    pub cause: &'static str,
    pub side: &'static str,
    pub code: Option<u16>,
    pub phrase: Option<String>,
    pub reason: Option<String>,
    pub q850: Option<u8>,
    pub retry_after_s: Option<u32>,
}

impl Ended {
    /// An end without any message behind it.
    pub fn bare(leg: LegId, cause: &'static str, side: &'static str) -> Self {
        Self { leg, cause, side, code: None, phrase: None, reason: None, q850: None, retry_after_s: None }
    }
}

/// Media figures of a leg.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct LegStats {
    pub leg: LegId,
    pub codec: &'static str,
    pub packets_sent: u64,
    pub packets_received: u64,
    pub packets_lost: u64,
    pub jitter_ms: f64,
    pub round_trip_ms: Option<f64>,
    pub packets_late: u64,
    pub concealed_ms: u64,
    pub jitter_max_ms: f64,
    pub loss_percent: f64,
    pub remote_loss_percent: Option<f64>,
    pub mos: Option<f64>,
}
