//! A SIP user agent without socket, clock or thread ("sans-IO").
//!
//! Datagrams, commands and deadlines go in, each with the time it happened; datagrams to send and events come out.
//! See [`UserAgent`] for how it is driven.
#![forbid(unsafe_code)]

mod access;
mod command;
mod config;
mod counters;
mod event;
mod sdp;
mod ua;

pub use access::{AccessRule, Gate, Network, NetworkError, TrunkId};
pub use command::{Command, Credentials, LocalMedia};
pub use config::Config;
pub use counters::Counters;
pub use event::{Cause, Confirmation, Event, INCOMING_LEGS, LegId, Output, Side};
pub use sdp::{Codec, Negotiated};
pub use ua::UserAgent;
