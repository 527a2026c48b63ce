//! Calls to us: the UAS side of INVITE (RFC 3261 sections 8.2, 13.3 and 9.2).

mod answer;
mod cancel;
mod invite;

pub(crate) use invite::required;

/// What we can do, for OPTIONS.
pub(crate) const CAPABILITIES: &[(&str, &str)] =
    &[("Allow", crate::wire::ALLOW), ("Accept", "application/sdp"), ("Supported", "100rel, timer")];

/// Retry-After of our 503: long enough to matter, short enough not to lose an hour's calls.
const NO_ROOM_RETRY_S: u32 = 5;
