//! The handle: where legs live and how commands reach them.

use std::sync::Arc;

use crate::command::{LegId, MediaCommand, RemoteMedia};
use crate::config::MediaConfig;
use crate::counters::MediaCounters;
use crate::error::MediaError;
use crate::event::EventSink;

/// RTP media of one host. `Send + Sync`; every method returns at once.
#[derive(Debug)]
pub struct Media {}

impl Media {
    /// Check the settings and start the threads.
    pub fn start(config: MediaConfig, sink: Arc<dyn EventSink>) -> Result<Self, MediaError> {
        todo!("{config:?} {}", Arc::strong_count(&sink))
    }

    /// Bind an RTP/RTCP port pair for a leg and return the RTP port.
    pub fn open_leg(&self, leg: LegId) -> Result<u16, MediaError> {
        todo!("{leg}")
    }

    /// Set or change what was agreed with the far end. From now on the leg sends (silence when nothing plays).
    ///
    /// Restarts the media time-out; a new address makes the leg learn its source again.
    pub fn set_remote(&self, leg: LegId, remote: RemoteMedia) {
        todo!("{leg} {remote:?}")
    }

    /// Begin or stop an operation. One that cannot even be queued ends as `failed`.
    pub fn command(&self, command: MediaCommand) {
        todo!("{command:?}")
    }

    /// End the leg: its operations end as `leg_ended`, RTCP BYE goes out, then `Stats` and `Closed` are reported.
    ///
    /// `Closed` comes for every leg that was opened, once. For a leg that is not open this does nothing.
    pub fn close_leg(&self, leg: LegId) {
        todo!("{leg}")
    }

    /// Return counters and gauges.
    pub fn counters(&self) -> MediaCounters {
        todo!()
    }

    /// Close every leg and stop the threads. Dropping the handle does the same.
    pub fn stop(self) {
        todo!()
    }
}
