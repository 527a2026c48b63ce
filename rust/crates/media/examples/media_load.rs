//! Measure what legs cost: `cargo run --release -p ringback-media --example media_load -- [legs] [seconds] [kind]
//! [codec]`.
//!
//! Kinds: `loop` (each leg gets its own audio back and records nothing), `play` (each plays a prompt endlessly and gets
//! it back), `join` (pairs of legs joined with A-law on one side and µ-law on the other). With `g722` or `opus` every
//! second leg uses that instead of A-law. Every leg's far end is its own
//! port, so each packet crosses the loopback interface once; it is sent and received by the media thread alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback_media::{Codec, EventSink, EventType, Media, MediaCommand, MediaConfig, MediaEvent, RemoteMedia};

const MAX_LEGS: u64 = 2000;
const MAX_SECONDS: u64 = 20;

struct Ignore;

impl EventSink for Ignore {
    fn push(&self, event: MediaEvent) {
        if let MediaEvent::Fault { what, .. } = event {
            eprintln!("{what}");
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let legs = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(500).clamp(2, MAX_LEGS);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10).clamp(1, MAX_SECONDS);
    let kind = arguments.next().unwrap_or_else(|| "play".to_owned());
    let wide = arguments.next().and_then(|name| match name.as_str() {
        "g722" => Some(Codec::G722),
        "opus" => Some(Codec::Opus),
        _ => None,
    });
    let media = Media::start(config(), Arc::new(Ignore)).expect("media starts");
    let prompt = write_prompt();
    for leg in 0..legs {
        begin(&media, leg, &kind, wide, &prompt);
    }
    std::thread::sleep(Duration::from_millis(500));

    let (cpu, start) = (cpu_seconds(), Instant::now());
    let sent = media.counters().get("media_rtp_sent");
    std::thread::sleep(Duration::from_secs(seconds));
    let (cpu, elapsed) = (cpu_seconds() - cpu, start.elapsed().as_secs_f64());
    report(&media, legs, &kind, cpu / elapsed, (media.counters().get("media_rtp_sent") - sent) as f64 / elapsed);
    media.stop();
    std::fs::remove_file(prompt).expect("the prompt is removed");
}

fn config() -> MediaConfig {
    MediaConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        first_port: 12000,
        last_port: 17999,
        shards: 1,
        realtime: true,
        cpus: Vec::new(),
        media_timeout: Duration::from_secs(30),
        prompt_cache_bytes: 16 << 20,
    }
}

fn begin(media: &Media, leg: u64, kind: &str, wide: Option<Codec>, prompt: &Path) {
    let port = media.open_leg(leg).expect("a port is free");
    let codec = match (wide, leg % 2) {
        (Some(wide), 0) => wide,
        (_, 0) => Codec::Pcma,
        _ => Codec::Pcmu,
    };
    let payload_type = match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
        Codec::G722 => 9,
        Codec::Opus => 111,
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let dtmf = Some(EventType { payload_type: 101, ticks_per_ms: codec.ticks_per_ms() });
    media.set_remote(leg, RemoteMedia { dtmf, ..RemoteMedia::new(address, codec, payload_type) });
    if kind == "play" {
        let files = vec![prompt.to_owned()];
        media.command(MediaCommand::Play { op: leg, leg, files, loop_count: 0, barge_in: false, gain_db: 0.0 });
    }
    if kind == "join" && leg % 2 == 1 {
        media.command(MediaCommand::Join { op: leg, a: leg - 1, b: leg });
    }
}

fn report(media: &Media, legs: u64, kind: &str, load: f64, packets_per_second: f64) {
    let counters = media.counters();
    println!(
        "{legs} legs, {kind}: {:.1} % of a core, {:.2} µs for a leg and tick",
        load * 100.0,
        load * 2e4 / legs as f64
    );
    println!("packets sent: {packets_per_second:.0}/s ({:.1} % of those due)", packets_per_second * 2.0 / legs as f64);
    for name in ["media_tick_late_p50_us", "media_tick_late_p99_us", "media_tick_late_max_us"] {
        println!("{name}: {}", counters.get(name));
    }
    for (name, value) in counters.values.iter().filter(|(name, value)| *value > 0 && !name.contains("tick_late")) {
        println!("{name}: {value}");
    }
}

/// Return the processor time of this process so far.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    let fields: Vec<&str> = text.rsplit(") ").next().expect("it has a name").split(' ').collect();
    // User and system time are fields 14 and 15, counted from 1 with the name as the second; in 1/100 s.
    let ticks = |index: usize| fields[index].parse::<f64>().expect("it is a number");
    (ticks(11) + ticks(12)) / 100.0
}

fn write_prompt() -> PathBuf {
    let path = std::env::temp_dir().join(format!("ringback-media-load-{}.wav", std::process::id()));
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(&path, spec).expect("the folder for temporary files can be written");
    for index in 0..40_000_i32 {
        let sample = i16::try_from(index % 200 * 50 - 5000).expect("it fits");
        writer.write_sample(sample).expect("the disk has room");
    }
    writer.finalize().expect("the disk has room");
    path
}
