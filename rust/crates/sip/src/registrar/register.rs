//! REGISTER: who is it, may it, and what is granted (RFC 3261 section 10.3).
//!
//! Refusals are sent without keeping anything, for they are what a flood consists of. Nothing is changed before the
//! whole request is found in order.

use std::time::{Duration, Instant};

use super::bindings::{Binding, BindingId};
use super::phones::{Phone, PhoneId, user_in};
use super::wishes::{Refused, WantedContact, Wish, path_of, same_place, wish_of};
use super::{Gone, Registrar};
use crate::digest::Subject;
use crate::digest::server::{Verdict, challenges, claim};
use crate::event::{Event, Output};
use crate::peer::Peer;
use crate::receive::Asked;
use crate::ua::UserAgent;
use crate::wire::{Hop, Name, Request, phrase, text};

const MAX_USER_AGENT_BYTES: usize = 200;
/// Retry-After when there is no room for more bindings.
const NO_ROOM_RETRY_S: &str = "60";
/// Extensions a REGISTER may require.
const SUPPORTED: &str = "path, outbound";

/// Who a request comes from.
#[derive(Debug)]
pub(super) enum Asker {
    /// A phone; a nonce to follow if its present one is getting old.
    Phone(PhoneId, Option<String>),
    /// Ask for credentials with these headers.
    Challenge(Vec<String>),
    /// Wrong credentials.
    Wrong(String),
}

impl Registrar {
    /// Who is it? `Subject` is hashed with the request's own URI.
    pub(super) fn identify(&mut self, now: Instant, from: Peer, request: &Request, method: &str) -> Option<Asker> {
        self.nonces.begin(now);
        let (realm, algorithms) = self.phones.realm_of(&request.headers)?;
        let (realm, algorithms) = (realm.to_owned(), algorithms.to_vec());
        let source = (from.address.ip(), realm.as_str());
        let uri = text(&request.uri);
        let subject = Subject { method, uri: &uri, body: &request.body };
        let Some(claim) = claim(&request.headers, &realm) else {
            return Some(Asker::Challenge(challenges(now, &mut self.nonces, source, &algorithms, false)));
        };
        let phone = self.phones.find(&realm, &claim.username);
        let verdict = claim.judge(now, &mut self.nonces, source, phone.map(|phone| &phone.secrets), subject);
        Some(match (verdict, phone) {
            (Verdict::Right { aging }, Some(phone)) => {
                let next = aging.then(|| self.nonces.make(now, source.0, source.1));
                Asker::Phone(phone.id, next)
            }
            (Verdict::Stale, _) => Asker::Challenge(challenges(now, &mut self.nonces, source, &algorithms, true)),
            (Verdict::Unknown, _) => Asker::Challenge(challenges(now, &mut self.nonces, source, &algorithms, false)),
            (Verdict::Wrong | Verdict::Right { .. }, _) => Asker::Wrong(claim.username),
        })
    }
}

impl UserAgent {
    /// A REGISTER came. Without phones there is no registrar, and strangers hear nothing.
    pub(crate) fn receive_register(&mut self, asked: Asked<'_>) {
        let Asked { now, from, request, .. } = asked;
        if self.registrar.phones.is_empty() {
            if self.access.find(from.address).is_none() {
                self.counters.dropped_unknown_source += 1;
            } else {
                self.refuse_method(from, request, 405);
            }
            return;
        }
        if !self.registrar.rates.admit(now, from.address.ip()) {
            self.counters.dropped_register_rate += 1;
            return;
        }
        let unsupported = unsupported(request);
        if !unsupported.is_empty() {
            self.counters.refused_unsupported += 1;
            return self.refuse(from, request, 420, &[("Unsupported", &unsupported)]);
        }
        match self.registrar.identify(now, from, request, "REGISTER") {
            Some(Asker::Phone(phone, next)) => self.register_phone(asked, phone, next.as_deref()),
            Some(Asker::Challenge(lines)) => self.challenge(from, request, &lines),
            Some(Asker::Wrong(username)) => self.refuse_credentials(now, from, request, &username),
            None => self.counters.faults += 1,
        }
    }

    /// Ask for credentials.
    pub(super) fn challenge(&mut self, from: Peer, request: &Request, lines: &[String]) {
        self.counters.challenges_sent += 1;
        let headers: Vec<_> = lines.iter().map(|line| ("WWW-Authenticate", line.as_str())).collect();
        self.refuse(from, request, 401, &headers);
    }

    /// Wrong password or unknown user: the same answer for both, counted and reported per source.
    pub(super) fn refuse_credentials(&mut self, now: Instant, from: Peer, request: &Request, username: &str) {
        self.penalize(now, from);
        self.counters.failed_authentications += 1;
        let username = username.chars().filter(|character| !character.is_control()).take(64).collect();
        self.outputs.push_back(Output::Event(Event::AuthenticationFailed { source: from, username }));
        self.refuse(from, request, 403, &[]);
    }

    fn register_phone(&mut self, asked: Asked<'_>, phone: PhoneId, next_nonce: Option<&str>) {
        let Asked { from, request, .. } = asked;
        let Some(phone) = self.registrar.phones.get(phone).cloned() else { return };
        // One user may not register another one (RFC 3261 section 10.3, step 4).
        if user_in(&request.headers, &Name::To).as_deref() != Some(phone.username.as_str()) {
            self.counters.refused_registers += 1;
            return self.refuse(from, request, 403, &[]);
        }
        let min_expires = self.registrar.limits.min_expires_s.to_string();
        let (wish, path) = match (wish_of(request, &self.registrar.limits), path_of(request)) {
            (Ok(wish), Some(path)) => (wish, path),
            (Err(Refused::TooBrief), _) => {
                self.counters.refused_registers += 1;
                return self.refuse(from, request, 423, &[("Min-Expires", &min_expires)]);
            }
            (Err(Refused::Malformed), _) | (_, None) => {
                self.counters.refused_malformed += 1;
                return self.refuse(from, request, 400, &[]);
            }
        };
        let contacts = match self.plan(asked, phone.id, wish) {
            Ok(contacts) => contacts,
            Err(code) => {
                self.counters.refused_registers += 1;
                let retry = [("Retry-After", NO_ROOM_RETRY_S)];
                return self.refuse(from, request, code, if code == 503 { &retry } else { &[] });
            }
        };
        let outbound = contacts.iter().any(|(contact, _)| contact.instance.is_some() && contact.expires_s > 0);
        for (contact, known) in contacts {
            self.bind(asked, &phone, contact, known, &path);
        }
        self.answer_register(asked, phone.id, outbound, next_nonce);
    }

    /// Check the whole request against what is bound: order, room. Returns each contact with the binding it is about.
    fn plan(
        &self,
        asked: Asked<'_>,
        phone: PhoneId,
        wish: Wish,
    ) -> Result<Vec<(WantedContact, Option<BindingId>)>, u16> {
        let Asked { from, request, .. } = asked;
        let registrar = &self.registrar;
        let wanted = match wish {
            Wish::Query => Vec::new(),
            Wish::RemoveAll => registrar.bindings.of_phone(phone).map(|(_, binding)| removal_of(binding)).collect(),
            Wish::Contacts(contacts) => contacts,
        };
        let mut planned = Vec::with_capacity(wanted.len());
        for contact in wanted {
            let known = registrar.bindings.of_phone(phone).find(|(_, binding)| is_about(&contact, binding));
            // RFC 3261 section 10.3, step 7: within one Call-ID the order counts; otherwise the phone was restarted.
            let out_of_order = known
                .is_some_and(|(_, binding)| binding.call_id == request.id.call_id && request.id.cseq <= binding.cseq);
            if out_of_order {
                return Err(500);
            }
            let known = known.map(|(id, _)| id);
            planned.push((contact, known));
        }
        let new = planned.iter().filter(|(contact, known)| known.is_none() && contact.expires_s > 0).count();
        let no_room = registrar.bindings.len() + new > registrar.limits.max_contacts
            || registrar.bindings.of_source(from.address.ip()) + new > registrar.limits.max_contacts_per_source;
        if new > 0 && no_room { Err(503) } else { Ok(planned) }
    }

    fn bind(
        &mut self,
        asked: Asked<'_>,
        phone: &Phone,
        contact: WantedContact,
        known: Option<BindingId>,
        path: &[Vec<u8>],
    ) {
        let Asked { now, from, request, .. } = asked;
        if contact.expires_s == 0 {
            return known.into_iter().for_each(|id| self.unbind(id, Gone::Removed));
        }
        let (reach, behind_nat) = reach(from, request, &contact.uri, !path.is_empty());
        let keepalive = self.registrar.limits.keepalive;
        let checked = behind_nat && !keepalive.is_zero();
        let binding = Binding {
            phone: phone.id,
            uri: contact.uri,
            instance: contact.instance,
            q: contact.q,
            path: path.to_vec(),
            call_id: request.id.call_id.clone(),
            cseq: request.id.cseq,
            source: from,
            reach,
            behind_nat,
            user_agent: user_agent(request),
            expires_at: now + Duration::from_secs(u64::from(contact.expires_s)),
            refreshed_at: now,
            check_at: checked.then_some(now + keepalive),
            missed: 0,
        };
        let event = Event::PhoneRegistered {
            phone: phone.id,
            contact: text(&binding.uri),
            expires_s: contact.expires_s,
            source: from,
            user_agent: binding.user_agent.clone(),
        };
        let id = if let Some(id) = known {
            self.registrar.bindings.replace(id, binding);
            id
        } else {
            self.make_room(phone);
            self.registrar.bindings.insert(binding)
        };
        self.remind_binding(id);
        self.counters.phones_registered += 1;
        self.outputs.push_back(Output::Event(event));
    }

    /// A phone that registers from one place more than it may was restarted more often than it unregistered: the
    /// oldest goes.
    fn make_room(&mut self, phone: &Phone) {
        while self.registrar.bindings.of_phone(phone.id).count() >= phone.max_contacts.max(1) {
            let oldest = self.registrar.bindings.of_phone(phone.id).min_by_key(|(id, at)| (at.refreshed_at, *id));
            let Some(id) = oldest.map(|(id, _)| id) else { return };
            self.unbind(id, Gone::Replaced);
        }
    }

    /// 200 with every binding of the phone.
    fn answer_register(&mut self, asked: Asked<'_>, phone: PhoneId, outbound: bool, next_nonce: Option<&str>) {
        let Asked { now, from, request, key } = asked;
        let Some(head) = request.reply_head(from) else { return };
        let mut writer = head.start(200, phrase(200), &self.random.token());
        writer.header("Server", &self.config.user_agent).header("Supported", SUPPORTED);
        if outbound {
            // RFC 5626 section 6: the flow is what we will use.
            writer.header("Require", "outbound");
        }
        for hop in request.headers.lines(&Name::Path) {
            writer.header("Path", &*hop);
        }
        if let Some(nonce) = next_nonce {
            writer.header("Authentication-Info", format!("nextnonce=\"{nonce}\""));
        }
        for (_, binding) in self.registrar.bindings.of_phone(phone) {
            writer.header("Contact", contact_line(now, binding));
        }
        let response = (head.reply_to, 200, writer.finish(None));
        self.respond(now, key, false, None, response);
    }
}

/// Option tags in Require that a registrar of ours does not know.
fn unsupported(request: &Request) -> String {
    let tags = request.headers.list(&Name::Require);
    let known = |tag: &Vec<u8>| [b"path".as_slice(), b"outbound"].iter().any(|name| tag.eq_ignore_ascii_case(name));
    tags.iter().filter(|tag| !known(tag)).map(|tag| text(tag)).collect::<Vec<_>>().join(", ")
}

fn removal_of(binding: &Binding) -> WantedContact {
    WantedContact { uri: binding.uri.clone(), expires_s: 0, q: binding.q, instance: binding.instance.clone() }
}

/// RFC 5626 section 6: a device that names itself is known by that, whatever its Contact; others by their Contact.
fn is_about(contact: &WantedContact, binding: &Binding) -> bool {
    match (&contact.instance, &binding.instance) {
        (Some(wanted), Some(bound)) => wanted == bound,
        (None, None) => same_place(&contact.uri, &binding.uri),
        _ => false,
    }
}

/// Where to send requests for a contact, and whether something in between rewrites addresses.
///
/// A phone behind NAT, in a browser or behind a proxy is reached by the flow it registered over. One over UDP whose
/// Contact is where we saw it may have sent from another port than it listens on: there the Contact counts.
fn reach(from: Peer, request: &Request, contact: &[u8], has_path: bool) -> (Peer, bool) {
    let named = Hop::parse(contact).and_then(|hop| hop.socket());
    let same_host = named.is_some_and(|named| named.ip().to_canonical() == from.address.ip().to_canonical());
    let sent_elsewhere = request.via.port.unwrap_or(5060) != from.address.port();
    let behind_nat = !has_path && (!same_host || (from.connection == 0 && request.via.has_rport && sent_elsewhere));
    match named.filter(|_| from.connection == 0 && same_host && !behind_nat && !has_path) {
        Some(address) => (Peer { address, ..from }, false),
        None => (from, behind_nat),
    }
}

fn user_agent(request: &Request) -> Option<String> {
    let value = request.headers.get(&Name::UserAgent)?;
    Some(text(value.get(..value.len().min(MAX_USER_AGENT_BYTES))?))
}

fn contact_line(now: Instant, binding: &Binding) -> Vec<u8> {
    let mut line = [b"<".as_slice(), &binding.uri, b">"].concat();
    if binding.q != 1000 {
        line.extend_from_slice(format!(";q={:.3}", f64::from(binding.q) / 1000.0).as_bytes());
    }
    if let Some((instance, reg_id)) = &binding.instance {
        line.extend_from_slice(b";+sip.instance=");
        line.extend_from_slice(instance);
        line.extend_from_slice(format!(";reg-id={reg_id}").as_bytes());
    }
    line.extend_from_slice(format!(";expires={}", binding.expires_s(now)).as_bytes());
    line
}
