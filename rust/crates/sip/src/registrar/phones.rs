//! Who may register: the table of phones, and what all of them together may ask for.

use std::collections::HashMap;
use std::time::Duration;

use crate::digest::Algorithm;
use crate::digest::server::Secrets;
use crate::sdp::Codec;
use crate::wire::{AddressParts, Headers, Hop, Name, text, user_of};

/// Number of a phone, the engine's own.
pub type PhoneId = u64;

/// One user of the registrar: an address-of-record `sip:username@realm` with any number of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Our number for it.
    pub id: PhoneId,
    /// User part of its address-of-record and digest user name.
    pub username: String,
    /// Digest realm and host of its address-of-record.
    pub realm: String,
    /// What its password hashes to.
    pub secrets: Secrets,
    /// Contacts at once; one more replaces the one refreshed longest ago.
    pub max_contacts: usize,
    /// Codecs of its calls, for `codec_ok`.
    pub codecs: Vec<Codec>,
}

/// What the registrar grants, to all phones alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrarLimits {
    /// A shorter wish gets 423 with Min-Expires.
    pub min_expires_s: u32,
    /// A longer wish is shortened to this; also what is granted when nothing was asked for.
    pub max_expires_s: u32,
    /// Contacts kept in total; above it 503.
    pub max_contacts: usize,
    /// Contacts kept of one source address; above it 503.
    pub max_contacts_per_source: usize,
    /// REGISTERs looked at per second from one source address, with a burst of the same size.
    pub max_per_s: u32,
    /// Between two OPTIONS to a contact behind NAT; zero for none.
    pub keepalive: Duration,
}

impl Default for RegistrarLimits {
    fn default() -> Self {
        Self {
            min_expires_s: 60,
            max_expires_s: 3600,
            max_contacts: 50_000,
            max_contacts_per_source: 1000,
            max_per_s: 100,
            keepalive: Duration::from_secs(30),
        }
    }
}

/// Every phone, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Phones {
    by_id: HashMap<PhoneId, Phone>,
    by_name: HashMap<(String, String), PhoneId>,
    /// Realms and what is asked for in each, the strongest first.
    realms: Vec<(String, Vec<Algorithm>)>,
}

impl Phones {
    pub(crate) fn new(phones: Vec<Phone>) -> Self {
        let mut table = Self::default();
        for phone in phones {
            table.note_realm(&phone);
            table.by_name.insert((phone.realm.to_ascii_lowercase(), phone.username.clone()), phone.id);
            table.by_id.insert(phone.id, phone);
        }
        table
    }

    /// A stranger must not learn which algorithm which user has: each realm asks for all that any of its users has.
    fn note_realm(&mut self, phone: &Phone) {
        if !self.realms.iter().any(|(realm, _)| *realm == phone.realm) {
            self.realms.push((phone.realm.clone(), Vec::new()));
        }
        let found = self.realms.iter_mut().find(|(realm, _)| *realm == phone.realm);
        let Some((_, algorithms)) = found else { return };
        for (has, algorithm) in
            [(phone.secrets.sha256.is_some(), Algorithm::Sha256), (phone.secrets.md5.is_some(), Algorithm::Md5)]
        {
            if has && !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        algorithms.sort_by_key(|algorithm| std::cmp::Reverse(*algorithm));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn get(&self, id: PhoneId) -> Option<&Phone> {
        self.by_id.get(&id)
    }

    pub(crate) fn find(&self, realm: &str, username: &str) -> Option<&Phone> {
        let id = self.by_name.get(&(realm.to_ascii_lowercase(), username.to_owned()))?;
        self.by_id.get(id)
    }

    /// The realm that a request belongs to: the host of its From, or ours if there is only one. With several, a host
    /// that is none of them gets the first: it learns nothing by that.
    pub(crate) fn realm_of(&self, headers: &Headers) -> Option<(&str, &[Algorithm])> {
        let from = headers.get(&Name::From).unwrap_or_default();
        let host = AddressParts::parse(&from).and_then(|parts| Hop::parse(parts.uri)).map(|hop| hop.host);
        let named = self.realms.iter().find(|(realm, _)| host.as_deref() == Some(realm.to_ascii_lowercase().as_str()));
        named.or_else(|| self.realms.first()).map(|(realm, algorithms)| (realm.as_str(), algorithms.as_slice()))
    }
}

/// User part of the URI of an address header.
pub(super) fn user_in(headers: &Headers, name: &Name) -> Option<String> {
    let value = headers.get(name)?;
    user_of(AddressParts::parse(&value)?.uri).map(|user| text(&user))
}
