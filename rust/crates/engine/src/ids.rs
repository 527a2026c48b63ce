//! Numbers that name things towards Python.

/// One party's side of a call. Dialed legs count from 1, incoming ones from `ringback_sip::INCOMING_LEGS`.
pub type LegId = u64;

/// One operation on a leg (play, gather ...), counted from 1 over all legs.
pub type OpId = u64;

/// A trunk, numbered by the caller.
pub type TrunkId = u64;
