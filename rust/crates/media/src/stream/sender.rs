//! The RTP stream we send: numbers packets and gathers frames into packets of the length agreed.

use crate::audio::frame::FRAME;
use crate::wire::rtp::{RtpHeader, pack_rtp};
use crate::wire::wrap::{seq_add, ts_add};

/// Longest packet of the codecs with a byte for a tick: 60 ms.
const MAX_PACKET: usize = 480;
/// Bytes of those codecs in a millisecond.
const BYTES_PER_MS: u32 = 8;
/// Milliseconds of a frame.
const FRAME_MS: u32 = 20;

/// What we send on a leg.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    ssrc: u32,
    sequence: u16,
    /// Timestamp of the next frame.
    rtp_ts: u32,
    /// Of the RTP clock: 8, or 48 for Opus.
    ticks_per_ms: u32,
    /// Bytes of one packet, for codecs with a byte for a tick.
    packet_bytes: usize,
    /// Bytes that wait for the packet to be full.
    pending: Vec<u8>,
    /// The next packet is the first after a silence.
    marker: bool,
    /// Timestamp of the digit under way.
    event_ts: u32,
    packets: u64,
    octets: u64,
}

impl Sender {
    /// Begin a stream; its numbers are random so that they cannot be guessed (RFC 3550 section 5.1).
    pub(crate) fn new(ssrc: u32, sequence: u16, rtp_ts: u32) -> Self {
        Self {
            ssrc,
            sequence,
            rtp_ts,
            ticks_per_ms: 8,
            packet_bytes: FRAME,
            pending: Vec::with_capacity(MAX_PACKET + FRAME),
            marker: true,
            event_ts: rtp_ts,
            packets: 0,
            octets: 0,
        }
    }

    /// Set the length of packets; anything but 10-60 ms in steps of 10 is taken as 20.
    pub(crate) fn set_ptime(&mut self, ptime_ms: u32) {
        let ptime_ms = if (10..=60).contains(&ptime_ms) && ptime_ms.is_multiple_of(10) { ptime_ms } else { 20 };
        let bytes = (ptime_ms * BYTES_PER_MS) as usize;
        if bytes != self.packet_bytes {
            self.packet_bytes = bytes;
            self.pending.clear();
        }
    }

    /// Set the RTP clock. Another one needs a stream of its own (RFC 7160 section 4.1): it gets a new SSRC.
    pub(crate) fn set_clock(&mut self, ticks_per_ms: u32) {
        if ticks_per_ms != self.ticks_per_ms {
            self.ticks_per_ms = ticks_per_ms;
            self.pending.clear();
            self.marker = true;
            if self.packets > 0 {
                self.ssrc = self.ssrc.rotate_left(7) ^ self.rtp_ts;
            }
        }
    }

    /// Return our SSRC.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Return the timestamp of now.
    pub(crate) fn rtp_ts(&self) -> u32 {
        self.rtp_ts
    }

    /// Return packets and payload bytes sent so far.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.packets, self.octets)
    }

    /// Send one frame of audio: `emit` gets each packet that became full.
    pub(crate) fn audio(&mut self, payload_type: u8, frame: &[u8; FRAME], mut emit: impl FnMut(&RtpHeader, &[u8])) {
        let pending_before = u32::try_from(self.pending.len()).unwrap_or_default();
        let mut rtp_ts = self.rtp_ts.wrapping_sub(pending_before);
        self.pass_frame();
        if self.pending.is_empty() && self.packet_bytes == FRAME {
            self.emit(payload_type, rtp_ts, frame, &mut emit);
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(frame);
        let mut at = 0;
        while pending.len() - at >= self.packet_bytes {
            self.emit(payload_type, rtp_ts, &pending[at..at + self.packet_bytes], &mut emit);
            at += self.packet_bytes;
            rtp_ts = rtp_ts.wrapping_add(u32::try_from(self.packet_bytes).unwrap_or_default());
        }
        pending.drain(..at);
        self.pending = pending;
    }

    /// Let 20 ms pass whose packets are made elsewhere.
    pub(crate) fn pass_frame(&mut self) {
        self.rtp_ts = ts_add(self.rtp_ts, self.ticks_per_ms * FRAME_MS);
    }

    /// Send a packet that began `ticks_ago`.
    pub(crate) fn packet(
        &mut self,
        payload_type: u8,
        ticks_ago: u32,
        payload: &[u8],
        emit: &mut impl FnMut(&RtpHeader, &[u8]),
    ) {
        self.emit(payload_type, self.rtp_ts.wrapping_sub(ticks_ago), payload, emit);
    }

    /// Send a packet of telephone-event; all packets of a digit carry the timestamp of its begin (RFC 4733 2.2).
    pub(crate) fn event(&mut self, payload_type: u8, payload: [u8; 4], first: bool, out: &mut Vec<u8>) {
        if first {
            self.event_ts = self.rtp_ts;
        }
        self.pending.clear();
        self.pass_frame();
        let header = self.next_header(payload_type, self.event_ts, first, payload.len());
        pack_rtp(&header, &payload, out);
    }

    /// Let `frames` times 20 ms pass without sending.
    pub(crate) fn skip(&mut self, frames: u32) {
        self.pending.clear();
        self.rtp_ts = ts_add(self.rtp_ts, (self.ticks_per_ms * FRAME_MS).wrapping_mul(frames));
        self.marker = true;
    }

    fn emit(&mut self, payload_type: u8, rtp_ts: u32, payload: &[u8], emit: &mut impl FnMut(&RtpHeader, &[u8])) {
        let marker = std::mem::take(&mut self.marker);
        let header = self.next_header(payload_type, rtp_ts, marker, payload.len());
        emit(&header, payload);
    }

    fn next_header(&mut self, payload_type: u8, timestamp: u32, marker: bool, bytes: usize) -> RtpHeader {
        let header = RtpHeader { marker, payload_type, sequence: self.sequence, timestamp, ssrc: self.ssrc };
        self.sequence = seq_add(self.sequence, 1);
        self.packets += 1;
        self.octets += bytes as u64;
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Send `frames` frames and return (marker, sequence, timestamp, length) of the packets.
    fn send(sender: &mut Sender, frames: u8) -> Vec<(bool, u16, u32, usize)> {
        let mut packets = Vec::new();
        for value in 0..frames {
            sender.audio(8, &[value; FRAME], |header, payload| {
                packets.push((header.marker, header.sequence, header.timestamp, payload.len()));
            });
        }
        packets
    }

    #[test]
    fn test_packets_are_numbered_across_the_wrap() {
        let mut sender = Sender::new(1, 65535, u32::MAX - 159);

        assert_eq!(send(&mut sender, 2), [(true, 65535, u32::MAX - 159, 160), (false, 0, 0, 160)]);
        assert_eq!(sender.sent(), (2, 320));
    }

    #[test]
    fn test_every_packet_time_has_whole_packets_without_gaps() {
        for (ptime_ms, length, count) in [(10, 80, 24), (30, 240, 8), (40, 320, 6), (50, 400, 4), (60, 480, 4)] {
            let mut sender = Sender::new(1, 0, 0);
            sender.set_ptime(ptime_ms);

            let packets = send(&mut sender, 12);

            assert_eq!(packets.len(), count, "{ptime_ms} ms");
            for (index, packet) in packets.into_iter().enumerate() {
                assert_eq!(packet, (index == 0, index as u16, (index * length) as u32, length), "{ptime_ms} ms");
            }
        }
    }

    #[test]
    fn test_odd_packet_times_are_20_ms() {
        for ptime_ms in [0, 15, 70] {
            let mut sender = Sender::new(1, 0, 0);
            sender.set_ptime(ptime_ms);
            assert_eq!(send(&mut sender, 1)[0].3, 160);
        }
    }

    #[test]
    fn test_the_packet_after_a_pause_is_marked_and_later() {
        let mut sender = Sender::new(1, 0, 0);
        send(&mut sender, 1);
        sender.skip(3);

        assert_eq!(send(&mut sender, 1), [(true, 1, 640, 160)]);
    }

    #[test]
    fn test_all_packets_of_a_digit_have_one_timestamp() {
        let mut sender = Sender::new(1, 0, 640);
        send(&mut sender, 1);
        let mut bytes = Vec::new();
        sender.event(101, [5, 10, 0, 160], true, &mut bytes);
        sender.event(101, [5, 10, 1, 64], false, &mut bytes);

        assert_eq!(bytes[4..8], bytes[20..24]);
        assert_eq!((bytes[1], bytes[17]), (0xe5, 0x65));
        assert_eq!(send(&mut sender, 1), [(false, 3, 1120, 160)]);
    }
}
