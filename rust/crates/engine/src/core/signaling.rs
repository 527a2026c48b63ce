//! What the SIP user agent reports.

use std::time::Instant;

use ringback_net::Target;
use ringback_sip as sip;

use super::{Core, MediaPort};
use crate::event::{Ended, Incoming, What};
use crate::ids::LegId;

impl<M: MediaPort> Core<M> {
    /// Take one event of the user agent.
    pub(crate) fn handle_sip(&mut self, now: Instant, event: sip::Event) {
        let Some(event) = self.forks.event(event, &mut self.sip_to_send) else { return };
        match event {
            sip::Event::Incoming {
                leg,
                trunk,
                phone,
                source,
                call_id,
                request_uri,
                to_uri,
                from_uri,
                headers,
                codec_ok,
                dialog,
                replaces,
            } => {
                self.current = Some(leg);
                let secure = source.transport.is_secure();
                let source = source.to_string();
                let incoming = Incoming {
                    leg,
                    trunk,
                    phone,
                    source,
                    call_id,
                    request_uri,
                    to_uri,
                    from_uri,
                    headers,
                    codec_ok,
                    dialog,
                    replaces,
                };
                self.enter_incoming(now, incoming, secure);
            }
            sip::Event::Progress { leg, code, phrase, media } => {
                let early_media = media.is_some();
                if self.agree(leg, media) {
                    self.report(now, What::Progress { leg, code, phrase, early_media });
                }
            }
            sip::Event::Tried { leg, peer, cause, code, next } => {
                self.failed.push_back(Target { transport: peer.transport, address: peer.address });
                if self.live_codec(leg).is_some() {
                    let (target, next) = (peer.to_string(), next.to_string());
                    self.report(now, What::Tried { leg, target, cause: cause.as_str(), code, next });
                }
            }
            sip::Event::Answered { leg, code, phrase, media, dialog } => {
                if self.agree(leg, Some(media)) {
                    let codec = super::leg::codec_name(media.codec);
                    self.report(now, What::Answered { leg, code, phrase, codec, dialog });
                }
            }
            sip::Event::MediaAgreed { leg, media } => drop(self.agree(leg, Some(media))),
            sip::Event::AnswerConfirmed { leg, how } => {
                if let Some(codec) = self.live_codec(leg) {
                    self.report(now, What::AnswerConfirmed { leg, how: how.as_str(), codec });
                }
            }
            sip::Event::LateAnswer { leg, code } => {
                if self.live_codec(leg).is_some() {
                    self.report(now, What::LateAnswer { leg, code });
                }
            }
            sip::Event::Held { leg, on } => {
                if self.live_codec(leg).is_some() {
                    self.report(now, What::Held { leg, on });
                }
            }
            sip::Event::TransferRequested { leg, target, replaces, has_replaces, referred_by } => {
                if self.live_codec(leg).is_some() {
                    self.report(now, What::TransferRequested { leg, target, replaces, has_replaces, referred_by });
                }
            }
            sip::Event::TransferProgress { leg, code, phrase, is_final } => {
                if self.live_codec(leg).is_some() {
                    self.report(now, What::TransferProgress { leg, code, phrase, is_final });
                }
            }
            sip::Event::HoldDone { leg, on, code } => {
                if self.live_codec(leg).is_some() {
                    self.report(now, What::HoldDone { leg, on, code });
                }
            }
            sip::Event::InfoDtmf { leg, digit, duration_ms } => self.info_digit(now, leg, digit, duration_ms),
            sip::Event::Ended { leg, cause, side, code, phrase, reason, q850, retry_after_s } => {
                self.current = Some(leg);
                let (cause, side) = (cause.as_str(), side.as_str());
                self.begin_end(now, Ended { leg, cause, side, code, phrase, reason, q850, retry_after_s });
            }
            sip::Event::Trace { leg, sent, peer, bytes } => {
                let leg = leg.filter(|leg| self.legs.contains_key(leg));
                self.report(now, What::Trace { leg, sent, peer: peer.to_string(), message: bytes.to_vec() });
            }
            other => self.handle_registering(now, other),
        }
    }

    /// Point the media of a leg to what was agreed. Returns whether the leg lives.
    fn agree(&mut self, leg: LegId, media: Option<sip::Negotiated>) -> bool {
        self.current = Some(leg);
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| !entry.is_closing()) else { return false };
        if let Some(mut media) = media {
            entry.codec = Some(media.codec);
            if entry.policy.inband_dtmf {
                // Without events of ours digits go out as tones and are listened for; events that come anyway count.
                media.dtmf = None;
            }
            self.media.set_remote(leg, &media);
        }
        true
    }

    /// The agreed codec's name ("" if none) of a leg that is not over.
    fn live_codec(&mut self, leg: LegId) -> Option<&'static str> {
        self.current = Some(leg);
        self.legs.get(&leg).filter(|entry| !entry.is_closing()).map(super::leg::Leg::codec_name)
    }

    fn info_digit(&mut self, now: Instant, leg: LegId, digit: char, duration_ms: u32) {
        if self.live_codec(leg).is_some() {
            self.media.digit(leg, digit);
            self.report(now, What::Dtmf { leg, digit, duration_ms, how: "info" });
        }
    }
}
