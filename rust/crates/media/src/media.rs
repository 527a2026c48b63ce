//! The handle: where legs live and how commands reach them.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::command::{LegId, MediaCommand, OpId, RemoteMedia};
use crate::config::MediaConfig;
use crate::counters::{Counters, MediaCounters, collect, count, recent};
use crate::disk::{DiskRequest, loader, recorder};
use crate::error::MediaError;
use crate::event::{EventSink, MediaEvent, OpResult};
use crate::leg::LegSeed;
use crate::operation::join::Join;
use crate::operation::room::{ROOMS, Room, RoomId};
use crate::operation::table::refused;
use crate::port_pool::PortPool;
use crate::shard::{Shard, ShardCommand, ShardConfig};
use crate::stream::report::NtpClock;
use crate::sys;
use crate::thread::{Links, Placement, ShardThread, ThreadCommand};

/// Commands that may wait for a shard. The last quarter is kept for opening and closing legs.
const COMMAND_QUEUE: usize = 8192;
const OPERATION_QUEUE: usize = COMMAND_QUEUE / 4 * 3;
/// How long opening and closing wait for room: a shard empties its queue at every tick, unless it is stuck.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(200);
/// Requests that may wait for the loader and the recorder.
const LOADER_QUEUE: usize = 4096;
const RECORDER_QUEUE: usize = 4096;
/// Answers that may wait for a shard: more than there can be requests.
const REPLY_QUEUE: usize = 2 * (LOADER_QUEUE + RECORDER_QUEUE);
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// One shard as the handle sees it.
#[derive(Debug)]
pub(crate) struct ShardHandle {
    commands: Sender<ThreadCommand>,
    counters: Arc<Counters>,
}

/// RTP media of one host. `Send + Sync`; every method returns at once.
pub struct Media {
    config: MediaConfig,
    pub(crate) shards: Vec<ShardHandle>,
    threads: Vec<JoinHandle<()>>,
    /// Which shard each open leg is on.
    legs: Mutex<HashMap<LegId, usize>>,
    ports: Arc<PortPool>,
    sink: Arc<dyn EventSink>,
    /// Rooms and the shards that mix them.
    pub(crate) rooms: Mutex<HashMap<RoomId, (Arc<Room>, usize)>>,
    /// Joins that may be tapped.
    pub(crate) joins: Mutex<HashMap<OpId, Weak<Join>>>,
    /// What is counted outside of shards.
    pub(crate) counters: Counters,
}

impl Media {
    /// Check the settings and start the threads.
    pub fn start(config: MediaConfig, sink: Arc<dyn EventSink>) -> Result<Self, MediaError> {
        check(&config)?;
        sys::raise_file_limit();
        let mut media = Self {
            ports: PortPool::new(&config),
            shards: Vec::new(),
            threads: Vec::new(),
            legs: Mutex::default(),
            sink,
            rooms: Mutex::default(),
            joins: Mutex::default(),
            counters: Counters::default(),
            config,
        };
        let (loader, loads) = bounded(LOADER_QUEUE);
        let (recorder, recordings) = bounded(RECORDER_QUEUE);
        media.start_disk_threads(loads, recordings)?;
        for index in 0..media.config.shards {
            media.start_shard(index, loader.clone(), recorder.clone())?;
        }
        Ok(media)
    }

    /// Bind an RTP/RTCP port pair for a leg and return the RTP port.
    pub fn open_leg(&self, leg: LegId) -> Result<u16, MediaError> {
        let shard = self.place(leg)?;
        let opened = self.open_on(shard, leg);
        if opened.is_err() {
            self.legs().remove(&leg);
        }
        opened
    }

    /// Set or change what was agreed with the far end. From now on the leg sends (silence when nothing plays).
    ///
    /// Restarts the media time-out; a new address makes the leg learn its source again.
    pub fn set_remote(&self, leg: LegId, remote: RemoteMedia) {
        match self.shard_of(leg) {
            Some(shard) => {
                self.urgent(shard, ThreadCommand::core(ShardCommand::SetRemote { leg, remote }));
            }
            None => count(&self.counters.media_commands_late),
        }
    }

    /// Begin or stop an operation. One that cannot even be queued ends as `failed`.
    pub fn command(&self, command: MediaCommand) {
        match command {
            MediaCommand::Join { op, a, b } => self.join(op, a, b),
            MediaCommand::JoinRoom { op, leg, room, membership } => self.join_room(op, leg, room, membership),
            MediaCommand::Tap { op, leg, join, mode } => self.tap(op, leg, join, mode),
            MediaCommand::Stop { op } => self.tell_all(|| ShardCommand::Stop { op }),
            other => self.begin(other),
        }
    }

    /// End the leg: its operations end as `leg_ended`, RTCP BYE goes out, then `Stats` and `Closed` are reported.
    ///
    /// `Closed` comes once for every leg that was opened. For a leg that is not open this does nothing.
    pub fn close_leg(&self, leg: LegId) {
        let Some(shard) = self.legs().remove(&leg) else { return count(&self.counters.media_commands_late) };
        if !self.urgent(shard, ThreadCommand::core(ShardCommand::Close { leg })) {
            // The shard is stuck or gone; nobody shall wait for it.
            self.sink.push(MediaEvent::Closed { leg });
        }
    }

    /// Return counters and gauges.
    pub fn counters(&self) -> MediaCounters {
        let shards = self.shards.iter().map(|shard| &*shard.counters);
        let mut counters = collect(shards.chain([&self.counters]));
        let load = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed);
        counters.values.extend([
            ("media_ports_used", self.ports.used() as u64),
            ("media_ports_warm", self.ports.warm_pairs() as u64),
            ("media_ports_total", self.ports.total() as u64),
            ("media_ports_taken_by_others", load(&self.ports.taken_by_others)),
            ("refused_media_ports", load(&self.ports.exhausted)),
            ("media_commands_waiting", self.shards.iter().map(|shard| shard.commands.len() as u64).sum()),
        ]);
        counters
    }

    /// Return the 99th percentile of how late ticks of the worst thread were in the last two seconds.
    pub fn recent_lateness(&self) -> Duration {
        let now = Instant::now();
        let worst = self.shards.iter().map(|shard| recent(&shard.counters, now)).max();
        Duration::from_micros(worst.unwrap_or(0))
    }

    /// Close every leg and stop the threads. Dropping the handle does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn start_disk_threads(
        &mut self,
        loads: Receiver<DiskRequest>,
        recordings: Receiver<DiskRequest>,
    ) -> Result<(), MediaError> {
        let cache_bytes = self.config.prompt_cache_bytes;
        self.spawn("media-loader".to_owned(), move || loader::run(&loads, cache_bytes))?;
        self.spawn("media-recorder".to_owned(), move || recorder::run(&recordings))
    }

    fn start_shard(
        &mut self,
        index: usize,
        loader: Sender<DiskRequest>,
        recorder: Sender<DiskRequest>,
    ) -> Result<(), MediaError> {
        let (commands, receiver) = bounded(COMMAND_QUEUE);
        let (reply_to, replies) = bounded(REPLY_QUEUE);
        let counters = Arc::new(Counters::default());
        let config = ShardConfig { media_timeout: self.config.media_timeout, clock: ntp_clock() };
        let sink = Arc::clone(&self.sink);
        let links = Links { commands: receiver, replies, reply_to, loader, recorder, sink };
        self.shards.push(ShardHandle { commands, counters: Arc::clone(&counters) });
        let cpus = &self.config.cpus;
        let cpu = (!cpus.is_empty()).then(|| cpus[index % cpus.len()]);
        let placement = Placement { realtime: self.config.realtime, cpu };
        self.spawn(format!("media-{index}"), move || {
            let shard = Shard::new(config, Arc::clone(&counters));
            ShardThread::new(shard, links, counters, placement).run();
        })
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), MediaError> {
        let thread = thread::Builder::new().name(name.clone()).spawn(run);
        self.threads.push(thread.map_err(|source| MediaError::Thread { name, source })?);
        Ok(())
    }

    /// Enter a leg on the shard with the fewest.
    fn place(&self, leg: LegId) -> Result<usize, MediaError> {
        let mut legs = self.legs();
        let mut load = vec![0_usize; self.shards.len()];
        if load.len() > 1 {
            legs.values().for_each(|&shard| load[shard] += 1);
        }
        let shard = (0..load.len()).min_by_key(|&shard| load[shard]).ok_or(MediaError::Busy)?;
        match legs.entry(leg) {
            Entry::Occupied(_) => Err(MediaError::LegOpen(leg)),
            Entry::Vacant(entry) => Ok(*entry.insert(shard)),
        }
    }

    fn open_on(&self, shard: usize, leg: LegId) -> Result<u16, MediaError> {
        let sockets = self.ports.open()?;
        let port = sockets.port();
        let command = ThreadCommand::Open { leg, seed: random_seed(), sockets };
        if self.urgent(shard, command) { Ok(port) } else { Err(MediaError::Busy) }
    }

    fn begin(&self, command: MediaCommand) {
        let leg = match &command {
            MediaCommand::Digit { leg, .. } => Some(*leg),
            other => other.begins().map(|(_, leg)| leg),
        };
        let Some(shard) = leg.and_then(|leg| if leg >= ROOMS { self.shard_of_room(leg) } else { self.shard_of(leg) })
        else {
            count(&self.counters.media_commands_late);
            return self.refuse(&command, OpResult::LegEnded, "the leg has no media any more");
        };
        let queue = &self.shards[shard].commands;
        let refused = if queue.len() >= OPERATION_QUEUE {
            Some(command)
        } else {
            let sent = queue.try_send(ThreadCommand::core(ShardCommand::Begin(command)));
            sent.err().and_then(|error| error.into_inner().begins())
        };
        if let Some(command) = refused {
            count(&self.counters.dropped_media_commands);
            self.refuse(&command, OpResult::Failed, "media is overloaded: too many commands wait");
        }
    }

    pub(crate) fn refuse(&self, command: &MediaCommand, result: OpResult, why: &str) {
        if let Some(event) = refused(command, result, why) {
            self.sink.push(event);
        }
    }

    fn join(&self, op: OpId, a: LegId, b: LegId) {
        let shards = (self.shard_of(a), self.shard_of(b));
        let (Some(shard_a), Some(shard_b)) = shards else {
            count(&self.counters.media_commands_late);
            let (result, gone) = if shards.0.is_none() { (OpResult::LegEnded, a) } else { (OpResult::Failed, b) };
            return self.refuse(&MediaCommand::Join { op, a, b }, result, &format!("leg {gone} has no media any more"));
        };
        if a == b {
            let why = "a leg cannot be joined with itself";
            return self.refuse(&MediaCommand::Join { op, a, b }, OpResult::Failed, why);
        }
        let join = Join::new(op, a, b);
        self.remember_join(op, &join);
        let [side_a, side_b] = join.sides();
        // A side that does not arrive is dropped, which ends the join for the other.
        if !self.urgent(shard_a, ThreadCommand::core(ShardCommand::Join(side_a))) {
            return self.refuse(&MediaCommand::Join { op, a, b }, OpResult::Failed, "media is overloaded");
        }
        self.urgent(shard_b, ThreadCommand::core(ShardCommand::Join(side_b)));
    }

    /// Tell every shard something about an operation: which one knows it is not known here, and there are few.
    pub(crate) fn tell_all(&self, command: impl Fn() -> ShardCommand) {
        let others = Arc::new(AtomicUsize::new(self.shards.len()));
        for shard in 0..self.shards.len() {
            let others = Some(Arc::clone(&others));
            self.urgent(shard, ThreadCommand::Core { command: command(), others });
        }
    }

    /// Send a command that must not get lost; false if the shard is stuck or gone.
    pub(crate) fn urgent(&self, shard: usize, command: ThreadCommand) -> bool {
        let sent = self.shards[shard].commands.send_timeout(command, COMMAND_TIMEOUT).is_ok();
        if !sent {
            count(&self.counters.dropped_media_commands);
        }
        sent
    }

    pub(crate) fn shard_of(&self, leg: LegId) -> Option<usize> {
        self.legs().get(&leg).copied()
    }

    fn legs(&self) -> MutexGuard<'_, HashMap<LegId, usize>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        for shard in &self.shards {
            // If there is no room the closed channel says the same.
            let _ = shard.commands.try_send(ThreadCommand::Stop);
        }
        self.shards.clear();
        for thread in self.threads.drain(..) {
            // A panic was counted and cannot be dealt with any more.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Media {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (legs, shards) = (self.legs().len(), self.shards.len());
        formatter.debug_struct("Media").field("legs", &legs).field("shards", &shards).finish_non_exhaustive()
    }
}

impl ThreadCommand {
    pub(crate) fn core(command: ShardCommand) -> Self {
        Self::Core { command, others: None }
    }

    /// Return the operation or digit in it.
    fn begins(self) -> Option<MediaCommand> {
        match self {
            Self::Core { command: ShardCommand::Begin(command), .. } => Some(command),
            _ => None,
        }
    }
}

fn check(config: &MediaConfig) -> Result<(), MediaError> {
    if !(1..=16).contains(&config.shards) {
        return Err(MediaError::Config(format!("{} shards: 1 to 16 are possible", config.shards)));
    }
    if config.first_port < 1024 || config.port_pairs() == 0 {
        let (first, last) = (config.first_port, config.last_port);
        return Err(MediaError::Config(format!(
            "RTP ports {first}-{last}: the range must begin at 1024 or above and hold an even/odd pair"
        )));
    }
    Ok(())
}

/// Tie the monotonic clock to the wall clock, once: RTCP needs a steady clock more than a right one.
fn ntp_clock() -> NtpClock {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    NtpClock { at: Instant::now(), ntp: ((since_1970.as_secs() + NTP_EPOCH) << 32) | fraction }
}

/// Draw the numbers of a leg. The hasher's keys come from the system's random source.
fn random_seed() -> LegSeed {
    let draw = |number: u8| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u8(number);
        hasher.finish()
    };
    let (one, two) = (draw(1), draw(2));
    #[allow(clippy::cast_possible_truncation)] // parts of random bits
    // The upper bit of the first sequence number is left out, as SRTP wants it (RFC 3711 section 3.3.1).
    LegSeed {
        ssrc: one as u32,
        sequence: (one >> 32) as u16 & 0x7fff,
        rtp_ts: two as u32,
        cname: format!("{two:016x}"),
    }
}
