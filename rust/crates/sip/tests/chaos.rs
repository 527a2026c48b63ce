//! Random calls over a bad wire: whatever is lost, doubled or late, each leg ends exactly once and nothing is left over.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use common::*;
use ringback_sip::{Command, Credentials, Event, LegId, Output, UserAgent};

/// A small generator (SplitMix64): the same numbers every time.
pub struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

struct End {
    ua: UserAgent,
    address: &'static str,
    legs: BTreeSet<LegId>,
    ended: BTreeMap<LegId, String>,
    confirmed: BTreeSet<LegId>,
}

impl End {
    fn new(address: &'static str) -> Self {
        let ua = user_agent(address);
        Self { ua, address, legs: BTreeSet::new(), ended: BTreeMap::new(), confirmed: BTreeSet::new() }
    }

    fn note(&mut self, event: &Event) {
        let leg = match event {
            Event::Incoming { leg, .. } => {
                self.legs.insert(*leg);
                *leg
            }
            Event::Progress { leg, .. }
            | Event::Answered { leg, .. }
            | Event::MediaAgreed { leg, .. }
            | Event::AnswerConfirmed { leg, .. }
            | Event::LateAnswer { leg, .. }
            | Event::Tried { leg, .. }
            | Event::Held { leg, .. }
            | Event::HoldDone { leg, .. }
            | Event::TransferRequested { leg, .. }
            | Event::TransferProgress { leg, .. }
            | Event::InfoDtmf { leg, .. }
            | Event::Ended { leg, .. } => *leg,
            Event::Trace { .. }
            | Event::PhoneRegistered { .. }
            | Event::PhoneGone { .. }
            | Event::AuthenticationFailed { .. }
            | Event::Registration { .. }
            | Event::TrunkState { .. }
            | Event::Lookup { .. } => return,
        };
        assert!(self.legs.contains(&leg), "an event of an unknown leg: {event:?}");
        let already = self.ended.get(&leg);
        assert!(already.is_none(), "{}: {event:?} after {already:?}", self.address);
        match event {
            Event::Ended { .. } => {
                self.ended.insert(leg, format!("{event:?}"));
            }
            Event::AnswerConfirmed { .. } => assert!(self.confirmed.insert(leg), "confirmed twice"),
            _ => {}
        }
    }
}

struct Chaos {
    dice: Dice,
    ends: [End; 2],
    now: Instant,
    /// Messages on their way: when, to which end, what.
    flying: Vec<(Instant, usize, Vec<u8>)>,
    loss_percent: u64,
}

impl Chaos {
    fn collect(&mut self) {
        for at in 0..2 {
            while let Some(output) = self.ends[at].ua.poll_output() {
                match output {
                    Output::Event(event) => self.ends[at].note(&event),
                    Output::Transmit { to, bytes, .. } => self.send(to.to_string().as_str(), &bytes),
                }
            }
        }
    }

    fn send(&mut self, to: &str, bytes: &[u8]) {
        let Some(end) = self.ends.iter().position(|end| end.address == to) else { return };
        let copies = if self.dice.roll(10) == 0 { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.roll(100) >= self.loss_percent {
                let delay = Duration::from_millis(self.dice.roll(300));
                self.flying.push((self.now + delay, end, bytes.to_vec()));
            }
        }
    }

    /// Go on to the next thing that happens, at most until `until`.
    fn step(&mut self, until: Instant) -> bool {
        let deadline = self.ends.iter().filter_map(|end| end.ua.next_deadline()).min();
        let arrival = self.flying.iter().map(|(at, _, _)| *at).min();
        let Some(next) = [deadline, arrival].into_iter().flatten().min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if let Some(at) = self.flying.iter().position(|(at, _, _)| *at <= self.now) {
            let (_, end, bytes) = self.flying.remove(at);
            let from = self.ends[1 - end].address;
            self.ends[end].ua.handle_message(self.now, ringback_sip::Peer::udp(addr(from)), &bytes);
        } else {
            for end in &mut self.ends {
                end.ua.handle_deadline(self.now);
            }
        }
        self.collect();
        true
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Some order for some leg of some end.
    fn order(&mut self, n: u64) {
        let at = usize::try_from(self.dice.roll(2)).expect("small");
        let peer = self.ends[1 - at].address;
        let open: Vec<LegId> =
            self.ends[at].legs.iter().filter(|leg| !self.ends[at].ended.contains_key(leg)).copied().collect();
        let pick =
            |dice: &mut Dice| open.get(usize::try_from(dice.roll(open.len().max(1) as u64)).unwrap_or(0)).copied();
        let leg = pick(&mut self.dice);
        let command = match (self.dice.roll(8), leg) {
            (0..=2, _) | (_, None) => {
                let mut command = dial(1000 + n, peer);
                if let Command::Dial { credentials, .. } = &mut command {
                    *credentials =
                        Some(Credentials { username: "u".to_owned(), password: "p".to_owned(), realm: None });
                }
                self.ends[at].legs.insert(1000 + n);
                command
            }
            (3, Some(leg)) if self.dice.roll(2) == 0 => Command::EarlyMedia { leg, media: media("192.0.2.1:30000") },
            (3, Some(leg)) => Command::Ring { leg },
            (4 | 5, Some(leg)) => Command::Answer { leg, media: media("192.0.2.1:30000") },
            (6, Some(leg)) if self.dice.roll(2) == 0 => Command::Reject { leg, code: 486, reason: None },
            (6, Some(leg)) => Command::MediaSeen { leg },
            (_, Some(leg)) => Command::Hangup { leg, q850: Some(16) },
        };
        self.ends[at].ua.handle_command(self.now, command);
        self.collect();
    }
}

fn run(seed: u64, loss_percent: u64) {
    let ends = [End::new(A), End::new(B)];
    let mut chaos = Chaos { dice: Dice(seed), ends, now: Instant::now(), flying: Vec::new(), loss_percent };
    for n in 0..150 {
        chaos.order(n);
        let pause = Duration::from_millis(chaos.dice.roll(1500));
        chaos.run(pause);
    }
    for end in &mut chaos.ends {
        end.ua.handle_command(chaos.now, Command::StopAll);
    }
    chaos.collect();
    chaos.run(TIMEOUT * 6);
    for end in &chaos.ends {
        let counters = end.ua.counters();
        let open: Vec<_> = end.legs.iter().filter(|leg| !end.ended.contains_key(leg)).collect();
        assert!(open.is_empty(), "seed {seed}, {}: still open {open:?}", end.address);
        assert_eq!((counters.legs, counters.dialogs, counters.transactions), (0, 0, 0), "seed {seed}: {counters:?}");
        assert_eq!(counters.faults, 0);
    }
}

#[test]
fn on_a_wire_that_only_delays_and_doubles() {
    (0..25).for_each(|seed| run(seed, 0));
}

#[test]
fn on_a_wire_that_loses_a_tenth() {
    (100..125).for_each(|seed| run(seed, 10));
}

#[test]
fn on_a_wire_that_loses_half() {
    (200..225).for_each(|seed| run(seed, 50));
}

#[test]
fn on_a_wire_that_loses_everything() {
    run(300, 100);
}
