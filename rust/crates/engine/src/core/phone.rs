//! Legs to registered phones.

use std::time::Instant;

use ringback_sip as sip;

use super::leg::{Leg, Phase};
use super::{Alarm, Core, MediaPort};
use crate::command::Dial;
use crate::event::Ended;
use crate::ids::LegId;

/// Devices of one phone that ring at once.
const MAX_DEVICES: usize = 10;

impl<M: MediaPort> Core<M> {
    /// Where a phone can be reached: ring there, or end the leg as a carrier would (RFC 3261 section 21.4.18).
    pub(crate) fn handle_contacts(&mut self, now: Instant, leg: LegId, mut contacts: Vec<sip::PhoneContact>) {
        self.current = Some(leg);
        let waits = |entry: &&mut Leg| matches!(entry.phase, Phase::Resolving { .. });
        let Some(entry) = self.legs.get_mut(&leg).filter(waits) else { return };
        let Phase::Resolving { dial, until } = std::mem::replace(&mut entry.phase, Phase::Signaling) else { return };
        self.alarms.remove(&(until, leg, Alarm::Unresolved));
        contacts.truncate(MAX_DEVICES);
        if contacts.is_empty() {
            let phrase = Some("Not Registered".to_owned());
            let ended = Ended { code: Some(480), phrase, ..Ended::bare(leg, "response", "remote") };
            return self.begin_end(now, ended);
        }
        let rtp = self.rtp_address(self.legs.get(&leg).and_then(|entry| entry.media_port));
        let branches = if contacts.len() == 1 { vec![leg] } else { self.forks.begin(leg, contacts.len()) };
        for (at, (branch, contact)) in branches.into_iter().zip(contacts).enumerate() {
            let media = sip::LocalMedia::plain(rtp, dial.media.codecs.clone());
            // Each INVITE is a dialog of its own; the tag tells their branches apart.
            let local_tag = if at == 0 { dial.local_tag.clone() } else { format!("{}.{at}", dial.local_tag) };
            self.sip_to_send.push_back(ring(branch, &dial, contact, local_tag, media));
        }
    }
}

fn ring(
    leg: LegId,
    dial: &Dial,
    contact: sip::PhoneContact,
    local_tag: String,
    media: sip::LocalMedia,
) -> sip::Command {
    sip::Command::Dial {
        leg,
        peer: contact.peer,
        to: dial.to.clone(),
        from: dial.from.clone(),
        display_name: dial.display_name.clone(),
        call_id: dial.call_id.clone(),
        local_tag,
        headers: dial.headers.clone(),
        media,
        credentials: None,
        allow_redirects: false,
        policy: dial.policy,
        reach: sip::Reach::default(),
        target: sip::DialTarget { uri: Some(contact.uri), routes: contact.routes, trunk: None },
    }
}
