//! Whether the gateways of a trunk are there: OPTIONS at intervals (RFC 3261 section 11).
//!
//! Any answer shows life, except the two that say "not now": 408 by a proxy that got none itself, and 503. A gateway
//! changes its state after some results in a row, so that one lost datagram says nothing.

mod gateway;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use gateway::{Gateway, Report};

use crate::access::TrunkId;
use crate::aside::{Aside, Outcome};
use crate::event::{Event, LookedUp, Output};
use crate::peer::Peer;
use crate::timers::Target;
use crate::transaction::{Purpose, TxKey};
use crate::ua::UserAgent;
use crate::wire::{Method, text};

/// Number of a watched gateway, never used twice.
pub(crate) type ProbeId = u64;

/// One gateway to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its trunk.
    pub trunk: TrunkId,
    /// Its name, as given by the owner.
    pub gateway: String,
    /// Request-URI, `sip:host:port`; where it leads is looked up.
    pub uri: String,
    /// Between two OPTIONS.
    pub interval: Duration,
    /// No answer within this is a miss.
    pub timeout: Duration,
    /// Answers in a row until it is up again.
    pub up_after: u8,
    /// Misses in a row until it is down.
    pub down_after: u8,
}

/// Every watched gateway.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    all: HashMap<ProbeId, Gateway>,
    last: ProbeId,
}

impl Probes {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// When one wants to be looked at.
    pub(crate) fn due(&self, id: ProbeId) -> Option<Instant> {
        self.all.get(&id).map(Gateway::due)
    }
}

impl UserAgent {
    /// Replace the table of watched gateways; those that stay keep their state.
    pub fn set_probes(&mut self, now: Instant, wanted: Vec<Probe>) {
        let mut before = std::mem::take(&mut self.probes.all);
        for config in wanted {
            let same = before.iter().find(|(_, gateway)| gateway.is_named(&config)).map(|(id, _)| *id);
            let known = same.and_then(|id| before.remove(&id).map(|gateway| (id, gateway)));
            let (id, gateway) = if let Some((id, gateway)) = known {
                (id, gateway.with(config))
            } else {
                self.probes.last += 1;
                // Not all of them in the same millisecond.
                let spread = config.interval.mul_f64(fraction(self.random.number()) / 2.0);
                (self.probes.last, Gateway::new(config, now + spread.min(Duration::from_secs(1))))
            };
            self.queue.push(gateway.due(), Target::Probe(id));
            self.probes.all.insert(id, gateway);
        }
    }

    pub(crate) fn tick_probe(&mut self, now: Instant, at: Instant, id: ProbeId) {
        let Some(gateway) = self.probes.all.get_mut(&id).filter(|gateway| gateway.due() == at) else { return };
        if gateway.is_asking() {
            // Nothing that is sent for it from now on would count.
            if let Some(key) = gateway.key() {
                self.clients.remove(&key);
            }
            return self.probe_result(now, id, |gateway, jitter| gateway.missed(now, jitter));
        }
        gateway.ask(now);
        let (trunk, uri) = (gateway.config.trunk, gateway.config.uri.clone());
        self.queue.push(gateway.due(), Target::Probe(id));
        self.outputs.push_back(Output::Event(Event::Lookup { what: LookedUp::Gateway(id), trunk, uri }));
    }

    /// A gateway's name was looked up.
    pub(crate) fn gateway_found(&mut self, now: Instant, id: ProbeId, peer: Option<Peer>) {
        let Some(gateway) = self.probes.all.get(&id).filter(|gateway| gateway.is_asking()) else { return };
        let Some(peer) = peer else {
            return self.probe_result(now, id, |gateway, jitter| gateway.missed(now, jitter));
        };
        let uri = gateway.config.uri.clone().into_bytes();
        let aside = Aside {
            purpose: Purpose::Probe(id),
            method: Method::Options,
            peer,
            to: [b"<".as_slice(), &uri, b">"].concat(),
            uri,
            routes: Vec::new(),
            from: None,
            call_id: format!("ping-{}", text(&self.random.token())),
            cseq: 1,
            headers: vec![("Accept".to_owned(), "application/sdp".to_owned())],
        };
        self.counters.pings_sent += 1;
        let key = self.ask_aside(now, aside);
        if let Some(gateway) = self.probes.all.get_mut(&id) {
            gateway.sent(now, key);
        }
    }

    pub(crate) fn probe_over(&mut self, now: Instant, id: ProbeId, key: TxKey, outcome: &Outcome<'_>) {
        if !self.probes.all.get(&id).is_some_and(|gateway| gateway.waits_for(key)) {
            return;
        }
        match outcome {
            Outcome::Answered(response) => {
                let wait_s = response.headers.number(&crate::wire::Name::RetryAfter);
                self.probe_result(now, id, |gateway, jitter| gateway.answered(now, response.code, wait_s, jitter));
            }
            Outcome::Failed(_) => self.probe_result(now, id, |gateway, jitter| gateway.missed(now, jitter)),
        }
    }

    fn probe_result(&mut self, now: Instant, id: ProbeId, act: impl FnOnce(&mut Gateway, f64) -> Option<Report>) {
        let _ = now;
        let jitter = fraction(self.random.number());
        let Some(gateway) = self.probes.all.get_mut(&id) else { return };
        let report = act(gateway, jitter);
        self.queue.push(gateway.due(), Target::Probe(id));
        if let Some(Report { up, code, round_trip }) = report {
            let (trunk, name) = (gateway.config.trunk, gateway.config.gateway.clone());
            let event = Event::TrunkState { trunk, gateway: name, up, code, round_trip };
            self.outputs.push_back(Output::Event(event));
        }
    }
}

/// 0 to 1 out of a random number.
fn fraction(random: u64) -> f64 {
    f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
