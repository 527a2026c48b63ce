//! A SIP user agent without socket, clock or thread ("sans-IO").
//!
//! Messages, commands and deadlines go in, each with the time it happened; messages to send and events come out.
//! See [`UserAgent`] for how it is driven.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod access;
mod aside;
mod basics;
mod change;
mod closing;
mod command;
mod config;
mod counters;
mod defense;
mod dialog;
mod digest;
mod errand;
mod event;
mod indialog;
mod legs;
mod obey;
mod peer;
mod probe;
mod random;
mod rate;
mod receive;
mod recover;
mod registrar;
mod registration;
mod reliable;
mod sdp;
mod session;
mod tick;
mod timers;
mod transaction;
mod transfer;
mod ua;
mod uac;
mod uas;
mod wire;

pub use access::{AccessRule, Gate, Network, NetworkError, TrunkId};
pub use command::{Command, Credentials, DialTarget, LocalMedia, Reach};
pub use config::{Config, Listener};
pub use counters::Counters;
pub use defense::{AclRule, Ban, BanLimits, DEFAULT_SCANNERS, DefenseSettings};
pub use digest::server::Secrets;
pub use event::{Cause, Confirmation, Event, INCOMING_LEGS, LegId, LookedUp, Output, Side};
pub use peer::{ListenerId, Peer, Transport};
pub use probe::Probe;
pub use registrar::{Gone, Phone, PhoneContact, PhoneId, RegistrarLimits};
pub use registration::{Registration, RegistrationState};
pub use sdp::{Codec, Crypto, Events, KeySalt, LocalCrypto, Negotiated, Suite};
pub use session::policy::{Policy, Reliable};
pub use ua::UserAgent;
