//! A started engine: its threads and what it shares with them.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use ringback_media::{AudioStream, EventSink, Media, MediaConfig, spare_cpus};
use ringback_net::{
    AudioRequest, AudioSockets, Families, MonotonicClock, Resolver, StreamLimits, StreamSetup, Streams, Tls,
    UdpListener, WakeFd,
};
use ringback_sip as sip;

use crate::audio::{Carrier, Waits};
use crate::command::Command;
use crate::config::EngineConfig;
use crate::core::{Core, CoreConfig};
use crate::error::EngineError;
use crate::listen::{Addresses, Bound};
use crate::media_port::MediaInbox;
use crate::queue::{CommandQueue, EventQueue};
use crate::signaling::{Shared, Signaling};
use crate::stats::{Snapshot, Stats, media_figures};

/// Decoded prompts kept in memory: about an hour and a half of audio.
const PROMPT_CACHE_BYTES: usize = 64 << 20;

/// What lives from start to stop.
#[derive(Debug)]
pub(crate) struct Running {
    local: Vec<sip::Listener>,
    tls: Arc<Tls>,
    shared: Shared,
    media: Arc<Media>,
    audio: AudioSockets,
    audio_waits: Waits,
    thread: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(
        config: &EngineConfig,
        events: Arc<EventQueue>,
        snapshot: Arc<Mutex<Snapshot>>,
    ) -> Result<Self, EngineError> {
        let addresses = Addresses::resolve(config)?;
        let tls =
            Tls::load(config.streams.tls.clone()).map_err(|why| EngineError::BindFailed(format!("TLS: {why}")))?;
        let tls = Arc::new(tls);
        let mut bound = Bound::open(config)?;
        let local = bound.listeners.clone();
        let has = |v6| local.iter().any(|listener| listener.local.is_ipv6() == v6);
        let families = Families { v4: has(false), v6: has(true) };
        let wake = Arc::new(WakeFd::new().map_err(|error| no_resource("an eventfd", &error))?);
        let media_inbox = Arc::new(MediaInbox::new(Arc::clone(&wake)));
        let sink: Arc<dyn EventSink> = media_inbox.clone();
        let media = Arc::new(
            Media::start(media_config(config, &addresses), sink)
                .map_err(|error| EngineError::BindFailed(format!("media: {error}")))?,
        );
        let commands = Arc::new(CommandQueue::new(Arc::clone(&wake)));
        let shared = Shared { wake, commands, events, media_inbox, snapshot };
        let parts = Parts {
            agent: sip_config(config, local.clone()),
            core: CoreConfig {
                media_advertised: addresses.media_advertised,
                decide_within: config.decide_within,
                families,
            },
            dns_servers: config.streams.dns_servers.clone(),
            high_water: config.event_high_water,
        };
        let streams = Streams::start(stream_setup(config, &mut bound, Arc::clone(&tls)), Arc::clone(&shared.wake))
            .map_err(|error| no_resource("a thread for streams", &error))?;
        let udp = bound.udp;
        let (for_thread, media_for_thread) = (shared.clone(), Arc::clone(&media));
        let thread = std::thread::Builder::new()
            .name("rb-sig".to_owned())
            .spawn(move || signal(udp, streams, parts, for_thread, media_for_thread))
            .map_err(|error| no_resource("a thread", &error))?;
        let audio = AudioSockets::start().map_err(|error| no_resource("a thread for audio", &error))?;
        Ok(Self { local, tls, shared, media, audio, audio_waits: Waits::default(), thread })
    }

    pub(crate) fn listeners(&self) -> &[sip::Listener] {
        &self.local
    }

    /// Read the TLS files again; on an error the old ones stay in use.
    pub(crate) fn reload_tls(&self) -> Result<(), EngineError> {
        let kept =
            |why| EngineError::Failed(format!("the TLS files were not taken over, the old ones stay in use: {why}"));
        self.tls.reload().map_err(kept)
    }

    pub(crate) fn push(&self, command: Command) -> Result<(), EngineError> {
        self.shared.commands.push(command)
    }

    /// Open the socket of a stream.
    pub(crate) fn open_audio(&self, request: AudioRequest, stream: Arc<AudioStream>) {
        self.audio.open(request, Arc::new(Carrier { stream, waits: Arc::clone(&self.audio_waits) }));
    }

    pub(crate) fn media_figures(&self) -> Stats {
        let mut figures = media_figures(self.media.counters().values);
        figures.push(("audio_streams", crate::stats::count(self.audio.open_sockets())));
        figures.push(("audio_stream_waits", self.audio_waits.load(Ordering::Relaxed)));
        figures
    }

    /// Ask the thread to end and wait for it; media ends with the last handle to it, here. Returns media's last figures.
    pub(crate) fn stop(self, grace: Duration) -> Stats {
        self.shared.commands.push_urgent(Command::Stop { grace });
        let _ = self.thread.join();
        let figures = media_figures(self.media.counters().values);
        if let Some(media) = Arc::into_inner(self.media) {
            media.stop();
        }
        figures
    }
}

/// What the thread is made of, except what cannot fail there.
struct Parts {
    agent: sip::Config,
    core: CoreConfig,
    dns_servers: Vec<SocketAddr>,
    high_water: usize,
}

/// The signaling thread.
fn signal(mut udp: Vec<UdpListener>, streams: Streams, parts: Parts, shared: Shared, media: Arc<Media>) {
    let wake = Arc::clone(&shared.wake);
    let core = Core::new(parts.core, MonotonicClock::new(), media);
    let resolver = Resolver::new(parts.dns_servers, parts.agent.seed, Arc::clone(&wake));
    let agent = sip::UserAgent::new(parts.agent);
    let mut signaling = Signaling::new(agent, core, (resolver, streams), shared, parts.high_water);
    // Parts of a turn are guarded one by one; this catches what is between them.
    let ran = catch_unwind(AssertUnwindSafe(|| ringback_net::run(&mut udp, &wake, &mut signaling)));
    let failure = match ran {
        Ok(Ok(())) => signaling.gave_up(),
        Ok(Err(error)) => Some(format!("the signaling loop failed: {error}")),
        Err(_) => Some("the signaling loop failed by a fault of its own".to_owned()),
    };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(signaling.end(failure))));
}

fn media_config(config: &EngineConfig, addresses: &Addresses) -> MediaConfig {
    MediaConfig {
        bind: addresses.media_bind,
        first_port: config.rtp_first_port,
        last_port: config.rtp_last_port,
        shards: config.media_shards,
        realtime: config.media_realtime,
        cpus: config.media_cpus.clone().unwrap_or_else(|| spare_cpus(config.media_shards)),
        media_timeout: config.media_timeout,
        prompt_cache_bytes: PROMPT_CACHE_BYTES,
    }
}

fn stream_setup(config: &EngineConfig, bound: &mut Bound, tls: Arc<Tls>) -> StreamSetup {
    let limits = StreamLimits {
        max_connections: config.streams.max_connections,
        max_per_source: config.streams.max_connections_per_source,
        ..StreamLimits::default()
    };
    let (listeners, locals) = (std::mem::take(&mut bound.streams), bound.locals());
    StreamSetup { listeners, locals, tls, limits, origins: config.streams.ws_origins.clone() }
}

fn sip_config(config: &EngineConfig, listeners: Vec<sip::Listener>) -> sip::Config {
    sip::Config {
        listeners,
        user_agent: config.user_agent.clone(),
        t1: config.t1,
        max_legs: config.max_legs,
        max_incoming_per_s: config.max_incoming_per_s,
        // The keys of a fresh hasher are the standard library's access to the system's entropy.
        seed: RandomState::new().hash_one(std::process::id()),
        trace: config.trace,
    }
}

fn no_resource(what: &str, error: &std::io::Error) -> EngineError {
    EngineError::Failed(format!("the system gave us no {what}: {error}"))
}
