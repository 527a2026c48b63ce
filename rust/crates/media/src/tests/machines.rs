//! Who answered: spoken greetings of people and machines, made by a speech synthesizer, and what is made of them.

use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;

use super::stage::{Stage, Talk};
use crate::audio::frame::FRAME;
use crate::audio::g711;
use crate::audio::wav::read_wav;
use crate::command::{Codec, MediaCommand};
use crate::event::{MediaEvent, OpResult};
use crate::operation::machine::{MachineDetector, MachineRules, Step, Verdict};
use crate::testing::temporary_folder;

const VOICES: [&str; 6] = ["en+m1", "en+f2", "de+m3", "fr+f1", "es+m4", "it+f4"];
const PEOPLE: [&str; 8] = [
    "Hello?",
    "Yes?",
    "Hello, Miller.",
    "Hi, this is Anna.",
    "Mueller.",
    "Hello? Hello?",
    "Good morning.",
    "Speaking.",
];
const MACHINES: [&str; 6] = [
    "Hello, you have reached the Miller family. We are not at home. Please leave a message after the tone.",
    "The person you have called is not available at the moment. Please try again later or leave a message.",
    "Hi! This is Anna. I cannot take your call right now, so please leave your name and number, and I will call back.",
    "Welcome to the mailbox of four nine three zero one two three four five. Please speak after the signal.",
    "You have reached the office of Miller and sons. Our office hours are Monday to Friday, from nine to five.",
    "No one is available to take your call. At the tone, please record your message. When you have finished, hang up.",
];
const BEEPS_HZ: [f64; 7] = [400.0, 440.0, 620.0, 850.0, 1000.0, 1400.0, 2400.0];

/// Speak a text; needs `espeak-ng`, which `make packages` installs.
fn spoken(folder: &Path, voice: &str, text: &str) -> Vec<i16> {
    let path = folder.join("speech.wav");
    let run = Command::new("espeak-ng").args(["-v", voice, "-s", "160", "-w"]).arg(&path).arg(text).status();
    assert!(run.expect("espeak-ng is not installed: run `make packages`").success());
    let mut samples = read_wav(&path, false).unwrap().0;
    // The silence around it is the test's.
    let is_loud = |sample: &i16| sample.unsigned_abs() > 300;
    let end = samples.iter().rposition(is_loud).map_or(0, |last| last + 1);
    samples.truncate(end);
    samples.drain(..samples.iter().position(is_loud).unwrap_or(0));
    samples
}

struct Line {
    random: u64,
    samples: Vec<i16>,
}

impl Line {
    fn new(seed: u64) -> Self {
        Self { random: seed * 2 + 1, samples: Vec::new() }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn silence(&mut self, ms: u64) {
        self.samples.resize(self.samples.len() + ms as usize * 8, 0);
    }

    fn speech(&mut self, samples: &[i16], gain: f64) {
        self.samples.extend(samples.iter().map(|&sample| (f64::from(sample) * gain) as i16));
    }

    fn beep(&mut self, frequency: f64, ms: u64, amplitude: f64) {
        let step = TAU * frequency / 8000.0;
        self.samples.extend((0..ms * 8).map(|at| (amplitude * (step * at as f64).sin()) as i16));
    }

    /// Add the line's noise and send it through G.711.
    fn heard(mut self, noise: u64) -> Vec<i16> {
        for index in 0..self.samples.len() {
            let more = self.random(2 * noise + 1) as i16 - noise as i16;
            self.samples[index] = self.samples[index].saturating_add(more);
        }
        let mut wire = vec![0; self.samples.len()];
        g711::encode(Codec::Pcma, &self.samples, &mut wire);
        g711::decode(Codec::Pcma, &wire, &mut self.samples);
        self.samples
    }
}

/// Return what a detector finds, with the time in ms.
fn judged(samples: &[i16]) -> Vec<(Verdict, &'static str, usize)> {
    let mut detector = MachineDetector::new(1, MachineRules::default());
    let mut found = Vec::new();
    for (index, frame) in samples.chunks_exact(FRAME).enumerate() {
        match detector.frame(frame.try_into().unwrap()) {
            Step::More => {}
            Step::NoBeep => break,
            Step::Heard { verdict, why, last } => {
                found.push((verdict, why, index * 20));
                if last {
                    break;
                }
            }
        }
    }
    found
}

#[test]
fn test_people_are_told_from_machines_and_beeps_are_found() {
    let folder = temporary_folder("machines");
    let (mut people, mut machines, mut beeps, mut wrong) = ((0, 0), (0, 0), (0, 0), Vec::new());
    for (seed, voice) in (0_u64..).zip(VOICES) {
        for (index, text) in (0_u64..).zip(PEOPLE) {
            let mut line = Line::new(seed * 100 + index);
            let (before, gain, noise) =
                (line.random(1500), 0.2 + line.random(100) as f64 / 100.0, [2, 20, 60][line.random(3) as usize]);
            line.silence(100 + before);
            line.speech(&spoken(&folder, voice, text), gain);
            line.silence(4000);
            let found = judged(&line.heard(noise));
            people.1 += 1;
            if matches!(found[..], [(Verdict::Human, ..)]) {
                people.0 += 1;
            } else {
                wrong.push(format!("{voice} {text}: {found:?}"));
            }
        }
        for (index, text) in (0_u64..).zip(MACHINES) {
            let mut line = Line::new(seed * 100 + 50 + index);
            let (before, gain, noise) =
                (line.random(1500), 0.2 + line.random(100) as f64 / 100.0, [2, 20, 60][line.random(3) as usize]);
            let (frequency, length) = (BEEPS_HZ[line.random(7) as usize], 200 + line.random(800));
            let pause = line.random(1500);
            line.silence(100 + before);
            line.speech(&spoken(&folder, voice, text), gain);
            line.silence(200 + pause);
            let beep_end = line.samples.len() / 8 + length as usize;
            line.beep(frequency, length, 1500.0 + 6000.0 * gain);
            line.silence(2000);
            let found = judged(&line.heard(noise));
            machines.1 += 1;
            beeps.1 += 1;
            machines.0 += usize::from(matches!(found.first(), Some((Verdict::Machine, ..))));
            let hit = found.iter().any(|(verdict, _, at)| *verdict == Verdict::Beep && at.abs_diff(beep_end) <= 80);
            beeps.0 += usize::from(hit);
            if !hit {
                wrong.push(format!("{voice} {frequency} Hz {length} ms ends at {beep_end}: {found:?}"));
            }
        }
    }
    println!("people {people:?} machines {machines:?} beeps {beeps:?}\n{}", wrong.join("\n"));
    assert!(people.0 * 100 >= people.1 * 95, "people {people:?}: {wrong:#?}");
    assert!(machines.0 * 100 >= machines.1 * 97, "machines {machines:?}: {wrong:#?}");
    assert!(beeps.0 * 100 >= beeps.1 * 95, "beeps {beeps:?}: {wrong:#?}");
}

#[test]
fn test_silence_is_unsure_and_a_beep_alone_is_a_machine() {
    let mut line = Line::new(1);
    line.silence(6000);
    assert_eq!(judged(&line.heard(10)), [(Verdict::Unsure, "initial_silence", 3980)]);

    let mut line = Line::new(1);
    line.silence(1000);
    line.beep(1000.0, 400, 5000.0);
    line.silence(1000);
    let found = judged(&line.heard(10));
    assert!(matches!(found[..], [(Verdict::Machine, "beep", at), (Verdict::Beep, ..)] if at < 1500), "{found:?}");
}

#[test]
fn test_a_detection_reports_and_ends_once_with_its_leg_replaced_stopped_or_done() {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma)]);
    let rules = MachineRules { beep_ms: 1000, ..MachineRules::default() };
    for op in [1, 2] {
        stage.begin(MediaCommand::DetectMachine { op, leg: 1, rules });
    }
    let mut line = Line::new(1);
    let talk: Vec<i16> = super::stage::speech(3, 4000).iter().map(|sample| sample / 2).collect();
    line.speech(&talk, 1.0);
    stage.talk(1, &line.samples, Talk::default());
    stage.run(4000);
    stage.begin(MediaCommand::DetectMachine { op: 3, leg: 1, rules });
    stage.run(100);
    stage.stop(3);
    stage.begin(MediaCommand::DetectMachine { op: 4, leg: 1, rules });
    stage.run(100);
    stage.close(1);

    let verdicts = stage.events_of(|event| match event {
        MediaEvent::Machine { op, verdict, why, .. } => Some((*op, *verdict, *why)),
        _ => None,
    });
    assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    assert_eq!(verdicts[0].1, (2, Verdict::Machine, "long_greeting"));
    let ends: Vec<_> = (1..=4).map(|op| stage.op(op).unwrap().1).collect();
    assert_eq!(ends, [OpResult::Replaced, OpResult::Limit, OpResult::Stopped, OpResult::LegEnded]);
}
