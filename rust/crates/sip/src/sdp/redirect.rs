//! The same description with another direction: hold and resume (RFC 3264 section 8.4).
//!
//! A new offer must have every stream of the last one in its place, so what we sent last is taken and changed. These
//! functions read only what `write` wrote.

use super::{Direction, Origin};

const DIRECTIONS: [Direction; 4] = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

/// A description of ours as a new offer: with this direction and origin.
pub(crate) fn redirected(last: &str, direction: Direction, origin: Origin) -> String {
    let Origin { session, version } = origin;
    last.split_inclusive("\r\n")
        .map(|line| match line.strip_prefix("o=") {
            Some(rest) => {
                let address = rest.splitn(4, ' ').nth(3).unwrap_or_default();
                format!("o=- {session} {version} {address}")
            }
            None if direction_of(line).is_some() => format!("a={}\r\n", direction.as_str()),
            None => line.to_owned(),
        })
        .collect()
}

/// A description of ours that asks for no media while we hold the far end.
pub(crate) fn held_back(text: String, holding: bool) -> String {
    if !holding {
        return text;
    }
    text.split_inclusive("\r\n")
        .map(|line| match direction_of(line) {
            Some(Direction::SendRecv) => "a=sendonly\r\n",
            Some(Direction::RecvOnly) => "a=inactive\r\n",
            _ => line,
        })
        .collect()
}

fn direction_of(line: &str) -> Option<Direction> {
    let word = line.trim_end().strip_prefix("a=")?;
    DIRECTIONS.into_iter().find(|direction| direction.as_str() == word)
}
