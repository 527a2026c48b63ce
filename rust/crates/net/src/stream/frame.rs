//! Cutting a byte stream into SIP messages (RFC 3261 section 18.3) and keep-alives (RFC 5626 section 4.4.1).
//!
//! No I/O here: bytes go in as they come, whole messages come out. What cannot be cut any further ends the connection,
//! because nobody can say where its next message begins.

use bytes::{Buf, Bytes, BytesMut};

/// Start line and headers of one message. The largest that any carrier was seen to send is a tenth of it.
pub(crate) const MAX_HEAD: usize = 16 << 10;
/// One whole message; the user agent reads no more either.
pub(crate) const MAX_MESSAGE: usize = 64 << 10;
/// A start line that has not ended by here is none.
const MAX_START_LINE: usize = 4 << 10;

/// What comes out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// One whole message.
    Message(Bytes),
    /// Two line ends: a ping that wants one back.
    Ping,
}

/// Why a stream cannot be cut any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// The start line is none of SIP.
    Garbage,
    /// No Content-Length, or one that is no number, or two that differ.
    NoLength,
    /// Headers or body beyond the bounds.
    TooLarge,
}

/// The cutter of one connection.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: BytesMut,
    /// Bytes already searched for the end of the headers.
    searched: usize,
    /// The start line is one of SIP.
    is_sip: bool,
    /// Length of the message at the front, once its headers are complete.
    expected: Option<usize>,
}

impl Framer {
    /// Where to read into.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether a message has begun and is not complete. A lone line end is no message.
    pub(crate) fn is_partial(&self) -> bool {
        self.buffer.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// The next whole frame, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.expected.is_none() {
            if self.skip_line_ends() {
                return Ok(Some(Frame::Ping));
            }
            if matches!(self.buffer.first(), Some(b'\r' | b'\n')) {
                return Ok(None);
            }
            self.expected = self.measure()?;
        }
        match self.expected {
            Some(length) if self.buffer.len() >= length => {
                (self.searched, self.is_sip, self.expected) = (0, false, None);
                Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())))
            }
            _ => Ok(None),
        }
    }

    /// Drop line ends in front of a message. Returns whether they were a ping.
    fn skip_line_ends(&mut self) -> bool {
        loop {
            match &*self.buffer {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.buffer.advance(4);
                    return true;
                }
                // Perhaps the first half of a ping.
                [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return false,
                [b'\r' | b'\n', ..] => self.buffer.advance(1),
                _ => return false,
            }
        }
    }

    /// The length of the message at the front; None while its headers are incomplete.
    fn measure(&mut self) -> Result<Option<usize>, FrameError> {
        self.check_start_line()?;
        // The end may straddle what was searched before.
        let from = self.searched.saturating_sub(3);
        let end = self.buffer.get(from..).unwrap_or_default().windows(4).position(|part| part == b"\r\n\r\n");
        let Some(end) = end else {
            self.searched = self.buffer.len();
            return if self.buffer.len() > MAX_HEAD { Err(FrameError::TooLarge) } else { Ok(None) };
        };
        let head = from + end + 4;
        let body = content_length(self.buffer.get(..head).unwrap_or_default())?;
        let total = head.checked_add(body).filter(|total| head <= MAX_HEAD && *total <= MAX_MESSAGE);
        total.map(Some).ok_or(FrameError::TooLarge)
    }

    /// Whoever speaks another protocol is known by the first line.
    fn check_start_line(&mut self) -> Result<(), FrameError> {
        if self.is_sip {
            return Ok(());
        }
        // A method and a status line are letters; a TLS hello is not.
        let begins_well = self.buffer.first().is_none_or(u8::is_ascii_graphic);
        // The same whether the line comes at once or byte by byte.
        let end = self.buffer.iter().position(|byte| *byte == b'\n');
        if !begins_well || end.unwrap_or(self.buffer.len()) > MAX_START_LINE {
            return Err(FrameError::Garbage);
        }
        let Some(line) = end.and_then(|end| self.buffer.get(..end)) else { return Ok(()) };
        self.is_sip = line.starts_with(b"SIP/") || line.windows(5).any(|part| part.eq_ignore_ascii_case(b" SIP/"));
        if self.is_sip { Ok(()) } else { Err(FrameError::Garbage) }
    }
}

/// The value of Content-Length, also in its compact form.
fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut found = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let digits = value.get(1..).unwrap_or_default().trim_ascii();
        let is_number = !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(digits).ok().filter(|_| is_number).and_then(|digits| digits.parse().ok());
        match (length, found) {
            (None, _) => return Err(FrameError::NoLength),
            (Some(length), Some(known)) if length != known => return Err(FrameError::NoLength),
            (Some(length), _) => found = Some(length),
        }
    }
    found.ok_or(FrameError::NoLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";
    const OK: &[u8] = b"SIP/2.0 200 OK\r\nl : 4\r\nContent-Type: text/plain\r\n\r\nbody";

    fn cut(cutter: &mut Framer, bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        cutter.buffer().extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = cutter.next()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn message(bytes: &'static [u8]) -> Frame {
        Frame::Message(Bytes::from_static(bytes))
    }

    #[test]
    fn joined_messages_come_out_one_by_one() {
        let mut cutter = Framer::default();

        let frames = cut(&mut cutter, &[BYE, OK, BYE].concat()).unwrap();

        assert_eq!(frames, [message(BYE), message(OK), message(BYE)]);
        assert!(!cutter.is_partial());
    }

    #[test]
    fn messages_split_at_every_byte_come_out_whole() {
        let mut cutter = Framer::default();
        let mut frames = Vec::new();

        for byte in [OK, BYE].concat() {
            frames.extend(cut(&mut cutter, &[byte]).unwrap());
        }

        assert_eq!(frames, [message(OK), message(BYE)]);
    }

    #[test]
    fn two_line_ends_are_a_ping_and_one_is_nothing() {
        let mut cutter = Framer::default();

        assert_eq!(cut(&mut cutter, b"\r\n\r").unwrap(), []);
        assert!(!cutter.is_partial(), "a keep-alive on its way is no message that could be late");
        assert_eq!(cut(&mut cutter, b"\n").unwrap(), [Frame::Ping]);
        assert_eq!(cut(&mut cutter, &[b"\r\n", BYE, b"\r\n\r\n"].concat()).unwrap(), [message(BYE), Frame::Ping]);
    }

    #[test]
    fn a_message_without_a_length_of_its_own_ends_the_stream() {
        for lengths in
            ["", "Content-Length: x\r\n", "Content-Length: 1\r\nl: 2\r\n", "Content-Length: -1\r\n", "l:\r\n"]
        {
            let text = format!("BYE sip:a@b SIP/2.0\r\n{lengths}\r\n");
            assert_eq!(cut(&mut Framer::default(), text.as_bytes()), Err(FrameError::NoLength), "{lengths}");
        }
    }

    #[test]
    fn other_protocols_are_known_by_their_first_line() {
        for first in [b"GET / HTTP/1.1\r\n".as_slice(), b"\x16\x03\x01\x02\x00", b"\0\0\0\0", &[b'a'; 5000]] {
            assert_eq!(cut(&mut Framer::default(), first), Err(FrameError::Garbage), "{first:?}");
        }
        let mut cutter = Framer::default();
        let slowly = b"GET / HTTP/1.1\r\n".map(|byte| cut(&mut cutter, &[byte]));
        assert_eq!(slowly.last(), Some(&Err(FrameError::Garbage)), "byte by byte too");
    }

    #[test]
    fn a_line_that_is_refused_byte_by_byte_is_refused_at_once_too() {
        let long = [b"BYE sip:".as_slice(), &vec![b'a'; MAX_START_LINE], b" SIP/2.0\r\n"].concat();
        for first in [b"\x01BYE sip:a@b SIP/2.0\r\n".as_slice(), &long] {
            assert_eq!(cut(&mut Framer::default(), first), Err(FrameError::Garbage));
        }
    }

    #[test]
    fn oversize_is_refused_as_soon_as_it_shows() {
        let endless = [b"BYE sip:a@b SIP/2.0\r\nX: ".as_slice(), &vec![b'a'; MAX_HEAD]].concat();
        let promised = format!("BYE sip:a@b SIP/2.0\r\nContent-Length: {MAX_MESSAGE}\r\n\r\n");

        assert_eq!(cut(&mut Framer::default(), &endless), Err(FrameError::TooLarge));
        assert_eq!(cut(&mut Framer::default(), promised.as_bytes()), Err(FrameError::TooLarge));
        let huge = "BYE sip:a@b SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n";
        assert_eq!(cut(&mut Framer::default(), huge.as_bytes()), Err(FrameError::NoLength));
    }
}
