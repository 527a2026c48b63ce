//! Registering trunks at their carriers (RFC 3261 section 10.2): the asking side.
//!
//! `client` is the life of one registration, a machine that says what to do next; this file carries that out and keeps
//! the table. Where the registrar is must be looked up by the owner: `Event::Lookup`, `UserAgent::handle_lookup`.

mod client;

use std::collections::HashMap;
use std::time::Instant;

use client::{Client, Step};

use crate::access::TrunkId;
use crate::aside::{Aside, Outcome};
use crate::command::Credentials;
use crate::event::{Event, Output};
use crate::peer::Peer;
use crate::sdp::Codec;
use crate::session::policy::Policy;
use crate::timers::Target;
use crate::transaction::Purpose;
use crate::ua::UserAgent;
use crate::wire::{Method, text, user_of};

/// Number of a registration, never used twice.
pub(crate) type RegistrationId = u64;

/// What one trunk registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The trunk; at most one registration each.
    pub trunk: TrunkId,
    /// Request-URI, without user: `sip:carrier.example`. Where it leads is looked up.
    pub registrar: String,
    /// Address-of-record, `sip:user@carrier.example`.
    pub aor: String,
    /// Answers to 401 and 407.
    pub credentials: Option<Credentials>,
    /// What is asked for; the registrar grants what it likes.
    pub expires_s: u32,
    /// An INVITE to the registered Contact is a call of the trunk wherever it comes from. Otherwise its source must be
    /// in the access table, too.
    pub from_anywhere: bool,
    /// Codecs of the trunk.
    pub codecs: Vec<Codec>,
    /// How calls to the Contact are handled.
    pub policy: Policy,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistrationState {
    /// The carrier has our Contact.
    Registered,
    /// The carrier refused (3xx, 4xx, 6xx).
    Refused,
    /// No answer, no address, or trouble at the carrier (5xx).
    Failed,
    /// We took it back, as it was wanted.
    Unregistered,
}

impl RegistrationState {
    /// The word of the Python contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unregistered => "unregistered",
        }
    }
}

/// Every registration.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    all: HashMap<RegistrationId, Client>,
    by_trunk: HashMap<TrunkId, RegistrationId>,
    by_token: HashMap<Vec<u8>, RegistrationId>,
    last: RegistrationId,
}

impl Registrations {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// When one wants to be looked at.
    pub(crate) fn due(&self, id: RegistrationId) -> Option<Instant> {
        self.all.get(&id)?.due()
    }

    /// Registrations the carrier has granted, and those that are being taken back.
    pub(crate) fn gauges(&self) -> (u64, u64) {
        let count = |wanted: fn(&Client) -> bool| self.all.values().filter(|client| wanted(client)).count() as u64;
        (count(Client::is_registered), count(Client::is_closing))
    }

    /// The registration whose Contact an INVITE is for.
    pub(crate) fn called(&self, request_uri: &[u8]) -> Option<&Registration> {
        let id = self.by_token.get(&user_of(request_uri)?)?;
        self.all.get(id).map(|client| &client.config)
    }
}

impl UserAgent {
    /// Replace the table of registrations: new ones register at once, changed ones again, those that are gone are
    /// taken back.
    pub fn set_registrations(&mut self, now: Instant, wanted: Vec<Registration>) {
        let mut before = std::mem::take(&mut self.registrations.by_trunk);
        for config in wanted {
            match before.remove(&config.trunk) {
                Some(id) => self.change_registration(now, id, config),
                None => self.begin_registration(now, config),
            }
        }
        let mut gone: Vec<RegistrationId> = before.into_values().collect();
        gone.sort_unstable();
        for id in gone {
            self.step(now, id, Client::close);
        }
    }

    /// The proxies that calls of a registered trunk are to pass (RFC 3608), in order.
    pub fn service_route(&self, trunk: TrunkId) -> Vec<String> {
        let client = self.registrations.by_trunk.get(&trunk).and_then(|id| self.registrations.all.get(id));
        client.map(|client| client.service_route.iter().map(|route| text(route)).collect()).unwrap_or_default()
    }

    fn begin_registration(&mut self, now: Instant, config: Registration) {
        self.registrations.last += 1;
        let id = self.registrations.last;
        let token = format!("rb{}{}", text(&self.random.token()), text(&self.random.token()));
        let call_id = format!("reg-{}", text(&self.random.token()));
        self.registrations.by_trunk.insert(config.trunk, id);
        self.registrations.by_token.insert(token.clone().into_bytes(), id);
        self.registrations.all.insert(id, Client::new(config, token, call_id));
        self.step(now, id, |client, now, _| client.begin(now));
    }

    fn change_registration(&mut self, now: Instant, id: RegistrationId, config: Registration) {
        let Some(client) = self.registrations.all.get_mut(&id) else { return };
        if (&client.config.registrar, &client.config.aor) != (&config.registrar, &config.aor) {
            self.step(now, id, Client::close);
            return self.begin_registration(now, config);
        }
        self.registrations.by_trunk.insert(config.trunk, id);
        let asks_anew =
            (&client.config.credentials, client.config.expires_s) != (&config.credentials, config.expires_s);
        client.config = config;
        if asks_anew {
            self.step(now, id, |client, now, _| client.renew(now));
        }
    }

    /// Take every registration back; the engine stops.
    pub(crate) fn close_registrations(&mut self, now: Instant) {
        let mut ids: Vec<RegistrationId> = self.registrations.all.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.step(now, id, Client::close);
        }
    }

    pub(crate) fn tick_registration(&mut self, now: Instant, at: Instant, id: RegistrationId) {
        self.step(now, id, |client, _, _| client.on_time(at));
    }

    /// The registrar's name was looked up.
    pub(crate) fn registrar_found(&mut self, now: Instant, id: RegistrationId, peer: Option<Peer>) {
        self.step(now, id, |client, now, random| client.found(now, peer, random.number()));
    }

    pub(crate) fn register_over(&mut self, now: Instant, id: RegistrationId, outcome: &Outcome<'_>) {
        self.step(now, id, |client, now, random| client.over(now, outcome, random.number()));
    }

    fn step(
        &mut self,
        now: Instant,
        id: RegistrationId,
        act: impl FnOnce(&mut Client, Instant, &mut crate::random::Random) -> Step,
    ) {
        let Some(client) = self.registrations.all.get_mut(&id) else { return };
        let step = act(client, now, &mut self.random);
        if let Some(at) = client.due() {
            self.queue.push(at, Target::Registration(id));
        }
        match step {
            Step::Wait => {}
            Step::LookUp => {
                let (trunk, uri) = (client.config.trunk, client.config.registrar.clone());
                let what = crate::event::LookedUp::Registrar(id);
                self.outputs.push_back(Output::Event(Event::Lookup { what, trunk, uri }));
            }
            Step::Ask(peer) => self.send_register(now, id, peer),
            Step::Report(report) => self.report_registration(id, report),
            Step::Over(report) => {
                if let Some(report) = report {
                    self.report_registration(id, report);
                }
                self.forget_registration(id);
            }
        }
    }

    fn report_registration(&mut self, id: RegistrationId, report: client::Report) {
        let Some(client) = self.registrations.all.get(&id) else { return };
        let client::Report { state, code, phrase, expires_s } = report;
        let event = Event::Registration { trunk: client.config.trunk, state, code, phrase, expires_s };
        self.outputs.push_back(Output::Event(event));
    }

    fn forget_registration(&mut self, id: RegistrationId) {
        if let Some(client) = self.registrations.all.remove(&id) {
            self.registrations.by_token.remove(client.token.as_bytes());
        }
    }

    fn send_register(&mut self, now: Instant, id: RegistrationId, peer: Peer) {
        let peer = self.config.settle(peer);
        let contact = self.config.contact(peer, false);
        let cnonce = text(&self.random.token());
        let Some(client) = self.registrations.all.get_mut(&id) else { return };
        let (cseq, headers) = client.compose(&contact, &cnonce);
        let aside = Aside {
            purpose: Purpose::Register(id),
            method: Method::Register,
            peer,
            uri: client.config.registrar.clone().into_bytes(),
            routes: Vec::new(),
            to: format!("<{}>", client.config.aor).into_bytes(),
            from: Some(client.config.aor.clone().into_bytes()),
            call_id: client.call_id.clone(),
            cseq,
            headers,
        };
        self.counters.registers_sent += 1;
        self.ask_aside(now, aside);
    }
}
