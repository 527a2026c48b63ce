//! The short run of fuzzing: committed inputs, and a bounded number of seeded mutations of them, through every target.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use ringback_fuzz::{Corpus, Dice, TARGETS, corpora_folder, mutate_bytes, mutate_message, run};

/// Mutants of every target.
const MUTANTS: usize = 3_000;
/// What the corpora may take in the repository.
const MAX_CORPORA_BYTES: usize = 2_000_000;

#[test]
fn every_committed_input_passes_its_target() {
    for (name, target) in TARGETS {
        let corpus = Corpus::of(name).expect("a corpus");
        assert!(!corpus.inputs.is_empty(), "{name} has no inputs");
        corpus.inputs.iter().for_each(|(_, input)| target(input));
    }
}

#[test]
fn every_torture_message_passes_the_sip_targets() {
    for (_, input) in Corpus::torture().expect("messages").inputs {
        run("sip_message", &input);
        run("sip_session", &input);
    }
}

#[test]
fn mutants_of_the_corpora_pass_their_targets() {
    for (seed, (name, target)) in (4475..).zip(TARGETS) {
        let mut inputs = Corpus::of(name).expect("a corpus").inputs;
        if name.starts_with("sip") {
            inputs.extend(Corpus::torture().expect("messages").inputs);
        }
        let mut dice = Dice::new(seed);
        for _ in 0..MUTANTS {
            let (original, other) = (&inputs[dice.roll(inputs.len())].1, &inputs[dice.roll(inputs.len())].1);
            let mutant = if name.starts_with('s') && dice.once_in(2) {
                mutate_message(&mut dice, original, other)
            } else {
                mutate_bytes(&mut dice, original)
            };
            target(&mutant);
        }
    }
}

#[test]
fn targets_corpora_and_fuzz_targets_are_the_same() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let list = |folder: &Path| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };

    assert_eq!(list(&corpora_folder()), names);
    assert_eq!(list(&corpora_folder().join("../fuzz_targets")), names);
}

#[test]
fn the_corpora_stay_small() {
    let bytes: usize = TARGETS
        .iter()
        .flat_map(|(name, _)| Corpus::of(name).expect("a corpus").inputs)
        .map(|(_, input)| input.len())
        .sum();

    assert!(bytes < MAX_CORPORA_BYTES, "{bytes} bytes");
}
