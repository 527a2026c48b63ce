//! The thread around a shard: reads and writes sockets, keeps time, carries commands and answers.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use crate::command::LegId;
use crate::counters::{Counters, count};
use crate::disk::{DiskReply, DiskRequest};
use crate::event::EventSink;
use crate::leg::LegSeed;
use crate::output::{Channel, DiskJob};
use crate::port_pool::LegSockets;
use crate::shard::{PHASES, Shard, ShardCommand};
use crate::sys;

/// Between two ticks; four of them are a frame.
const TICK: Duration = Duration::from_millis(5);
/// As many as there are groups of legs.
const TICKS_PER_ROUND: u32 = 4;
const _: () = assert!(TICKS_PER_ROUND as usize == PHASES);
/// A thread held up for longer leaves ticks out instead of sending a burst.
const MAX_BEHIND: Duration = Duration::from_millis(200);
/// Batches read from one socket at a tick: what comes faster is a flood and left to the kernel's bound.
const MAX_BATCHES: usize = 4;
/// RTCP of a leg is read once in so many rounds, every 160 ms.
const RTCP_ROUNDS: u64 = 8;
/// Time stamps of the kernel that are older than this come from a clock that was set.
const MAX_AGE: Duration = Duration::from_millis(500);
/// How long a stopping shard waits for recordings.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// What the handle tells a shard's thread.
#[derive(Debug)]
pub(crate) enum ThreadCommand {
    /// Begin a leg on these sockets.
    Open { leg: LegId, seed: LegSeed, sockets: LegSockets },
    /// For the core. `others` counts the shards that may still know a command sent to all.
    Core { command: ShardCommand, others: Option<Arc<AtomicUsize>> },
    /// Close every leg and end.
    Stop,
}

/// The ends of the channels a shard's thread holds.
pub(crate) struct Links {
    pub(crate) commands: Receiver<ThreadCommand>,
    pub(crate) replies: Receiver<DiskReply>,
    pub(crate) reply_to: Sender<DiskReply>,
    pub(crate) loader: Sender<DiskRequest>,
    pub(crate) recorder: Sender<DiskRequest>,
    pub(crate) sink: Arc<dyn EventSink>,
}

/// Where and how the system shall run a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    /// Before ordinary threads, if we may.
    pub(crate) realtime: bool,
    /// On this CPU alone.
    pub(crate) cpu: Option<usize>,
}

/// A shard with its sockets.
pub(crate) struct ShardThread {
    shard: Shard,
    links: Links,
    counters: Arc<Counters>,
    sockets: HashMap<LegId, LegSockets>,
    receiver: sys::Receiver,
    placement: Placement,
    /// Legs of the tick, kept to be used again.
    due: Vec<LegId>,
    next_tick: Instant,
    ticks: u64,
    stopping: Option<Instant>,
}

impl ShardThread {
    /// Put the parts together.
    pub(crate) fn new(shard: Shard, links: Links, counters: Arc<Counters>, placement: Placement) -> Self {
        Self {
            shard,
            links,
            counters,
            sockets: HashMap::new(),
            receiver: sys::Receiver::new(),
            placement,
            due: Vec::new(),
            next_tick: Instant::now(),
            ticks: 0,
            stopping: None,
        }
    }

    /// Run until told to stop. A panic that is no leg's costs a tick.
    pub(crate) fn run(mut self) {
        if self.placement.realtime && sys::raise_priority() {
            count(&self.counters.media_threads_realtime);
        }
        if self.placement.cpu.is_some_and(sys::pin) {
            count(&self.counters.media_threads_pinned);
        }
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            count(&self.counters.media_faults);
        }
    }

    fn serve(&mut self) {
        loop {
            let now = Instant::now();
            if self.stopping.is_some_and(|deadline| self.shard.is_idle() || now >= deadline) {
                return;
            }
            if self.shard.is_idle() {
                // Nothing to do until a leg is opened: no tick, no wake-up.
                match self.links.commands.recv() {
                    Ok(command) => self.command(command),
                    Err(_) => return,
                }
                self.next_tick = Instant::now();
            } else if now < self.next_tick {
                // Commands wait for the tick: a wake-up for each would cost more than most of them do.
                thread::sleep(self.next_tick - now);
            } else {
                self.take_commands();
                self.tick();
            }
        }
    }

    /// Take the commands that wait now; those that come meanwhile are the next tick's.
    fn take_commands(&mut self) {
        for _ in 0..self.links.commands.len().max(1) {
            match self.links.commands.try_recv() {
                Ok(command) => self.command(command),
                Err(TryRecvError::Disconnected) if self.stopping.is_none() => return self.stop(),
                // No more commands; without their senders there may still be recordings to be closed.
                Err(_) => return,
            }
        }
    }

    fn tick(&mut self) {
        let due = self.next_tick;
        self.next_tick = due + TICK;
        self.ticks += 1;
        let now = Instant::now();
        self.catch_up(now);
        while let Ok(reply) = self.links.replies.try_recv() {
            self.reply(reply, now);
        }
        self.read_sockets(now);
        self.shard.tick(now);
        self.flush(now);
        let done = Instant::now();
        self.counters.lateness.record(done.saturating_duration_since(due), done);
    }

    fn catch_up(&mut self, now: Instant) {
        let behind = now.saturating_duration_since(self.next_tick);
        if behind > MAX_BEHIND {
            let round = TICK * TICKS_PER_ROUND;
            let rounds = u32::try_from(behind.as_millis() / round.as_millis()).unwrap_or(u32::MAX);
            self.shard.skip(rounds);
            self.next_tick += round * rounds;
        }
    }

    fn read_sockets(&mut self, now: Instant) {
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        self.due.clear();
        self.due.extend_from_slice(self.shard.next_legs());
        for &leg in &self.due {
            let Some(sockets) = self.sockets.get(&leg) else { continue };
            // Reports are rare, and the kernel notes when they came: reading them less often costs nothing but time.
            let with_rtcp = (self.ticks / u64::from(TICKS_PER_ROUND)).wrapping_add(leg) % RTCP_ROUNDS == 0;
            for channel in [Channel::Rtp, Channel::Rtcp] {
                if channel == Channel::Rtcp && !with_rtcp {
                    continue;
                }
                let Some(socket) = sockets.socket(channel) else { continue };
                for _ in 0..MAX_BATCHES {
                    // An error is an old ICMP message; the next call gets the packets behind it.
                    let read = self.receiver.receive(socket).unwrap_or(0);
                    for packet in (0..read).filter_map(|index| self.receiver.packet(index)) {
                        let age = packet.arrived.map_or(Duration::ZERO, |arrived| wall.saturating_sub(arrived));
                        let at = now.checked_sub(age).filter(|_| age < MAX_AGE).unwrap_or(now);
                        self.shard.handle_packet(leg, channel, packet.from, packet.bytes, (at, now));
                    }
                    if !sys::Receiver::may_have_more(read) {
                        break;
                    }
                }
            }
        }
    }

    fn command(&mut self, command: ThreadCommand) {
        let now = Instant::now();
        match command {
            ThreadCommand::Open { leg, seed, sockets } => {
                self.sockets.insert(leg, sockets);
                self.shard.handle_command(ShardCommand::Open { leg, seed }, now);
            }
            ThreadCommand::Core { command, others } => {
                let known = self.shard.handle_command(command, now);
                let is_last = others.is_none_or(|others| others.fetch_sub(1, Ordering::AcqRel) == 1);
                if !known && is_last {
                    count(&self.counters.media_commands_late);
                }
            }
            ThreadCommand::Stop => self.stop(),
        }
        self.flush(now);
    }

    fn stop(&mut self) {
        let now = Instant::now();
        self.stopping.get_or_insert(now + STOP_TIMEOUT);
        self.shard.close_all(now);
        self.flush(now);
    }

    fn reply(&mut self, reply: DiskReply, now: Instant) {
        match reply {
            DiskReply::Prompts { op, loaded } => self.shard.handle_prompts(op, loaded, now),
            DiskReply::Recording { op, outcome } => self.shard.handle_recording(op, outcome, now),
        }
    }

    /// Do what the shard wants done.
    fn flush(&mut self, now: Instant) {
        self.send_packets();
        self.give_jobs(now);
        let out = self.shard.outputs();
        for leg in out.closed.drain(..) {
            self.sockets.remove(&leg);
        }
        // After the ports are free, so that who hears of the end can use them.
        for event in out.events.drain(..) {
            self.links.sink.push(event);
        }
    }

    fn send_packets(&mut self) {
        let out = self.shard.outputs();
        for packet in &out.packets {
            let Some(sockets) = self.sockets.get(&packet.leg) else { continue };
            let Some(socket) = sockets.socket(packet.channel) else { continue };
            if socket.send_to(&out.bytes[packet.range.clone()], packet.to).is_err() {
                count(&self.counters.dropped_media_unsent);
            }
        }
        out.clear_packets();
    }

    fn give_jobs(&mut self, now: Instant) {
        let jobs: Vec<DiskJob> = self.shard.outputs().jobs.drain(..).collect();
        for job in jobs {
            let queue = if matches!(job, DiskJob::Load { .. }) { &self.links.loader } else { &self.links.recorder };
            let request = DiskRequest { job, reply: self.links.reply_to.clone() };
            if let Err(refused) = queue.try_send(request) {
                self.shard.handle_refused_job(&refused.into_inner().job, now);
            }
        }
    }
}
