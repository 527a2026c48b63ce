//! One leg that rings several devices (RFC 3261 section 16.7, as a caller does it): each device has an INVITE of its
//! own, a branch. The core and Python know the leg only; here the two are told apart, between core and user agent.
//!
//! The first answer makes the leg and takes the other branches back. If nobody answers, the leg ends as the branch
//! that says most.

use std::collections::HashMap;

use ringback_sip as sip;

use crate::ids::LegId;

/// First number of branches: above every dialed leg, below every incoming one.
const BRANCHES: LegId = 1 << 39;

/// The branches of one leg.
#[derive(Debug)]
struct Fork {
    live: Vec<LegId>,
    winner: Option<LegId>,
    /// The end of a branch that says most so far.
    best: Option<(u8, sip::Event)>,
    /// We hung the leg up.
    given_up: bool,
}

/// Every leg that has branches.
#[derive(Debug, Default)]
pub(super) struct Forks {
    by_leg: HashMap<LegId, Fork>,
    leg_of: HashMap<LegId, LegId>,
    made: LegId,
}

impl Forks {
    /// Take a leg apart. Returns the numbers of its branches.
    pub(super) fn begin(&mut self, leg: LegId, count: usize) -> Vec<LegId> {
        let first = BRANCHES + self.made + 1;
        let live: Vec<LegId> = (first..).take(count).collect();
        self.made += count as LegId;
        self.leg_of.extend(live.iter().map(|branch| (*branch, leg)));
        self.by_leg.insert(leg, Fork { live: live.clone(), winner: None, best: None, given_up: false });
        live
    }

    /// Commands for the user agent instead of one for a leg.
    pub(super) fn command(&mut self, mut command: sip::Command) -> Vec<sip::Command> {
        let Some(leg) = command.leg_mut().map(|leg| *leg) else { return vec![command] };
        let Some(fork) = self.by_leg.get_mut(&leg) else { return vec![command] };
        let to = |branch: &LegId| {
            let mut command = command.clone();
            if let Some(leg) = command.leg_mut() {
                *leg = *branch;
            }
            command
        };
        match (fork.winner, &command) {
            (Some(winner), _) => vec![to(&winner)],
            (None, sip::Command::Hangup { .. }) => {
                fork.given_up = true;
                fork.live.iter().map(to).collect()
            }
            (None, sip::Command::Explain { .. }) => fork.live.iter().map(to).collect(),
            // Nothing else makes sense before an answer.
            (None, _) => Vec::new(),
        }
    }

    /// The event for the leg instead of one of a branch, if it is news for the leg; `orders` takes what must be done.
    pub(super) fn event(
        &mut self,
        mut event: sip::Event,
        orders: &mut impl Extend<sip::Command>,
    ) -> Option<sip::Event> {
        let Some(branch) = event.leg_mut().map(|leg| *leg) else { return Some(event) };
        let Some(leg) = self.leg_of.get(&branch).copied() else { return Some(event) };
        if let Some(name) = event.leg_mut() {
            *name = leg;
        }
        let fork = self.by_leg.get_mut(&leg)?;
        let is_winner = fork.winner == Some(branch);
        match &mut event {
            sip::Event::Trace { .. } => Some(event),
            sip::Event::Ended { .. } => {
                self.leg_of.remove(&branch);
                fork.live.retain(|other| *other != branch);
                let news = fork.ended(is_winner, event, orders);
                if fork.live.is_empty() {
                    self.by_leg.remove(&leg);
                }
                news
            }
            _ if is_winner => Some(event),
            sip::Event::Answered { .. } if fork.winner.is_none() && !fork.given_up => {
                fork.winner = Some(branch);
                orders.extend(fork.others(branch));
                Some(event)
            }
            // Two picked up at once: the second is told that it was too late.
            sip::Event::Answered { .. } => {
                orders.extend([sip::Command::Hangup { leg: branch, q850: Some(16) }]);
                None
            }
            sip::Event::Progress { media, .. } if fork.winner.is_none() => {
                // Of several voices none is heard before one of them answers.
                *media = media.filter(|_| fork.live.len() == 1);
                Some(event)
            }
            sip::Event::LateAnswer { .. } if fork.winner.is_none() => Some(event),
            _ => None,
        }
    }
}

impl Fork {
    /// Take back every branch but one. Q.850 26 says that it was answered elsewhere: nothing was missed.
    fn others(&self, branch: LegId) -> impl Iterator<Item = sip::Command> {
        let others = self.live.iter().copied().filter(move |other| *other != branch);
        others.map(|leg| sip::Command::Hangup { leg, q850: Some(26) })
    }

    fn ended(
        &mut self,
        is_winner: bool,
        event: sip::Event,
        orders: &mut impl Extend<sip::Command>,
    ) -> Option<sip::Event> {
        if is_winner {
            return Some(event);
        }
        if self.winner.is_some() {
            return None;
        }
        let weight = weight(&event);
        // RFC 3261 section 16.7 step 5: 6xx speaks for all devices.
        if weight == 0 && !self.given_up {
            orders.extend(self.others(0));
        }
        if self.best.as_ref().is_none_or(|(best, _)| weight < *best) {
            self.best = Some((weight, event));
        }
        self.live.is_empty().then(|| self.best.take().map(|(_, event)| event)).flatten()
    }
}

/// How much an end says about the person called; the least counts most.
fn weight(event: &sip::Event) -> u8 {
    match event {
        sip::Event::Ended { code: Some(600..=699), .. } => 0,
        sip::Event::Ended { code: Some(486), .. } => 1,
        sip::Event::Ended { code: Some(480), .. } => 3,
        // Taken back by us, or by time: says nothing.
        sip::Event::Ended { code: Some(408 | 487), .. } => 5,
        sip::Event::Ended { code: Some(400..=499), .. } => 2,
        sip::Event::Ended { code: Some(300..=599), .. } => 4,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(leg: LegId, code: Option<u16>) -> sip::Event {
        sip::Event::Ended {
            leg,
            cause: sip::Cause::Response,
            side: sip::Side::Remote,
            code,
            phrase: None,
            reason: None,
            q850: None,
            retry_after_s: None,
        }
    }

    fn progress(leg: LegId) -> sip::Event {
        sip::Event::Progress { leg, code: 180, phrase: "Ringing".to_owned(), media: None }
    }

    fn answered(leg: LegId) -> sip::Event {
        let media = sip::Negotiated::new("192.0.2.1:4000".parse().unwrap(), sip::Codec::Pcma, 8);
        sip::Event::Answered { leg, code: 200, phrase: "OK".to_owned(), media, dialog: "{}".to_owned() }
    }

    fn hangups(orders: &[sip::Command]) -> Vec<(LegId, Option<u8>)> {
        orders
            .iter()
            .filter_map(|order| match order {
                sip::Command::Hangup { leg, q850 } => Some((*leg, *q850)),
                _ => None,
            })
            .collect()
    }

    fn leg_of(event: Option<sip::Event>) -> Option<LegId> {
        event.and_then(|mut event| event.leg_mut().map(|leg| *leg))
    }

    #[test]
    fn the_first_answer_wins_and_the_others_are_taken_back() {
        let (mut forks, mut orders) = (Forks::default(), Vec::new());
        let branches = forks.begin(7, 3);

        assert_eq!(leg_of(forks.event(progress(branches[2]), &mut orders)), Some(7));
        assert_eq!(leg_of(forks.event(answered(branches[1]), &mut orders)), Some(7));
        assert_eq!(hangups(&orders), [(branches[0], Some(26)), (branches[2], Some(26))]);
        orders.clear();
        assert_eq!(forks.event(answered(branches[2]), &mut orders), None);
        assert_eq!(hangups(&orders), [(branches[2], Some(16))]);
        assert_eq!(forks.event(ended(branches[0], Some(487)), &mut orders), None);
        assert_eq!(forks.event(progress(branches[2]), &mut orders), None);
        assert_eq!(forks.event(ended(branches[2], None), &mut orders), None);

        let hangup = forks.command(sip::Command::Hangup { leg: 7, q850: None });
        assert_eq!(hangups(&hangup), [(branches[1], None)]);
        assert_eq!(leg_of(forks.event(ended(branches[1], None), &mut orders)), Some(7));
        assert!(forks.by_leg.is_empty() && forks.leg_of.is_empty());
    }

    #[test]
    fn if_nobody_answers_the_end_that_says_most_is_told_once() {
        let (mut forks, mut orders) = (Forks::default(), Vec::new());
        let branches = forks.begin(7, 3);

        assert_eq!(forks.event(ended(branches[0], Some(480)), &mut orders), None);
        assert_eq!(forks.event(ended(branches[1], Some(486)), &mut orders), None);
        let last = forks.event(ended(branches[2], None), &mut orders);

        assert!(matches!(last, Some(sip::Event::Ended { leg: 7, code: Some(486), .. })), "{last:?}");
        assert!(orders.is_empty());
    }

    #[test]
    fn a_6xx_speaks_for_all_devices() {
        let (mut forks, mut orders) = (Forks::default(), Vec::new());
        let branches = forks.begin(7, 2);

        forks.event(ended(branches[0], Some(603)), &mut orders);
        assert_eq!(hangups(&orders), [(branches[1], Some(26))]);

        let last = forks.event(ended(branches[1], Some(487)), &mut orders);
        assert!(matches!(last, Some(sip::Event::Ended { code: Some(603), .. })), "{last:?}");
    }

    #[test]
    fn hanging_up_takes_every_branch_back_and_an_answer_that_crosses_is_ended() {
        let (mut forks, mut orders) = (Forks::default(), Vec::new());
        let branches = forks.begin(7, 2);

        let taken_back = forks.command(sip::Command::Hangup { leg: 7, q850: Some(16) });
        assert_eq!(hangups(&taken_back), [(branches[0], Some(16)), (branches[1], Some(16))]);
        assert_eq!(forks.event(answered(branches[0]), &mut orders), None);
        assert_eq!(hangups(&orders), [(branches[0], Some(16))]);
    }

    #[test]
    fn other_legs_pass_through() {
        let (mut forks, mut orders) = (Forks::default(), Vec::new());
        forks.begin(7, 2);

        assert_eq!(leg_of(forks.event(ended(8, Some(404)), &mut orders)), Some(8));
        assert_eq!(hangups(&forks.command(sip::Command::Hangup { leg: 8, q850: None })), [(8, None)]);
    }
}
