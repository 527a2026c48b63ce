//! Arithmetic on numbers that wrap around: RTP sequence numbers (16 bits) and timestamps (32 bits).

/// Return `number + step`, wrapping at 2^16.
pub(crate) fn seq_add(number: u16, step: u16) -> u16 {
    number.wrapping_add(step)
}

/// Return how far `number` is after `origin`: -32768 to 32767, negative when it is before.
pub(crate) fn seq_after(number: u16, origin: u16) -> i32 {
    i32::from(number.wrapping_sub(origin).cast_signed())
}

/// Return `ts + samples`, wrapping at 2^32.
pub(crate) fn ts_add(ts: u32, samples: u32) -> u32 {
    ts.wrapping_add(samples)
}

/// Return how many samples `ts` is after `origin`, negative when it is before.
pub(crate) fn ts_after(ts: u32, origin: u32) -> i32 {
    ts.wrapping_sub(origin).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_sequence_numbers_are_compared_across_the_wrap() {
        assert_eq!(seq_after(2, 65534), 4);
        assert_eq!(seq_after(65534, 2), -4);
        assert_eq!(seq_add(65535, 2), 1);
    }

    #[test]
    fn test_timestamps_are_compared_across_the_wrap() {
        assert_eq!(ts_after(80, u32::MAX - 79), 160);
        assert_eq!(ts_after(u32::MAX - 79, 80), -160);
        assert_eq!(ts_add(u32::MAX, 160), 159);
    }
}
