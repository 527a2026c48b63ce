//! Call transfer (RFC 3515, RFC 3891, RFC 3892, RFC 4488, RFC 5589): REFER both ways, its NOTIFYs, and Replaces.
//!
//! A transfer decides where a call goes and who pays for it, so nothing here acts on its own: a REFER is handed up, and
//! where the trunk does not allow it, it is declined. The implied subscription lives inside the dialog of the call and
//! ends with it.

mod asked;
mod asking;
mod replaces;

pub(crate) use asking::Wanted as Referral;
pub(crate) use replaces::{Match, find_replaced};

/// How long a transfer may take until nobody waits for its outcome, in milliseconds at the usual T1.
const OUTCOME_WITHIN_MS: u64 = 180_000;

/// The transfers of one dialog; one at a time for each side.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    /// They asked us.
    asked: Option<asked::Asked>,
    /// We asked them.
    referral: Option<asking::Referral>,
    /// REFERs of theirs that were taken so far.
    taken: u32,
}
