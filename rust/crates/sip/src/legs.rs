//! Which leg a command or an event is about, for owners that number legs differently from the user agent.

use crate::command::Command;
use crate::event::{Event, LegId};

impl Command {
    /// The leg the command is for; None if it is for none.
    pub fn leg_mut(&mut self) -> Option<&mut LegId> {
        match self {
            Self::Dial { leg, .. }
            | Self::Ring { leg }
            | Self::EarlyMedia { leg, .. }
            | Self::Answer { leg, .. }
            | Self::Reject { leg, .. }
            | Self::Hangup { leg, .. }
            | Self::Explain { leg, .. }
            | Self::Hold { leg, .. }
            | Self::Refer { leg, .. }
            | Self::AcceptTransfer { leg, .. }
            | Self::RejectTransfer { leg, .. }
            | Self::NotifyTransfer { leg, .. }
            | Self::MediaSeen { leg } => Some(leg),
            Self::EndDialog { .. } | Self::StopAll => None,
        }
    }
}

impl Event {
    /// The leg the event is about; None if it is about none.
    pub fn leg_mut(&mut self) -> Option<&mut LegId> {
        match self {
            Self::Incoming { leg, .. }
            | Self::Progress { leg, .. }
            | Self::Answered { leg, .. }
            | Self::MediaAgreed { leg, .. }
            | Self::AnswerConfirmed { leg, .. }
            | Self::LateAnswer { leg, .. }
            | Self::Held { leg, .. }
            | Self::HoldDone { leg, .. }
            | Self::Tried { leg, .. }
            | Self::TransferRequested { leg, .. }
            | Self::TransferProgress { leg, .. }
            | Self::InfoDtmf { leg, .. }
            | Self::Ended { leg, .. } => Some(leg),
            Self::Trace { leg, .. } => leg.as_mut(),
            Self::PhoneRegistered { .. }
            | Self::PhoneGone { .. }
            | Self::AuthenticationFailed { .. }
            | Self::Registration { .. }
            | Self::TrunkState { .. }
            | Self::Lookup { .. } => None,
        }
    }
}
