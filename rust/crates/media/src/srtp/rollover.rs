//! The rollover counter: sequence numbers have 16 bits, but each packet of a key needs a number of its own (48 bits).

use crate::wire::wrap::seq_after;

/// Largest rollover counter: with it a key has protected 2^48 packets and may not go on (RFC 3711 section 9.2).
const MAX_ROLLOVERS: u32 = u32::MAX;

/// The highest packet of one source so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rollover {
    rollovers: u32,
    highest: u16,
}

impl Rollover {
    /// Begin with the first packet.
    pub(super) fn new(sequence: u16) -> Self {
        Self { rollovers: 0, highest: sequence }
    }

    /// Return the rollover counter that a packet most likely was protected with (RFC 3711 section 3.3.1); `None` when
    /// the counter itself has run out.
    pub(super) fn guess(self, sequence: u16) -> Option<u32> {
        let ahead = seq_after(sequence, self.highest);
        if ahead > 0 && sequence < self.highest {
            if self.rollovers == MAX_ROLLOVERS { None } else { Some(self.rollovers + 1) }
        } else if ahead < 0 && sequence > self.highest {
            // Before the first rollover nothing can be older than the begin: take it as it is, the tag will tell.
            Some(self.rollovers.saturating_sub(1))
        } else {
            Some(self.rollovers)
        }
    }

    /// Note a packet that was protected, or proved to be authentic.
    pub(super) fn note(&mut self, rollovers: u32, sequence: u16) {
        if index(rollovers, sequence) > self.index() {
            *self = Self { rollovers, highest: sequence };
        }
    }

    fn index(self) -> u64 {
        index(self.rollovers, self.highest)
    }
}

/// Return the number of a packet, 48 bits.
pub(super) fn index(rollovers: u32, sequence: u16) -> u64 {
    (u64::from(rollovers) << 16) | u64::from(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_follows_the_sequence_number_around_and_back() {
        let mut rollover = Rollover::new(65_534);

        for (sequence, expected) in [(65_535, 0), (0, 1), (65_535, 0), (1, 1), (30_000, 1), (60_000, 1), (2, 2)] {
            let guessed = rollover.guess(sequence).unwrap();
            assert_eq!(guessed, expected, "at {sequence}");
            rollover.note(guessed, sequence);
        }
        assert_eq!(rollover, Rollover { rollovers: 2, highest: 2 });
    }

    #[test]
    fn packet_from_before_the_begin_is_not_taken_for_a_rollover() {
        assert_eq!(Rollover::new(2).guess(65_535), Some(0));
    }

    #[test]
    fn key_ends_with_its_counter() {
        let rollover = Rollover { rollovers: MAX_ROLLOVERS, highest: 65_535 };

        assert_eq!(rollover.guess(0), None);
    }
}
