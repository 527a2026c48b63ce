//! Collecting digits: when it is enough, when it took too long.

use std::time::{Duration, Instant};

use crate::command::OpId;
use crate::event::GatherResult;
use crate::operation::table::Gathered;

/// Most digits a gather can ask for.
pub(crate) const MAX_DIGITS: u32 = 64;

/// What a gather waits for.
#[derive(Debug, Clone)]
pub(crate) struct GatherRules {
    pub(crate) min_digits: usize,
    pub(crate) max_digits: usize,
    pub(crate) terminators: String,
    pub(crate) first_timeout: Duration,
    pub(crate) inter_timeout: Duration,
}

/// Where a gather is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its prompt plays; time does not run. With `barge_in` digits count already.
    Prompt { barge_in: bool },
    /// The next digit has to come until then.
    Waiting { deadline: Instant },
}

/// A gather under way.
#[derive(Debug, Clone)]
pub(crate) struct Gather {
    /// Its operation.
    pub(crate) op: OpId,
    rules: GatherRules,
    digits: String,
    phase: Phase,
}

impl Gather {
    /// Begin; with a prompt, time runs from `prompt_over`.
    pub(crate) fn new(op: OpId, rules: GatherRules, prompt: Option<bool>, now: Instant) -> Self {
        let phase = match prompt {
            Some(barge_in) => Phase::Prompt { barge_in },
            None => Phase::Waiting { deadline: now + rules.first_timeout },
        };
        Self { op, rules, digits: String::new(), phase }
    }

    /// Say whether digits count now; otherwise they are kept for later.
    pub(crate) fn takes_digits(&self) -> bool {
        self.phase != Phase::Prompt { barge_in: false }
    }

    /// The prompt ended or was stopped: the first time-out runs.
    pub(crate) fn prompt_over(&mut self, now: Instant) {
        if let Phase::Prompt { .. } = self.phase {
            self.phase = Phase::Waiting { deadline: now + self.rules.first_timeout };
        }
    }

    /// Take a digit; return the end if it was the last one.
    pub(crate) fn digit(&mut self, digit: char, now: Instant) -> Option<Gathered> {
        if self.rules.terminators.contains(digit) {
            return Some(self.end(self.verdict(), Some(digit)));
        }
        self.digits.push(digit);
        self.phase = Phase::Waiting { deadline: now + self.rules.inter_timeout };
        (self.digits.len() >= self.rules.max_digits).then(|| self.end(GatherResult::Match, None))
    }

    /// Let time pass; a key that is down stops the clock.
    pub(crate) fn tick(&mut self, key_is_down: bool, now: Instant) -> Option<Gathered> {
        let Phase::Waiting { deadline } = self.phase else { return None };
        if key_is_down || now < deadline {
            return None;
        }
        let result = if self.digits.is_empty() { GatherResult::NoInput } else { self.verdict() };
        Some(self.end(result, None))
    }

    /// Return the end for a reason from outside, with the digits so far.
    pub(crate) fn end(&self, result: GatherResult, terminator: Option<char>) -> Gathered {
        Gathered { digits: self.digits.clone(), result, terminator }
    }

    fn verdict(&self) -> GatherResult {
        if self.digits.len() >= self.rules.min_digits { GatherResult::Match } else { GatherResult::TooFew }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn gather(min: usize, max: usize, prompt: Option<bool>) -> (Gather, Instant) {
        let rules = GatherRules {
            min_digits: min,
            max_digits: max,
            terminators: "#*".into(),
            first_timeout: MS(5000),
            inter_timeout: MS(3000),
        };
        let now = Instant::now();
        (Gather::new(1, rules, prompt, now), now)
    }

    fn gathered(digits: &str, result: GatherResult, terminator: Option<char>) -> Gathered {
        Gathered { digits: digits.into(), result, terminator }
    }

    #[test]
    fn test_most_digits_end_it() {
        let (mut gather, now) = gather(1, 2, None);

        assert_eq!(gather.digit('1', now), None);
        assert_eq!(gather.digit('2', now), Some(gathered("12", GatherResult::Match, None)));
    }

    #[test]
    fn test_a_terminator_ends_it_and_is_not_a_digit() {
        let (mut gather, now) = gather(1, 4, None);
        gather.digit('1', now);

        assert_eq!(gather.digit('#', now), Some(gathered("1", GatherResult::Match, Some('#'))));
    }

    #[test]
    fn test_a_terminator_before_enough_digits_is_too_few() {
        let (mut gather, now) = gather(2, 4, None);
        gather.digit('1', now);

        assert_eq!(gather.digit('*', now), Some(gathered("1", GatherResult::TooFew, Some('*'))));
    }

    #[test]
    fn test_time_outs_run_from_begin_and_from_each_digit() {
        let (mut gather, now) = gather(2, 4, None);
        assert_eq!(gather.clone().tick(false, now + MS(4999)), None);
        assert_eq!(gather.clone().tick(false, now + MS(5000)), Some(gathered("", GatherResult::NoInput, None)));

        gather.digit('1', now + MS(4000));
        assert_eq!(gather.clone().tick(false, now + MS(6999)), None);
        assert_eq!(gather.clone().tick(false, now + MS(7000)), Some(gathered("1", GatherResult::TooFew, None)));

        gather.digit('2', now + MS(6000));
        assert_eq!(gather.tick(false, now + MS(9000)), Some(gathered("12", GatherResult::Match, None)));
    }

    #[test]
    fn test_time_runs_from_the_end_of_the_prompt() {
        let (mut gather, now) = gather(1, 1, Some(false));
        assert!(!gather.takes_digits());
        assert_eq!(gather.tick(false, now + MS(60_000)), None);

        gather.prompt_over(now + MS(60_000));

        assert!(gather.takes_digits());
        assert_eq!(gather.tick(false, now + MS(64_999)), None);
        assert!(gather.tick(false, now + MS(65_000)).is_some());
    }

    #[test]
    fn test_a_key_that_is_down_stops_the_clock() {
        let (mut gather, now) = gather(1, 1, None);

        assert_eq!(gather.tick(true, now + MS(9000)), None);
        assert_eq!(gather.digit('1', now + MS(9500)), Some(gathered("1", GatherResult::Match, None)));
    }
}
