//! A ring of samples indexed by RTP timestamp that knows which of them are there.

/// Samples in the ring at 8 kHz, 256 ms. A power of two, so that timestamps wrap with it.
pub(crate) const CAPACITY: usize = 2048;

const WORD: usize = 64;

/// Samples with a bit each for "present".
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    samples: Box<[i16]>,
    present: Box<[u64]>,
}

impl Ring {
    /// Begin empty, with room for `capacity` samples, a power of two.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { samples: vec![0; capacity].into(), present: vec![0; capacity / WORD].into() }
    }

    /// Forget everything.
    pub(crate) fn clear(&mut self) {
        self.present.fill(0);
    }

    /// Put samples in, beginning at a timestamp; at most what fits.
    pub(crate) fn write(&mut self, rtp_ts: u32, samples: &[i16]) {
        let start = self.slot(rtp_ts);
        let (first, second) = samples.split_at(samples.len().min(self.samples.len() - start));
        self.samples[start..start + first.len()].copy_from_slice(first);
        self.samples[..second.len()].copy_from_slice(second);
        self.mark(start, samples.len(), true);
    }

    /// Take samples out, whether they are there or not.
    pub(crate) fn take(&mut self, rtp_ts: u32, samples: &mut [i16]) {
        let start = self.slot(rtp_ts);
        let length = samples.len();
        let (first, second) = samples.split_at_mut(length.min(self.samples.len() - start));
        first.copy_from_slice(&self.samples[start..start + first.len()]);
        second.copy_from_slice(&self.samples[..second.len()]);
        self.mark(start, length, false);
    }

    /// Return whether the sample at a timestamp is there, and for how many from it on, at most `most`, that is so.
    pub(crate) fn run(&self, rtp_ts: u32, most: usize) -> (bool, usize) {
        let start = self.slot(rtp_ts);
        let is_present = self.present[start / WORD] >> (start % WORD) & 1 == 1;
        let mut length = 0;
        while length < most {
            let at = (start + length) & (self.samples.len() - 1);
            let left = WORD - at % WORD;
            let word = self.present[at / WORD] >> (at % WORD);
            let run = if is_present { word.trailing_ones() } else { word.trailing_zeros() } as usize;
            length += run.min(left);
            if run < left {
                break;
            }
        }
        (is_present, length.min(most))
    }

    fn slot(&self, rtp_ts: u32) -> usize {
        rtp_ts as usize & (self.samples.len() - 1)
    }

    fn mark(&mut self, start: usize, length: usize, present: bool) {
        let mut done = 0;
        while done < length {
            let at = (start + done) & (self.samples.len() - 1);
            let count = (WORD - at % WORD).min(length - done);
            let mask = (u64::MAX >> (WORD - count)) << (at % WORD);
            if present {
                self.present[at / WORD] |= mask;
            } else {
                self.present[at / WORD] &= !mask;
            }
            done += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_any_piece_at_any_place_comes_out_as_it_went_in() {
        for start in [0, 1, 63, 64, 100, 2000, 2047, u32::MAX - 50] {
            for length in [1, 63, 64, 65, 160, 480] {
                let samples: Vec<i16> = (1..=length).collect();
                let count = samples.len();
                let mut ring = Ring::new(CAPACITY);
                ring.write(start, &samples);
                assert_eq!(ring.run(start, 1000), (true, count), "{length} at {start}");
                assert_eq!(ring.run(start.wrapping_sub(10), 1000), (false, 10));
                assert_eq!(ring.run(start.wrapping_add(count as u32), 1000), (false, 1000));

                let mut out = vec![0; count];
                ring.take(start, &mut out);
                assert_eq!(out, samples);
                assert_eq!(ring.run(start, 1000), (false, 1000));
            }
        }
    }

    #[test]
    fn test_taking_a_part_leaves_the_rest() {
        let mut ring = Ring::new(CAPACITY);
        ring.write(2000, &[7; 200]);
        ring.take(2000, &mut [0; 100]);

        assert_eq!(ring.run(2000, 500), (false, 100));
        assert_eq!(ring.run(2100, 500), (true, 100));
    }
}
