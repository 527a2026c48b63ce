//! Fuzzing: the bodies of the targets in `rust/fuzz`, so that tests on the stable toolchain run the same.
//!
//! A target takes any bytes and returns; it panics when something that must always hold did not. `make fuzz` lets
//! libFuzzer look for such bytes, `tests/replay.rs` replays the committed corpora and seeded mutations of them, and the
//! example `mutate` sends millions of mutated messages through a user agent.
#![allow(clippy::panic, clippy::missing_panics_doc)]

mod check;
mod corpus;
mod dice;
mod mutate;
mod sip;

pub use corpus::{Corpus, corpora_folder};
pub use dice::Dice;
pub use mutate::{mutate_bytes, mutate_message};
pub use sip::World;

/// A target: its name, which is that of its corpus, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; `rust/fuzz/fuzz_targets` has a file for each.
pub const TARGETS: &[Target] = &[
    ("sip_message", sip::message),
    ("sip_session", sip::session),
    ("framing", ringback_net::fuzzing::framing),
    ("sdp", sip::sdp),
    ("rtp_leg", ringback_media::fuzzing::leg),
    ("demux", ringback_media::fuzzing::demux),
    ("dtmf", ringback_media::fuzzing::dtmf),
    ("srtp", ringback_media::fuzzing::srtp),
    ("wav", ringback_media::fuzzing::wav),
];

/// Run one target.
pub fn run(name: &str, data: &[u8]) {
    let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) else { panic!("no target {name}") };
    target(data);
}
