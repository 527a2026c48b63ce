//! Bindings (RFC 3261 section 10): where each phone can be reached, until when, and how we know.
//!
//! Bounded three ways: per phone (by replacing), per source and in total (by refusing). A binding keeps no message.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::phones::PhoneId;
use crate::peer::Peer;

/// Number of a binding, never used twice.
pub(crate) type BindingId = u64;

/// A device of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) phone: PhoneId,
    /// Contact URI as registered; the Request-URI of calls to it.
    pub(crate) uri: Vec<u8>,
    /// Device and flow (RFC 5626): the value of `+sip.instance` as written, and `reg-id`.
    pub(crate) instance: Option<(Vec<u8>, u32)>,
    /// Thousandths.
    pub(crate) q: u16,
    /// Proxies between us and the device (RFC 3327), as written.
    pub(crate) path: Vec<Vec<u8>>,
    pub(crate) call_id: Vec<u8>,
    pub(crate) cseq: u32,
    /// Where the REGISTER came from.
    pub(crate) source: Peer,
    /// Where requests to the device go.
    pub(crate) reach: Peer,
    pub(crate) behind_nat: bool,
    pub(crate) user_agent: Option<String>,
    pub(crate) expires_at: Instant,
    pub(crate) refreshed_at: Instant,
    /// When to see whether it is still there.
    pub(crate) check_at: Option<Instant>,
    /// OPTIONS in a row without an answer.
    pub(crate) missed: u8,
}

impl Binding {
    /// Whole seconds left, rounded up.
    pub(crate) fn expires_s(&self, now: Instant) -> u32 {
        let left = self.expires_at.saturating_duration_since(now).as_millis().div_ceil(1000);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// When to look at it next.
    pub(crate) fn due(&self) -> Instant {
        self.check_at.map_or(self.expires_at, |check| check.min(self.expires_at))
    }
}

/// Every binding.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    all: HashMap<BindingId, Binding>,
    by_phone: HashMap<PhoneId, Vec<BindingId>>,
    by_source: HashMap<IpAddr, usize>,
    by_flow: HashMap<SocketAddr, usize>,
    last: BindingId,
}

impl Bindings {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, id: BindingId) -> Option<&Binding> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: BindingId) -> Option<&mut Binding> {
        self.all.get_mut(&id)
    }

    /// Bindings of a phone, in the order they were first made.
    pub(crate) fn of_phone(&self, phone: PhoneId) -> impl Iterator<Item = (BindingId, &Binding)> {
        let ids = self.by_phone.get(&phone).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| Some((*id, self.all.get(id)?)))
    }

    /// Bindings registered from this address.
    pub(crate) fn of_source(&self, source: IpAddr) -> usize {
        self.by_source.get(&source.to_canonical()).copied().unwrap_or(0)
    }

    /// Whether something registered from exactly this address and port.
    pub(crate) fn is_flow(&self, source: SocketAddr) -> bool {
        self.by_flow.contains_key(&canonical(source))
    }

    /// Enter a new binding.
    pub(crate) fn insert(&mut self, binding: Binding) -> BindingId {
        self.last += 1;
        let id = self.last;
        self.by_phone.entry(binding.phone).or_default().push(id);
        *self.by_source.entry(binding.source.address.ip().to_canonical()).or_default() += 1;
        *self.by_flow.entry(canonical(binding.source.address)).or_default() += 1;
        self.all.insert(id, binding);
        id
    }

    /// Put a refreshed binding in the place of its old self.
    pub(crate) fn replace(&mut self, id: BindingId, binding: Binding) {
        let Some(old) = self.all.get(&id) else { return };
        let before = old.source.address;
        self.uncount(before);
        *self.by_source.entry(binding.source.address.ip().to_canonical()).or_default() += 1;
        *self.by_flow.entry(canonical(binding.source.address)).or_default() += 1;
        self.all.insert(id, binding);
    }

    pub(crate) fn remove(&mut self, id: BindingId) -> Option<Binding> {
        let binding = self.all.remove(&id)?;
        if let Some(ids) = self.by_phone.get_mut(&binding.phone) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_phone.remove(&binding.phone);
            }
        }
        self.uncount(binding.source.address);
        Some(binding)
    }

    fn uncount(&mut self, source: SocketAddr) {
        take_one(&mut self.by_source, &source.ip().to_canonical());
        take_one(&mut self.by_flow, &canonical(source));
    }

    /// Numbers of the bindings that `wanted` picks, oldest first.
    pub(crate) fn pick(&self, wanted: impl Fn(&Binding) -> bool) -> Vec<BindingId> {
        let mut ids: Vec<_> = self.all.iter().filter(|(_, binding)| wanted(binding)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn take_one<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
