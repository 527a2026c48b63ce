//! Reliable provisional responses (RFC 3262): those of the far end to our INVITE, and ours to theirs.

mod called;
mod calling;

pub(crate) use calling::{Taken, take_in_order};
