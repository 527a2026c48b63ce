//! Millions of mutated SIP messages through a user agent: `mutate [MESSAGES] [SEED] [THREADS]`.
//!
//! Each thread has its own seed. Every 200 messages a new user agent begins with a call in every state, and the old one
//! must have ended all of its own. A panic prints the seed and round, so that it can be repeated.
#![allow(clippy::print_stdout)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringback_fuzz::{Corpus, Dice, World, mutate_bytes, mutate_message};

/// Messages for one user agent.
const ROUND: u64 = 200;
/// Rounds between reports.
const REPORT: u64 = 5_000;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap_or_default());
    let messages = numbers.next().unwrap_or(100_000);
    let seed = numbers.next().unwrap_or(1);
    let threads = numbers.next().unwrap_or(1).clamp(1, 64);
    let Ok(torture) = Corpus::torture() else { return ExitCode::FAILURE };
    let mut originals: Vec<Vec<u8>> = World::messages().into_iter().map(String::into_bytes).collect();
    // The calls' own messages weigh as much as the torture messages.
    originals.extend(originals.clone());
    originals.extend(originals.clone());
    originals.extend(torture.inputs.into_iter().map(|(_, content)| content));

    let (sent, failures, begin) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (originals, sent, failures) = (&originals, &sent, &failures);
            scope.spawn(move || {
                let rounds = messages.div_ceil(ROUND * threads);
                for round in 0..rounds {
                    let round_seed = (seed << 40) + (thread << 32) + round;
                    if catch_unwind(AssertUnwindSafe(|| play(round_seed, originals))).is_err() {
                        failures.fetch_add(1, Ordering::Relaxed);
                        println!("FAILED: round seed {round_seed}");
                    }
                    let total = sent.fetch_add(ROUND, Ordering::Relaxed) + ROUND;
                    if round % REPORT == REPORT - 1 {
                        report(total, begin);
                    }
                }
            });
        }
    });
    report(sent.into_inner(), begin);
    let failed = failures.into_inner();
    println!("{failed} rounds failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(seed: u64, originals: &[Vec<u8>]) {
    let mut dice = Dice::new(seed);
    let mut world = World::new();
    let others = World::messages();
    for _ in 0..ROUND {
        let original = world.filled(&originals[dice.roll(originals.len())]);
        let other = others[dice.roll(others.len())].as_bytes();
        let mutant = if dice.once_in(2) {
            mutate_message(&mut dice, &original, other)
        } else {
            mutate_bytes(&mut dice, &original)
        };
        world.receive(&mutant);
        if dice.once_in(50) {
            world.wait(Duration::from_millis(500));
        }
    }
    world.end();
}

fn report(messages: u64, begin: Instant) {
    let seconds = begin.elapsed().as_secs().max(1);
    println!("{messages} messages in {seconds} s, {} per s", messages / seconds);
}
