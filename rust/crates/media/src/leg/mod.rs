//! One leg: a far end, what is received from it, what is sent to it, and the operations on it.
//!
//! `receive` takes packets, `operate` takes commands, `tick` does what is due every 20 ms.

mod detect;
mod operate;
mod receive;
mod secure;
mod streaming;
mod talk;
mod tick;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::audio::frame::RATE_HZ;
use crate::audio::noise::ComfortNoise;
use crate::command::{Codec, LegId, RemoteMedia};
use crate::counters::Counters;
use crate::dtmf::inband::InbandReceiver;
use crate::dtmf::receive::DtmfReceiver;
use crate::dtmf::send::DtmfSender;
use crate::event::{GatherResult, MediaEvent, MediaStats, OpResult};
use crate::operation::audio_stream::StreamSide;
use crate::operation::gather::Gather;
use crate::operation::join::JoinSide;
use crate::operation::machine::MachineDetector;
use crate::operation::playback::Playback;
use crate::operation::recorders::Recorders;
use crate::operation::room::RoomSide;
use crate::operation::table::Operations;
use crate::operation::tap::TapSide;
use crate::output::{Channel, Outputs};
use crate::stream::latch::Latch;
use crate::stream::playout::Playout;
use crate::stream::quality::{Path, mos};
use crate::stream::reception::Reception;
use crate::stream::report::{NtpClock, Reporter};
use crate::stream::sender::Sender;
use crate::stream::voice::Voice;

/// How long a closed leg waits for its recordings to be on disk.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a leg works with but does not own.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) out: &'a mut Outputs,
    pub(crate) ops: &'a mut Operations,
    pub(crate) counters: &'a Counters,
    pub(crate) clock: NtpClock,
    /// Silence until media counts as lost; zero for never.
    pub(crate) media_timeout: Duration,
}

impl Context<'_> {
    pub(crate) fn done(&mut self, op: crate::command::OpId, result: OpResult, detail: Option<String>) {
        self.ops.done(op, result, detail, self.now, &mut self.out.events);
    }
}

/// Numbers of a leg that must not be guessable.
#[derive(Debug, Clone)]
pub(crate) struct LegSeed {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) rtp_ts: u32,
    pub(crate) cname: String,
}

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    id: LegId,
    remote: Option<RemoteMedia>,
    latch: Option<Latch>,
    /// Where the far end's RTCP comes from.
    rtcp_source: Option<SocketAddr>,
    secure: Option<Box<secure::Secure>>,
    playout: Playout,
    noise: ComfortNoise,
    reception: Reception,
    sender: Sender,
    voice: Voice,
    reporter: Reporter,
    dtmf_in: DtmfReceiver,
    /// Listens for digits within the audio, if there is no other way for them to come.
    inband: Option<Box<InbandReceiver>>,
    dtmf_out: DtmfSender,
    playback: Option<Playback>,
    gather: Option<Gather>,
    /// Digits nobody has asked for yet.
    typed_ahead: VecDeque<char>,
    recorders: Recorders,
    join: Option<JoinSide>,
    room: Option<RoomSide>,
    tap: Option<TapSide>,
    stream: Option<Box<StreamSide>>,
    machine: Option<Box<MachineDetector>>,
    /// A valid packet was received at some time.
    had_media: bool,
    /// Since when nothing was received.
    silent_since: Instant,
    lost: bool,
    packets_foreign: u64,
    packets_late: u64,
    concealed_ms: u64,
    /// When to give up waiting for the disk, once the leg is closed.
    closing: Option<Instant>,
    #[cfg(test)]
    pub(crate) panics: bool,
}

impl Leg {
    /// Open a leg without a remote.
    pub(crate) fn new(id: LegId, seed: LegSeed, now: Instant) -> Self {
        Self {
            id,
            remote: None,
            latch: None,
            rtcp_source: None,
            secure: None,
            playout: Playout::new(),
            noise: ComfortNoise::new(seed.ssrc),
            reception: Reception::default(),
            sender: Sender::new(seed.ssrc, seed.sequence, seed.rtp_ts),
            voice: Voice::new(),
            reporter: Reporter::new(seed.cname),
            dtmf_in: DtmfReceiver::default(),
            inband: None,
            dtmf_out: DtmfSender::default(),
            playback: None,
            gather: None,
            typed_ahead: VecDeque::new(),
            recorders: Recorders::default(),
            join: None,
            room: None,
            tap: None,
            stream: None,
            machine: None,
            had_media: false,
            silent_since: now,
            lost: false,
            packets_foreign: 0,
            packets_late: 0,
            concealed_ms: 0,
            closing: None,
            #[cfg(test)]
            panics: false,
        }
    }

    /// Take what was agreed with the far end.
    pub(crate) fn set_remote(&mut self, remote: RemoteMedia, now: Instant) {
        self.sender.set_clock(remote.codec.ticks_per_ms());
        self.sender.set_ptime(remote.ptime_ms);
        self.voice.set_remote(&remote);
        self.set_keys(remote.srtp.as_ref());
        match &mut self.latch {
            Some(latch) => {
                let target = latch.target();
                latch.signal(remote.address);
                if latch.target() != target {
                    self.rtcp_source = None;
                }
            }
            None => self.latch = Some(Latch::new(remote.address)),
        }
        if remote.dtmf.is_some() {
            self.inband = None;
        } else {
            self.inband.get_or_insert_with(|| Box::new(InbandReceiver::new(RATE_HZ)));
        }
        self.remote = Some(remote);
        self.silent_since = now;
        self.lost = false;
    }

    /// Let `frames` times 20 ms pass that the thread could not keep up with.
    pub(crate) fn skip(&mut self, frames: u32) {
        self.sender.skip(frames);
        self.voice.clear();
    }

    /// End everything; the leg stays until its recordings are closed.
    pub(crate) fn close(&mut self, ctx: &mut Context<'_>) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(ctx.now + CLOSE_TIMEOUT);
        self.end_gather_as(GatherResult::LegEnded, None, ctx);
        self.end_playback(OpResult::LegEnded, ctx);
        self.end_detection(OpResult::LegEnded, ctx);
        self.end_talk(OpResult::LegEnded, ctx);
        self.end_stream(OpResult::LegEnded, ctx);
        self.recorders.stop_all(OpResult::LegEnded, ctx);
        if self.remote.is_some() {
            self.send_report(true, ctx);
        }
    }

    /// Say whether nothing keeps a closed leg any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.closing.is_some_and(|deadline| self.recorders.is_empty() || now >= deadline)
    }

    /// Say whether the leg was closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Return the figures of the leg.
    pub(crate) fn stats(&self) -> MediaStats {
        MediaStats {
            codec: self.remote.as_ref().map(|remote| remote.codec),
            packets_sent: self.sender.sent().0,
            packets_received: self.reception.received(),
            packets_lost: self.reception.lost(),
            packets_foreign: self.packets_foreign,
            packets_late: self.packets_late,
            concealed_ms: self.concealed_ms,
            jitter_ms: self.reception.jitter_ms(),
            jitter_max_ms: self.reception.jitter_max_ms(),
            mos: self.mos(),
            playout_ms: u32::try_from(self.playout.delay_ms()).unwrap_or(0),
            round_trip_ms: self.reporter.round_trip_ms(),
            remote_loss: self.reporter.remote_loss(),
        }
    }

    #[allow(clippy::cast_precision_loss)] // shares of packets
    fn mos(&self) -> Option<f64> {
        let remote = self.remote.as_ref().filter(|_| self.reception.received() > 0)?;
        let (received, missing) = (self.reception.received() as f64, self.reception.lost() as f64);
        let network_ms = self.reporter.round_trip_ms().unwrap_or(0.0) / 2.0;
        let delay_ms = network_ms + f64::from(remote.ptime_ms) + f64::from(self.playout.delay_ms());
        let loss = (missing + self.packets_late as f64) / (received + missing);
        Some(mos(&Path { codec: remote.codec, delay_ms, loss, gap: self.reception.gap() }))
    }

    /// Report everything that is left to say.
    pub(crate) fn report_closed(&self, ctx: &mut Context<'_>) {
        self.recorders.abandon(OpResult::LegEnded, ctx);
        ctx.ops.end_leg(self.id, None, ctx.now, &mut ctx.out.events);
        ctx.out.events.push(MediaEvent::Stats { leg: self.id, stats: self.stats() });
        ctx.out.events.push(MediaEvent::Closed { leg: self.id });
        ctx.out.closed.push(self.id);
    }

    fn codec(&self) -> Codec {
        self.remote.as_ref().map_or(Codec::Pcma, |remote| remote.codec)
    }

    fn send_report(&mut self, goodbye: bool, ctx: &mut Context<'_>) {
        let said = self.remote.as_ref().and_then(|remote| remote.rtcp);
        let Some(to) = self.rtcp_source.or(said).or_else(|| self.latch.as_ref()?.rtcp_target()) else { return };
        let time = (ctx.clock, ctx.now);
        ctx.out.packet(self.id, Channel::Rtcp, to, |bytes| {
            let start = bytes.len();
            self.reporter.pack(&self.sender, &mut self.reception, time, goodbye, bytes);
            secure::protect(self.secure.as_deref_mut(), Channel::Rtcp, bytes, start);
        });
        crate::counters::count(&ctx.counters.media_rtcp_sent);
    }
}
