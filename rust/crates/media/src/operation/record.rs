//! Recording: what was heard and said, in pieces for the disk thread.

use crate::audio::frame::{FRAME, Frame, SAMPLES_PER_MS, SILENCE, energy, mix};
use crate::command::OpId;
use crate::event::OpResult;
use crate::output::DiskJob;

/// Longest recording: a day.
const MAX_MS: u64 = 24 * 3600 * 1000;
/// Frames in one piece for the disk: 200 ms.
const PIECE_FRAMES: usize = 10;
/// Mean square below which a frame is silence: -42 dBov, above the noise of a telephone line and below speech.
const SILENCE_ENERGY: u32 = 260 * 260;

/// Where a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// It is over, and the disk thread has yet to be told.
    Ending(OpResult),
    /// The disk thread closes the file.
    Closing(OpResult),
}

/// What becomes of the time while a recording is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is written: the recording is shorter.
    Cut,
    /// Silence is written: the recording keeps the time.
    Silence,
}

/// A recording under way.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Its operation.
    pub(crate) op: OpId,
    stereo: bool,
    /// Samples until `limit`, and silent ones until `silence` (0: never).
    max_samples: u64,
    silence_samples: u64,
    recorded: u64,
    quiet: u64,
    piece: Vec<i16>,
    /// Samples of pieces that the disk thread did not take.
    gap: usize,
    state: State,
    paused: Option<Pause>,
}

impl Recorder {
    /// Begin; the caller asks the disk thread for the file.
    pub(crate) fn new(op: OpId, stereo: bool, max_ms: u64, silence_stop_ms: u64) -> Self {
        let max_ms = if max_ms == 0 { MAX_MS } else { max_ms.min(MAX_MS) };
        Self {
            op,
            stereo,
            max_samples: max_ms * SAMPLES_PER_MS,
            silence_samples: silence_stop_ms.min(MAX_MS) * SAMPLES_PER_MS,
            recorded: 0,
            quiet: 0,
            piece: Vec::new(),
            gap: 0,
            state: State::Running,
            paused: None,
        }
    }

    /// Pause, or go on with `None`.
    pub(crate) fn pause(&mut self, pause: Option<Pause>) {
        self.paused = pause;
        self.quiet = 0;
    }

    /// Append 20 ms.
    pub(crate) fn frame(&mut self, heard: &Frame, sent: &Frame, jobs: &mut Vec<DiskJob>) {
        if self.state == State::Running && self.paused != Some(Pause::Cut) {
            let (heard, sent) = if self.paused.is_some() { (&SILENCE, &SILENCE) } else { (heard, sent) };
            let left = self.max_samples - self.recorded;
            let count = usize::try_from(left).unwrap_or(FRAME).min(FRAME);
            for (&left, &right) in heard[..count].iter().zip(sent) {
                if self.stereo {
                    self.piece.extend([left, right]);
                } else {
                    self.piece.push(mix(left, right));
                }
            }
            self.recorded += count as u64;
            let is_quiet = self.paused.is_none() && energy(heard) < SILENCE_ENERGY;
            self.quiet = if is_quiet { self.quiet + FRAME as u64 } else { 0 };
            self.check_end();
        }
        let piece_samples = PIECE_FRAMES * FRAME * usize::from(self.channels());
        if self.piece.len() >= piece_samples {
            self.flush(jobs);
        }
        self.close_file(jobs);
    }

    /// End it; the end is reported once the file is closed.
    pub(crate) fn end(&mut self, result: OpResult, jobs: &mut Vec<DiskJob>) {
        if self.state == State::Running {
            self.state = State::Ending(result);
        }
        self.close_file(jobs);
    }

    /// Return the result, if the recording is over and only the file has to be closed.
    pub(crate) fn result(&self) -> Option<OpResult> {
        match self.state {
            State::Running => None,
            State::Ending(result) | State::Closing(result) => Some(result),
        }
    }

    /// Return how much was recorded.
    pub(crate) fn duration_ms(&self) -> u64 {
        self.recorded / SAMPLES_PER_MS
    }

    /// The disk thread did not take a piece of this many samples: silence will stand there.
    pub(crate) fn piece_refused(&mut self, samples: usize) {
        self.gap += samples;
    }

    /// The disk thread did not take the order to close: give it again with the next frame.
    pub(crate) fn close_refused(&mut self) {
        if let State::Closing(result) = self.state {
            self.state = State::Ending(result);
        }
    }

    /// Return the channels of its file.
    pub(crate) fn channels(&self) -> u16 {
        if self.stereo { 2 } else { 1 }
    }

    fn check_end(&mut self) {
        if self.recorded >= self.max_samples {
            self.state = State::Ending(OpResult::Limit);
        } else if self.silence_samples > 0 && self.quiet >= self.silence_samples {
            self.state = State::Ending(OpResult::Silence);
        }
    }

    fn close_file(&mut self, jobs: &mut Vec<DiskJob>) {
        if let State::Ending(result) = self.state {
            self.flush(jobs);
            jobs.push(DiskJob::Finish { op: self.op });
            self.state = State::Closing(result);
        }
    }

    fn flush(&mut self, jobs: &mut Vec<DiskJob>) {
        if !self.piece.is_empty() || self.gap > 0 {
            let gap = std::mem::take(&mut self.gap);
            jobs.push(DiskJob::Append { op: self.op, gap, samples: std::mem::take(&mut self.piece) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: Frame = [3000; FRAME];
    const QUIET: Frame = [100; FRAME];

    /// Feed frames until the end; return the samples written and the result.
    fn run(recorder: &mut Recorder, frames: &[(Frame, Frame)]) -> (Vec<i16>, Option<OpResult>) {
        let mut jobs = Vec::new();
        for (heard, sent) in frames {
            recorder.frame(heard, sent, &mut jobs);
        }
        let mut written = Vec::new();
        for job in jobs {
            if let DiskJob::Append { gap, samples, .. } = job {
                written.resize(written.len() + gap, 0);
                written.extend(samples);
            }
        }
        (written, recorder.result())
    }

    #[test]
    fn test_stereo_has_heard_left_and_sent_right() {
        let mut recorder = Recorder::new(1, true, 200, 0);

        let (written, result) = run(&mut recorder, &[(LOUD, QUIET); 11]);

        assert_eq!(result, Some(OpResult::Limit));
        assert_eq!(written, [3000, 100].repeat(1600));
    }

    #[test]
    fn test_a_pause_is_cut_out_or_silent_and_ends_nothing() {
        for (pause, expected) in [(Pause::Cut, 320), (Pause::Silence, 320 + 1600)] {
            let mut recorder = Recorder::new(1, false, 0, 100);
            let mut written = run(&mut recorder, &[(LOUD, QUIET); 1]).0;
            recorder.pause(Some(pause));
            written.extend(run(&mut recorder, &[(QUIET, QUIET); 10]).0);
            recorder.pause(None);
            written.extend(run(&mut recorder, &[(LOUD, QUIET); 1]).0);
            let mut jobs = Vec::new();
            recorder.end(OpResult::Stopped, &mut jobs);
            for job in jobs {
                if let DiskJob::Append { samples, .. } = job {
                    written.extend(samples);
                }
            }

            assert_eq!(written.len(), expected, "{pause:?}");
            assert_eq!(recorder.duration_ms(), expected as u64 / 8);
            assert!(written[160..written.len() - 160].iter().all(|&sample| sample == 0), "{pause:?}");
        }
    }

    #[test]
    fn test_mono_mixes_both() {
        let mut recorder = Recorder::new(1, false, 100, 0);

        assert_eq!(run(&mut recorder, &[([30000; FRAME], LOUD); 5]).0, [32767; 800]);
    }

    #[test]
    fn test_the_limit_is_kept_to_the_sample() {
        let mut recorder = Recorder::new(1, false, 30, 0);

        assert_eq!(run(&mut recorder, &[(LOUD, LOUD); 5]).0.len(), 240);
    }

    #[test]
    fn test_silence_ends_it_only_when_it_is_long_enough() {
        let mut recorder = Recorder::new(1, false, 0, 100);
        let speech = [(LOUD, LOUD); 2];
        let pause = [(QUIET, LOUD); 4];

        assert_eq!(run(&mut recorder, &[&speech[..], &pause, &speech, &pause].concat()).1, None);
        assert_eq!(run(&mut recorder, &[(QUIET, LOUD); 1]).1, Some(OpResult::Silence));
    }

    #[test]
    fn test_pieces_the_disk_did_not_take_become_silence_of_the_same_length() {
        let mut recorder = Recorder::new(1, false, 0, 0);
        let mut jobs = Vec::new();
        for _ in 0..10 {
            recorder.frame(&LOUD, &LOUD, &mut jobs);
        }
        let Some(DiskJob::Append { samples, .. }) = jobs.pop() else { panic!("no piece") };
        recorder.piece_refused(samples.len());

        recorder.end(OpResult::Stopped, &mut jobs);

        assert_eq!(jobs, [DiskJob::Append { op: 1, gap: 1600, samples: vec![] }, DiskJob::Finish { op: 1 }]);
    }
}
