//! Digits within the audio: all of them, at the edges of what ITU-T Q.24 asks for, and nothing else.

use std::f64::consts::TAU;

use super::stage::{Stage, Talk, remote, speech};
use crate::audio::g711;
use crate::command::{Codec, GatherPrompt, MediaCommand, RemoteMedia};
use crate::dtmf::inband::InbandReceiver;
use crate::dtmf::receive::Key;
use crate::event::{DigitSource, GatherResult, MediaEvent, OpResult};

const DIGITS: &str = "0123456789*#ABCD";

/// A source of numbers from -1 to 1, the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1 << 30) - 1.0
    }
}

/// How a keypad sounds.
#[derive(Clone, Copy)]
struct Keypad {
    /// Of the stronger frequency, dBm0.
    level: f64,
    /// Low over high frequency in dB.
    twist: f64,
    /// Both frequencies are off by this.
    off: f64,
    /// Pair over noise in dB.
    noise: Option<f64>,
    tone_ms: usize,
    gap_ms: usize,
}

const PLAIN: Keypad = Keypad { level: -9.0, twist: 0.0, off: 0.0, noise: None, tone_ms: 60, gap_ms: 60 };

fn dialed(digits: &str, keypad: Keypad, seed: u64) -> Vec<i16> {
    const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    let mut random = Random(seed);
    // A sine at full scale has 3.1 dBm0.
    let strong = 32124.0 * 10_f64.powf((keypad.level - 3.1) / 20.0);
    let (low, high) = if keypad.twist > 0.0 {
        (strong, strong / 10_f64.powf(keypad.twist / 20.0))
    } else {
        (strong * 10_f64.powf(keypad.twist / 20.0), strong)
    };
    let noise =
        keypad.noise.map_or(0.0, |db| (f64::midpoint(low * low, high * high) / 10_f64.powf(db / 10.0) * 3.0).sqrt());
    let (tone, gap) = (keypad.tone_ms * 8, keypad.gap_ms * 8);
    let mut samples = Vec::new();
    // Not on the border of a frame.
    let lead = 800 + (seed % 160) as usize;
    samples.resize(lead, 0.0);
    for digit in digits.chars() {
        let key = "123A456B789C*0#D".find(digit).unwrap();
        let (row, column) = (LOW[key / 4] * (1.0 + keypad.off), HIGH[key % 4] * (1.0 + keypad.off));
        let (one, two) = (random.next() * 3.0, random.next() * 3.0);
        samples.extend((0..tone).map(|at| {
            let at = at as f64 / 8000.0;
            low * (TAU * row * at + one).sin() + high * (TAU * column * at + two).sin()
        }));
        samples.resize(samples.len() + gap, 0.0);
    }
    samples.resize(samples.len() + 800, 0.0);
    samples.into_iter().map(|sample| (sample + noise * random.next()).clamp(-32768.0, 32767.0) as i16).collect()
}

/// Return what a receiver takes out of audio that went through G.711.
fn received(samples: &[i16], codec: Codec) -> (String, Vec<u32>) {
    let mut wire = vec![0; samples.len()];
    g711::encode(codec, samples, &mut wire);
    let mut decoded = vec![0; samples.len()];
    g711::decode(codec, &wire, &mut decoded);
    let mut receiver = InbandReceiver::new(8000);
    let (mut digits, mut durations, mut down) = (String::new(), Vec::new(), None);
    for frame in decoded.chunks(160) {
        for key in receiver.audio(frame, false).into_iter().flatten() {
            match key {
                Key::Down(digit) => assert_eq!(down.replace(digit), None, "two keys are down"),
                Key::Up { digit, duration_ms } => {
                    assert_eq!(down.take(), Some(digit), "a key came up that was not down");
                    digits.push(digit);
                    durations.push(duration_ms);
                }
            }
        }
    }
    (digits, durations)
}

fn check(keypad: Keypad) {
    for (seed, codec) in [(1, Codec::Pcma), (2, Codec::Pcmu), (77, Codec::Pcma), (120, Codec::Pcmu)] {
        let (digits, _) = received(&dialed(DIGITS, keypad, seed), codec);
        assert_eq!(digits, DIGITS, "level {} twist {} seed {seed}", keypad.level, keypad.twist);
    }
}

#[test]
fn test_all_sixteen_digits_are_heard_from_loud_to_faint() {
    for level in [-3.0, -9.0, -15.0, -25.0, -34.0] {
        check(Keypad { level, ..PLAIN });
    }
}

#[test]
fn test_one_frequency_may_be_weaker_than_the_other() {
    for twist in [-4.0, -2.0, 4.0, 8.0] {
        check(Keypad { twist, ..PLAIN });
    }
}

#[test]
fn test_frequencies_may_be_off_by_one_and_a_half_percent() {
    for off in [-0.015, 0.015] {
        check(Keypad { off, ..PLAIN });
    }
}

#[test]
fn test_noise_eight_decibels_below_the_digits_is_borne() {
    check(Keypad { noise: Some(8.0), tone_ms: 100, ..PLAIN });
    check(Keypad { noise: Some(15.0), level: -20.0, ..PLAIN });
}

#[test]
fn test_forty_milliseconds_are_enough_and_twenty_three_are_not() {
    check(Keypad { tone_ms: 40, gap_ms: 40, ..PLAIN });
    for seed in 0..40 {
        let short = dialed(DIGITS, Keypad { tone_ms: 23, ..PLAIN }, seed);
        assert_eq!(received(&short, Codec::Pcma).0, "", "seed {seed}");
    }
}

#[test]
fn test_the_same_key_twice_is_two_digits_and_a_short_break_is_none() {
    for seed in 0..40 {
        let twice = dialed("55", Keypad { tone_ms: 60, gap_ms: 45, ..PLAIN }, seed);
        assert_eq!(received(&twice, Codec::Pcmu).0, "55", "seed {seed}");
        let broken = dialed("55", Keypad { tone_ms: 60, gap_ms: 12, ..PLAIN }, seed);
        assert_eq!(received(&broken, Codec::Pcmu).0, "5", "seed {seed}");
    }
}

#[test]
fn test_the_time_a_key_was_down_is_measured() {
    let (_, durations) = received(&dialed("159", Keypad { tone_ms: 200, ..PLAIN }, 5), Codec::Pcma);

    assert!(durations.iter().all(|ms| (185..=225).contains(ms)), "{durations:?}");
}

/// Vowels with pitch and formants that glide, and fricatives: 60 seconds from one voice.
fn voice(seed: u64) -> Vec<i16> {
    let mut random = Random(seed);
    let (mut phase, mut pitch) = (0.0, 110.0 + 60.0 * random.next());
    let mut formants = [(500.0, 0.0, 0.0), (1500.0, 0.0, 0.0), (2500.0, 0.0, 0.0)];
    let mut goals = [500.0, 1500.0, 2500.0];
    let (mut loudness, mut glottis) = (0.0, 0.0);
    let mut samples = Vec::new();
    for index in 0..60 * 8000 {
        if index % 800 == 0 {
            goals = [550.0 + 350.0 * random.next(), 1500.0 + 700.0 * random.next(), 2600.0 + 400.0 * random.next()];
            pitch = (pitch + 20.0 * random.next()).clamp(80.0, 300.0);
            loudness = (0.6 + 0.6 * random.next()).max(0.0);
        }
        phase += pitch / 8000.0;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= pulse;
        // The glottis is no click: its spectrum falls.
        glottis = 0.9 * glottis + pulse;
        let mut excitation = glottis + 0.01 * random.next();
        let mut sum = 0.0;
        for ((frequency, one, two), goal) in formants.iter_mut().zip(goals) {
            *frequency += (goal - *frequency) * 0.001;
            let radius: f64 = 0.97;
            let next = excitation + 2.0 * radius * (TAU * *frequency / 8000.0).cos() * *one - radius * radius * *two;
            (*two, *one) = (*one, next);
            sum += next;
            excitation *= 0.7;
        }
        samples.push((sum * loudness * 1000.0).clamp(-32768.0, 32767.0) as i16);
    }
    samples
}

#[test]
fn test_speech_and_noise_are_no_digits() {
    for seed in 1..=20 {
        assert_eq!(received(&voice(seed), Codec::Pcma).0, "", "voice {seed}");
    }
    for seed in 1..=5 {
        assert_eq!(received(&speech(seed, 30_000), Codec::Pcmu).0, "", "noise {seed}");
    }
}

#[test]
fn test_signals_of_the_network_are_no_digits() {
    for (one, other) in
        [(350.0, 440.0), (440.0, 480.0), (480.0, 620.0), (950.0, 1400.0), (697.0, 770.0), (1209.0, 1477.0)]
    {
        let samples: Vec<i16> = (0..16_000)
            .map(|at| f64::from(at) * TAU / 8000.0)
            .map(|at| (5000.0 * ((at * one).sin() + (at * other).sin())) as i16)
            .collect();
        assert_eq!(received(&samples, Codec::Pcma).0, "", "{one} and {other} Hz");
    }
}

fn without_events(leg: u64) -> RemoteMedia {
    RemoteMedia { dtmf: None, ..remote(leg, Codec::Pcma) }
}

fn heard_digits(stage: &Stage) -> Vec<(char, DigitSource)> {
    let found = stage.events_of(|event| match event {
        MediaEvent::Dtmf { digit, how, .. } => Some((*digit, *how)),
        _ => None,
    });
    found.into_iter().map(|(_, digit)| digit).collect()
}

#[test]
fn test_digits_survive_the_loss_of_three_percent_of_the_packets() {
    let digits = DIGITS.repeat(8);
    let mut stage = Stage::new();
    stage.open(1);
    stage.set_remote(1, without_events(1));

    stage.talk(
        1,
        &dialed(&digits, Keypad { tone_ms: 100, gap_ms: 80, ..PLAIN }, 9),
        Talk { loss_percent: 3, ..Talk::default() },
    );
    stage.run(24_000);

    let heard: String = heard_digits(&stage).into_iter().map(|(digit, _)| digit).collect();
    assert_eq!(heard, digits);
}

#[test]
fn test_a_gather_takes_digits_within_the_audio_if_there_are_no_events() {
    let mut stage = Stage::with_legs(&[(2, Codec::Pcma)]);
    stage.open(1);
    stage.set_remote(1, without_events(1));
    stage.play(5, 1, &speech(1, 5000), true);
    for (op, leg) in [(6, 1), (7, 2)] {
        stage.begin(MediaCommand::Gather {
            op,
            leg,
            prompt: GatherPrompt::default(),
            min_digits: 1,
            max_digits: 3,
            terminators: "#".into(),
            first_timeout_ms: 5000,
            inter_timeout_ms: 1000,
        });
        stage.talk(leg, &dialed("12#", PLAIN, 3), Talk::default());
    }

    stage.run(6000);

    let (_, digits, result, terminator) = stage.gather(6).unwrap();
    assert_eq!((digits.as_str(), result, terminator), ("12", GatherResult::Match, Some('#')));
    assert_eq!(heard_digits(&stage), "12#".chars().map(|digit| (digit, DigitSource::Inband)).collect::<Vec<_>>());
    let (at, result) = stage.op(5).unwrap();
    assert_eq!(result, OpResult::Digit);
    assert!(at < 300, "the play went on until {at} ms although the key went down at 100");
    // Who agreed to events sends them: tones are audio there.
    assert_eq!(stage.gather(7).unwrap().2, GatherResult::NoInput);
}

#[test]
fn test_a_joined_leg_hears_the_digit_once() {
    let mut stage = Stage::with_legs(&[(2, Codec::Pcma)]);
    stage.open(1);
    stage.set_remote(1, without_events(1));
    let [a, b] = crate::operation::join::Join::new(9, 1, 2).sides();
    stage.shard(crate::shard::ShardCommand::Join(a));
    stage.shard(crate::shard::ShardCommand::Join(b));

    stage.talk(1, &dialed("7", Keypad { tone_ms: 100, ..PLAIN }, 3), Talk::default());
    stage.run(1000);

    assert_eq!(heard_digits(&stage), [('7', DigitSource::Inband)]);
    let events = stage.heard[&2].iter().filter(|packet| packet.header.payload_type == super::stage::DTMF).count();
    assert_eq!(events, 0, "an event would be a second digit beside the tone");
    assert_eq!(received(&stage.listen(2, Codec::Pcma), Codec::Pcma).0, "7");
}

#[test]
fn test_digits_we_send_as_tones_are_heard_by_a_receiver() {
    let mut stage = Stage::new();
    stage.open(1);
    stage.set_remote(1, without_events(1));
    stage.begin(MediaCommand::SendDtmf { op: 1, leg: 1, digits: DIGITS.into(), tone_ms: 100, gap_ms: 60 });

    stage.run(4000);

    assert_eq!(received(&stage.listen(1, Codec::Pcma), Codec::Pcma).0, DIGITS);
    assert_eq!(stage.op(1).map(|(_, result)| result), Some(OpResult::Done));
}
