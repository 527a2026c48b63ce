//! Packets that were received before (RFC 3711 section 3.3.2).

/// Packets remembered below the highest one. The RFC asks for 64 at least; 128 are 2.5 s of audio.
const WINDOW: u64 = 128;

/// Which of the latest packets of one source were received. Bit 0 is the highest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ReplayWindow {
    highest: u64,
    seen: u128,
}

impl ReplayWindow {
    /// Say whether a packet may be new.
    pub(super) fn is_new(&self, index: u64) -> bool {
        if self.seen == 0 || index > self.highest {
            return true;
        }
        let age = self.highest - index;
        age < WINDOW && self.seen >> age & 1 == 0
    }

    /// Remember a packet that proved to be authentic.
    pub(super) fn note(&mut self, index: u64) {
        if self.seen == 0 {
            *self = Self { highest: index, seen: 1 };
        } else if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.highest = index;
        } else if self.highest - index < WINDOW {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_is_new_once_in_any_order() {
        let mut window = ReplayWindow::default();

        for index in [1000, 1001, 999, 1127, 1064, 1100, 2000, 1873] {
            assert!(window.is_new(index), "{index}");
            window.note(index);
            assert!(!window.is_new(index), "{index} again");
        }
    }

    #[test]
    fn what_is_older_than_the_window_counts_as_seen() {
        let mut window = ReplayWindow::default();
        window.note(1000);

        assert!(window.is_new(1000 - WINDOW + 1));
        assert!(!window.is_new(1000 - WINDOW));
    }
}
