//! What Python asks of a call in progress: hold, transfer.

use ringback_sip as sip;

use crate::args;
use crate::command::Command;
use crate::config::in_range;
use crate::error::EngineError;
use crate::handle::Engine;
use crate::ids::LegId;

impl Engine {
    /// Put the far end on hold, or take it back.
    pub fn hold(&self, leg: LegId, on: bool) -> Result<(), EngineError> {
        self.order(leg, sip::Command::Hold { leg, on })
    }

    /// Ask the far end to call somebody else.
    pub fn refer(
        &self,
        leg: LegId,
        to: String,
        replaces: Option<LegId>,
        referred_by: Option<String>,
    ) -> Result<(), EngineError> {
        args::sip_uri("to", &to)?;
        if let Some(by) = &referred_by {
            args::sip_uri("referred_by", by)?;
        }
        self.order(leg, sip::Command::Refer { leg, to, replaces, referred_by })
    }

    /// Let a transfer go ahead.
    pub fn accept_transfer(&self, leg: LegId) -> Result<(), EngineError> {
        self.order(leg, sip::Command::AcceptTransfer { leg })
    }

    /// Decline a transfer.
    pub fn reject_transfer(&self, leg: LegId, code: i64) -> Result<(), EngineError> {
        let code = args::refusal_code(code)?;
        self.order(leg, sip::Command::RejectTransfer { leg, code })
    }

    /// Tell how a transfer goes.
    pub fn notify_transfer(&self, leg: LegId, code: i64) -> Result<(), EngineError> {
        let code = args::number(in_range("code", code, 100, 699)?);
        self.order(leg, sip::Command::NotifyTransfer { leg, code })
    }

    fn order(&self, leg: LegId, order: sip::Command) -> Result<(), EngineError> {
        self.push(Command::InDialog { leg, order: Box::new(order) })
    }
}
