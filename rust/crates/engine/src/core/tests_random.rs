//! Whatever happens in whatever order: one `Ended` for each leg, last; one end for each operation, before it.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use proptest::prelude::*;
use ringback_media::{MediaEvent, OpResult};
use ringback_sip as sip;

use super::scripted::{Bench, IN, agreed, answered, dial, ended, figures, incoming, target, tone};
use crate::command::{Command, Operation};
use crate::event::What;

#[derive(Debug, Clone)]
enum Step {
    Dial,
    Resolve(u64, bool),
    Incoming,
    Answer(u64),
    Hangup(u64),
    Reject(u64),
    Tone(u64),
    Join(u64, u64),
    StopOp(u64),
    SipAnswered(u64),
    SipAgreed(u64),
    SipEnded(u64),
    OpDone(u64),
    Figures(u64),
    Closed(u64),
    Wait(u64),
    Fault(u64),
    Panic(bool),
    NoPort(bool),
    Stop,
}

fn step() -> impl Strategy<Value = Step> {
    let leg = 0..4_u64;
    prop_oneof![
        4 => Just(Step::Dial),
        3 => (leg.clone(), any::<bool>()).prop_map(|(leg, ok)| Step::Resolve(leg, ok)),
        4 => Just(Step::Incoming),
        3 => leg.clone().prop_map(Step::Answer),
        2 => leg.clone().prop_map(Step::Hangup),
        1 => leg.clone().prop_map(Step::Reject),
        6 => leg.clone().prop_map(Step::Tone),
        3 => (leg.clone(), leg.clone()).prop_map(|(a, b)| Step::Join(a, b)),
        1 => (0..12_u64).prop_map(Step::StopOp),
        3 => leg.clone().prop_map(Step::SipAnswered),
        1 => leg.clone().prop_map(Step::SipAgreed),
        3 => leg.clone().prop_map(Step::SipEnded),
        3 => (0..12_u64).prop_map(Step::OpDone),
        1 => leg.clone().prop_map(Step::Figures),
        3 => leg.clone().prop_map(Step::Closed),
        2 => (0..6000_u64).prop_map(Step::Wait),
        1 => leg.prop_map(Step::Fault),
        1 => any::<bool>().prop_map(Step::Panic),
        1 => any::<bool>().prop_map(Step::NoPort),
        1 => Just(Step::Stop),
    ]
}

/// A core with the numbers that were given out.
struct World {
    bench: Bench,
    dialed: u64,
    incoming: u64,
    ops: u64,
    seen: Vec<What>,
}

impl World {
    fn new() -> Self {
        Self { bench: Bench::new(), dialed: 0, incoming: 0, ops: 0, seen: Vec::new() }
    }

    /// A leg by a small number: even are dialed, odd incoming; possibly one that never was.
    fn leg(&self, number: u64) -> u64 {
        if number.is_multiple_of(2) {
            self.dialed.saturating_sub(number / 2)
        } else {
            IN + self.incoming.saturating_sub(1 + number / 2)
        }
    }

    fn op(&mut self) -> u64 {
        self.ops += 1;
        self.ops
    }

    /// As the signaling thread does it: a panic becomes a fault of the leg that was being worked on.
    fn take(&mut self, step: &Step) {
        if catch_unwind(AssertUnwindSafe(|| self.take_unguarded(step))).is_err() {
            let leg = self.bench.core.take_current();
            let now = self.bench.now;
            self.bench.script.borrow_mut().panic_on = None;
            self.bench.core.handle_fault(now, "panic".to_owned(), leg);
        }
        self.bench.core.take_current();
        self.seen.extend(self.bench.core.events.drain(..).map(|event| event.what));
    }

    fn take_unguarded(&mut self, step: &Step) {
        let now = self.bench.now;
        match *step {
            Step::Dial => {
                self.dialed += 1;
                self.bench.command(dial(self.dialed));
            }
            Step::Resolve(leg, ok) => {
                let found = if ok { Ok(vec![target()]) } else { Err(String::new()) };
                self.bench.core.handle_resolved(now, self.leg(leg), found);
            }
            Step::Incoming => {
                self.incoming += 1;
                self.bench.sip(incoming(IN + self.incoming - 1));
            }
            Step::Answer(leg) => self.bench.command(Command::Answer { leg: self.leg(leg) }),
            Step::Hangup(leg) => self.bench.command(Command::Hangup { leg: self.leg(leg), q850: None, reason: None }),
            Step::Reject(leg) => self.bench.command(Command::Reject { leg: self.leg(leg), code: 486, reason: None }),
            Step::Tone(leg) => {
                let (op, leg) = (self.op(), self.leg(leg));
                self.bench.command(tone(op, leg));
            }
            Step::Join(a, b) => {
                let (op, leg, other) = (self.op(), self.leg(a), self.leg(b));
                self.bench.command(Command::Start { op, leg, operation: Operation::Join { other } });
            }
            Step::StopOp(op) => self.bench.command(Command::StopOp { op }),
            Step::SipAnswered(leg) => self.bench.sip(answered(self.leg(leg))),
            Step::SipAgreed(leg) => self.bench.sip(sip::Event::MediaAgreed { leg: self.leg(leg), media: agreed() }),
            Step::SipEnded(leg) => self.bench.sip(ended(self.leg(leg), sip::Cause::Bye)),
            Step::OpDone(op) => {
                let result = OpResult::Done;
                self.bench.media(MediaEvent::OpDone { op, leg: 0, result, detail: None, duration_ms: 0 });
            }
            Step::Figures(leg) => self.bench.media(figures(self.leg(leg))),
            Step::Closed(leg) => self.bench.media(MediaEvent::Closed { leg: self.leg(leg) }),
            Step::Wait(time) => self.bench.wait(Duration::from_millis(time)),
            Step::Fault(leg) => self.bench.core.handle_fault(now, "fault".to_owned(), Some(self.leg(leg))),
            Step::Panic(on) => self.bench.script.borrow_mut().panic_on = on.then_some("start"),
            Step::NoPort(on) => self.bench.script.borrow_mut().no_port = on,
            Step::Stop => self.bench.core.begin_stop(now),
        }
    }

    fn finish(&mut self) {
        self.bench.script.borrow_mut().panic_on = None;
        self.bench.core.finish_all(self.bench.now, "stopped");
        self.seen.extend(self.bench.core.events.drain(..).map(|event| event.what));
    }
}

/// The leg an event belongs to.
fn leg_of(what: &What) -> Option<u64> {
    match what {
        What::Incoming(incoming) => Some(incoming.leg),
        What::Ended(ended) => Some(ended.leg),
        What::LegStats(stats) => Some(stats.leg),
        What::Answered { leg, .. } | What::Progress { leg, .. } | What::AnswerConfirmed { leg, .. } => Some(*leg),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_leg_and_operation_ends_once(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.finish();

        let mut ended_legs = HashSet::new();
        let mut ended_ops: HashMap<u64, u64> = HashMap::new();
        for what in &world.seen {
            if let Some(leg) = leg_of(what) {
                prop_assert!(!ended_legs.contains(&leg), "{what:?} after Ended");
            }
            match what {
                What::Ended(ended) => prop_assert!(ended_legs.insert(ended.leg)),
                What::OpDone { op, result, leg, .. } => {
                    *ended_ops.entry(*op).or_default() += 1;
                    let late = ended_legs.contains(leg) && !matches!(*result, "leg_ended" | "failed");
                    prop_assert!(!late, "{what:?} after Ended of its leg");
                }
                _ => {}
            }
        }
        let legs = (1..=world.dialed).chain((0..world.incoming).map(|number| IN + number));
        prop_assert_eq!(ended_legs, legs.collect::<HashSet<_>>());
        prop_assert_eq!(ended_ops, (1..=world.ops).map(|op| (op, 1)).collect::<HashMap<_, _>>());
        prop_assert_eq!(world.bench.core.next_deadline(), None);
    }
}
