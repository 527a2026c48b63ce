//! RTP media: playing, gathering digits, recording, tones, DTMF and joining two legs.
//!
//! [`Media`] is the handle the engine holds. It queues commands for *shards*: OS threads that each own a share of the
//! legs with their sockets and visit every leg once in 20 ms. The core of a shard (`shard.rs`) has no socket, clock or
//! thread: packets, commands and ticks go in with the time they happened; packets, events and disk jobs come out.
//! Two more threads do what may block: one decodes prompts, one writes recordings.
//!
//! This crate must not know SIP, Python or tokio.
#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss
    )
)]

mod audio;
mod codec;
mod command;
mod config;
mod counters;
mod disk;
mod dtmf;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lateness;
mod leg;
mod media;
mod operation;
mod output;
mod port_pool;
mod shard;
mod shard_talks;
pub mod srtp;
mod stream;
mod sys;
mod talks;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod thread;
mod wire;

pub use audio::country_tones::Country;
pub use command::{Change, Codec, EventType, GatherPrompt, LegId, MediaCommand, OpId, RemoteMedia, SrtpKeys, ToneName};
pub use config::{MediaConfig, spare_cpus};
pub use counters::MediaCounters;
pub use error::MediaError;
pub use event::{DigitSource, EventSink, GatherResult, MediaEvent, MediaStats, OpResult};
pub use media::Media;
pub use operation::audio_stream::{AudioStream, StreamEnd, StreamLease, StreamShape, ToProgram};
pub use operation::machine::{MachineRules, Verdict};
pub use operation::record::Pause;
pub use operation::room::{MAX_MEMBERS, Membership, ROOMS, Role, RoomId};
pub use operation::tap::TapMode;
