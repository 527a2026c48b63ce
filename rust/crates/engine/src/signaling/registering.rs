//! Phones, registrations and watched gateways: their tables, and the look-ups that their machines ask for.

use std::time::Instant;

use ringback_net::{Answer, Question, Wanted};
use ringback_sip as sip;

use super::Signaling;
use crate::config::TrunkConfig;
use crate::config::registering::host_of_uri;
use crate::core::MediaPort;

/// First token of look-ups that no leg waits for, above every leg.
const ASIDE: u64 = 1 << 62;
/// Look-ups under way at once; what is beyond counts as a name that leads nowhere.
const MAX_LOOKUPS: usize = 4096;

/// Look-ups that no leg waits for.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    waiting: std::collections::HashMap<u64, sip::LookedUp>,
    asked: u64,
}

impl<M: MediaPort> Signaling<M> {
    /// Replace what trunks register and which of their gateways are watched.
    pub(super) fn set_trunk_watch(&mut self, now: Instant, trunks: &[TrunkConfig]) {
        let registrations = trunks
            .iter()
            .filter_map(|trunk| trunk.registration.as_ref().map(|wanted| wanted.to_registration(trunk)))
            .collect();
        let probes =
            trunks.iter().filter_map(|trunk| Some(trunk.ping.as_ref()?.to_probes(trunk.id))).flatten().collect();
        self.agent.set_registrations(now, registrations);
        self.agent.set_probes(now, probes);
    }

    /// Find out where a registrar or gateway is.
    pub(super) fn look_up_aside(&mut self, now: Instant, what: sip::LookedUp, uri: &str) {
        let target = host_of_uri(uri).filter(|_| self.aside.waiting.len() < MAX_LOOKUPS);
        let Some((host, port)) = target else { return self.agent.handle_lookup(now, what, None) };
        self.aside.asked += 1;
        let token = ASIDE + self.aside.asked;
        self.aside.waiting.insert(token, what);
        let question = Question { host, port, wanted: Wanted::Auto, families: self.core.families() };
        let answer = self.resolver.resolve(now, question, token);
        self.found_aside(now, token, &answer);
    }

    /// Take an answer of the resolver if its token is one of ours.
    pub(super) fn found_aside(&mut self, now: Instant, token: u64, answer: &Answer) -> bool {
        if token < ASIDE {
            return false;
        }
        if !matches!(answer, Answer::Later)
            && let Some(what) = self.aside.waiting.remove(&token)
        {
            let peer = match answer {
                Answer::Targets(targets) => {
                    targets.first().map(|target| sip::Peer::new(target.transport, target.address))
                }
                Answer::Failed(_) | Answer::Later => None,
            };
            self.agent.handle_lookup(now, what, peer);
        }
        true
    }
}
