//! What Python asks for, checked and numbered, on its way to the signaling thread.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringback_media::{Change, Country, MachineRules, Membership, StreamLease, TapMode, ToneName};
use ringback_net::Wanted;
use ringback_sip::{Credentials, Phone, PhoneId, Policy, Reach, RegistrarLimits};

use crate::config::{AccessRule, TrunkConfig};
use crate::defense::DefenseConfig;
use crate::ids::{LegId, OpId, TrunkId};
use crate::media_policy::MediaPolicy;

/// One order. Meanings are those of the methods of `Engine` in the Python contract.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    SetTables {
        trunks: Vec<TrunkConfig>,
        access: Vec<AccessRule>,
    },
    SetAccepting(bool),
    SetDefense(Box<DefenseConfig>),
    Ban {
        source: IpAddr,
        time: Duration,
    },
    LiftBan {
        source: IpAddr,
    },
    SetPhones {
        phones: Vec<Phone>,
        limits: RegistrarLimits,
    },
    Dial(Box<Dial>),
    Ring {
        leg: LegId,
    },
    EarlyMedia {
        leg: LegId,
    },
    Answer {
        leg: LegId,
    },
    Reject {
        leg: LegId,
        code: u16,
        reason: Option<String>,
    },
    Hangup {
        leg: LegId,
        q850: Option<u8>,
        reason: Option<String>,
    },
    /// An order for the dialog of a leg that concerns nobody else.
    InDialog {
        leg: LegId,
        order: Box<ringback_sip::Command>,
    },
    EndDialog {
        dialog: String,
    },
    Start {
        op: OpId,
        leg: LegId,
        operation: Operation,
    },
    StopOp {
        op: OpId,
    },
    Change {
        op: OpId,
        change: Change,
    },
    OpenRoom {
        room: LegId,
        max_members: usize,
    },
    CloseRoom {
        room: LegId,
    },
    Stop {
        grace: Duration,
    },
}

/// Everything an INVITE of ours needs; what the trunk decides is copied in, so that later changes do not matter.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) leg: LegId,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) wanted: Wanted,
    pub(crate) reach: Reach,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) display_name: Option<String>,
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) media: MediaPolicy,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) allow_redirects: bool,
    pub(crate) policy: Policy,
    /// 0 for a phone.
    pub(crate) trunk: TrunkId,
    /// Ring the contacts of this phone; host and port say nothing then.
    pub(crate) phone: Option<PhoneId>,
}

/// What a leg's media is to do.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // argument by argument documented in `_engine.pyi`
pub enum Operation {
    Play { files: Vec<PathBuf>, loop_count: u32, barge_in: bool, gain_db: f64 },
    Gather(Gather),
    Record { path: PathBuf, stereo: bool, max: Duration, silence_stop: Option<Duration> },
    Tone { name: ToneName, country: Country, duration: Option<Duration> },
    SendDtmf { digits: String, tone: Duration, gap: Duration },
    DetectMachine { rules: MachineRules },
    Join { other: LegId },
    JoinRoom { room: LegId, membership: Membership },
    Tap { join: OpId, mode: TapMode },
    Stream { lease: Arc<StreamLease> },
}

/// Collecting digits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Gather {
    pub files: Vec<PathBuf>,
    pub min_digits: u32,
    pub max_digits: u32,
    pub terminators: String,
    pub first_timeout: Duration,
    pub inter_timeout: Duration,
    pub barge_in: bool,
}
