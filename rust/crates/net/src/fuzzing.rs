//! The door for fuzzing: bytes of an attacker, turned into what a connection gets from the network.
#![allow(clippy::missing_panics_doc)]

use crate::stream::frame::{Frame, FrameError, Framer, MAX_MESSAGE};

/// A byte stream in pieces: the first byte says how long they are.
///
/// However the stream is cut into pieces, the same messages come out of it, none larger than the limit, and it ends by
/// the same error.
pub fn framing(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = cut(std::iter::once(stream));
    let pieces = cut(stream.chunks(usize::from(size).max(1)));
    assert_eq!(whole, pieces);
    for frame in &whole.0 {
        assert!(!matches!(frame, Frame::Message(bytes) if bytes.len() > MAX_MESSAGE || bytes.is_empty()));
    }
}

fn cut<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let (mut cutter, mut frames) = (Framer::default(), Vec::new());
    for piece in pieces {
        cutter.buffer().extend_from_slice(piece);
        loop {
            match cutter.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
