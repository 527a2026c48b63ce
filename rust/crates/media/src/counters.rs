//! What media counts: one set of atomics for each shard, added up when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::lateness::Lateness;

/// Half a second of ticks: with less, one hiccup would be the 99th percentile.
const MIN_RECENT_TICKS: u64 = 100;

/// Counters since start and gauges, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaCounters {
    /// Name and value, e.g. `media_legs`, `media_ports_used`, `dropped_rtp_foreign`, `media_tick_late_p99_us`.
    pub values: Vec<(&'static str, u64)>,
}

impl MediaCounters {
    /// Return the value of `name`, 0 if there is none of that name.
    pub fn get(&self, name: &str) -> u64 {
        self.values.iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| *value)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one shard (or of the handle).
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)*
            /// How late ticks were.
            pub(crate) lateness: Lateness,
        }

        impl Counters {
            /// Return every counter with its name.
            fn values(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Legs open now.
    media_legs,
    /// RTP packets sent.
    media_rtp_sent,
    /// RTP packets of the far ends taken.
    media_rtp_received,
    /// RTCP packets sent.
    media_rtcp_sent,
    /// RTCP packets of the far ends taken.
    media_rtcp_received,
    /// Frames of received audio made up.
    media_frames_concealed,
    /// Streams whose SSRC changed.
    media_ssrc_changes,
    /// Streams whose timestamps began anew.
    media_resyncs,
    /// Legs whose media was lost, each time.
    media_lost,
    /// Legs ended by a fault of our own.
    media_faults,
    /// Commands for a leg or operation that was over.
    media_commands_late,
    /// Commands refused because too many waited.
    dropped_media_commands,
    /// Packets that the kernel did not take.
    dropped_media_unsent,
    /// Packets that are no RTP.
    dropped_rtp_malformed,
    /// Packets of somebody else than the far end.
    dropped_rtp_foreign,
    /// Packets of a source that was still being learned.
    dropped_rtp_learning,
    /// Packets with a payload type nobody agreed to.
    dropped_rtp_payload_type,
    /// Packets whose sequence number was far off.
    dropped_rtp_sequence,
    /// Packets that came after their turn.
    dropped_rtp_late,
    /// Packets that came twice.
    dropped_rtp_duplicate,
    /// Packets for a leg that has no remote yet.
    dropped_rtp_early,
    /// Datagrams that are no RTCP.
    dropped_rtcp_malformed,
    /// SRTP or SRTCP whose tag did not fit: forged, damaged, or in the clear.
    dropped_srtp_forged,
    /// SRTP or SRTCP that was received before, or is too old to tell.
    dropped_srtp_replayed,
    /// RTCP of somebody else than the far end.
    dropped_rtcp_foreign,
    /// Telephone events that are no digits.
    dropped_dtmf_events,
    /// Digits typed ahead of which nobody took notice.
    dropped_digits,
    /// Frames between joined legs that came too fast for the other side.
    dropped_join_frames,
    /// Frames missing between joined legs.
    media_join_frames_missing,
    /// Frames between rooms and their members that came too fast for the other side.
    dropped_room_frames,
    /// Frames of members missing when a room was mixed.
    media_room_frames_missing,
    /// Pieces of audio a program far away did not take in time.
    dropped_stream_frames,
    /// Rooms refused because there were too many.
    refused_rooms,
    /// Pieces of recordings replaced by silence because the disk was too slow.
    dropped_record_chunks,
    /// Ticks left out because the thread was held up for too long.
    dropped_ticks,
    /// Threads that run before ordinary ones, by a real-time priority.
    media_threads_realtime,
    /// Threads that are bound to a CPU.
    media_threads_pinned,
}

/// Add one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Return the 99th percentile of the lateness of a shard of late, 0 as long as too few ticks say anything.
pub(crate) fn recent(shard: &Counters, now: Instant) -> u64 {
    let (p99_us, ticks) = shard.lateness.recent_us(now);
    if ticks >= MIN_RECENT_TICKS { p99_us } else { 0 }
}

/// Add up the counters of all shards.
pub(crate) fn collect<'a>(shards: impl Iterator<Item = &'a Counters>) -> MediaCounters {
    let now = Instant::now();
    let mut recent_us = 0;
    let mut values: Vec<(&'static str, u64)> = Vec::new();
    let lateness = Lateness::default();
    for shard in shards {
        let more = shard.values();
        if values.is_empty() {
            values = more;
        } else {
            for (sum, (_, value)) in values.iter_mut().zip(more) {
                sum.1 += value;
            }
        }
        recent_us = recent_us.max(recent(shard, now));
        lateness.add(&shard.lateness);
    }
    let [median, p99, max] = lateness.summary_us();
    values.extend([
        ("media_ticks", lateness.ticks()),
        ("media_tick_late_p50_us", median),
        ("media_tick_late_p99_us", p99),
        ("media_tick_late_max_us", max),
        ("media_tick_late_recent_p99_us", recent_us),
    ]);
    values.extend(lateness.histogram());
    MediaCounters { values }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn test_shards_are_added_up() {
        let shards = [Counters::default(), Counters::default()];
        count(&shards[0].media_legs);
        count(&shards[1].media_legs);
        shards[1].lateness.record(Duration::from_millis(3), Instant::now());

        let counters = collect(shards.iter());

        assert_eq!(counters.get("media_legs"), 2);
        assert_eq!(counters.get("media_tick_late_max_us"), 3000);
        assert_eq!(counters.get("no such counter"), 0);
    }
}
