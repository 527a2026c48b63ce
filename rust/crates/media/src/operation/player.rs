//! Prompts as they are played: decoded once, encoded for the codecs without a memory, copied frame by frame.

use std::sync::Arc;

use crate::audio::frame::{FRAME, SILENCE, WIDE};
use crate::audio::g711;
use crate::codec::silence;
use crate::command::Codec;
use crate::stream::voice::Outgoing;

/// One WAV file, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    pcm: Box<[i16]>,
    /// The same at 16 kHz, two for one of `pcm`; only if a wideband leg asked for it and the file has more to give.
    wide: Option<Box<[i16]>>,
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

impl Prompt {
    /// Encode samples at 8 kHz for both laws; the same at 16 kHz is kept as it is.
    pub(crate) fn new(pcm: Vec<i16>, wide: Option<Vec<i16>>) -> Self {
        let encode = |codec| {
            let mut bytes = vec![0; pcm.len()].into_boxed_slice();
            g711::encode(codec, &pcm, &mut bytes);
            bytes
        };
        let wide = wide.map(|mut wide| {
            wide.resize(2 * pcm.len(), 0);
            wide.into_boxed_slice()
        });
        Self { alaw: encode(Codec::Pcma), ulaw: encode(Codec::Pcmu), wide, pcm: pcm.into_boxed_slice() }
    }

    /// Return the memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.pcm.len() * 4 + self.wide.as_ref().map_or(0, |wide| wide.len() * 2)
    }

    fn encoded(&self, codec: Codec) -> Option<&[u8]> {
        match codec {
            Codec::Pcma => Some(&self.alaw),
            Codec::Pcmu => Some(&self.ulaw),
            Codec::G722 | Codec::Opus => None,
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

    /// Write the next 20 ms as samples, and encoded where that can be done once for all; return whether anything comes
    /// after them.
    pub(crate) fn fill(&mut self, codec: Codec, outgoing: &mut Outgoing) -> bool {
        let (pcm, mut encoded) = (&mut outgoing.sound.narrow, silence(codec));
        let mut wide = codec.is_wide().then_some([0; WIDE]);
        let mut filled = 0;
        while filled < FRAME && self.find() {
            let prompt = &self.prompts[self.next];
            let count = (FRAME - filled).min(prompt.pcm.len() - self.at);
            let (to, from) = (filled..filled + count, self.at..self.at + count);
            pcm[to.clone()].copy_from_slice(&prompt.pcm[from.clone()]);
            if let (Some(encoded), Some(prompt)) = (&mut encoded, prompt.encoded(codec)) {
                encoded[to.clone()].copy_from_slice(&prompt[from.clone()]);
            }
            // A frame with a part that has no more than telephone quality is sent as that.
            wide = wide.zip(prompt.wide.as_ref()).map(|(mut wide, samples)| {
                wide[2 * to.start..2 * to.end].copy_from_slice(&samples[2 * from.start..2 * from.end]);
                wide
            });
            filled += count;
            self.at += count;
        }
        pcm[filled..].copy_from_slice(&SILENCE[filled..]);
        if let Some(gain) = self.gain {
            apply_gain(pcm, gain);
            if let Some(wide) = &mut wide {
                apply_gain(wide, gain);
            }
            encoded = None;
        }
        (outgoing.wire, outgoing.sound.wide) = (encoded, wide);
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

fn apply_gain(samples: &mut [i16], gain: f32) {
    for sample in samples {
        #[allow(clippy::cast_possible_truncation)] // saturating by definition
        let louder = (f32::from(*sample) * gain).round() as i16;
        *sample = louder;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::Sound;

    fn prompt(samples: impl IntoIterator<Item = i16>) -> Arc<Prompt> {
        Arc::new(Prompt::new(samples.into_iter().collect(), None))
    }

    fn play(mut player: Player, most: usize) -> (Vec<i16>, Vec<u8>) {
        let (mut samples, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..most {
            let mut outgoing = Outgoing::from(Sound::SILENCE);
            let goes_on = player.fill(Codec::Pcmu, &mut outgoing);
            samples.extend_from_slice(&outgoing.sound.narrow);
            bytes.extend(outgoing.wire.into_iter().flatten());
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
        assert!(bytes.is_empty(), "what was made louder has to be encoded anew");
    }

    #[test]
    fn test_a_wideband_leg_gets_what_the_file_has_and_a_mixed_frame_telephone_quality() {
        let wide = Arc::new(Prompt::new(vec![1; 200], Some((0..400).collect())));
        let mut player = Player::new(vec![wide, prompt([2; 120])], 1, 0.0);
        let mut outgoing = Outgoing::from(Sound::SILENCE);

        player.fill(Codec::G722, &mut outgoing);
        assert_eq!(outgoing.sound.wide.unwrap().to_vec(), (0..320).collect::<Vec<i16>>());
        assert_eq!(outgoing.wire, None);
        player.fill(Codec::G722, &mut outgoing);
        assert_eq!(outgoing.sound.wide, None);
        assert_eq!(outgoing.sound.narrow[39..41], [1, 2]);
    }
}
