//! Digits to the far end: telephone events if it knows them, else tones within the audio.

use std::collections::VecDeque;

use crate::audio::frame::{FRAME_MS, FRAME_TS, SAMPLES_PER_MS};
use crate::command::OpId;
use crate::dtmf::event_of;

/// Operations that wait, the one under way included.
const MAX_OPS: usize = 9;
/// Of `,`.
const PAUSE_MS: u32 = 500;
/// The last packet of an event is sent three times (RFC 4733 section 2.5.1.4).
const END_PACKETS: u32 = 3;
/// Power in event packets, -10 dBm0, the level of the tones.
const VOLUME: u8 = 10;

/// What a leg sends instead of its audio in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DtmfTick {
    /// A packet of telephone-event; `first` of its digit.
    Event { payload: [u8; 4], first: bool },
    /// A tone, `at` samples after its begin.
    Tone { event: u8, at: u64 },
    /// Silence between two digits.
    Silence,
}

#[derive(Debug, Clone)]
struct Job {
    /// `None` for digits passed on from a joined leg.
    op: Option<OpId>,
    digits: VecDeque<char>,
    tone_ticks: u32,
    gap_ticks: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Between,
    Tone { event: u8, ticks: u32 },
    Gap { event: u8, ticks: u32 },
    Pause { ticks: u32 },
}

/// Digits on their way out.
#[derive(Debug, Clone)]
pub(crate) struct DtmfSender {
    jobs: VecDeque<Job>,
    phase: Phase,
}

impl Default for DtmfSender {
    fn default() -> Self {
        Self { jobs: VecDeque::new(), phase: Phase::Between }
    }
}

impl DtmfSender {
    #[cfg(test)]
    fn is_busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Queue digits; false when too many wait. `digits` are checked already.
    pub(crate) fn push(&mut self, op: Option<OpId>, digits: &str, tone_ms: u32, gap_ms: u32) -> bool {
        if self.jobs.len() >= MAX_OPS {
            return false;
        }
        // The repetitions of the last packet go out within the gap, so it has to be long enough for them.
        let gap_ticks = ticks(gap_ms).max(END_PACKETS - 1);
        self.jobs.push_back(Job { op, digits: digits.chars().collect(), tone_ticks: ticks(tone_ms), gap_ticks });
        true
    }

    /// Forget an operation; return whether it was there.
    pub(crate) fn stop(&mut self, op: OpId) -> bool {
        let Some(index) = self.jobs.iter().position(|job| job.op == Some(op)) else { return false };
        self.jobs.remove(index);
        if index == 0 {
            self.phase = Phase::Between;
        }
        true
    }

    /// Return what goes out in this tick (`None`: nothing left to send) and the operation that ended with it.
    ///
    /// `as_events` are the ticks of the clock of events in a millisecond, `None` for tones.
    pub(crate) fn tick(&mut self, as_events: Option<u32>) -> (Option<DtmfTick>, Option<OpId>) {
        if let Phase::Between = self.phase {
            match self.begin() {
                Ok(phase) => self.phase = phase,
                Err(op) => return (None, op),
            }
        }
        let Some(job) = self.jobs.front() else { return (None, None) };
        let (out, next) = advance(self.phase, job, as_events);
        self.phase = next;
        let is_last = matches!(next, Phase::Between) && job.digits.is_empty();
        let ended = if is_last { self.jobs.pop_front().and_then(|job| job.op) } else { None };
        (Some(out), ended)
    }

    /// Take the next digit; the error is the operation that had none (left).
    fn begin(&mut self) -> Result<Phase, Option<OpId>> {
        let Some(job) = self.jobs.front_mut() else { return Err(None) };
        while let Some(digit) = job.digits.pop_front() {
            if digit == ',' {
                return Ok(Phase::Pause { ticks: ticks(PAUSE_MS) });
            }
            if let Some(event) = event_of(digit) {
                return Ok(Phase::Tone { event, ticks: 0 });
            }
        }
        Err(self.jobs.pop_front().and_then(|job| job.op))
    }
}

/// Return what one tick of a phase sends and the phase after it.
fn advance(phase: Phase, job: &Job, as_events: Option<u32>) -> (DtmfTick, Phase) {
    let silence = DtmfTick::Silence;
    match phase {
        Phase::Between => (silence, Phase::Between),
        Phase::Tone { event, ticks } => {
            let is_end = ticks + 1 >= job.tone_ticks;
            let next = if is_end { Phase::Gap { event, ticks: 0 } } else { Phase::Tone { event, ticks: ticks + 1 } };
            let out = match as_events {
                Some(clock) => packet(event, ticks + 1, is_end, clock),
                None => DtmfTick::Tone { event, at: u64::from(ticks * FRAME_TS) },
            };
            (out, next)
        }
        Phase::Gap { event, ticks } => {
            let next = if ticks + 1 >= job.gap_ticks { Phase::Between } else { Phase::Gap { event, ticks: ticks + 1 } };
            match as_events.filter(|_| ticks + 1 < END_PACKETS) {
                Some(clock) => (packet(event, job.tone_ticks, true, clock), next),
                None => (silence, next),
            }
        }
        Phase::Pause { ticks } if ticks <= 1 => (silence, Phase::Between),
        Phase::Pause { ticks } => (silence, Phase::Pause { ticks: ticks - 1 }),
    }
}

fn packet(event: u8, ticks: u32, end: bool, ticks_per_ms: u32) -> DtmfTick {
    // More than fits (1.3 s at 48000 Hz) would have to be cut into segments, which few receivers understand.
    let ms = u64::from(ticks) * u64::from(FRAME_TS) / SAMPLES_PER_MS;
    let duration = u16::try_from(ms * u64::from(ticks_per_ms)).unwrap_or(u16::MAX).to_be_bytes();
    let flags = if end { 0x80 | VOLUME } else { VOLUME };
    DtmfTick::Event { payload: [event, flags, duration[0], duration[1]], first: ticks == 1 }
}

fn ticks(ms: u32) -> u32 {
    u32::try_from(u64::from(ms).div_ceil(FRAME_MS)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run until nothing is left; return the ticks and the operations that ended.
    fn run(sender: &mut DtmfSender, as_events: Option<u32>) -> (Vec<DtmfTick>, Vec<OpId>) {
        let (mut out, mut ended) = (Vec::new(), Vec::new());
        loop {
            let (tick, op) = sender.tick(as_events);
            ended.extend(op);
            match tick {
                Some(tick) => out.push(tick),
                None => return (out, ended),
            }
        }
    }

    fn payloads(ticks: &[DtmfTick]) -> Vec<Option<[u8; 4]>> {
        ticks
            .iter()
            .map(|tick| if let DtmfTick::Event { payload, .. } = tick { Some(*payload) } else { None })
            .collect()
    }

    #[test]
    fn test_a_digit_is_100_ms_with_three_end_packets_and_a_gap() {
        let mut sender = DtmfSender::default();
        assert!(sender.push(Some(7), "5", 100, 60));

        let (ticks, ended) = run(&mut sender, Some(8));

        let durations: Vec<Option<(u8, u16)>> = payloads(&ticks)
            .into_iter()
            .map(|payload| payload.map(|bytes| (bytes[1] >> 7, u16::from_be_bytes([bytes[2], bytes[3]]))))
            .collect();
        let expected =
            [(0, 160), (0, 320), (0, 480), (0, 640), (1, 800), (1, 800), (1, 800)].map(Some).into_iter().chain([None]);
        assert_eq!(durations, expected.collect::<Vec<_>>());
        assert_eq!(ended, [7]);
        assert!(!sender.is_busy());
    }

    #[test]
    fn test_only_the_first_packet_of_a_digit_is_marked() {
        let mut sender = DtmfSender::default();
        sender.push(None, "12", 40, 40);

        let (ticks, _) = run(&mut sender, Some(8));

        let firsts: Vec<bool> = ticks.iter().map(|tick| matches!(tick, DtmfTick::Event { first: true, .. })).collect();
        assert_eq!(firsts, [true, false, false, false, true, false, false, false]);
    }

    #[test]
    fn test_a_comma_pauses_for_half_a_second() {
        let mut sender = DtmfSender::default();
        sender.push(Some(1), ",1", 40, 40);

        let (ticks, _) = run(&mut sender, Some(8));

        assert!(ticks[..25].iter().all(|tick| *tick == DtmfTick::Silence));
        assert!(matches!(ticks[25], DtmfTick::Event { .. }));
    }

    #[test]
    fn test_without_telephone_event_digits_are_tones() {
        let mut sender = DtmfSender::default();
        sender.push(Some(1), "5", 100, 60);

        let (ticks, ended) = run(&mut sender, None);

        assert_eq!(payloads(&ticks), [None; 8]);
        assert!(ticks[..5].iter().all(|tick| *tick != DtmfTick::Silence));
        assert!(ticks[5..].iter().all(|tick| *tick == DtmfTick::Silence));
        assert_eq!(ended, [1]);
    }

    #[test]
    fn test_operations_follow_each_other_and_can_be_stopped() {
        let mut sender = DtmfSender::default();
        sender.push(Some(1), "1", 40, 40);
        sender.push(Some(2), "2", 40, 40);
        sender.push(Some(3), "", 40, 40);
        sender.tick(Some(8));
        assert!(sender.stop(1));
        assert!(!sender.stop(1));

        let (ticks, ended) = run(&mut sender, Some(8));

        assert!(payloads(&ticks).into_iter().all(|payload| payload.is_some_and(|bytes| bytes[0] == 2)));
        assert_eq!(ended, [2, 3]);
        assert!(!sender.is_busy());
    }

    #[test]
    fn test_waiting_operations_are_bounded() {
        let mut sender = DtmfSender::default();
        for op in 0..9 {
            assert!(sender.push(Some(op), "1", 100, 60));
        }

        assert!(!sender.push(Some(9), "1", 100, 60));
    }
}
