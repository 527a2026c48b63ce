//! Digits as telephone events (RFC 4733) and as tones (ITU-T Q.23), in and out.

pub(crate) mod inband;
pub(crate) mod receive;
pub(crate) mod send;

/// Digits by event number, RFC 4733 table 3.
const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// Return the event of a digit.
pub(crate) fn event_of(digit: char) -> Option<u8> {
    let position = DIGITS.iter().position(|&known| char::from(known) == digit.to_ascii_uppercase())?;
    u8::try_from(position).ok()
}

/// Return the digit of an event 0-15.
pub(crate) fn digit_of(event: u8) -> Option<char> {
    DIGITS.get(usize::from(event)).map(|&digit| char::from(digit))
}
