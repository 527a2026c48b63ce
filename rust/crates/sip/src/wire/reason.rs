//! The Reason header (RFC 3326): why a call ended, in the words of the telephone network.

use super::address::{param, split_list};
use super::{Headers, Name};

/// The Reason header(s) of one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ReasonText {
    /// All values as received, comma-joined; None without the header.
    pub(crate) raw: Option<String>,
    /// The first Q.850 cause, 1-127.
    pub(crate) q850: Option<u8>,
}

impl ReasonText {
    /// Read them out of a message.
    pub(crate) fn of(headers: &Headers) -> Self {
        let lines: Vec<_> = headers.lines(&Name::Reason).collect();
        if lines.is_empty() {
            return Self::default();
        }
        let q850 = lines.iter().find_map(|line| split_list(line).find_map(q850_cause));
        let raw = lines.iter().map(|line| super::text(line)).collect::<Vec<_>>().join(", ");
        Self { raw: Some(raw), q850 }
    }
}

fn q850_cause(value: &[u8]) -> Option<u8> {
    let semicolon = value.iter().position(|byte| *byte == b';')?;
    let (protocol, params) = value.split_at(semicolon);
    if !protocol.trim_ascii().eq_ignore_ascii_case(b"Q.850") {
        return None;
    }
    let cause = std::str::from_utf8(param(params, "cause")?).ok()?;
    cause.parse().ok().filter(|cause| (1..=127).contains(cause))
}

/// The header value for a cause of our own.
pub(crate) fn q850_header(cause: u8) -> String {
    format!("Q.850;cause={cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(value: &str) -> Option<u8> {
        split_list(value.as_bytes()).find_map(q850_cause)
    }

    #[test]
    fn the_q850_value_is_found_among_others() {
        assert_eq!(cause(r#"SIP;cause=486;text="Busy, really", Q.850 ;cause=17;text="User \" busy""#), Some(17));
    }

    #[test]
    fn causes_out_of_range_count_as_none() {
        assert_eq!(cause("Q.850;cause=0"), None);
        assert_eq!(cause("Q.850;cause=128"), None);
        assert_eq!(cause("Q.850;text=none"), None);
        assert_eq!(cause("SIP;cause=17"), None);
    }

    #[test]
    fn a_quoted_comma_does_not_hide_the_cause() {
        assert_eq!(cause(r#"q.850;text="a,b";cause="16""#), Some(16));
    }
}
