//! Digits by INFO (RFC 6086; the two bodies everybody uses are no standard).
//!
//! `application/dtmf-relay` says `Signal=5` and `Duration=160`, `application/dtmf` is the digit alone.

use crate::event::Event;
use crate::receive::Asked;
use crate::session::Session;
use crate::ua::UserAgent;
use crate::wire::{Name, text};

/// Duration of a digit that does not say.
const DEFAULT_DURATION_MS: u32 = 250;

impl UserAgent {
    /// An INFO. One with nothing in it, or with a digit we cannot read, is answered 200; what it must be understood by is
    /// not offered by us, so packages get 469 and other bodies 415 (RFC 6086 sections 4.2.2 and 8).
    pub(super) fn receive_info(&mut self, session: &mut Session, asked: Asked<'_>) {
        let headers = &asked.request.headers;
        let content_type = text(&headers.get(&Name::ContentType).unwrap_or_default());
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let optional = headers
            .get(&Name::ContentDisposition)
            .is_some_and(|value| text(&value).to_ascii_lowercase().contains("handling=optional"));
        let package = Name::parse(&bytes::Bytes::from_static(b"Info-Package"));
        if headers.get(&package).is_some() {
            self.counters.refused_info += 1;
            return self.reply_with(session, asked, (469, &[("Recv-Info", "")]));
        }
        if !asked.request.body.is_empty() && !DIGITS.contains(&kind.as_str()) && !optional {
            self.counters.refused_info += 1;
            return self.reply_with(session, asked, (415, &[("Accept", "application/dtmf-relay, application/dtmf")]));
        }
        self.reply(session, asked, 200);
        if let Some((digit, duration_ms)) = read_digit(&content_type, &text(&asked.request.body)) {
            self.report(session, |leg| Event::InfoDtmf { leg, digit, duration_ms });
        }
    }
}

/// The bodies that hold a digit.
const DIGITS: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

fn read_digit(content_type: &str, body: &str) -> Option<(char, u32)> {
    let kind = content_type.split(';').next()?.trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/dtmf" => Some((digit_of(body.trim())?, DEFAULT_DURATION_MS)),
        "application/dtmf-relay" => {
            let field = |name: &str| {
                body.lines()
                    .filter_map(|line| line.split_once('=').or_else(|| line.split_once(':')))
                    .find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned()))
            };
            let duration = field("duration").and_then(|value| value.parse::<u32>().ok());
            Some((digit_of(&field("signal")?)?, duration.map_or(DEFAULT_DURATION_MS, |ms| ms.clamp(1, 10_000))))
        }
        _ => None,
    }
}

/// A key by its name, or by its event number (RFC 4733: 10 is star, 11 is hash, 12-15 are A-D).
fn digit_of(name: &str) -> Option<char> {
    match name {
        "10" => Some('*'),
        "11" => Some('#'),
        "12" => Some('A'),
        "13" => Some('B'),
        "14" => Some('C'),
        "15" => Some('D'),
        _ => {
            let mut characters = name.chars();
            let digit = characters.next()?.to_ascii_uppercase();
            (characters.next().is_none() && "0123456789*#ABCD".contains(digit)).then_some(digit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bodies_are_read() {
        assert_eq!(read_digit("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), Some(('5', 160)));
        assert_eq!(read_digit("Application/DTMF-Relay; x=y", "signal = *\nduration = 99999"), Some(('*', 10_000)));
        assert_eq!(read_digit("application/dtmf-relay", "Signal=11"), Some(('#', 250)));
        assert_eq!(read_digit("application/dtmf", "d\r\n"), Some(('D', 250)));
    }

    #[test]
    fn what_is_no_digit_is_none() {
        assert_eq!(read_digit("application/dtmf-relay", "Signal=55"), None);
        assert_eq!(read_digit("application/dtmf", "x"), None);
        assert_eq!(read_digit("text/plain", "5"), None);
        assert_eq!(read_digit("application/dtmf-relay", "Duration=160"), None);
    }
}
