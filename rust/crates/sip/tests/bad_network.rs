//! Whole calls between two user agents over a network that loses, delays, doubles and reorders.
//!
//! Whatever it does, every leg ends once, both ends tell the same story, and it is the story that was ordered.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use ringback_netem::{Conditions, Network};
use ringback_sip::{Cause, Command, Event, LegId, Output, Peer, Side, UserAgent};

const MS: Duration = Duration::from_millis(1);
/// The leg of A; that of B is `incoming(0)`.
const DIALED: LegId = 1;

/// 5 % loss, 60 ms jitter.
fn poor() -> Conditions {
    Conditions { loss: 0.05, latency: MS * 20, jitter: MS * 60, ..Conditions::default() }
}

/// 20 % loss in bursts, doubles, overtaking.
fn terrible() -> Conditions {
    Conditions { loss: 0.2, burst: 2.0, latency: MS * 50, jitter: MS * 150, duplicate: 0.1, reorder: 0.1, ..poor() }
}

/// What happens in a call, and how it must end: at A, at B.
#[derive(Debug, Clone, Copy)]
struct Story {
    name: &'static str,
    /// What B does after so many milliseconds of ringing; None: it rings on.
    answer: Option<Answer>,
    /// Who hangs up and when, milliseconds after the call began. A before an answer: CANCEL.
    hangup: Option<(bool, u64)>,
    at_a: (Cause, Side, Option<u16>),
    at_b: (Cause, Side),
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Answer,
    Reject(u16),
}

const STORIES: &[Story] = &[
    Story {
        name: "answered, the caller hangs up",
        answer: Some(Answer::Answer),
        hangup: Some((true, 60_000)),
        at_a: (Cause::Bye, Side::Local, None),
        at_b: (Cause::Bye, Side::Remote),
    },
    Story {
        name: "answered, the called party hangs up",
        answer: Some(Answer::Answer),
        hangup: Some((false, 60_000)),
        at_a: (Cause::Bye, Side::Remote, None),
        at_b: (Cause::Bye, Side::Local),
    },
    Story {
        name: "busy",
        answer: Some(Answer::Reject(486)),
        hangup: None,
        at_a: (Cause::Response, Side::Remote, Some(486)),
        at_b: (Cause::Response, Side::Local),
    },
    Story {
        name: "declined",
        answer: Some(Answer::Reject(603)),
        hangup: None,
        at_a: (Cause::Response, Side::Remote, Some(603)),
        at_b: (Cause::Response, Side::Local),
    },
    Story {
        name: "unknown number",
        answer: Some(Answer::Reject(404)),
        hangup: None,
        at_a: (Cause::Response, Side::Remote, Some(404)),
        at_b: (Cause::Response, Side::Local),
    },
    Story {
        name: "nobody answers, the caller gives up",
        answer: None,
        hangup: Some((true, 45_000)),
        at_a: (Cause::Cancelled, Side::Local, Some(487)),
        at_b: (Cause::Cancelled, Side::Remote),
    },
];

/// Two user agents and the network between them.
struct World {
    ends: [UserAgent; 2],
    now: Instant,
    /// What flies: to which end, what.
    network: Network<(usize, Vec<u8>)>,
    events: [Vec<Event>; 2],
    /// What B does when it is called, and when.
    answer: Option<Answer>,
    answer_at: Option<Instant>,
}

impl World {
    fn new(conditions: Conditions, seed: u64, answer: Option<Answer>) -> Self {
        Self {
            ends: [user_agent(A), user_agent(B)],
            now: Instant::now(),
            network: Network::new(conditions, seed),
            events: [Vec::new(), Vec::new()],
            answer,
            answer_at: None,
        }
    }

    fn tell(&mut self, end: usize, command: Command) {
        self.ends[end].handle_command(self.now, command);
        self.collect();
    }

    fn collect(&mut self) {
        for end in 0..2 {
            while let Some(output) = self.ends[end].poll_output() {
                match output {
                    Output::Transmit { to, bytes, .. } => {
                        assert_eq!(to.address, addr([B, A][end]), "there is nobody else");
                        self.network.send(self.now, bytes.len(), (1 - end, bytes.to_vec()));
                    }
                    Output::Event(event) => self.events[end].push(event),
                }
            }
        }
        let is_called = self.events[1].iter().any(|event| matches!(event, Event::Incoming { .. }));
        if is_called && self.answer_at.is_none() {
            self.answer_at = Some(self.now + Duration::from_secs(3));
            self.tell(1, Command::Ring { leg: incoming(0) });
        }
    }

    /// Go on to the next thing that happens, at most until `until`.
    fn step(&mut self, until: Instant) -> bool {
        let deadlines = self.ends.iter().filter_map(UserAgent::next_deadline);
        let answer_at = self.answer_at.filter(|_| self.answer.is_some());
        let times = deadlines.chain(self.network.next_arrival()).chain(answer_at);
        let Some(next) = times.min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if answer_at.is_some_and(|at| at <= self.now) {
            let leg = incoming(0);
            match self.answer.take() {
                Some(Answer::Answer) => self.tell(1, Command::Answer { leg, media: media("192.0.2.2:30000") }),
                Some(Answer::Reject(code)) => self.tell(1, Command::Reject { leg, code, reason: None }),
                None => {}
            }
        } else if let Some((_, (end, bytes))) = self.network.receive(self.now) {
            self.ends[end].handle_message(self.now, Peer::udp(addr([B, A][end])), &bytes);
        } else {
            self.ends.iter_mut().for_each(|end| end.handle_deadline(self.now));
        }
        self.collect();
        true
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    fn ends_of(&self, end: usize) -> Vec<(LegId, Cause, Side, Option<u16>)> {
        self.events[end].iter().filter_map(ended).collect()
    }

    fn assert_nothing_left(&self, what: &str) {
        for end in &self.ends {
            let counters = end.counters();
            assert_eq!((counters.legs, counters.dialogs, counters.transactions), (0, 0, 0), "{what}: {counters:?}");
            assert_eq!(counters.faults, 0, "{what}");
        }
    }
}

fn play(story: &Story, conditions: Conditions, seed: u64) {
    let what = format!("{}, seed {seed}", story.name);
    let mut world = World::new(conditions, seed, story.answer);
    world.tell(0, dial(DIALED, B));
    if let Some((by_caller, at_ms)) = story.hangup {
        world.run(MS * u32::try_from(at_ms).unwrap());
        let (end, leg) = if by_caller { (0, DIALED) } else { (1, incoming(0)) };
        world.tell(end, Command::Hangup { leg, q850: Some(16) });
    }
    world.run(TIMEOUT * 4);

    let (cause, side, code) = story.at_a;
    let at_a = world.ends_of(0);
    assert_eq!(at_a.len(), 1, "{what}: {at_a:?}");
    assert_eq!((at_a[0].1, at_a[0].2), (cause, side), "{what}: {:?}", world.events);
    assert!(code.is_none() || at_a[0].3 == code, "{what}: {:?}", at_a[0]);
    let at_b = world.ends_of(1);
    assert_eq!(at_b.len(), 1, "{what}: {at_b:?}");
    assert_eq!((at_b[0].1, at_b[0].2), story.at_b, "{what}");
    if matches!(story.answer, Some(Answer::Answer)) {
        let answered = |event: &Event| matches!(event, Event::Answered { .. });
        assert!(world.events[0].iter().any(answered), "{what}: the caller knows of the answer");
    }
    world.assert_nothing_left(&what);
}

#[test]
fn every_call_ends_as_ordered_with_5_percent_loss_and_60_ms_of_jitter() {
    for story in STORIES {
        (0..100).for_each(|seed| play(story, poor(), seed));
    }
}

#[test]
fn every_call_ends_as_ordered_with_20_percent_loss_in_bursts_doubles_and_overtaking() {
    for story in STORIES {
        (1000..1100).for_each(|seed| play(story, terrible(), seed));
    }
}

#[test]
fn on_a_line_too_slow_for_one_message_a_second_calls_still_end_as_ordered() {
    // 1,000 bytes a second: an INVITE takes most of one, retransmissions queue up behind it.
    let slow = Conditions { rate: 1000, queue: Duration::from_secs(3), latency: MS * 50, ..Conditions::default() };
    for story in STORIES {
        (0..10).for_each(|seed| play(story, slow, seed));
    }
}

/// The answer and the caller's CANCEL cross at every distance: both ends must agree on what happened.
#[test]
fn when_cancel_and_answer_cross_both_ends_agree() {
    let mut outcomes = [0, 0];
    for seed in 0..300 {
        let mut world = World::new(terrible(), seed, Some(Answer::Answer));
        world.tell(0, dial(DIALED, B));
        world.run(MS * u32::try_from(2000 + seed * 10).unwrap());
        world.tell(0, Command::Hangup { leg: DIALED, q850: None });
        world.run(TIMEOUT * 4);

        let (at_a, at_b) = (world.ends_of(0), world.ends_of(1));
        let reached = world.events[1].iter().any(|event| matches!(event, Event::Incoming { .. }));
        assert_eq!((at_a.len(), at_b.len()), (1, usize::from(reached)), "seed {seed}: {at_a:?} {at_b:?}");
        if !reached {
            assert_eq!(at_a[0].1, Cause::Cancelled, "seed {seed}: no INVITE got through before the caller gave up");
            continue;
        }
        let answered = matches!(at_b[0].1, Cause::Bye);
        assert!(answered || at_b[0].1 == Cause::Cancelled, "seed {seed}: {at_b:?}");
        let told =
            world.events[0].iter().any(|event| matches!(event, Event::Answered { .. } | Event::LateAnswer { .. }));
        // The caller heard of every answer that the called party gave, before or after it gave up.
        assert_eq!(told || at_a[0].1 == Cause::Bye, answered, "seed {seed}: {at_a:?} {at_b:?} {:?}", world.events[0]);
        outcomes[usize::from(answered)] += 1;
        world.assert_nothing_left(&format!("seed {seed}"));
    }
    assert!(outcomes.iter().all(|count| *count > 20), "both happened: {outcomes:?}");
}
