//! Joins SIP, network and media into legs, operations and events.
//!
//! [`Engine`] is what the Python module wraps: its methods check, number and queue; a signaling thread carries out.
//! The core of that thread is free of I/O and knows everything the Python contract (`_engine.pyi`) promises about
//! the order of events. Nothing here knows Python.
#![cfg_attr(not(test), forbid(unsafe_code))]

pub mod args;
mod audio;
mod command;
mod config;
mod core;
mod defense;
mod error;
mod event;
mod gatekeeper;
mod handle;
mod handle_talks;
mod ids;
mod in_dialog;
mod listen;
mod media_policy;
mod media_port;
mod queue;
mod running;
mod signaling;
mod stats;

pub use audio::StreamArgs;
pub use command::{Gather, Operation};
pub use config::registering::{PhoneConfig, PingConfig, RegistrationConfig};
pub use config::{
    AccessRule, EngineConfig, StreamSettings, TrunkConfig, in_range, parse_codecs, parse_dns_server, parse_network,
    parse_srtp, parse_transport,
};
pub use config::{check_session_expires, parse_reliable};
pub use defense::{AclEntry, DefenseArgs, DefenseConfig};
pub use error::EngineError;
pub use event::{Ended, Event, Incoming, LegStats, What};
pub use handle::{DialRequest, Engine};
pub use ids::{LegId, OpId, TrunkId};
pub use media_policy::{MediaPolicy, SrtpMode, parse_dtmf};
pub use ringback_net::{CertificateFiles, TlsFiles, Wanted};
pub use ringback_sip::{Policy, RegistrarLimits, Reliable};
pub use stats::Stats;
