//! A leg's audio to and from a program far away: bounded queues between the leg and what carries them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::audio::frame::{FRAME, Sound, WIDE};
use crate::audio::halfband::{Down, Up};
use crate::command::OpId;
use crate::event::OpResult;
use crate::operation::lane::lock;

/// Pieces that may wait to be carried away: 2 s of audio.
const MAX_OUT: usize = 100;
/// Seconds of audio that may wait to be heard; what comes beyond has to wait where it is.
const MAX_IN_S: usize = 60;
/// Marks that may wait, and bytes of a mark's name.
const MAX_MARKS: usize = 100;
const MAX_MARK_BYTES: usize = 128;

/// Which ways the audio goes, and its sample rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamShape {
    /// 16 kHz instead of 8.
    pub wide: bool,
    /// From the leg to the program.
    pub out: bool,
    /// From the program to the leg.
    pub into: bool,
}

/// What goes to the program, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToProgram {
    /// PCM16, little endian, 20 ms.
    Audio(Vec<u8>),
    /// Everything before this mark was played (or cleared).
    Mark(String),
    /// The far end pressed a key.
    Digit {
        /// One of `0-9*#A-D`.
        digit: char,
        /// How long it was down.
        duration_ms: u32,
    },
}

#[derive(Debug)]
enum FromProgram {
    Audio(Vec<i16>),
    Mark(String),
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnd {
    /// The program ended it.
    Done,
    /// It could not be made, or broke.
    Failed(String),
    /// The leg's side ended it; why, for the program.
    Left(&'static str),
}

#[derive(Debug, Default)]
struct Queues {
    out: VecDeque<ToProgram>,
    into: VecDeque<FromProgram>,
    /// Samples in `into`, and samples of its first piece that are gone.
    waiting: usize,
    at: usize,
    marks: usize,
    dropped: u64,
    end: Option<StreamEnd>,
}

/// What the leg and the carrier share.
#[derive(Debug)]
pub struct AudioStream {
    op: OpId,
    shape: StreamShape,
    queues: Mutex<Queues>,
}

impl PartialEq for AudioStream {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op
    }
}

impl AudioStream {
    /// Begin with empty queues.
    pub fn new(op: OpId, shape: StreamShape) -> Arc<Self> {
        Arc::new(Self { op, shape, queues: Mutex::default() })
    }

    /// Take what is to be carried to the program.
    pub fn take(&self) -> VecDeque<ToProgram> {
        std::mem::take(&mut lock(&self.queues).out)
    }

    /// Take PCM16 (little endian) of the program; false if there is no room for it now.
    pub fn feed(&self, pcm: &[u8]) -> bool {
        let mut queues = lock(&self.queues);
        let most = MAX_IN_S * if self.shape.wide { 16_000 } else { 8000 };
        if queues.waiting + pcm.len() / 2 > most && queues.waiting > 0 {
            return false;
        }
        if self.shape.into && queues.end.is_none() {
            let samples: Vec<i16> =
                pcm.chunks_exact(2).take(most).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
            queues.waiting += samples.len();
            queues.into.push_back(FromProgram::Audio(samples));
        }
        true
    }

    /// Take a mark of the program; false if there are too many, or its name is too long.
    pub fn mark(&self, name: &str) -> bool {
        let mut queues = lock(&self.queues);
        let fits = queues.marks < MAX_MARKS && name.len() <= MAX_MARK_BYTES;
        if fits {
            queues.marks += 1;
            queues.into.push_back(FromProgram::Mark(name.to_owned()));
        }
        fits
    }

    /// Drop the audio that waits; its marks come back at once.
    pub fn clear(&self) {
        let mut queues = lock(&self.queues);
        let queues = &mut *queues;
        for piece in queues.into.drain(..) {
            if let FromProgram::Mark(name) = piece {
                queues.out.push_back(ToProgram::Mark(name));
            }
        }
        (queues.waiting, queues.at, queues.marks) = (0, 0, 0);
    }

    /// End it; the first end counts.
    pub fn end(&self, end: StreamEnd) {
        let mut queues = lock(&self.queues);
        queues.end.get_or_insert(end);
        queues.into.clear();
        queues.waiting = 0;
    }

    /// Return how it ended, once it did.
    pub fn ended(&self) -> Option<StreamEnd> {
        lock(&self.queues).end.clone()
    }

    /// Return how many pieces of audio were dropped because the program did not take them.
    pub fn dropped(&self) -> u64 {
        lock(&self.queues).dropped
    }

    fn send(&self, piece: ToProgram) -> bool {
        let mut queues = lock(&self.queues);
        let fits = queues.out.len() < MAX_OUT;
        if !fits {
            // The oldest audio goes; marks and digits stay, and are few.
            if let Some(oldest) = queues.out.iter().position(|piece| matches!(piece, ToProgram::Audio(_))) {
                queues.out.remove(oldest);
                queues.dropped += 1;
            }
        }
        if fits || queues.out.len() < MAX_OUT + MAX_MARKS {
            queues.out.push_back(piece);
        }
        fits
    }

    /// Fill a frame with what the program said; false if it said nothing.
    fn fill(&self, frame: &mut [i16]) -> bool {
        let mut queues = lock(&self.queues);
        let queues = &mut *queues;
        let mut filled = 0;
        while let Some(piece) = queues.into.front() {
            match piece {
                FromProgram::Mark(_) => {
                    if let Some(FromProgram::Mark(name)) = queues.into.pop_front() {
                        queues.marks -= 1;
                        queues.out.push_back(ToProgram::Mark(name));
                    }
                }
                FromProgram::Audio(_) if filled == frame.len() => break,
                FromProgram::Audio(samples) => {
                    let count = (frame.len() - filled).min(samples.len() - queues.at);
                    frame[filled..filled + count].copy_from_slice(&samples[queues.at..queues.at + count]);
                    filled += count;
                    queues.at += count;
                    queues.waiting = queues.waiting.saturating_sub(count);
                    if queues.at == samples.len() {
                        queues.at = 0;
                        queues.into.pop_front();
                    }
                }
            }
        }
        filled > 0
    }
}

/// Keeps the leg's side of a stream: when the last one is dropped, the stream is left.
#[derive(Debug)]
pub struct StreamLease(Arc<AudioStream>);

impl StreamLease {
    /// Take the leg's side.
    pub fn new(stream: Arc<AudioStream>) -> Arc<Self> {
        Arc::new(Self(stream))
    }
}

impl PartialEq for StreamLease {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Drop for StreamLease {
    fn drop(&mut self) {
        self.0.end(StreamEnd::Left("leg_ended"));
    }
}

/// A stream as its leg has it.
#[derive(Debug)]
pub(crate) struct StreamSide {
    /// Its operation.
    pub(crate) op: OpId,
    lease: Arc<StreamLease>,
    up: Option<Box<Up>>,
    down: Option<Box<Down>>,
}

impl StreamSide {
    /// Begin to exchange audio.
    pub(crate) fn new(op: OpId, lease: Arc<StreamLease>) -> Self {
        Self { op, lease, up: None, down: None }
    }

    /// Return how the carrier or the program ended it.
    pub(crate) fn ended(&self) -> Option<(OpResult, Option<String>)> {
        match self.lease.0.ended()? {
            StreamEnd::Done | StreamEnd::Left(_) => Some((OpResult::Done, None)),
            StreamEnd::Failed(why) => Some((OpResult::Failed, Some(why))),
        }
    }

    /// Leave it.
    pub(crate) fn leave(&self, result: OpResult) {
        self.lease.0.end(StreamEnd::Left(result.as_str()));
    }

    /// Tell the program of a key.
    pub(crate) fn digit(&self, digit: char, duration_ms: u32) {
        self.lease.0.send(ToProgram::Digit { digit, duration_ms });
    }

    /// Give the program what was heard; false when older audio had to go.
    pub(crate) fn push(&mut self, heard: &Sound) -> bool {
        let shape = self.lease.0.shape;
        if !shape.out {
            return true;
        }
        let bytes = |samples: &[i16]| samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let audio = if shape.wide {
            let mut wide = [0; WIDE];
            let up = self.up.get_or_insert_with(|| Box::new(Up::new()));
            // The filter is kept going, so that a change of the leg's codec is not heard.
            up.run(&heard.narrow, &mut wide);
            bytes(heard.wide.as_ref().unwrap_or(&wide))
        } else {
            bytes(&heard.narrow)
        };
        self.lease.0.send(ToProgram::Audio(audio))
    }

    /// Take what the program says.
    pub(crate) fn pull(&mut self) -> Option<Sound> {
        let shape = self.lease.0.shape;
        if !shape.into {
            return None;
        }
        if !shape.wide {
            let mut narrow = [0; FRAME];
            return self.lease.0.fill(&mut narrow).then(|| narrow.into());
        }
        let mut wide = [0; WIDE];
        if !self.lease.0.fill(&mut wide) {
            return None;
        }
        let mut narrow = [0; FRAME];
        self.down.get_or_insert_with(|| Box::new(Down::new())).run(&wide, &mut narrow);
        Some(Sound { narrow, wide: Some(wide) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: StreamShape = StreamShape { wide: false, out: true, into: true };

    fn pcm(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn stream() -> (Arc<AudioStream>, StreamSide) {
        let stream = AudioStream::new(1, BOTH);
        let side = StreamSide::new(1, StreamLease::new(Arc::clone(&stream)));
        (stream, side)
    }

    #[test]
    fn test_audio_of_any_length_is_played_in_frames_and_marks_come_back_when_it_was() {
        let (stream, mut side) = stream();
        stream.mark("begin");
        stream.feed(&pcm(&[1; 100]));
        stream.feed(&pcm(&[2; 100]));
        stream.mark("end");

        let first = side.pull().unwrap().narrow;
        assert_eq!((first[99], first[100], first[159]), (1, 2, 2));
        assert_eq!(stream.take(), [ToProgram::Mark("begin".into())]);
        let second = side.pull().unwrap().narrow;
        assert_eq!((second[39], second[40]), (2, 0));
        assert_eq!(stream.take(), [ToProgram::Mark("end".into())]);
        assert_eq!(side.pull(), None);
    }

    #[test]
    fn test_clear_drops_what_waits_at_once_and_gives_its_marks_back() {
        let (stream, mut side) = stream();
        stream.feed(&pcm(&[1; 8000]));
        stream.mark("a");
        side.pull();

        stream.clear();

        assert_eq!(side.pull(), None);
        assert_eq!(stream.take(), [ToProgram::Mark("a".into())]);
        stream.feed(&pcm(&[3; 160]));
        assert_eq!(side.pull().unwrap().narrow, [3; 160]);
    }

    #[test]
    fn test_both_queues_are_bounded() {
        let (stream, mut side) = stream();
        let second = pcm(&[1; 8000]);
        assert_eq!((0..100).filter(|_| stream.feed(&second)).count(), MAX_IN_S);
        assert_eq!((0..200).filter(|_| stream.mark("m")).count(), MAX_MARKS);
        assert!(!stream.mark(&"m".repeat(200)));

        let taken = (0..150).filter(|_| side.push(&Sound::SILENCE)).count();

        assert_eq!((taken, stream.dropped(), stream.take().len()), (MAX_OUT, 50, MAX_OUT));
    }

    #[test]
    fn test_a_stream_is_left_when_nobody_has_its_leg_any_more() {
        let (stream, side) = stream();
        assert_eq!(stream.ended(), None);

        drop(side);

        assert_eq!(stream.ended(), Some(StreamEnd::Left("leg_ended")));
        stream.end(StreamEnd::Done);
        assert_eq!(stream.ended(), Some(StreamEnd::Left("leg_ended")), "the first end counts");
    }

    #[test]
    fn test_wide_streams_carry_sixteen_kilohertz_both_ways() {
        let stream = AudioStream::new(1, StreamShape { wide: true, ..BOTH });
        let mut side = StreamSide::new(1, StreamLease::new(Arc::clone(&stream)));

        side.push(&Sound::SILENCE);
        stream.feed(&pcm(&[500; 320]));

        assert_eq!(stream.take(), [ToProgram::Audio(vec![0; 640])]);
        assert_eq!(side.pull().unwrap().wide, Some([500; 320]));
    }
}
