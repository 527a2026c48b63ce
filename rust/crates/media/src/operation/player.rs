//! Prompts as they are played: decoded once, encoded for both codecs, copied frame by frame.

use std::sync::Arc;

use crate::audio::frame::{FRAME, Frame, SILENCE};
use crate::audio::g711;
use crate::command::Codec;

/// One WAV file, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    pcm: Box<[i16]>,
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

impl Prompt {
    /// Encode samples at 8 kHz for both codecs.
    pub(crate) fn new(pcm: Vec<i16>) -> Self {
        let encode = |codec| {
            let mut bytes = vec![0; pcm.len()].into_boxed_slice();
            g711::encode(codec, &pcm, &mut bytes);
            bytes
        };
        Self { alaw: encode(Codec::Pcma), ulaw: encode(Codec::Pcmu), pcm: pcm.into_boxed_slice() }
    }

    /// Return the memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.pcm.len() * 4
    }

    fn encoded(&self, codec: Codec) -> &[u8] {
        match codec {
            Codec::Pcma => &self.alaw,
            Codec::Pcmu => &self.ulaw,
        }
    }
}

/// Where a play is in its list of prompts.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    prompts: Vec<Arc<Prompt>>,
    /// Prompt and sample that come next.
    next: usize,
    at: usize,
    /// How often the list is still played, the current time included; `None` for endless.
    rounds: Option<u32>,
    /// Factor for every sample, `None` for 1.
    gain: Option<f32>,
}

impl Player {
    /// Begin at the first prompt. `loop_count` 0 is endless, unless there is nothing to play at all.
    pub(crate) fn new(prompts: Vec<Arc<Prompt>>, loop_count: u32, gain_db: f32) -> Self {
        let is_empty = prompts.iter().all(|prompt| prompt.pcm.is_empty());
        let rounds = if is_empty { Some(0) } else { Some(loop_count).filter(|&count| count > 0) };
        let gain = (gain_db != 0.0).then(|| 10.0_f32.powf(gain_db.clamp(-40.0, 12.0) / 20.0));
        Self { prompts, next: 0, at: 0, rounds, gain }
    }

    /// Write the next 20 ms, as samples and encoded; return whether anything comes after them.
    pub(crate) fn fill(&mut self, codec: Codec, wire: &mut [u8; FRAME], pcm: &mut Frame) -> bool {
        let mut filled = 0;
        while filled < FRAME && self.find() {
            let prompt = &self.prompts[self.next];
            let count = (FRAME - filled).min(prompt.pcm.len() - self.at);
            pcm[filled..filled + count].copy_from_slice(&prompt.pcm[self.at..self.at + count]);
            wire[filled..filled + count].copy_from_slice(&prompt.encoded(codec)[self.at..self.at + count]);
            filled += count;
            self.at += count;
        }
        pcm[filled..].copy_from_slice(&SILENCE[filled..]);
        wire[filled..].fill(g711::silence(codec));
        if let Some(gain) = self.gain {
            apply_gain(pcm, gain);
            g711::encode(codec, pcm, wire);
        }
        self.find()
    }

    /// Go to the next sample there is; false at the end.
    fn find(&mut self) -> bool {
        while self.rounds != Some(0) {
            match self.prompts.get(self.next) {
                Some(prompt) if self.at < prompt.pcm.len() => return true,
                Some(_) => (self.next, self.at) = (self.next + 1, 0),
                None => {
                    (self.next, self.at) = (0, 0);
                    self.rounds = self.rounds.map(|rounds| rounds - 1);
                }
            }
        }
        false
    }
}

fn apply_gain(samples: &mut Frame, gain: f32) {
    for sample in samples {
        #[allow(clippy::cast_possible_truncation)] // saturating by definition
        let louder = (f32::from(*sample) * gain).round() as i16;
        *sample = louder;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(samples: impl IntoIterator<Item = i16>) -> Arc<Prompt> {
        Arc::new(Prompt::new(samples.into_iter().collect()))
    }

    fn play(mut player: Player, most: usize) -> (Vec<i16>, Vec<u8>) {
        let (mut samples, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..most {
            let (mut wire, mut pcm) = ([0; FRAME], SILENCE);
            let goes_on = player.fill(Codec::Pcmu, &mut wire, &mut pcm);
            samples.extend_from_slice(&pcm);
            bytes.extend_from_slice(&wire);
            if !goes_on {
                break;
            }
        }
        (samples, bytes)
    }

    #[test]
    fn test_files_follow_each_other_without_a_gap_and_end_in_silence() {
        let player = Player::new(vec![prompt(1..=100), prompt([]), prompt(101..=250)], 1, 0.0);

        let (samples, bytes) = play(player, 100);

        let expected: Vec<i16> = (1..=250).chain([0; 70]).collect();
        assert_eq!(samples, expected);
        let mut encoded = vec![0; 320];
        g711::encode(Codec::Pcmu, &expected, &mut encoded);
        assert_eq!(bytes, encoded);
    }

    #[test]
    fn test_the_list_is_repeated_as_often_as_asked() {
        let (samples, _) = play(Player::new(vec![prompt(1..=100), prompt(101..=160)], 3, 0.0), 100);
        assert_eq!(samples, (1..=160).chain(1..=160).chain(1..=160).collect::<Vec<i16>>());

        let (samples, _) = play(Player::new(vec![prompt(1..=160)], 0, 0.0), 1000);
        assert_eq!(samples.len(), 160_000);
    }

    #[test]
    fn test_an_endless_loop_of_nothing_ends() {
        assert_eq!(play(Player::new(vec![prompt([])], 0, 0.0), 1000).0.len(), FRAME);
    }

    #[test]
    fn test_gain_is_applied_and_cut_at_full_scale() {
        let (samples, bytes) = play(Player::new(vec![prompt([1000; 80].into_iter().chain([30000; 80]))], 1, 6.0), 1);

        assert_eq!((samples[0], samples[80]), (1995, 32767));
        let mut encoded = [0; FRAME];
        g711::encode(Codec::Pcmu, &samples, &mut encoded);
        assert_eq!(bytes, encoded);
    }
}
