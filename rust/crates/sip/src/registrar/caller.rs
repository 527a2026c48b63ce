//! Who an INVITE from outside a dialog comes from: a trunk by the Contact it was given or by its address, or a phone by
//! its password.
//!
//! A phone must have registered from the address it calls from before it is even asked for its password: so scanners
//! are refused as before and learn nothing.

use super::PhoneId;
use super::register::Asker;
use crate::access::TrunkId;
use crate::peer::Peer;
use crate::receive::Asked;
use crate::sdp::Codec;
use crate::session::policy::Policy;
use crate::ua::UserAgent;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// 0 for a phone.
    pub(crate) trunk: TrunkId,
    pub(crate) phone: Option<PhoneId>,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) policy: Policy,
}

impl UserAgent {
    /// Find out; None if the INVITE was refused, dropped or challenged.
    pub(crate) fn caller(&mut self, asked: Asked<'_>) -> Option<Caller> {
        let Asked { from, request, .. } = asked;
        let known = self.access.find(from.address);
        let called = self.registrations.called(&request.uri);
        if let Some(registration) = called.filter(|registration| registration.from_anywhere || known.is_some()) {
            let (trunk, policy, codecs) = (registration.trunk, registration.policy, registration.codecs.clone());
            return Some(Caller { trunk, phone: None, codecs, policy });
        }
        let phone_flow = self.registrar.bindings.is_flow(from.address);
        if let Some(rule) = known.filter(|_| !phone_flow) {
            return Some(Caller { trunk: rule.trunk, phone: None, codecs: rule.codecs.clone(), policy: rule.policy });
        }
        if self.registrar.bindings.of_source(from.address.ip()) > 0 {
            return self.phone_caller(asked);
        }
        self.counters.refused_unknown_source += 1;
        self.refuse(from, request, 403, &[]);
        None
    }

    fn phone_caller(&mut self, asked: Asked<'_>) -> Option<Caller> {
        let Asked { now, from, request, .. } = asked;
        match self.registrar.identify(now, from, request, "INVITE")? {
            Asker::Challenge(lines) => self.challenge(from, request, &lines),
            Asker::Wrong(username) => self.refuse_credentials(now, from, request, &username),
            Asker::Phone(id, _) => {
                let here = from.address.ip().to_canonical();
                let is_here = |source: Peer| source.address.ip().to_canonical() == here;
                let registered = self.registrar.bindings.of_phone(id).any(|(_, at)| is_here(at.source));
                if let Some(phone) = self.registrar.phones.get(id).filter(|_| registered) {
                    return Some(Caller {
                        trunk: 0,
                        phone: Some(id),
                        codecs: phone.codecs.clone(),
                        policy: Policy::default(),
                    });
                }
                self.counters.refused_unknown_source += 1;
                self.refuse(from, request, 403, &[]);
            }
        }
        None
    }
}
