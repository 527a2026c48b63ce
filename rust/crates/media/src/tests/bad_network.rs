//! What is left of speech and digits that come over a network which loses and delays.
//!
//! The far end of leg 1 talks; what the far end of leg 2 hears is compared with it piece by piece.

use std::time::Duration;

use ringback_netem::{Conditions, Network};

use super::stage::{Stage, Talk, likeness, speech};
use crate::command::Codec;
use crate::event::MediaEvent;
use crate::operation::join::Join;
use crate::shard::ShardCommand;

const MS: Duration = Duration::from_millis(1);
/// How long the far end talks.
const WORDS_MS: u64 = 12_000;
/// Pieces compared: 250 ms.
const PIECE: usize = 2000;
/// Longest delay looked for: 400 ms.
const LATEST: usize = 3200;

/// What was measured.
#[derive(Debug)]
struct Heard {
    /// Mean likeness of all pieces; 1 is the same.
    alike: f64,
    /// Pieces of which little is left.
    ruined: usize,
    /// Delay from mouth to ear in the middle and at the most, ms, of the pieces that can be recognized.
    delay_ms: (usize, usize),
    /// Received audio that was made up, of all that was said; a few frames more when the talk ends.
    concealed: f64,
}

fn poor() -> Conditions {
    Conditions { loss: 0.05, latency: MS * 20, jitter: MS * 60, ..Conditions::default() }
}

fn joined(conditions: Conditions, seed: u64) -> Stage {
    let mut stage = Stage::with_legs(&[(1, Codec::Pcma), (2, Codec::Pcmu)]);
    stage.weather = Some(Network::new(conditions, seed));
    for side in Join::new(9, 1, 2).sides() {
        stage.shard(ShardCommand::Join(side));
    }
    stage
}

fn listen(conditions: Conditions, seed: u64) -> Heard {
    let mut stage = joined(conditions, seed);
    let words = speech(seed + 1, WORDS_MS);
    stage.talk(1, &words, Talk::default());
    stage.run(WORDS_MS + 500);
    let heard = stage.listen(2, Codec::Pcmu);
    // The first second is left out: the playout learns what the network is like.
    let pieces: Vec<(usize, f64)> =
        (8000..words.len() - PIECE).step_by(PIECE).map(|at| best(&words[at..at + PIECE], &heard[at..])).collect();
    let mut delays: Vec<usize> = pieces.iter().filter(|(_, alike)| *alike > 0.8).map(|(at, _)| at / 8).collect();
    delays.sort_unstable();
    Heard {
        alike: pieces.iter().map(|(_, alike)| alike).sum::<f64>() / pieces.len() as f64,
        ruined: pieces.iter().filter(|(_, alike)| *alike < 0.5).count(),
        delay_ms: (delays[delays.len() / 2], delays[delays.len() - 1]),
        concealed: stage.count("media_frames_concealed") as f64 / (WORDS_MS / 20) as f64,
    }
}

/// Where a piece is found at the latest 400 ms after it was said, and how like it is.
fn best(piece: &[i16], hay: &[i16]) -> (usize, f64) {
    let mut best = (0, 0.0);
    for at in 0..LATEST.min(hay.len().saturating_sub(piece.len())) {
        let alike = likeness(piece, &hay[at..at + piece.len()]);
        if alike > best.1 {
            best = (at, alike);
        }
    }
    best
}

#[test]
fn test_on_a_good_network_all_is_heard_soon() {
    let heard = listen(Conditions { latency: MS * 20, jitter: MS * 5, ..Conditions::default() }, 1);

    assert!(heard.alike > 0.98 && heard.ruined == 0, "{heard:?}");
    assert!(heard.delay_ms.1 <= 120, "{heard:?}");
    assert!(heard.concealed < 0.03, "{heard:?}");
}

#[test]
fn test_with_5_percent_loss_and_60_ms_of_jitter_speech_stays_speech() {
    for seed in 1..4 {
        let heard = listen(poor(), seed);

        assert!(heard.alike > 0.9 && heard.ruined <= 1, "seed {seed}: {heard:?}");
        assert!(heard.delay_ms.1 <= 160, "seed {seed}: {heard:?}");
        assert!((0.05..0.12).contains(&heard.concealed), "seed {seed}: {heard:?}");
    }
}

#[test]
fn test_with_20_percent_loss_in_bursts_most_is_still_heard_in_its_place() {
    let heard = listen(Conditions { loss: 0.2, burst: 2.0, duplicate: 0.05, ..poor() }, 5);

    assert!(heard.alike > 0.7 && heard.ruined <= 4, "{heard:?}");
    assert!(heard.delay_ms.1 <= 160, "{heard:?}");
    assert!((0.2..0.35).contains(&heard.concealed), "{heard:?}");
}

#[test]
fn test_digits_come_through_once_each_in_order() {
    for (conditions, seeds) in [(poor(), 0..20), (Conditions { loss: 0.2, ..poor() }, 20..40)] {
        for seed in seeds {
            let mut stage = joined(conditions, seed);
            for (index, digit) in (0..).zip("159#0*2468".chars()) {
                stage.press(1, digit, index * 400);
            }
            stage.run(5000);

            let digits: String = stage
                .events_of(|event| match event {
                    MediaEvent::Dtmf { digit, .. } => Some(*digit),
                    _ => None,
                })
                .into_iter()
                .map(|(_, digit)| digit)
                .collect();
            assert_eq!(digits, "159#0*2468", "seed {seed}");
        }
    }
}
