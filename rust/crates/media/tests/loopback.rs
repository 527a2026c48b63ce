//! The whole of media on loopback sockets: ports, threads, clock.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ringback_media::{
    Codec, Country, EventSink, EventType, Media, MediaCommand, MediaConfig, MediaError, MediaEvent, OpResult,
    RemoteMedia, ToneName,
};

/// Nothing here takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

struct Sink(Sender<MediaEvent>);

impl EventSink for Sink {
    fn push(&self, event: MediaEvent) {
        // A test that is over listens no more.
        let _ = self.0.send(event);
    }
}

fn start(first_port: u16, shards: usize) -> (Media, Receiver<MediaEvent>) {
    let (sender, events) = channel();
    let config = MediaConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        first_port,
        last_port: first_port + 19,
        shards,
        realtime: true,
        cpus: Vec::new(),
        media_timeout: Duration::from_secs(30),
        prompt_cache_bytes: 1 << 20,
    };
    (Media::start(config, Arc::new(Sink(sender))).unwrap(), events)
}

fn remote(port: u16) -> RemoteMedia {
    RemoteMedia {
        dtmf: Some(EventType { payload_type: 101, ticks_per_ms: 8 }),
        ..RemoteMedia::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Codec::Pcma, 8)
    }
}

/// Return the first event that `pick` takes; everything before it is passed over.
fn wait<T>(events: &Receiver<MediaEvent>, mut pick: impl FnMut(&MediaEvent) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = events.recv_timeout(left).expect("the event came in time");
        if let Some(found) = pick(&event) {
            return found;
        }
    }
}

fn op_result(event: &MediaEvent, wanted: u64) -> Option<(OpResult, Option<String>)> {
    match event {
        MediaEvent::OpDone { op, result, detail, .. } if *op == wanted => Some((*result, detail.clone())),
        _ => None,
    }
}

#[test]
fn test_a_leg_sends_and_hears_and_frees_its_ports() {
    let (media, events) = start(14600, 1);
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();

    let port = media.open_leg(1).unwrap();
    assert_eq!(port % 2, 0);
    assert!(matches!(media.open_leg(1), Err(MediaError::LegOpen(1))));
    media.set_remote(1, remote(far.local_addr().unwrap().port()));
    let mut bytes = [0; 1500];
    let (length, from) = far.recv_from(&mut bytes).unwrap();
    assert_eq!((length, bytes[1] & 0x7f, bytes[12]), (172, 8, 0xd5));
    assert_eq!(from.port(), port);

    let mut packet = vec![0x80, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    packet.resize(172, 0xd5);
    far.send_to(&packet, from).unwrap();
    wait(&events, |event| matches!(event, MediaEvent::FirstPacket { leg: 1 }).then_some(()));
    media.close_leg(1);
    let stats =
        wait(&events, |event| if let MediaEvent::Stats { stats, .. } = event { Some(stats.clone()) } else { None });
    assert_eq!((stats.packets_received, stats.codec), (1, Some(Codec::Pcma)));
    wait(&events, |event| (*event == MediaEvent::Closed { leg: 1 }).then_some(()));

    let counters = media.counters();
    assert_eq!((counters.get("media_legs"), counters.get("media_ports_used")), (0, 0));
    assert_eq!(counters.get("media_ports_total"), 10);
    media.stop();
}

#[test]
fn test_operations_end_and_a_stop_ends_the_rest() {
    let (media, events) = start(14620, 1);
    media.open_leg(1).unwrap();
    media.command(MediaCommand::Tone {
        op: 1,
        leg: 1,
        name: ToneName::Beep,
        country: Country::default(),
        duration_ms: 40,
    });
    assert_eq!(wait(&events, |event| op_result(event, 1)), (OpResult::Done, None));

    let files = vec![PathBuf::from("/no/such/prompt.wav")];
    media.command(MediaCommand::Play { op: 2, leg: 1, files, loop_count: 1, barge_in: false, gain_db: 0.0 });
    let (result, detail) = wait(&events, |event| op_result(event, 2));
    assert_eq!(result, OpResult::Failed);
    assert!(detail.unwrap().contains("/no/such/prompt.wav"));

    let path = std::env::temp_dir().join(format!("ringback-media-loopback-{}.wav", std::process::id()));
    media.command(MediaCommand::Record {
        op: 3,
        leg: 1,
        path: path.clone(),
        stereo: true,
        max_ms: 100,
        silence_stop_ms: 0,
    });
    assert_eq!(wait(&events, |event| op_result(event, 3)).0, OpResult::Limit);
    assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 800);
    std::fs::remove_file(path).unwrap();

    media.command(MediaCommand::Tone {
        op: 4,
        leg: 1,
        name: ToneName::Busy,
        country: Country::default(),
        duration_ms: 0,
    });
    media.command(MediaCommand::Stop { op: 99 });
    media.command(MediaCommand::Tone {
        op: 5,
        leg: 77,
        name: ToneName::Busy,
        country: Country::default(),
        duration_ms: 0,
    });
    assert_eq!(wait(&events, |event| op_result(event, 5)).0, OpResult::LegEnded);
    media.stop();
    assert_eq!(wait(&events, |event| op_result(event, 4)).0, OpResult::LegEnded);
    wait(&events, |event| (*event == MediaEvent::Closed { leg: 1 }).then_some(()));
}

#[test]
fn test_legs_on_two_shards_hear_each_other() {
    let (media, events) = start(14640, 2);
    let far: Vec<UdpSocket> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut ports = Vec::new();
    for (leg, socket) in far.iter().enumerate() {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        ports.push(media.open_leg(leg as u64).unwrap());
        media.set_remote(leg as u64, remote(socket.local_addr().unwrap().port()));
    }
    media.command(MediaCommand::Join { op: 1, a: 0, b: 1 });

    // One side talks until the other hears it.
    let mut bytes = [0; 1500];
    let heard = (0_u16..500).find(|&index| {
        let [high, low] = index.to_be_bytes();
        let ts = (u32::from(index) * 160).to_be_bytes();
        let mut packet = vec![0x80, 8, high, low, ts[0], ts[1], ts[2], ts[3], 0, 0, 0, 9];
        packet.resize(172, 0x2a);
        far[0].send_to(&packet, ("127.0.0.1", ports[0])).unwrap();
        far[0].recv(&mut bytes).unwrap(); // keeps the pace of the media thread
        let length = far[1].recv(&mut bytes).unwrap();
        // The first frame fades in; a whole one of the word is enough.
        length == 172 && bytes[12..172] == [0x2a; 160]
    });
    assert!(heard.is_some());

    media.close_leg(1);
    assert_eq!(wait(&events, |event| op_result(event, 1)).0, OpResult::LegEnded);
    media.stop();
}

#[test]
fn test_a_shard_without_legs_sleeps() {
    let (media, events) = start(14660, 1);
    media.open_leg(1).unwrap();
    media.command(MediaCommand::Tone {
        op: 1,
        leg: 1,
        name: ToneName::Beep,
        country: Country::default(),
        duration_ms: 40,
    });
    wait(&events, |event| op_result(event, 1));
    media.close_leg(1);
    wait(&events, |event| (*event == MediaEvent::Closed { leg: 1 }).then_some(()));

    // That nothing happens can only be seen by giving it time; the tick that closed the leg may still be counted.
    let ticks = media.counters().get("media_ticks");
    std::thread::sleep(Duration::from_millis(60));
    let more = media.counters().get("media_ticks") - ticks;

    assert!(ticks >= 2 && more <= 1, "{ticks} ticks, then {more}");
}

#[test]
fn test_settings_that_cannot_work_are_refused() {
    let config = |first_port, last_port, shards| MediaConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        first_port,
        last_port,
        shards,
        realtime: true,
        cpus: Vec::new(),
        media_timeout: Duration::ZERO,
        prompt_cache_bytes: 0,
    };
    for (config, part) in
        [(config(20000, 20001, 0), "0 shards"), (config(20001, 20002, 1), "20001-20002"), (config(80, 90, 1), "1024")]
    {
        let error = Media::start(config, Arc::new(Sink(channel().0))).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
