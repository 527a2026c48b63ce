//! Who answered, a person or a machine: by how long the first words are and what comes after them.
//!
//! A person says a word or two and waits; a machine talks on and beeps. Nothing is understood, only measured.

use crate::audio::activity::Activity;
use crate::audio::beep::{Beep, BeepDetector};
use crate::audio::frame::{FRAME_MS, Frame};
use crate::command::OpId;

/// What the decision rests on, all in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineRules {
    /// Without a word for this long nothing can be said: `unsure`. 500-15000.
    pub initial_silence_ms: u32,
    /// A greeting at least this long is a machine's. 500-10000.
    pub greeting_ms: u32,
    /// After a shorter greeting this much silence means a person who waits. 200-5000.
    pub after_silence_ms: u32,
    /// More words than this are a machine's. 1-20.
    pub max_words: u32,
    /// Shorter sounds are no words. 40-1000.
    pub word_ms: u32,
    /// Silence between two words. 20-1000.
    pub between_words_ms: u32,
    /// Decide at the latest after this long. 1000-60000.
    pub total_ms: u32,
    /// Wait this long for the beep of a machine; 0 for not at all. At most 120000.
    pub beep_ms: u32,
}

impl Default for MachineRules {
    fn default() -> Self {
        Self {
            initial_silence_ms: 4000,
            greeting_ms: 1800,
            after_silence_ms: 800,
            max_words: 6,
            word_ms: 100,
            between_words_ms: 60,
            total_ms: 8000,
            beep_ms: 30_000,
        }
    }
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Short words, then silence.
    Human,
    /// A long greeting, many words or a beep.
    Machine,
    /// Nothing was said, or the time was over.
    Unsure,
    /// The machine's beep is over: it records. Comes after `Machine`.
    Beep,
}

impl Verdict {
    /// Return the name Python knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Unsure => "unsure",
            Self::Beep => "beep",
        }
    }
}

/// What 20 ms led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Listen on.
    More,
    /// This is known now. `last`: nothing more will be.
    Heard { verdict: Verdict, why: &'static str, last: bool },
    /// The time for the beep is over.
    NoBeep,
}

/// Listens to one leg.
#[derive(Debug, Clone)]
pub(crate) struct MachineDetector {
    /// Its operation.
    pub(crate) op: OpId,
    rules: MachineRules,
    activity: Activity,
    beep: BeepDetector,
    /// Time since the begin, and since the first word.
    elapsed_ms: u64,
    greeting_ms: Option<u64>,
    /// Of the sound under way, of the pause in or after it, and since the last word.
    voiced_ms: u64,
    pause_ms: u64,
    silent_ms: u64,
    in_word: bool,
    words: u32,
    /// When the machine was known.
    machine_at_ms: Option<u64>,
    /// It was known by its beep.
    has_beeped: bool,
}

impl MachineDetector {
    /// Begin to listen.
    pub(crate) fn new(op: OpId, rules: MachineRules) -> Self {
        Self {
            op,
            rules,
            activity: Activity::new(),
            beep: BeepDetector::default(),
            elapsed_ms: 0,
            greeting_ms: None,
            voiced_ms: 0,
            pause_ms: 0,
            silent_ms: 0,
            in_word: false,
            words: 0,
            machine_at_ms: None,
            has_beeped: false,
        }
    }

    /// Take 20 ms of what is heard from the leg.
    pub(crate) fn frame(&mut self, frame: &Frame) -> Step {
        self.elapsed_ms += FRAME_MS;
        let beep = self.beep.frame(frame);
        if let Some(at) = self.machine_at_ms {
            return self.await_beep(beep, at);
        }
        if beep.is_some() {
            (self.machine_at_ms, self.has_beeped) = (Some(self.elapsed_ms), true);
            // The beep itself is reported with the next frame.
            return Step::Heard { verdict: Verdict::Machine, why: "beep", last: false };
        }
        self.measure(frame);
        match self.decide() {
            Some((verdict, why)) => {
                let waits = verdict == Verdict::Machine && self.rules.beep_ms > 0;
                self.machine_at_ms = waits.then_some(self.elapsed_ms);
                Step::Heard { verdict, why, last: !waits }
            }
            None => Step::More,
        }
    }

    fn await_beep(&self, beep: Option<Beep>, machine_at_ms: u64) -> Step {
        if beep.is_some() || self.has_beeped {
            return Step::Heard { verdict: Verdict::Beep, why: "beep", last: true };
        }
        let waited = self.elapsed_ms - machine_at_ms;
        if waited >= u64::from(self.rules.beep_ms) { Step::NoBeep } else { Step::More }
    }

    /// Bring words and pauses up to date.
    fn measure(&mut self, frame: &Frame) {
        if self.activity.is_voice(frame) {
            self.voiced_ms += FRAME_MS;
            self.pause_ms = 0;
            if self.voiced_ms >= u64::from(self.rules.word_ms) {
                self.words += u32::from(!self.in_word);
                self.in_word = true;
                self.greeting_ms.get_or_insert(self.voiced_ms - FRAME_MS);
            }
        } else {
            self.pause_ms += FRAME_MS;
            if self.pause_ms >= u64::from(self.rules.between_words_ms) {
                (self.voiced_ms, self.in_word) = (0, false);
            }
        }
        // A click does not end the silence after a word.
        self.silent_ms = if self.in_word && self.pause_ms == 0 { 0 } else { self.silent_ms + FRAME_MS };
        self.greeting_ms = self.greeting_ms.map(|ms| ms + FRAME_MS);
    }

    fn decide(&self) -> Option<(Verdict, &'static str)> {
        let (rules, limit) = (&self.rules, u64::from);
        let Some(greeting_ms) = self.greeting_ms else {
            let silent = self.elapsed_ms >= limit(rules.initial_silence_ms.min(rules.total_ms));
            return silent.then_some((Verdict::Unsure, "initial_silence"));
        };
        if greeting_ms.saturating_sub(self.silent_ms) >= limit(rules.greeting_ms) {
            Some((Verdict::Machine, "long_greeting"))
        } else if self.words > rules.max_words {
            Some((Verdict::Machine, "many_words"))
        } else if self.silent_ms >= limit(rules.after_silence_ms) {
            Some((Verdict::Human, "short_greeting"))
        } else if self.elapsed_ms >= limit(rules.total_ms) {
            Some((Verdict::Unsure, "timeout"))
        } else {
            None
        }
    }
}
