//! Calls of ours: the UAC side of INVITE (RFC 3261 sections 8.1, 9.1, 13.2).

mod answer;
mod cancel;
mod dial;
mod fork;
mod reach;
mod refusal;
mod response;

pub(crate) use dial::Dial;
pub(crate) use reach::GivenUp;
