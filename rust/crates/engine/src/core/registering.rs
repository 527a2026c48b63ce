//! What the user agent reports of phones, registrations and gateways: no leg is concerned.

use std::time::Instant;

use ringback_sip as sip;

use super::{Core, MediaPort};
use crate::event::What;

impl<M: MediaPort> Core<M> {
    /// Hand such an event up.
    pub(super) fn handle_registering(&mut self, now: Instant, event: sip::Event) {
        let what = match event {
            sip::Event::PhoneRegistered { phone, contact, expires_s, source, user_agent } => {
                What::PhoneRegistered { phone, contact, expires_s, source: source.to_string(), user_agent }
            }
            sip::Event::PhoneGone { phone, contact, why } => What::PhoneGone { phone, contact, why: why.as_str() },
            sip::Event::Registration { trunk, state, code, phrase, expires_s } => {
                What::Registration { trunk, state: state.as_str(), code, phrase, expires_s }
            }
            sip::Event::TrunkState { trunk, gateway, up, code, round_trip } => {
                let round_trip_ms = round_trip.map(|time| time.as_secs_f64() * 1000.0);
                What::TrunkState { trunk, gateway, up, code, round_trip_ms }
            }
            _ => return,
        };
        self.report(now, what);
    }
}
