//! Replaces (RFC 3891): an INVITE, or the target of a REFER, that names a dialog to take the place of.

use std::fmt::Write;

use crate::dialog::DialogKey;
use crate::event::LegId;
use crate::session::Phase;
use crate::ua::UserAgent;
use crate::wire::{Name, Request, has_param, is_uri, param};

/// Where a REFER points.
#[derive(Debug)]
pub(super) struct Target {
    /// The URI without its headers.
    pub(super) uri: Vec<u8>,
    /// The dialog that the call there is to replace.
    pub(super) replaces: Option<DialogKey>,
}

/// What an INVITE with Replaces gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// It has no Replaces, or the trunk does not care.
    None,
    /// It replaces this leg.
    Leg(LegId),
    /// Refuse it with this code.
    Refuse(u16),
}

/// Take the URI of a Refer-To apart. None if it is none, or asks for something else than a call.
pub(super) fn read_target(uri: &[u8]) -> Option<Target> {
    let mut parts = uri.splitn(2, |byte| *byte == b'?');
    let bare = parts.next()?.to_vec();
    let method = bare.split(|byte| *byte == b';').find_map(|part| part.strip_prefix(b"method="));
    if !is_uri(&bare) || method.is_some_and(|method| method != b"INVITE") {
        return None;
    }
    let mut replaces = None;
    for header in parts.next().unwrap_or_default().split(|byte| *byte == b'&') {
        let Some(at) = header.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = header.split_at(at);
        if name.eq_ignore_ascii_case(b"replaces") {
            replaces = Some(read_value(&unescaped(value.get(1..)?)?)?.0);
        }
    }
    Some(Target { uri: bare, replaces })
}

/// `call-id;to-tag=x;from-tag=y;early-only`: our dialog of that name, and whether only an early one is meant.
fn read_value(value: &[u8]) -> Option<(DialogKey, bool)> {
    let at = value.iter().position(|byte| *byte == b';')?;
    let (call_id, params) = value.split_at(at);
    let key = DialogKey::named(call_id.trim_ascii(), param(params, "to-tag")?, param(params, "from-tag")?);
    Some((key, has_param(params, "early-only")))
}

/// Which leg an INVITE replaces (RFC 3891 section 3). Only calls of trunks that allow it can be taken over.
pub(crate) fn find_replaced(ua: &UserAgent, request: &Request) -> Match {
    let values: Vec<_> = request.headers.lines(&Name::Replaces).map(std::borrow::Cow::into_owned).collect();
    let value = match values.as_slice() {
        [] => return Match::None,
        [one] => one,
        _ => return Match::Refuse(400),
    };
    let Some((key, early_only)) = read_value(value) else { return Match::Refuse(400) };
    let session = ua.dialogs.get(&key).and_then(|id| ua.sessions.get(id));
    let Some(session) = session.filter(|session| session.policy.allow_transfer) else { return Match::Refuse(481) };
    match (session.phase, session.leg()) {
        (Phase::Closing | Phase::Cancelling | Phase::Withdrawn, _) | (_, None) => Match::Refuse(603),
        // An early dialog that they began.
        (Phase::Offered, _) => Match::Refuse(481),
        (Phase::Up | Phase::Answering, _) if early_only => Match::Refuse(486),
        (_, Some(leg)) => Match::Leg(leg),
    }
}

impl UserAgent {
    /// The leg whose dialog has this name.
    pub(super) fn leg_of(&self, key: &DialogKey) -> Option<LegId> {
        self.dialogs.get(key).and_then(|id| self.sessions.get(id)).and_then(|session| session.leg())
    }
}

/// A header value inside a URI (RFC 3261 section 25.1, `hvalue`).
pub(super) fn escaped(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len() + 16), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The other way round. None for a broken escape, or one that could end a line.
fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        out.push(u8::from_str_radix(digits, 16).ok().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0))?);
        rest = tail.get(2..)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_survives_the_escapes_of_a_uri() {
        let name = "a%b@c;to-tag=1;from-tag=2";

        assert_eq!(unescaped(escaped(name).as_bytes()).as_deref(), Some(name.as_bytes()));
        assert_eq!(unescaped(b"%4"), None);
        assert_eq!(unescaped(b"%0d%0a"), None);
    }

    #[test]
    fn a_target_is_a_call_and_nothing_else() {
        let found = read_target(b"sip:+49301@h?Replaces=c%401%3Bto-tag%3Da%3Bfrom-tag%3Db&X=1").expect("a target");

        assert_eq!(found.uri, b"sip:+49301@h");
        assert_eq!(found.replaces, Some(DialogKey::named(b"c@1", b"a", b"b")));
        assert!(read_target(b"sip:h;method=BYE").is_none());
        assert!(read_target(b"sip:h?Replaces=broken").is_none());
    }
}
