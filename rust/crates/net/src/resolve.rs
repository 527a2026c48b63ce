//! Host names to addresses, looked up by threads of their own and remembered.
//!
//! The owner asks from its loop and never waits: an address, a remembered one, a failure, or "later", in which case
//! the answer is taken with `finished` after the wake-up.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::wake::WakeFd;

/// How long an answer is good for. The system's resolver does not tell the record's own time.
const FRESH: Duration = Duration::from_secs(60);
/// How long a failure is remembered, so that a dead name does not occupy the threads.
const FAILED: Duration = Duration::from_secs(5);
/// How long an old answer still serves when the name server fails.
const STALE: Duration = Duration::from_secs(3600);
const MAX_NAMES: usize = 1024;
const THREADS: usize = 2;

/// What the resolver says at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An address.
    Address(IpAddr),
    /// The name does not resolve; why.
    Failed(String),
    /// `finished` will tell.
    Later,
}

/// Look-ups so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResolverCounters {
    /// Names handed to the threads.
    pub lookups: u64,
    /// Look-ups that failed.
    pub failures: u64,
    /// Questions refused because too many names were waiting.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Entry {
    address: Option<(IpAddr, Instant)>,
    failure: Option<(String, Instant)>,
    waiting: Vec<u64>,
}

type Lookup = (String, Result<IpAddr, String>);

/// The resolver of one engine; dropping it ends its threads after their current look-up.
#[derive(Debug)]
pub struct Resolver {
    want_v6: bool,
    entries: HashMap<String, Entry>,
    requests: Option<Sender<String>>,
    results: Arc<Mutex<Vec<Lookup>>>,
    wake: Arc<WakeFd>,
    counters: ResolverCounters,
}

impl Resolver {
    /// Make one for addresses of one family; `wake` is signaled when answers came. Starts no thread yet.
    pub fn new(want_v6: bool, wake: Arc<WakeFd>) -> Self {
        Self {
            want_v6,
            entries: HashMap::new(),
            requests: None,
            results: Arc::default(),
            wake,
            counters: ResolverCounters::default(),
        }
    }

    /// Ask for the address of `host`; `token` comes back from `finished` if the answer is `Later`.
    pub fn resolve(&mut self, now: Instant, host: &str, token: u64) -> Answer {
        if let Ok(ip) = host.parse::<IpAddr>() {
            let fits = ip.is_ipv6() == self.want_v6;
            return if fits { Answer::Address(ip) } else { Answer::Failed(wrong_family(host)) };
        }
        let host = host.to_ascii_lowercase();
        if !self.entries.contains_key(&host) && self.entries.len() >= MAX_NAMES {
            self.forget_old(now);
        }
        let entry = self.entries.entry(host.clone()).or_default();
        if let Some(answer) = entry.remembered(now) {
            return answer;
        }
        entry.waiting.push(token);
        if entry.waiting.len() > 1 {
            return Answer::Later;
        }
        self.ask(&host)
    }

    fn ask(&mut self, host: &str) -> Answer {
        let sent = self.requests().is_some_and(|requests| requests.try_send(host.to_owned()).is_ok());
        if sent {
            self.counters.lookups += 1;
            return Answer::Later;
        }
        self.counters.refused += 1;
        self.entries.remove(host);
        Answer::Failed("too many names are being looked up".to_owned())
    }

    /// The channel to the threads, started with the first question.
    fn requests(&mut self) -> Option<&Sender<String>> {
        if self.requests.is_none() {
            let (sender, receiver) = bounded(MAX_NAMES);
            for number in 0..THREADS {
                let (receiver, results, wake) = (receiver.clone(), Arc::clone(&self.results), Arc::clone(&self.wake));
                let want_v6 = self.want_v6;
                std::thread::Builder::new()
                    .name(format!("rb-dns-{number}"))
                    .spawn(move || look_up_all(&receiver, want_v6, &results, &wake))
                    .ok()?;
            }
            self.requests = Some(sender);
        }
        self.requests.as_ref()
    }

    /// Take the answers that came since, with the token of each question.
    pub fn finished(&mut self, now: Instant) -> Vec<(u64, Answer)> {
        let lookups = std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner));
        let mut finished = Vec::new();
        for (host, result) in lookups {
            self.counters.failures += u64::from(result.is_err());
            let entry = self.entries.entry(host).or_default();
            let answer = entry.store(now, result);
            finished.extend(entry.waiting.drain(..).map(|token| (token, answer.clone())));
        }
        finished
    }

    fn forget_old(&mut self, now: Instant) {
        self.entries.retain(|_, entry| {
            let fresh = entry.address.is_some_and(|(_, at)| now.saturating_duration_since(at) < FRESH);
            fresh || !entry.waiting.is_empty()
        });
    }

    /// Look-ups so far.
    pub fn counters(&self) -> ResolverCounters {
        self.counters
    }
}

impl Entry {
    fn remembered(&self, now: Instant) -> Option<Answer> {
        if let Some((ip, at)) = self.address
            && now.saturating_duration_since(at) < FRESH
        {
            return Some(Answer::Address(ip));
        }
        match &self.failure {
            Some((why, at)) if now.saturating_duration_since(*at) < FAILED => Some(self.stale(now, why)),
            _ => None,
        }
    }

    /// An old address beats a failure of the name server.
    fn stale(&self, now: Instant, why: &str) -> Answer {
        match self.address {
            Some((ip, at)) if now.saturating_duration_since(at) < STALE => Answer::Address(ip),
            _ => Answer::Failed(why.to_owned()),
        }
    }

    fn store(&mut self, now: Instant, result: Result<IpAddr, String>) -> Answer {
        match result {
            Ok(ip) => {
                self.address = Some((ip, now));
                self.failure = None;
                Answer::Address(ip)
            }
            Err(why) => {
                let answer = self.stale(now, &why);
                self.failure = Some((why, now));
                answer
            }
        }
    }
}

fn look_up_all(requests: &Receiver<String>, want_v6: bool, results: &Mutex<Vec<Lookup>>, wake: &WakeFd) {
    while let Ok(host) = requests.recv() {
        let result = look_up(&host, want_v6);
        results.lock().unwrap_or_else(PoisonError::into_inner).push((host, result));
        wake.signal();
    }
}

fn look_up(host: &str, want_v6: bool) -> Result<IpAddr, String> {
    let found = (host, 0).to_socket_addrs().map_err(|error| format!("{host} does not resolve: {error}"))?;
    found.map(|address| address.ip()).find(|ip| ip.is_ipv6() == want_v6).ok_or_else(|| wrong_family(host))
}

fn wrong_family(host: &str) -> String {
    format!("{host} has no address of the listener's family")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver() -> Resolver {
        Resolver::new(false, Arc::new(WakeFd::new().unwrap()))
    }

    #[test]
    fn an_address_is_its_own_answer_and_must_fit_the_family() {
        let (mut resolver, now) = (resolver(), Instant::now());

        assert_eq!(resolver.resolve(now, "192.0.2.1", 1), Answer::Address("192.0.2.1".parse().unwrap()));
        assert!(matches!(resolver.resolve(now, "2001:db8::1", 1), Answer::Failed(_)));
    }

    #[test]
    fn a_fresh_answer_serves_at_once_and_an_old_one_only_when_the_name_server_fails() {
        let (mut entry, now) = (Entry::default(), Instant::now());
        let ip: IpAddr = "192.0.2.1".parse().unwrap();

        entry.store(now, Ok(ip));

        assert_eq!(entry.remembered(now + FRESH / 2), Some(Answer::Address(ip)));
        assert_eq!(entry.remembered(now + FRESH), None);
        assert_eq!(entry.store(now + FRESH, Err("down".into())), Answer::Address(ip));
        assert_eq!(entry.store(now + STALE, Err("down".into())), Answer::Failed("down".into()));
        assert_eq!(entry.remembered(now + STALE), Some(Answer::Failed("down".into())));
    }

    #[test]
    fn a_name_is_looked_up_once_for_all_who_wait() {
        let (mut resolver, now) = (resolver(), Instant::now());

        assert_eq!(resolver.resolve(now, "localhost", 1), Answer::Later);
        assert_eq!(resolver.resolve(now, "LOCALHOST", 2), Answer::Later);
        let mut finished = Vec::new();
        while finished.is_empty() {
            std::thread::yield_now();
            finished = resolver.finished(now);
        }

        let ip = Answer::Address("127.0.0.1".parse().unwrap());
        assert_eq!(finished, vec![(1, ip.clone()), (2, ip.clone())]);
        assert_eq!(resolver.resolve(now, "localhost", 3), ip);
        assert_eq!(resolver.counters().lookups, 1);
    }
}
