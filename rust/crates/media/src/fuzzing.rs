//! Doors for fuzzing: bytes of an attacker, turned into what a shard gets from the network.
//!
//! Each function takes any bytes and must return. It panics when what must hold did not: a fault of the engine, an
//! operation that ended twice or never, a leg that stayed. The shard is the real one, without sockets and threads.
#![allow(clippy::panic, clippy::missing_panics_doc)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::audio::country_tones::Country;
use crate::audio::wav::decode_wav;
use crate::command::{Codec, EventType, GatherPrompt, LegId, MediaCommand, OpId, RemoteMedia, ToneName};
use crate::counters::Counters;
use crate::dtmf::receive::{DtmfReceiver, Key, Received};
use crate::event::MediaEvent;
use crate::leg::LegSeed;
use crate::operation::join::Join;
use crate::operation::machine::MachineRules;
use crate::output::Channel;
use crate::shard::{Shard, ShardCommand, ShardConfig};
use crate::srtp::{Protector, SrtpKey, SrtpSuite, Unprotector};
use crate::stream::report::NtpClock;

/// Longest time one input may take on the leg's clock.
const MAX_MS: u64 = 20_000;
const TICK: Duration = Duration::from_millis(5);
const DTMF: u8 = 101;
const OPUS: u8 = 96;

/// Datagrams on the ports of two legs.
///
/// The first byte chooses what the legs do (bits 0 and 7 codec, 1 join, 2 gather, 3 tone, 4 DTMF out, 5 recording, 6 machine
/// detection). Then each
/// packet is: milliseconds to wait, channel and source (bit 0 RTCP, 1 the other leg, 2-3 source), half the length,
/// bytes.
pub fn leg(data: &[u8]) {
    let Some((&setup, mut rest)) = data.split_first() else { return };
    let mut stage = Stage::new(setup);
    while let Some((&[wait_ms, kind, half], tail)) = rest.split_first_chunk::<3>() {
        let (packet, tail) = tail.split_at(tail.len().min(usize::from(half) * 2));
        stage.run(u64::from(wait_ms));
        stage.packet(kind, packet);
        rest = tail;
    }
    stage.end();
}

/// Any datagrams on one port: RTP, RTCP, STUN, DTLS, rubbish. They are separated by the bytes `0xff 0x00`.
pub fn demux(data: &[u8]) {
    let mut stage = Stage::new(0b100);
    let mut packet = Vec::new();
    for byte in data {
        packet.push(*byte);
        if packet.ends_with(&[0xff, 0x00]) {
            packet.truncate(packet.len() - 2);
            stage.packet(packet.first().copied().unwrap_or_default() & 0b1100, &packet);
            stage.run(5);
            packet.clear();
        }
    }
    stage.packet(0, &packet);
    stage.end();
}

/// Telephone events (RFC 4733): milliseconds to wait, ticks since the packet before (16 bits), length, payload.
pub fn dtmf(data: &[u8]) {
    let mut receiver = DtmfReceiver::default();
    let (mut now, mut rtp_ts, mut rest) = (Instant::now(), 0_u32, data);
    let mut is_down = false;
    while let Some((&[wait_ms, high, low, length], tail)) = rest.split_first_chunk::<4>() {
        let (payload, tail) = tail.split_at(tail.len().min(usize::from(length)));
        rest = tail;
        now += Duration::from_millis(u64::from(wait_ms));
        follow(&mut is_down, receiver.tick(now).into_iter());
        rtp_ts = rtp_ts.wrapping_add(u32::from(u16::from_be_bytes([high, low])));
        if let Received::Keys(keys) = receiver.packet(payload, rtp_ts, if high & 1 == 0 { 8 } else { 48 }, now) {
            follow(&mut is_down, keys.into_iter().flatten());
        }
    }
    follow(&mut is_down, receiver.tick(now + Duration::from_secs(1)).into_iter());
    assert!(!is_down, "a key stayed down");
}

/// A key goes down before it comes up, and the other way round.
fn follow(is_down: &mut bool, keys: impl Iterator<Item = Key>) {
    for key in keys {
        let down = matches!(key, Key::Down(_));
        assert_ne!(down, *is_down, "keys out of order");
        *is_down = down;
    }
}

/// The content of a WAV file.
pub fn wav(data: &[u8]) {
    if let Err(what) = decode_wav(data, true) {
        assert!(!what.is_empty());
    }
}

/// Packets for one SRTP key. The first byte chooses (bit 0 the suite, 1 RTCP); then each packet is half its length and
/// bytes. What is protected must come back; anything else must not be taken for it.
pub fn srtp(data: &[u8]) {
    let Some((&setup, mut rest)) = data.split_first() else { return };
    let suite = if setup & 1 == 0 { SrtpSuite::Sha1Tag80 } else { SrtpSuite::Sha1Tag32 };
    let key = SrtpKey { suite, key: [7; 16], salt: [9; 14] };
    let (mut protector, mut unprotector) = (Protector::new(&key), Unprotector::new(&key));
    let is_rtcp = setup & 2 != 0;
    while let Some((&half, tail)) = rest.split_first() {
        let (packet, tail) = tail.split_at(tail.len().min(usize::from(half) * 2));
        rest = tail;
        let mut forged = packet.to_vec();
        let taken =
            if is_rtcp { unprotector.unprotect_rtcp(&mut forged) } else { unprotector.unprotect_rtp(&mut forged) };
        assert!(taken.is_err(), "a packet without a tag was taken");
        let mut sent = packet.to_vec();
        let sealed = if is_rtcp { protector.protect_rtcp(&mut sent, 0) } else { protector.protect_rtp(&mut sent, 0) };
        if sealed.is_err() {
            continue;
        }
        let opened = if is_rtcp { unprotector.unprotect_rtcp(&mut sent) } else { unprotector.unprotect_rtp(&mut sent) };
        // Numbers that jump or come again are refused; what is taken is what was sent.
        if let Ok(opened) = opened {
            assert_eq!(opened, packet, "it came back changed");
        }
    }
}

/// A shard with two legs, and what its operations came to.
struct Stage {
    shard: Shard,
    counters: Arc<Counters>,
    now: Instant,
    /// Milliseconds run so far.
    ran_ms: u64,
    /// Operations that were begun, and how often each ended.
    ends: HashMap<OpId, u32>,
    closed: HashMap<LegId, u32>,
}

const LEGS: [LegId; 2] = [1, 2];

impl Stage {
    fn new(setup: u8) -> Self {
        let now = Instant::now();
        let counters = Arc::new(Counters::default());
        let clock = NtpClock { at: now, ntp: 0xea00_0000_0000_0000 };
        let config = ShardConfig { media_timeout: Duration::from_secs(5), clock };
        let shard = Shard::new(config, Arc::clone(&counters));
        let mut stage = Self { shard, counters, now, ran_ms: 0, ends: HashMap::new(), closed: HashMap::new() };
        let codec = match (setup & 1 != 0, setup & 0x80 != 0) {
            (false, false) => Codec::Pcma,
            (true, false) => Codec::Pcmu,
            (false, true) => Codec::G722,
            (true, true) => Codec::Opus,
        };
        for leg in LEGS {
            let seed = LegSeed { ssrc: 0x1000, sequence: 65_500, rtp_ts: u32::MAX - 5000, cname: "fuzz".to_owned() };
            stage.tell(ShardCommand::Open { leg, seed });
            stage.tell(ShardCommand::SetRemote { leg, remote: remote(leg, codec) });
        }
        stage.begin_operations(setup);
        stage
    }

    fn begin_operations(&mut self, setup: u8) {
        let prompt = GatherPrompt::default();
        let gather = MediaCommand::Gather {
            op: 1,
            leg: 1,
            prompt,
            min_digits: 1,
            max_digits: 4,
            terminators: "#".to_owned(),
            first_timeout_ms: 3000,
            inter_timeout_ms: 1000,
        };
        let tone =
            MediaCommand::Tone { op: 2, leg: 2, name: ToneName::Ringback, country: Country::default(), duration_ms: 0 };
        let digits = "12,3".to_owned();
        let dtmf = MediaCommand::SendDtmf { op: 3, leg: 1, digits, tone_ms: 80, gap_ms: 40 };
        let path = "none.wav".into();
        let record = MediaCommand::Record { op: 4, leg: 1, path, stereo: true, max_ms: 0, silence_stop_ms: 500 };
        let machine = MediaCommand::DetectMachine { op: 6, leg: 2, rules: MachineRules::default() };
        for (bit, command) in [(2, gather), (3, tone), (4, dtmf), (5, record), (6, machine)] {
            if setup >> bit & 1 == 1 {
                self.ends.extend(command.begins().map(|(op, _)| (op, 0)));
                self.tell(ShardCommand::Begin(command));
            }
        }
        if setup & 2 != 0 {
            self.ends.insert(5, 0);
            for side in Join::new(5, 1, 2).sides() {
                self.tell(ShardCommand::Join(side));
            }
        }
    }

    fn tell(&mut self, command: ShardCommand) {
        self.shard.handle_command(command, self.now);
        self.drain();
    }

    fn packet(&mut self, kind: u8, bytes: &[u8]) {
        let channel = if kind & 1 == 0 { Channel::Rtp } else { Channel::Rtcp };
        let leg = LEGS[usize::from(kind >> 1 & 1)];
        let from = match kind >> 2 & 3 {
            0 => address(leg),
            1 => SocketAddr::from(([192, 0, 2, 1], 4001)),
            2 => SocketAddr::from(([198, 51, 100, 9], 9)),
            _ => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 9], 4000)),
        };
        self.shard.handle_packet(leg, channel, from, bytes, (self.now, self.now));
        self.drain();
    }

    fn run(&mut self, ms: u64) {
        let ms = ms.min(MAX_MS.saturating_sub(self.ran_ms));
        self.ran_ms += ms;
        for _ in 0..ms / 5 {
            self.now += TICK;
            self.shard.tick(self.now);
            self.drain();
        }
    }

    fn drain(&mut self) {
        let out = self.shard.outputs();
        out.clear_packets();
        let jobs = std::mem::take(&mut out.jobs);
        for event in std::mem::take(&mut out.events) {
            match event {
                MediaEvent::OpDone { op, .. } | MediaEvent::GatherDone { op, .. } => {
                    *self.ends.entry(op).or_default() += 1;
                }
                MediaEvent::Closed { leg } => *self.closed.entry(leg).or_default() += 1,
                MediaEvent::Fault { what, .. } => panic!("{what}"),
                _ => {}
            }
        }
        // The disk has never any room here.
        for job in jobs {
            self.shard.handle_refused_job(&job, self.now);
            self.drain();
        }
    }

    fn end(mut self) {
        for leg in LEGS {
            self.tell(ShardCommand::Close { leg });
        }
        for _ in 0..600 {
            self.now += TICK;
            self.shard.tick(self.now);
            self.drain();
        }
        assert!(self.ends.values().all(|ends| *ends == 1), "operations ended {:?} times", self.ends);
        assert!(LEGS.iter().all(|leg| self.closed.get(leg) == Some(&1)), "legs closed {:?} times", self.closed);
        assert_eq!(self.counters.media_legs.load(Ordering::Relaxed), 0);
        assert_eq!(self.counters.media_faults.load(Ordering::Relaxed), 0);
    }
}

fn address(leg: LegId) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], if leg == 1 { 4000 } else { 5000 }))
}

/// Everything may come; DTMF beside Opus has its clock.
fn remote(leg: LegId, codec: Codec) -> RemoteMedia {
    let types = [(8, Codec::Pcma), (0, Codec::Pcmu), (9, Codec::G722), (OPUS, Codec::Opus)];
    let payload_type = types.iter().find(|(_, known)| *known == codec).map_or(0, |(number, _)| *number);
    let ticks_per_ms = if codec == Codec::Opus { 48 } else { 8 };
    RemoteMedia {
        accepts: types.to_vec(),
        dtmf: Some(EventType { payload_type: DTMF, ticks_per_ms }),
        fec: true,
        dtx: true,
        ..RemoteMedia::new(address(leg), codec, payload_type)
    }
}
