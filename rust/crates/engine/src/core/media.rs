//! What media reports.

use std::time::Instant;

use ringback_media::{MediaEvent, MediaStats};
use ringback_sip as sip;

use super::{Core, MediaPort};
use crate::event::{LegStats, What};
use crate::ids::LegId;

impl<M: MediaPort> Core<M> {
    /// Take one event of the media side. Those of legs and operations that are over are ignored.
    pub(crate) fn handle_media(&mut self, now: Instant, event: MediaEvent) {
        match event {
            MediaEvent::FirstPacket { leg } => self.first_packet(leg),
            MediaEvent::Dtmf { leg, digit, duration_ms, how } => {
                if self.is_reporting(leg) {
                    self.report(now, What::Dtmf { leg, digit, duration_ms, how: how.as_str() });
                }
            }
            MediaEvent::Talking { room, leg, on } => {
                if self.is_reporting(leg) {
                    self.report(now, What::Talking { room, leg, on });
                }
            }
            MediaEvent::Machine { op, leg, verdict, why } => {
                if self.is_reporting(leg) {
                    self.report(now, What::Machine { op, leg, verdict: verdict.as_str(), why });
                }
            }
            MediaEvent::OpDone { op, leg: _, result, detail, duration_ms } => {
                self.media_op_done(now, op, result.as_str(), detail, duration_ms);
            }
            MediaEvent::GatherDone { op, leg: _, digits, result, terminator, detail } => {
                self.media_gather_done(now, op, digits, result.as_str(), terminator, detail);
            }
            MediaEvent::Lost { leg } => {
                if self.is_reporting(leg) {
                    self.report(now, What::MediaLost { leg });
                }
            }
            MediaEvent::Fault { leg, what } => self.handle_fault(now, what, Some(leg)),
            MediaEvent::Stats { leg, stats } => self.keep_figures(leg, &stats),
            MediaEvent::Closed { leg } => {
                self.current = Some(leg);
                self.finish(now, leg);
            }
        }
    }

    /// The caller of a leg we answered shows by its media that it has our 200.
    fn first_packet(&mut self, leg: LegId) {
        self.current = Some(leg);
        if self.legs.get(&leg).is_some_and(|entry| entry.incoming && entry.answered && !entry.is_closing()) {
            self.sip_commands.push_back(sip::Command::MediaSeen { leg });
        }
    }

    fn keep_figures(&mut self, leg: LegId, stats: &MediaStats) {
        self.current = Some(leg);
        let Some(entry) = self.legs.get_mut(&leg) else { return };
        // Without an agreement there was no media to have figures of.
        let Some(codec) = stats.codec.map(ringback_media::Codec::name) else { return };
        entry.stats = Some(LegStats {
            leg,
            codec,
            packets_sent: stats.packets_sent,
            packets_received: stats.packets_received,
            packets_lost: stats.packets_lost,
            jitter_ms: stats.jitter_ms,
            round_trip_ms: stats.round_trip_ms,
            packets_late: stats.packets_late,
            concealed_ms: stats.concealed_ms,
            jitter_max_ms: stats.jitter_max_ms,
            loss_percent: loss_percent(stats),
            remote_loss_percent: stats.remote_loss.map(|loss| loss * 100.0),
            mos: stats.mos,
        });
    }

    /// Events of a leg may still be reported while its media closes.
    fn is_reporting(&mut self, leg: LegId) -> bool {
        self.current = Some(leg);
        self.legs.contains_key(&leg)
    }
}

/// What did not come, of what the far end sent.
#[allow(clippy::cast_precision_loss)] // a share
fn loss_percent(stats: &MediaStats) -> f64 {
    let expected = stats.packets_received + stats.packets_lost;
    if expected == 0 { 0.0 } else { stats.packets_lost as f64 * 100.0 / expected as f64 }
}
