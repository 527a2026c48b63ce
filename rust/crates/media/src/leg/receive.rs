//! Packets of the far end, and digits out of them.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Context, Leg};
use crate::codec::samples_in;
use crate::command::{Codec, EventType};
use crate::counters::count;
use crate::dtmf::receive::{Key, Received};
use crate::event::{DigitSource, MediaEvent, OpResult};
use crate::output::Channel;
use crate::stream::jitter::Inserted;
use crate::stream::latch::{Latch, Verdict};
use crate::stream::reception::Sequence;
use crate::wire::rtcp::unpack_rtcp;
use crate::wire::rtp::{RtpHeader, is_rtcp, unpack_rtp};

/// Static payload types (RFC 3551 table 4).
const PT_PCMU: u8 = 0;
const PT_PCMA: u8 = 8;
const PT_COMFORT_NOISE: u8 = 13;
/// Digits kept for a gather to come.
const MAX_TYPED_AHEAD: usize = 64;

/// What a payload type stands for on a leg.
enum Kind {
    Audio(Codec),
    Event(EventType),
    ComfortNoise,
}

impl Leg {
    /// Take a datagram from the RTP port; `at` is when it arrived.
    pub(crate) fn rtp(&mut self, from: SocketAddr, bytes: &[u8], at: Instant, ctx: &mut Context<'_>) {
        if is_rtcp(bytes) {
            return self.rtcp(from, bytes, at, ctx);
        }
        self.opened(Channel::Rtp, bytes, ctx, |leg, bytes, ctx| leg.clear_rtp(from, bytes, at, ctx));
    }

    fn clear_rtp(&mut self, from: SocketAddr, bytes: &[u8], at: Instant, ctx: &mut Context<'_>) {
        let Ok((header, payload)) = unpack_rtp(bytes) else { return count(&ctx.counters.dropped_rtp_malformed) };
        if self.remote.is_none() {
            return count(&ctx.counters.dropped_rtp_early);
        }
        // Checked before the source, so that nothing but media can lock it.
        let Some(kind) = self.kind(header.payload_type) else {
            return count(&ctx.counters.dropped_rtp_payload_type);
        };
        if !self.is_far_end(from, &header, at, ctx) {
            return;
        }
        count(&ctx.counters.media_rtp_received);
        self.alive(ctx);
        match kind {
            Kind::Audio(codec) => self.audio(codec, &header, payload, at, ctx),
            Kind::Event(events) => self.event(events, &header, payload, ctx),
            Kind::ComfortNoise => {
                if self.in_sequence(&header, ctx) {
                    self.noise.describe(payload);
                }
            }
        }
    }

    /// Take a datagram from the RTCP port.
    pub(crate) fn rtcp(&mut self, from: SocketAddr, bytes: &[u8], at: Instant, ctx: &mut Context<'_>) {
        self.opened(Channel::Rtcp, bytes, ctx, |leg, bytes, ctx| leg.clear_rtcp(from, bytes, at, ctx));
    }

    fn clear_rtcp(&mut self, from: SocketAddr, bytes: &[u8], at: Instant, ctx: &mut Context<'_>) {
        // Only the host is compared: behind NAT the port is any.
        let target = self.latch.as_ref().and_then(Latch::target);
        if target.is_none_or(|target| target.ip() != from.ip()) {
            return count(&ctx.counters.dropped_rtcp_foreign);
        }
        let Ok(packets) = unpack_rtcp(bytes) else { return count(&ctx.counters.dropped_rtcp_malformed) };
        count(&ctx.counters.media_rtcp_received);
        if Some(from) != target {
            self.rtcp_source = Some(from);
        }
        for packet in &packets {
            self.reporter.receive(packet, self.sender.ssrc(), ctx.clock, at);
        }
    }

    fn kind(&self, payload_type: u8) -> Option<Kind> {
        let remote = self.remote.as_ref()?;
        match payload_type {
            agreed if remote.codec_of(agreed).is_some() => remote.codec_of(agreed).map(Kind::Audio),
            event if remote.events_of(event).is_some() => remote.events_of(event).map(Kind::Event),
            // An answerer may use any format of the offer (RFC 3264 section 6.1), and both are always understood.
            PT_PCMU => Some(Kind::Audio(Codec::Pcmu)),
            PT_PCMA => Some(Kind::Audio(Codec::Pcma)),
            PT_COMFORT_NOISE => Some(Kind::ComfortNoise),
            _ => None,
        }
    }

    fn is_far_end(&mut self, from: SocketAddr, header: &RtpHeader, at: Instant, ctx: &mut Context<'_>) -> bool {
        let Some(latch) = &mut self.latch else { return false };
        match latch.judge(from, header, at) {
            Verdict::Accept => true,
            Verdict::Locked => {
                // Another source may send its RTCP from another port, too.
                self.rtcp_source = self.rtcp_source.filter(|source| source.ip() == from.ip());
                true
            }
            Verdict::Learning => {
                count(&ctx.counters.dropped_rtp_learning);
                false
            }
            Verdict::Foreign => {
                self.packets_foreign += 1;
                count(&ctx.counters.dropped_rtp_foreign);
                false
            }
        }
    }

    /// Note that the far end is there.
    fn alive(&mut self, ctx: &mut Context<'_>) {
        self.silent_since = ctx.now;
        self.lost = false;
        if !self.had_media {
            self.had_media = true;
            ctx.out.events.push(MediaEvent::FirstPacket { leg: self.id });
        }
    }

    fn audio(&mut self, codec: Codec, header: &RtpHeader, payload: &[u8], at: Instant, ctx: &mut Context<'_>) {
        if samples_in(codec, payload).is_none() {
            return count(&ctx.counters.dropped_rtp_malformed);
        }
        if !self.in_sequence(header, ctx) {
            return;
        }
        self.noise.stop();
        self.reception.arrival(at, header.timestamp, codec.ticks_per_ms());
        match self.playout.packet(codec, header.timestamp, payload) {
            Some(Inserted::Kept) => {}
            Some(Inserted::Late) => {
                self.packets_late += 1;
                count(&ctx.counters.dropped_rtp_late);
            }
            Some(Inserted::Duplicate) => count(&ctx.counters.dropped_rtp_duplicate),
            Some(Inserted::Resynced) => count(&ctx.counters.media_resyncs),
            None => count(&ctx.counters.dropped_rtp_malformed),
        }
    }

    /// Count a packet of the audio stream; false if it is not to be used.
    fn in_sequence(&mut self, header: &RtpHeader, ctx: &mut Context<'_>) -> bool {
        let is_first = !self.reception.has_stream();
        match self.reception.packet(header) {
            Sequence::Valid => true,
            Sequence::NewStream => {
                if !is_first {
                    count(&ctx.counters.media_ssrc_changes);
                    self.playout.reset();
                }
                true
            }
            Sequence::Doubtful => {
                count(&ctx.counters.dropped_rtp_sequence);
                false
            }
        }
    }

    fn event(&mut self, events: EventType, header: &RtpHeader, payload: &[u8], ctx: &mut Context<'_>) {
        // Some gateways send digits as a stream of its own: it must not be taken for a change of the audio stream.
        if self.reception.is_stream(header.ssrc) && !self.in_sequence(header, ctx) {
            return;
        }
        match self.dtmf_in.packet(payload, header.timestamp, events.ticks_per_ms, ctx.now) {
            Received::Keys(keys) => {
                for key in keys.into_iter().flatten() {
                    self.key(key, DigitSource::Event, ctx);
                }
            }
            Received::NoDigit => count(&ctx.counters.dropped_dtmf_events),
            Received::Malformed => count(&ctx.counters.dropped_rtp_malformed),
        }
    }

    /// Take a stroke of the far end's keypad.
    pub(super) fn key(&mut self, key: Key, how: DigitSource, ctx: &mut Context<'_>) {
        match key {
            Key::Down(_) => self.barge_in(ctx),
            Key::Up { digit, duration_ms } => {
                if let Some(side) = &self.stream {
                    side.digit(digit, duration_ms);
                }
                ctx.out.events.push(MediaEvent::Dtmf { leg: self.id, digit, duration_ms, how });
                self.digit(digit, (how != DigitSource::Inband).then_some(duration_ms), ctx);
            }
        }
    }

    /// Stop what a digit stops.
    pub(super) fn barge_in(&mut self, ctx: &mut Context<'_>) {
        let Some(playback) = self.playback.take_if(|playback| playback.barge_in) else { return };
        if playback.is_prompt {
            self.prompt_over(ctx);
        } else {
            ctx.done(playback.op, OpResult::Digit, None);
        }
    }

    /// Give a digit to the gather, to the joined leg, or keep it for later.
    ///
    /// Without `relay_ms` the joined leg gets nothing: it hears the digit in the audio.
    pub(super) fn digit(&mut self, digit: char, relay_ms: Option<u32>, ctx: &mut Context<'_>) {
        if let Some(gather) = self.gather.as_mut().filter(|gather| gather.takes_digits()) {
            if let Some(gathered) = gather.digit(digit, ctx.now) {
                self.end_gather(gathered, None, ctx);
            }
        } else if let Some(side) = self.join.as_ref().filter(|_| self.gather.is_none()) {
            if relay_ms.is_some_and(|duration_ms| !side.push_digit(digit, duration_ms)) {
                count(&ctx.counters.dropped_digits);
            }
        } else {
            if self.typed_ahead.len() >= MAX_TYPED_AHEAD {
                self.typed_ahead.pop_front();
                count(&ctx.counters.dropped_digits);
            }
            self.typed_ahead.push_back(digit);
        }
    }
}
