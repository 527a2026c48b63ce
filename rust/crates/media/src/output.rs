//! What a shard wants done: packets to send, events to report, jobs for the disk threads.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use crate::command::{LegId, OpId};
use crate::event::MediaEvent;

/// Which of the two sockets of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// A packet to send; its bytes are `range` of [`Outputs::bytes`].
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) leg: LegId,
    pub(crate) channel: Channel,
    pub(crate) to: SocketAddr,
    pub(crate) range: Range<usize>,
}

/// Work for a thread that may block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DiskJob {
    /// Decode prompts, for a wideband leg too if so asked; answered by `Shard::handle_prompts`.
    Load { op: OpId, files: Vec<PathBuf>, wide: bool },
    /// Create a recording.
    Create { op: OpId, path: PathBuf, channels: u16 },
    /// Append to it: `gap` samples of silence that could not be delivered, then `samples`. Both count all channels.
    Append { op: OpId, gap: usize, samples: Vec<i16> },
    /// Close it; answered by `Shard::handle_recording`, as is every failure before.
    Finish { op: OpId },
}

/// Everything a shard put out since it was drained. The buffers keep their size, so that ticks allocate nothing.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) bytes: Vec<u8>,
    pub(crate) packets: Vec<Packet>,
    pub(crate) events: Vec<MediaEvent>,
    pub(crate) jobs: Vec<DiskJob>,
    /// Legs whose sockets can go, in the order of their `Closed` events.
    pub(crate) closed: Vec<LegId>,
}

impl Outputs {
    /// Queue a packet whose bytes `pack` appends.
    pub(crate) fn packet(&mut self, leg: LegId, channel: Channel, to: SocketAddr, pack: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        pack(&mut self.bytes);
        // One that could not be protected is not sent at all.
        if self.bytes.len() > start {
            self.packets.push(Packet { leg, channel, to, range: start..self.bytes.len() });
        }
    }

    /// Forget the packets, which were sent.
    pub(crate) fn clear_packets(&mut self) {
        self.packets.clear();
        self.bytes.clear();
    }
}
