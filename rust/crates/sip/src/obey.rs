//! Commands, each to its place.

use std::time::Instant;

use crate::command::Command;
use crate::event::{Confirmation, LegId};
use crate::session::{Phase, Session};
use crate::transfer::Referral;
use crate::ua::UserAgent;
use crate::uac::Dial;

impl UserAgent {
    /// Do what the engine wants.
    pub(crate) fn obey(&mut self, now: Instant, command: Command) {
        match command {
            Command::Dial {
                leg,
                peer,
                reach,
                to,
                from,
                display_name,
                call_id,
                local_tag,
                headers,
                media,
                credentials,
                allow_redirects,
                policy,
                target,
            } => {
                let dial = Dial {
                    leg,
                    peer,
                    reach,
                    to,
                    from,
                    display_name,
                    call_id,
                    local_tag,
                    headers,
                    media,
                    credentials,
                    allow_redirects,
                    policy,
                    target,
                };
                self.dial(now, dial);
            }
            Command::Ring { leg } => self.on_leg(leg, |ua, session| ua.ring(now, session)),
            Command::EarlyMedia { leg, media } => self.on_leg(leg, |ua, session| ua.early_media(now, session, media)),
            Command::Answer { leg, media } => self.on_leg(leg, |ua, session| ua.answer(now, session, media)),
            Command::Reject { leg, code, reason } => {
                self.on_leg(leg, |ua, session| ua.reject(now, session, code, reason.as_deref()));
            }
            Command::Hangup { leg, q850 } => self.on_leg(leg, |ua, session| ua.hang_up(now, session, q850, false)),
            Command::Explain { leg, reason } => self.on_leg(leg, |_, session| session.because = Some(reason)),
            Command::Refer { leg, to, replaces, referred_by } => {
                let wanted = Referral { to, replaces, referred_by };
                self.on_leg(leg, |ua, session| ua.refer(now, session, &wanted));
            }
            Command::AcceptTransfer { leg } => self.on_leg(leg, |ua, session| ua.accept_transfer(now, session)),
            Command::RejectTransfer { leg, code } => {
                self.on_leg(leg, |ua, session| ua.reject_transfer(now, session, code));
            }
            Command::NotifyTransfer { leg, code } => {
                self.on_leg(leg, |ua, session| ua.notify_transfer(now, session, code));
            }
            Command::Hold { leg, on } => self.on_leg(leg, |ua, session| ua.hold(now, session, on)),
            Command::EndDialog { dialog } => self.end_dialog(now, &dialog),
            Command::StopAll => self.stop_all(now),
            Command::MediaSeen { leg } => self.on_leg(leg, Self::media_seen),
        }
    }

    fn on_leg(&mut self, leg: LegId, act: impl FnOnce(&mut Self, &mut Session)) {
        if !self.with_session(leg, act) {
            self.counters.stale_commands += 1;
        }
    }

    /// Media after our 200 proves that the caller has it. Their ACK may still bring the answer to our offer: without
    /// that there is nothing they could have sent media by.
    fn media_seen(&mut self, session: &mut Session) {
        if session.phase == Phase::Answering && session.media.agreed.is_some() {
            self.confirm(session, Confirmation::Rtp);
        }
    }

    fn stop_all(&mut self, now: Instant) {
        self.stopping = true;
        self.close_registrations(now);
        let mut legs: Vec<LegId> = self.sessions.values().filter_map(|session| session.leg()).collect();
        legs.sort_unstable();
        for leg in legs {
            self.with_session(leg, |ua, session| ua.hang_up(now, session, None, true));
        }
    }
}
