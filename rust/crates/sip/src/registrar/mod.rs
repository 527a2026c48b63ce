//! The registrar (RFC 3261 section 10): phones tell where they are, and are found there.
//!
//! `phones` says who may register, `wishes` reads what a REGISTER asks for, `register` decides and answers, `bindings`
//! keeps the result, `keepalive` sees whether it is still true. Calls from phones are let in by `caller`.

mod bindings;
mod caller;
mod keepalive;
mod phones;
mod register;
mod wishes;

pub(crate) use bindings::BindingId;
pub(crate) use caller::Caller;
pub use phones::{Phone, PhoneId, RegistrarLimits};

use std::time::Instant;

use bindings::{Binding, Bindings};
use phones::Phones;

use crate::digest::nonce::Nonces;
use crate::event::{Event, Output};
use crate::peer::Peer;
use crate::rate::RateTable;
use crate::timers::Target;
use crate::ua::UserAgent;
use crate::wire::text;

/// Everything the registrar keeps.
#[derive(Debug)]
pub(crate) struct Registrar {
    phones: Phones,
    limits: RegistrarLimits,
    bindings: Bindings,
    nonces: Nonces,
    rates: RateTable,
}

/// Where a phone can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneContact {
    /// Request-URI of the INVITE.
    pub uri: String,
    /// Where it goes.
    pub peer: Peer,
    /// Route values: the proxies of the device's Path.
    pub routes: Vec<String>,
    /// The device's own preference, thousandths.
    pub q: u16,
}

/// Why a binding is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gone {
    /// The phone took it back.
    Removed,
    /// Nothing came in time.
    Expired,
    /// It did not answer our OPTIONS.
    Unreachable,
    /// The connection it registered over was closed.
    Disconnected,
    /// The phone registered from more places than it may.
    Replaced,
    /// The phone is no longer in the table, or its password changed.
    Revoked,
}

impl Gone {
    /// The word of the Python contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Expired => "expired",
            Self::Unreachable => "unreachable",
            Self::Disconnected => "disconnected",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        }
    }
}

impl Registrar {
    pub(crate) fn new(seed: u64) -> Self {
        let limits = RegistrarLimits::default();
        Self {
            phones: Phones::default(),
            bindings: Bindings::default(),
            nonces: Nonces::new(seed),
            rates: RateTable::new(limits.max_per_s),
            limits,
        }
    }

    /// When a binding wants to be looked at.
    pub(crate) fn due(&self, id: BindingId) -> Option<Instant> {
        self.bindings.get(id).map(Binding::due)
    }

    /// Contacts kept.
    pub(crate) fn len(&self) -> usize {
        self.bindings.len()
    }
}

impl UserAgent {
    /// Replace the table of phones. Bindings stay, except those of phones that are gone or have another name or
    /// password.
    pub fn set_phones(&mut self, phones: Vec<Phone>, limits: RegistrarLimits) {
        let phones = Phones::new(phones);
        let before = std::mem::replace(&mut self.registrar.phones, phones);
        if limits.max_per_s != self.registrar.limits.max_per_s {
            self.registrar.rates = RateTable::new(limits.max_per_s);
        }
        self.registrar.limits = limits;
        let same = |id| match (before.get(id), self.registrar.phones.get(id)) {
            (Some(old), Some(new)) => {
                (&old.username, &old.realm, &old.secrets) == (&new.username, &new.realm, &new.secrets)
            }
            _ => false,
        };
        for id in self.registrar.bindings.pick(|binding| !same(binding.phone)) {
            self.unbind(id, Gone::Revoked);
        }
    }

    /// Where a phone can be called, its own favorite first and of equals the one heard last.
    pub fn contacts(&self, now: Instant, phone: PhoneId) -> Vec<PhoneContact> {
        let alive = self.registrar.bindings.of_phone(phone).filter(|(_, binding)| binding.expires_at > now);
        let mut alive: Vec<&Binding> = alive.map(|(_, binding)| binding).collect();
        alive.sort_by_key(|binding| std::cmp::Reverse((binding.q, binding.refreshed_at)));
        let contact = |binding: &&Binding| PhoneContact {
            uri: text(&binding.uri),
            peer: binding.reach,
            routes: binding.path.iter().map(|hop| text(hop)).collect(),
            q: binding.q,
        };
        alive.iter().map(contact).collect()
    }

    /// Whether requests from here are answered at all: a trunk's gateway, or the address a phone registered from.
    pub(crate) fn knows(&self, from: Peer) -> bool {
        self.access.find(from.address).is_some() || self.registrar.bindings.of_source(from.address.ip()) > 0
    }

    /// A binding is over.
    fn unbind(&mut self, id: BindingId, why: Gone) {
        let Some(binding) = self.registrar.bindings.remove(id) else { return };
        let event = Event::PhoneGone { phone: binding.phone, contact: text(&binding.uri), why };
        self.outputs.push_back(Output::Event(event));
    }

    /// Look at a binding again at its time.
    fn remind_binding(&mut self, id: BindingId) {
        if let Some(binding) = self.registrar.bindings.get(id) {
            self.queue.push(binding.due(), Target::Binding(id));
        }
    }
}
