//! Behavior of a shard as its far ends see it: no sockets, and a clock that only moves when told.

mod bad_network;
mod codecs;
mod encrypting;
mod faults;
mod gathering;
mod inband;
mod joining;
mod machines;
mod playing;
mod receiving;
mod recording;
mod reporting;
mod rooms;
mod sending;
mod stage;

pub(crate) use stage::speech;
