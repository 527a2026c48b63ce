//! A shard on a stage: far ends that talk and listen, a clock that is moved by hand, disks that answer at once.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ringback_netem::Network;

use crate::audio::g711;
use crate::command::{Codec, EventType, LegId, MediaCommand, OpId, RemoteMedia};
use crate::counters::{Counters, collect};
use crate::disk::DiskReply;
use crate::disk::prompt_cache::PromptCache;
use crate::disk::recorder::Recordings;
use crate::event::{GatherResult, MediaEvent, OpResult};
use crate::leg::LegSeed;
use crate::output::{Channel, DiskJob};
use crate::shard::{Shard, ShardCommand, ShardConfig};
use crate::stream::report::NtpClock;
use crate::testing::{TemporaryFolder, temporary_folder, write_wav};
use crate::wire::rtp::{RtpHeader, pack_rtp, unpack_rtp};

pub(super) const DTMF: u8 = 101;
pub(super) const MEDIA_TIMEOUT: Duration = Duration::from_secs(10);

/// An RTP packet the far end of a leg got.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) at_ms: u64,
    pub(super) to: SocketAddr,
    pub(super) header: RtpHeader,
    pub(super) payload: Vec<u8>,
}

/// What a far end sends: its stream, and what happens to packets on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) rtp_ts: u32,
    pub(super) payload_type: u8,
    pub(super) codec: Codec,
    pub(super) packet_ms: u64,
    /// Of 100 packets this many are lost, spread evenly.
    pub(super) loss_percent: u64,
    /// Every n-th packet comes after its successor; 0 for none.
    pub(super) swap_every: u64,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            ssrc: 0xfa4e,
            sequence: 65530,
            rtp_ts: u32::MAX - 1000,
            payload_type: 8,
            codec: Codec::Pcma,
            packet_ms: 20,
            loss_percent: 0,
            swap_every: 0,
        }
    }
}

/// A packet on its way to a port of a leg.
pub(super) type OnTheWay = (LegId, Channel, SocketAddr, Vec<u8>);

pub(super) struct Stage {
    pub(super) shard: Shard,
    start: Instant,
    now: Instant,
    counters: Arc<Counters>,
    /// Packets on the way: due, then in the order they were sent.
    wire: BTreeMap<(u64, usize), OnTheWay>,
    sent: usize,
    /// What the network does to them.
    pub(super) weather: Option<Network<OnTheWay>>,
    pub(super) events: Vec<(u64, MediaEvent)>,
    pub(super) heard: HashMap<LegId, Vec<Heard>>,
    pub(super) rtcp: HashMap<LegId, Vec<(u64, SocketAddr, Vec<u8>)>>,
    /// The disk takes no work while this is false.
    pub(super) disk_works: bool,
    pub(super) folder: TemporaryFolder,
    prompts: PromptCache,
    recordings: Recordings,
    replies: (Sender<DiskReply>, Receiver<DiskReply>),
    pub(super) late_commands: usize,
}

impl Stage {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let counters = Arc::new(Counters::default());
        let clock = NtpClock { at: start, ntp: 0xea00_0000_0000_0000 };
        let config = ShardConfig { media_timeout: MEDIA_TIMEOUT, clock };
        Self {
            shard: Shard::new(config, Arc::clone(&counters)),
            start,
            now: start,
            counters,
            wire: BTreeMap::new(),
            sent: 0,
            weather: None,
            events: Vec::new(),
            heard: HashMap::new(),
            rtcp: HashMap::new(),
            disk_works: true,
            folder: temporary_folder("stage"),
            prompts: PromptCache::new(10_000_000),
            recordings: Recordings::default(),
            replies: unbounded(),
            late_commands: 0,
        }
    }

    /// Begin with legs that have a remote each.
    pub(super) fn with_legs(legs: &[(LegId, Codec)]) -> Self {
        let mut stage = Self::new();
        for &(leg, codec) in legs {
            stage.open(leg);
            stage.set_remote(leg, remote(leg, codec));
        }
        stage
    }

    pub(super) fn open(&mut self, leg: LegId) {
        let seed =
            LegSeed { ssrc: 0x1000 + leg as u32, sequence: 65500, rtp_ts: u32::MAX - 5000, cname: "test".into() };
        self.shard(ShardCommand::Open { leg, seed });
    }

    pub(super) fn set_remote(&mut self, leg: LegId, remote: RemoteMedia) {
        self.shard(ShardCommand::SetRemote { leg, remote });
    }

    pub(super) fn close(&mut self, leg: LegId) {
        self.shard(ShardCommand::Close { leg });
    }

    pub(super) fn stop(&mut self, op: OpId) {
        self.shard(ShardCommand::Stop { op });
    }

    pub(super) fn begin(&mut self, command: MediaCommand) {
        self.shard(ShardCommand::Begin(command));
    }

    pub(super) fn shard(&mut self, command: ShardCommand) {
        let known = self.shard.handle_command(command, self.now);
        self.late_commands += usize::from(!known);
        self.drain();
    }

    /// Play a file of these samples.
    pub(super) fn play(&mut self, op: OpId, leg: LegId, samples: &[i16], barge_in: bool) {
        let files = vec![self.wav(&format!("{op}.wav"), samples)];
        self.begin(MediaCommand::Play { op, leg, files, loop_count: 1, barge_in, gain_db: 0.0 });
    }

    pub(super) fn wav(&self, name: &str, samples: &[i16]) -> PathBuf {
        let path = self.folder.join(name);
        write_wav(&path, samples);
        path
    }

    /// Let time pass in ticks of 5 ms.
    pub(super) fn run(&mut self, ms: u64) {
        for _ in 0..ms / 5 {
            self.now += Duration::from_millis(5);
            let arrived = self.wire.split_off(&(self.at_ms() + 1, 0));
            for ((at_ms, _), (leg, channel, from, bytes)) in std::mem::replace(&mut self.wire, arrived) {
                let at = self.start + Duration::from_millis(at_ms);
                self.shard.handle_packet(leg, channel, from, &bytes, (at, self.now));
            }
            self.shard.tick(self.now);
            self.drain();
        }
    }

    pub(super) fn at_ms(&self) -> u64 {
        self.now.duration_since(self.start).as_millis() as u64
    }

    /// Let a packet arrive in `in_ms`.
    pub(super) fn packet(&mut self, leg: LegId, channel: Channel, from: SocketAddr, in_ms: u64, bytes: Vec<u8>) {
        let packet = (leg, channel, from, bytes);
        let Some(network) = &mut self.weather else { return self.arrive(self.at_ms() + in_ms, packet) };
        let (sent_at, bytes) = (self.now + Duration::from_millis(in_ms), packet.3.len());
        network.send(sent_at, bytes, packet);
        // Nothing that is sent later can change what becomes of it.
        while let Some((at, packet)) = network.receive(sent_at + Duration::from_secs(3600)) {
            let at_ms = at.duration_since(self.start).as_millis() as u64;
            self.wire.insert((at_ms, self.sent), packet);
            self.sent += 1;
        }
    }

    fn arrive(&mut self, at_ms: u64, packet: OnTheWay) {
        self.wire.insert((at_ms, self.sent), packet);
        self.sent += 1;
    }

    /// Let the far end of a leg say something, from now on in real time.
    pub(super) fn talk(&mut self, leg: LegId, samples: &[i16], talk: Talk) {
        self.talk_from(leg, address(leg), samples, talk);
    }

    pub(super) fn talk_from(&mut self, leg: LegId, from: SocketAddr, samples: &[i16], talk: Talk) {
        for (index, piece) in (0_u64..).zip(samples.chunks(talk.packet_ms as usize * 8)) {
            if index * talk.loss_percent / 100 != (index + 1) * talk.loss_percent / 100 {
                continue;
            }
            let mut payload = vec![0; piece.len()];
            g711::encode(talk.codec, piece, &mut payload);
            let header = RtpHeader {
                marker: index == 0,
                payload_type: talk.payload_type,
                sequence: talk.sequence.wrapping_add(index as u16),
                timestamp: talk.rtp_ts.wrapping_add((index * talk.packet_ms * 8) as u32),
                ssrc: talk.ssrc,
            };
            let swapped = talk.swap_every > 0 && index % talk.swap_every == 0;
            let delay = if swapped { talk.packet_ms + 2 } else { 0 };
            self.packet(leg, Channel::Rtp, from, index * talk.packet_ms + delay, rtp(&header, &payload));
        }
    }

    /// Let the far end of a leg press a key in `in_ms` for 100 ms.
    pub(super) fn press(&mut self, leg: LegId, digit: char, in_ms: u64) {
        let event = crate::dtmf::event_of(digit).unwrap();
        let timestamp = 500_000 + (self.at_ms() + in_ms) as u32 * 8;
        for index in 0..7_u16 {
            let end = index >= 4;
            let [high, low] = ((index.min(4) + 1) * 160).to_be_bytes();
            let header = RtpHeader {
                marker: index == 0,
                payload_type: DTMF,
                sequence: (timestamp / 8) as u16 + index,
                timestamp,
                ssrc: 0xd15c,
            };
            let bytes = rtp(&header, &[event, if end { 0x8a } else { 0x0a }, high, low]);
            self.packet(leg, Channel::Rtp, address(leg), in_ms + u64::from(index) * 20, bytes);
        }
    }

    /// Return what the far end of a leg heard since the begin as samples, in the order of timestamps.
    pub(super) fn listen(&self, leg: LegId, codec: Codec) -> Vec<i16> {
        let packets: Vec<&Heard> =
            self.heard.get(&leg).into_iter().flatten().filter(|packet| packet.header.payload_type != DTMF).collect();
        let Some(first) = packets.first().map(|packet| packet.header.timestamp) else { return Vec::new() };
        let mut samples = Vec::new();
        for packet in packets {
            let at = packet.header.timestamp.wrapping_sub(first) as usize;
            let end = at + packet.payload.len();
            if samples.len() < end {
                samples.resize(end, 0);
            }
            g711::decode(codec, &packet.payload, &mut samples[at..end]);
        }
        samples
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        let counters = collect([&*self.counters].into_iter());
        assert!(counters.values.iter().any(|(known, _)| *known == name), "no counter {name}");
        counters.get(name)
    }

    /// Return how often an operation ended, and when and how the first time.
    pub(super) fn op(&self, wanted: OpId) -> Option<(u64, OpResult)> {
        let mut ends = self.events.iter().filter_map(|(at, event)| match event {
            MediaEvent::OpDone { op, result, .. } if *op == wanted => Some((*at, *result)),
            _ => None,
        });
        let first = ends.next();
        assert_eq!(ends.next(), None, "operation {wanted} ended twice");
        first
    }

    pub(super) fn detail(&self, wanted: OpId) -> String {
        let details = self.events.iter().find_map(|(_, event)| match event {
            MediaEvent::OpDone { op, detail, .. } | MediaEvent::GatherDone { op, detail, .. } if *op == wanted => {
                detail.clone()
            }
            _ => None,
        });
        details.unwrap_or_default()
    }

    pub(super) fn gather(&self, wanted: OpId) -> Option<(u64, String, GatherResult, Option<char>)> {
        let mut ends = self.events.iter().filter_map(|(at, event)| match event {
            MediaEvent::GatherDone { op, digits, result, terminator, .. } if *op == wanted => {
                Some((*at, digits.clone(), *result, *terminator))
            }
            _ => None,
        });
        let first = ends.next();
        assert_eq!(ends.next(), None, "gather {wanted} ended twice");
        first
    }

    pub(super) fn events_of<T>(&self, pick: impl Fn(&MediaEvent) -> Option<T>) -> Vec<(u64, T)> {
        self.events.iter().filter_map(|(at, event)| pick(event).map(|found| (*at, found))).collect()
    }

    fn drain(&mut self) {
        loop {
            let at = self.at_ms();
            self.take_packets(at);
            let out = self.shard.outputs();
            self.events.extend(out.events.drain(..).map(|event| (at, event)));
            let jobs: Vec<DiskJob> = out.jobs.drain(..).collect();
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                self.work(job);
            }
        }
    }

    fn take_packets(&mut self, at_ms: u64) {
        let out = self.shard.outputs();
        for packet in &out.packets {
            let bytes = out.bytes[packet.range.clone()].to_vec();
            if packet.channel == Channel::Rtcp {
                self.rtcp.entry(packet.leg).or_default().push((at_ms, packet.to, bytes));
                continue;
            }
            let (header, payload) = unpack_rtp(&bytes).unwrap();
            let heard = Heard { at_ms, to: packet.to, header, payload: payload.to_vec() };
            self.heard.entry(packet.leg).or_default().push(heard);
        }
        out.clear_packets();
    }

    fn work(&mut self, job: DiskJob) {
        if !self.disk_works {
            return self.shard.handle_refused_job(&job, self.now);
        }
        if let DiskJob::Load { op, files, wide } = &job {
            let loaded = files.iter().map(|path| self.prompts.get(path, *wide)).collect();
            return self.shard.handle_prompts(*op, loaded, self.now);
        }
        self.recordings.serve(job, &self.replies.0, self.now);
        while let Ok(DiskReply::Recording { op, outcome }) = self.replies.1.try_recv() {
            self.shard.handle_recording(op, outcome, self.now);
        }
    }
}

/// Where the far end of a leg is.
pub(super) fn address(leg: LegId) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, leg as u8], 4000))
}

pub(super) fn remote(leg: LegId, codec: Codec) -> RemoteMedia {
    let payload_type = match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
        Codec::G722 => 9,
        Codec::Opus => 111,
    };
    let dtmf = Some(EventType { payload_type: DTMF, ticks_per_ms: codec.ticks_per_ms() });
    RemoteMedia { dtmf, ..RemoteMedia::new(address(leg), codec, payload_type) }
}

pub(super) fn rtp(header: &RtpHeader, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack_rtp(header, payload, &mut bytes);
    bytes
}

/// Return something like speech: noise with syllables, the same for the same seed.
pub(crate) fn speech(seed: u64, ms: u64) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let (mut low, mut samples) = (0.0_f64, Vec::new());
    for index in 0..ms * 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state >> 40) as f64 / f64::from(1 << 23) - 1.0;
        low += 0.5 * (noise - low);
        let syllable = 0.6 + 0.4 * (index as f64 * std::f64::consts::TAU / 2000.0).sin();
        samples.push((low * syllable * 16000.0) as i16);
    }
    samples
}

/// Return where `needle` is most alike in `hay`, and how much: 1 is the same, 0 has nothing in common.
pub(super) fn find(needle: &[i16], hay: &[i16]) -> (usize, f64) {
    let mut best = (0, 0.0);
    for at in 0..=hay.len().saturating_sub(needle.len()) {
        let likeness = likeness(needle, &hay[at..(at + needle.len()).min(hay.len())]);
        if likeness > best.1 {
            best = (at, likeness);
        }
    }
    best
}

/// Return the normalized correlation of two pieces of the same length.
pub(super) fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let (mut product, mut power_one, mut power_other) = (0.0, 1e-9, 1e-9);
    for (&a, &b) in one.iter().zip(other) {
        let (a, b) = (f64::from(a), f64::from(b));
        product += a * b;
        power_one += a * a;
        power_other += b * b;
    }
    product / (power_one * power_other).sqrt()
}
