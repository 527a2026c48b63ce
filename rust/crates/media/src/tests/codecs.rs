//! Every codec with every other, packet times, losses, comfort noise, and payloads that are none.

use std::f64::consts::TAU;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::stage::{DTMF, Stage, address, find, remote, rtp, speech};
use crate::audio::frame::energy;
use crate::audio::g711;
use crate::audio::resample::convert;
use crate::codec::{Encoder, WideDecoder, samples_in};
use crate::command::{Codec, EventType, LegId, MediaCommand, OpId, RemoteMedia};
use crate::operation::join::Join;
use crate::output::Channel;
use crate::shard::ShardCommand;
use crate::wire::rtp::RtpHeader;

fn rate_hz(codec: Codec) -> u32 {
    if codec.is_wide() { 16000 } else { 8000 }
}

fn payload_type(codec: Codec) -> u8 {
    remote(1, codec).payload_type
}

/// Encode samples at the codec's rate into packets.
fn packets(codec: Codec, samples: &[i16], packet_ms: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec);
    #[cfg(feature = "opus")]
    if let Encoder::Opus(encoder) = &mut encoder {
        encoder.set_packet_ms(packet_ms as u32);
        encoder.set_copies(true);
    }
    let mut out = Vec::new();
    let per_packet = packet_ms * rate_hz(codec) as usize / 1000;
    match &mut encoder {
        Encoder::G711(codec) => out.extend(samples.chunks(per_packet).map(|piece| {
            let mut bytes = vec![0; piece.len()];
            g711::encode(*codec, piece, &mut bytes);
            bytes
        })),
        Encoder::G722(encoder) => out.extend(samples.chunks(per_packet).map(|piece| {
            let mut bytes = vec![0; piece.len() / 2];
            encoder.encode(piece, &mut bytes);
            bytes
        })),
        #[cfg(feature = "opus")]
        Encoder::Opus(encoder) => {
            for frame in samples.chunks_exact(320) {
                encoder.push(frame.try_into().unwrap(), |_, packet| out.push(packet.to_vec()));
            }
        }
    }
    out
}

/// Let the far end of a leg say samples at 16 kHz; of 100 packets `loss_percent` are lost, one at a time.
fn talk(stage: &mut Stage, leg: LegId, codec: Codec, wide: &[i16], (packet_ms, loss_percent): (u64, u64)) {
    let samples = convert(wide, 16000, rate_hz(codec));
    for (index, payload) in (0_u64..).zip(packets(codec, &samples, packet_ms as usize)) {
        if index * loss_percent / 100 != (index + 1) * loss_percent / 100 {
            continue;
        }
        let header = RtpHeader {
            marker: index == 0,
            payload_type: payload_type(codec),
            sequence: (65530 + index) as u16,
            timestamp: (u32::MAX - 1000).wrapping_add((index * packet_ms) as u32 * codec.ticks_per_ms()),
            ssrc: 0xfa4e,
        };
        stage.packet(leg, Channel::Rtp, address(leg), index * packet_ms, rtp(&header, &payload));
    }
}

/// Return what the far end of a leg heard, at 16 kHz for wideband codecs.
fn listen(stage: &Stage, leg: LegId, codec: Codec) -> Vec<i16> {
    if !codec.is_wide() {
        return stage.listen(leg, codec);
    }
    let mut decoder = WideDecoder::new(codec).unwrap();
    let mut samples = Vec::new();
    for packet in stage.heard[&leg].iter().filter(|packet| packet.header.payload_type == payload_type(codec)) {
        let count = samples_in(codec, &packet.payload).unwrap();
        let mut piece = vec![0; count];
        assert!(decoder.decode(&packet.payload, &mut piece));
        samples.extend(piece);
    }
    samples
}

fn join(stage: &mut Stage, op: OpId, a: LegId, b: LegId) {
    for side in Join::new(op, a, b).sides() {
        stage.shard(ShardCommand::Join(side));
    }
}

fn tone(frequency_hz: f64, ms: usize) -> Vec<i16> {
    (0..16 * ms).map(|n| (8000.0 * (TAU * frequency_hz * n as f64 / 16000.0).sin()) as i16).collect()
}

/// Level of a tone in what was heard after the first half second, in dB against the amplitude of `tone`.
fn level_db(samples: &[i16], frequency_hz: f64, rate_hz: u32) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    let steady = &samples[rate_hz as usize / 2..samples.len() - rate_hz as usize / 10];
    for (index, &sample) in steady.iter().enumerate() {
        let phase = TAU * frequency_hz * index as f64 / f64::from(rate_hz);
        real += f64::from(sample) * phase.cos();
        imaginary += f64::from(sample) * phase.sin();
    }
    20.0 * (2.0 * real.hypot(imaginary) / steady.len() as f64 / 8000.0 + 1e-9).log10()
}

/// How like 200 ms of the words are in what was heard, as far as a telephone carries them. Compared at 16 kHz, because
/// codecs delay by halves of a sample at 8 kHz.
fn likeness_of(words: &[i16], heard: &[i16], codec: Codec) -> f64 {
    let heard = convert(heard, rate_hz(codec), 16000);
    let words = convert(&convert(words, 16000, 8000), 8000, 16000);
    find(&words[8000..11_200], &heard[6000..]).1
}

fn joined(one: Codec, other: Codec) -> Stage {
    let mut stage = Stage::with_legs(&[(1, one), (2, other)]);
    join(&mut stage, 9, 1, 2);
    stage
}

fn words(seed: u64, ms: u64) -> Vec<i16> {
    convert(&speech(seed, ms), 8000, 16000)
}

#[test]
fn test_every_codec_is_heard_through_every_other_both_ways() {
    for &one in Codec::ALL {
        for &other in Codec::ALL {
            let mut stage = joined(one, other);
            let (hello, answer) = (words(1, 1500), words(2, 1500));
            talk(&mut stage, 1, one, &hello, (20, 0));
            talk(&mut stage, 2, other, &answer, (20, 0));
            stage.run(1900);

            for (leg, codec, words) in [(2, other, &hello), (1, one, &answer)] {
                let alike = likeness_of(words, &listen(&stage, leg, codec), codec);
                // Opus does not keep the shape of the wave, only its sound.
                let least = if one == Codec::Opus || other == Codec::Opus { 0.7 } else { 0.97 };
                assert!(alike > least, "{one:?} and {other:?}, heard by leg {leg}: {alike:.3}");
            }
        }
    }
}

#[test]
fn test_wideband_passes_between_wideband_codecs_and_does_not_fold_into_narrow_ones() {
    for &one in Codec::ALL.iter().filter(|codec| codec.is_wide()) {
        for &other in Codec::ALL {
            let mut stage = joined(one, other);
            talk(&mut stage, 1, one, &tone(5000.0, 2000), (20, 0));
            stage.run(2300);

            let heard = listen(&stage, 2, other);
            if other.is_wide() {
                let level = level_db(&heard, 5000.0, 16000);
                assert!(level > -3.0, "5 kHz from {one:?} to {other:?}: {level:.1} dB");
            } else {
                let level = level_db(&heard, 3000.0, 8000);
                assert!(level < -40.0, "5 kHz from {one:?} folds back in {other:?}: {level:.1} dB");
            }
        }
    }
}

#[test]
fn test_every_packet_time_of_every_codec_is_played_and_sent() {
    for &codec in Codec::ALL {
        for packet_ms in [10, 20, 30, 40, 50, 60] {
            if codec == Codec::Opus && (packet_ms == 30 || packet_ms == 50) {
                continue;
            }
            let mut stage = joined(codec, codec);
            stage.set_remote(2, RemoteMedia { ptime_ms: packet_ms as u32, ..remote(2, codec) });
            let hello = words(1, 1500);
            talk(&mut stage, 1, codec, &hello, (packet_ms, 0));
            stage.run(1900);

            let alike = likeness_of(&hello, &listen(&stage, 2, codec), codec);
            assert!(alike > 0.65, "{codec:?} in packets of {packet_ms} ms: {alike:.3}");
            let ticks = packet_ms as u32 * codec.ticks_per_ms();
            let sent = &stage.heard[&2];
            let steps: Vec<u32> =
                sent.windows(2).map(|pair| pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp)).collect();
            assert!(steps[2..].iter().all(|&step| step == ticks), "{codec:?} {packet_ms} ms: {steps:?}");
        }
    }
}

#[test]
fn test_swapped_packets_of_codecs_with_a_memory_are_decoded_in_order() {
    for &codec in Codec::ALL {
        let mut stage = joined(codec, Codec::Pcma);
        let hello = words(1, 2000);
        for (index, payload) in (0_u64..).zip(packets(codec, &convert(&hello, 16000, rate_hz(codec)), 20)) {
            let header = RtpHeader {
                marker: false,
                payload_type: payload_type(codec),
                sequence: index as u16,
                timestamp: index as u32 * 20 * codec.ticks_per_ms(),
                ssrc: 1,
            };
            let delay = if index % 5 == 0 { 22 } else { 0 };
            stage.packet(1, Channel::Rtp, address(1), index * 20 + delay, rtp(&header, &payload));
        }
        stage.run(2300);

        let alike = likeness_of(&hello, &listen(&stage, 2, Codec::Pcma), Codec::Pcma);
        // Without any loss it is 0.83 for Opus.
        assert!(alike > if codec == Codec::Opus { 0.8 } else { 0.99 }, "{codec:?}: {alike:.3}");
        let concealed = stage.count("media_frames_concealed");
        assert!(
            (10..=13).contains(&concealed),
            "{concealed} {codec:?}: the 40 ms before the first packet, and the end until it is taken as one"
        );
    }
}

/// Something like a vowel sung in syllables: codecs that know speech take steady tones for background noise.
fn vowel(ms: usize) -> Vec<i16> {
    let sample = |n: usize| {
        let at = TAU * n as f64 / 16000.0;
        let voice: f64 = (1..=10).map(|k| (at * 125.0 * f64::from(k)).sin() / f64::from(k)).sum();
        (voice * (0.6 + 0.4 * (at * 4.0).sin()) * 8000.0) as i16
    };
    (0..16 * ms).map(sample).collect()
}

#[test]
fn test_losses_are_covered_by_every_codec() {
    for &codec in Codec::ALL {
        let mut stage = joined(codec, Codec::Pcma);
        let song = vowel(3000);
        talk(&mut stage, 1, codec, &song, (20, 5));
        stage.run(3200);

        // Packet 39, 780 ms after the begin, is the second that is lost.
        let heard = convert(&listen(&stage, 2, Codec::Pcma), 8000, 16000);
        let song = convert(&convert(&song, 16000, 8000), 8000, 16000);
        let alike = find(&song[11_800..15_000], &heard[9000..]).1;
        // Without any loss it is 0.83 for Opus.
        assert!(alike > if codec == Codec::Opus { 0.8 } else { 0.99 }, "{codec:?}: {alike:.3}");
        let concealed = stage.count("media_frames_concealed");
        assert!((6..=20).contains(&concealed), "{codec:?}: {concealed} frames");
    }
}

#[test]
fn test_prompts_reach_wideband_legs_in_full_and_tones_and_digits_too() {
    for &codec in Codec::ALL.iter().filter(|codec| codec.is_wide()) {
        let mut stage = Stage::new();
        stage.open(1);
        stage.set_remote(1, RemoteMedia { dtmf: None, ..remote(1, codec) });
        let path = stage.folder.join("wide.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for sample in tone(5000.0, 1500) {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        let files = vec![path];
        stage.begin(MediaCommand::Play { op: 1, leg: 1, files, loop_count: 1, barge_in: false, gain_db: 0.0 });
        stage.run(1500);
        let level = level_db(&listen(&stage, 1, codec), 5000.0, 16000);
        assert!(level > -2.0, "{codec:?}: {level:.1} dB");

        stage.begin(MediaCommand::SendDtmf { op: 2, leg: 1, digits: "5".into(), tone_ms: 1000, gap_ms: 60 });
        stage.run(1200);
        let heard = listen(&stage, 1, codec);
        let digit = &heard[heard.len() - 17_600..];
        assert!(energy(digit) > 1_000_000, "{codec:?}");
    }
}

#[test]
fn test_codec_can_change_during_a_call() {
    let mut stage = joined(Codec::Pcma, Codec::Pcmu);
    talk(&mut stage, 1, Codec::Pcma, &words(1, 1000), (20, 0));
    stage.run(1200);
    let before = stage.heard[&1].len();
    for &codec in Codec::ALL.iter().filter(|codec| codec.is_wide()) {
        stage.set_remote(1, remote(1, codec));
        let hello = words(3, 1500);
        talk(&mut stage, 1, codec, &hello, (20, 0));
        stage.run(1900);

        let alike = likeness_of(&hello, &listen(&stage, 2, Codec::Pcmu), Codec::Pcmu);
        assert!(alike > 0.9, "{codec:?}: {alike:.3}");
    }
    let ssrcs: std::collections::BTreeSet<u32> =
        stage.heard[&1][before..].iter().map(|packet| packet.header.ssrc).collect();
    assert_eq!(ssrcs.len(), Codec::ALL.len() - 2, "another RTP clock is another stream");
}

#[test]
fn test_each_side_has_payload_types_of_its_own() {
    let mut stage = Stage::with_legs(&[(1, Codec::G722), (2, Codec::Pcma)]);
    stage.set_remote(1, RemoteMedia { payload_type: 99, accepts: vec![(98, Codec::G722)], ..remote(1, Codec::G722) });
    join(&mut stage, 9, 1, 2);
    let hello = words(1, 1000);
    for (index, payload) in (0_u64..).zip(packets(Codec::G722, &hello, 20)) {
        let (sequence, timestamp) = (index as u16, index as u32 * 160);
        let header = RtpHeader { marker: false, payload_type: 98, sequence, timestamp, ssrc: 1 };
        stage.packet(1, Channel::Rtp, address(1), index * 20, rtp(&header, &payload));
    }
    stage.run(1300);

    assert!(likeness_of(&hello, &listen(&stage, 2, Codec::Pcma), Codec::Pcma) > 0.97);
    assert!(stage.heard[&1].iter().all(|packet| packet.header.payload_type == 99));
}

#[cfg(feature = "opus")]
#[test]
fn test_digits_beside_opus_run_on_its_clock() {
    let mut stage = Stage::with_legs(&[(1, Codec::Opus)]);
    stage.run(100);
    stage.begin(MediaCommand::SendDtmf { op: 1, leg: 1, digits: "5".into(), tone_ms: 100, gap_ms: 60 });
    stage.run(400);
    let last = stage.heard[&1].iter().rfind(|packet| packet.header.payload_type == DTMF).unwrap();
    assert_eq!(u16::from_be_bytes([last.payload[2], last.payload[3]]), 4800);

    let events = EventType { payload_type: 102, ticks_per_ms: 8 };
    stage.set_remote(1, RemoteMedia { accepts_dtmf: vec![events], ..remote(1, Codec::Opus) });
    for (payload_type, duration) in [(DTMF, 4800_u16), (102, 800)] {
        let [high, low] = duration.to_be_bytes();
        let timestamp = u32::from(payload_type) * 100_000;
        let header = RtpHeader { marker: true, payload_type, sequence: 1, timestamp, ssrc: 5 };
        stage.packet(1, Channel::Rtp, address(1), 0, rtp(&header, &[5, 0x8a, high, low]));
        stage.run(300);
    }
    let pressed = stage.events_of(|event| match event {
        crate::event::MediaEvent::Dtmf { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
        _ => None,
    });
    assert_eq!(pressed.iter().map(|(_, key)| *key).collect::<Vec<_>>(), [('5', 100), ('5', 100)]);
}

#[test]
fn test_comfort_noise_fills_the_pause_and_is_no_loss() {
    let mut stage = joined(Codec::Pcma, Codec::Pcmu);
    talk(&mut stage, 1, Codec::Pcma, &words(1, 400), (20, 0));
    let header =
        |sequence: u16, timestamp| RtpHeader { marker: false, payload_type: 13, sequence, timestamp, ssrc: 0xfa4e };
    let timestamp = (u32::MAX - 1000).wrapping_add(400 * 8);
    stage.packet(1, Channel::Rtp, address(1), 400, rtp(&header(14, timestamp), &[40]));
    stage.run(1500);

    let heard = listen(&stage, 2, Codec::Pcmu);
    let pause = &heard[heard.len() - 4000..];
    let dbov = 10.0 * (f64::from(energy(pause)) / 32767.0_f64.powi(2)).log10();
    assert!((-43.0..-37.0).contains(&dbov), "{dbov:.1} dBov");
    assert!(stage.count("media_frames_concealed") <= 2, "the 40 ms before the first packet");
}

#[test]
fn test_payloads_that_are_none_do_no_harm() {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 300, failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]),
    );
    let payload = proptest::collection::vec(any::<u8>(), 0..200);
    let payloads = proptest::collection::vec((payload, any::<bool>()), 1..12);
    runner
        .run(&payloads, |payloads| {
            for &codec in Codec::ALL {
                let mut stage = Stage::with_legs(&[(1, codec)]);
                for (index, (payload, jump)) in (0_u64..).zip(&payloads) {
                    let header = RtpHeader {
                        marker: false,
                        payload_type: payload_type(codec),
                        sequence: index as u16,
                        timestamp: index as u32 * 20 * codec.ticks_per_ms() + if *jump { 77_777 } else { 0 },
                        ssrc: 1,
                    };
                    stage.packet(1, Channel::Rtp, address(1), index * 20, rtp(&header, payload));
                }
                stage.run(400);
                prop_assert_eq!(stage.count("media_faults"), 0);
            }
            Ok(())
        })
        .unwrap();
}
