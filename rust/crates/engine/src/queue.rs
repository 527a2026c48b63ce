//! The two queues between the signaling thread and Python. Neither side ever waits for the other.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringback_net::WakeFd;

use crate::command::Command;
use crate::error::EngineError;
use crate::event::Event;

/// Commands that may wait for the signaling thread: a second of the highest load.
const MAX_COMMANDS: usize = 65_536;
/// Times the high-water mark at which events that the far end can repeat at will are dropped, too.
const REPEATABLE_FACTOR: usize = 8;

/// Lock, whatever happened to another holder: the queues stay consistent at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Events on their way to Python, with the eventfd that is readable while there are some.
#[derive(Debug)]
pub(crate) struct EventQueue {
    events: Mutex<VecDeque<Event>>,
    waiting: AtomicUsize,
    readable: WakeFd,
    high_water: usize,
    dropped_figures: AtomicU64,
    dropped_repeated: AtomicU64,
}

impl EventQueue {
    pub(crate) fn new(high_water: usize) -> io::Result<Self> {
        Ok(Self {
            events: Mutex::default(),
            waiting: AtomicUsize::new(0),
            readable: WakeFd::new()?,
            high_water,
            dropped_figures: AtomicU64::new(0),
            dropped_repeated: AtomicU64::new(0),
        })
    }

    /// Append a turn's events; figures and traces are dropped (and counted) above the high-water mark.
    pub(crate) fn push(&self, batch: &mut Vec<Event>) {
        if batch.is_empty() {
            return;
        }
        let mut events = lock(&self.events);
        let was_empty = events.is_empty();
        for event in batch.drain(..) {
            if let Some(dropped) = self.refusal(events.len(), &event) {
                dropped.fetch_add(1, Ordering::Relaxed);
            } else {
                events.push_back(event);
            }
        }
        self.waiting.store(events.len(), Ordering::Relaxed);
        // Written on the edge from idle to busy only; under the lock, so that it cannot cross a `clear`.
        if was_empty && !events.is_empty() {
            self.readable.signal();
        }
    }

    fn refusal(&self, waiting: usize, event: &Event) -> Option<&AtomicU64> {
        if waiting < self.high_water {
            None
        } else if event.what.is_droppable() {
            Some(&self.dropped_figures)
        } else if event.what.is_repeatable() && waiting >= self.high_water.saturating_mul(REPEATABLE_FACTOR) {
            Some(&self.dropped_repeated)
        } else {
            None
        }
    }

    /// Take at most `max` events, oldest first.
    pub(crate) fn drain(&self, max: usize) -> Vec<Event> {
        let mut events = lock(&self.events);
        let count = max.min(events.len());
        let drained: Vec<Event> = events.drain(..count).collect();
        self.waiting.store(events.len(), Ordering::Relaxed);
        if events.is_empty() && count > 0 {
            self.readable.clear();
            // After a burst the memory goes back.
            if events.capacity() > 4096 {
                *events = VecDeque::new();
            }
        }
        drained
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Figures and traces dropped, and repeated events dropped.
    pub(crate) fn dropped(&self) -> (u64, u64) {
        (self.dropped_figures.load(Ordering::Relaxed), self.dropped_repeated.load(Ordering::Relaxed))
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.readable.as_raw_fd()
    }
}

#[derive(Debug, Default)]
struct Pending {
    commands: VecDeque<Command>,
    closed: bool,
}

/// Commands on their way to the signaling thread, bounded.
#[derive(Debug)]
pub(crate) struct CommandQueue {
    pending: Mutex<Pending>,
    wake: Arc<WakeFd>,
}

impl CommandQueue {
    pub(crate) fn new(wake: Arc<WakeFd>) -> Self {
        Self { pending: Mutex::default(), wake }
    }

    /// Append one; fails when the queue is full or the engine has stopped.
    pub(crate) fn push(&self, command: Command) -> Result<(), EngineError> {
        let mut pending = lock(&self.pending);
        if pending.closed {
            return Err(EngineError::NotRunning("the engine is stopped; make a new Engine"));
        }
        if pending.commands.len() >= MAX_COMMANDS {
            return Err(EngineError::Failed(format!(
                "{MAX_COMMANDS} commands wait for the engine; it is overloaded, try again later"
            )));
        }
        let was_empty = pending.commands.is_empty();
        pending.commands.push_back(command);
        drop(pending);
        if was_empty {
            self.wake.signal();
        }
        Ok(())
    }

    /// Append one even to a full queue: the order to stop must get through.
    pub(crate) fn push_urgent(&self, command: Command) {
        let mut pending = lock(&self.pending);
        if !pending.closed {
            pending.commands.push_back(command);
        }
        drop(pending);
        self.wake.signal();
    }

    /// Take everything into `into`, which is empty.
    pub(crate) fn take(&self, into: &mut VecDeque<Command>) {
        let mut pending = lock(&self.pending);
        if into.is_empty() {
            std::mem::swap(&mut pending.commands, into);
        }
    }

    /// Refuse further commands and return what still waits.
    pub(crate) fn close(&self) -> VecDeque<Command> {
        let mut pending = lock(&self.pending);
        pending.closed = true;
        std::mem::take(&mut pending.commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{LegStats, What};

    fn event(what: What) -> Event {
        Event { at_ns: 0, what }
    }

    fn readable(queue: &EventQueue) -> bool {
        let mut fd = libc::pollfd { fd: queue.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one live pollfd, no waiting.
        unsafe { libc::poll(&raw mut fd, 1, 0) > 0 }
    }

    fn stats() -> What {
        let (packets_sent, packets_received, packets_lost) = (0, 0, 0);
        What::LegStats(LegStats {
            leg: 1,
            codec: "PCMA",
            packets_sent,
            packets_received,
            packets_lost,
            jitter_ms: 0.0,
            packets_late: 0,
            concealed_ms: 0,
            jitter_max_ms: 0.0,
            loss_percent: 0.0,
            remote_loss_percent: None,
            mos: None,
            round_trip_ms: None,
        })
    }

    #[test]
    fn the_descriptor_is_readable_exactly_while_events_wait() {
        let queue = EventQueue::new(10).unwrap();
        assert!(!readable(&queue));

        queue.push(&mut vec![event(What::MediaLost { leg: 1 }), event(What::MediaLost { leg: 2 })]);
        assert!(readable(&queue));
        assert_eq!(queue.drain(1).len(), 1);
        assert!(readable(&queue));
        assert_eq!(queue.drain(9).len(), 1);

        assert!(!readable(&queue));
        assert!(queue.drain(9).is_empty());
    }

    #[test]
    fn above_high_water_figures_go_first_and_critical_events_never() {
        let queue = EventQueue::new(1).unwrap();
        let mut lots: Vec<Event> = (0..20).map(|_| event(What::Overload { on: true, why: "events" })).collect();
        lots.push(event(stats()));
        lots.push(event(What::MediaLost { leg: 1 }));
        lots.push(event(What::LateAnswer { leg: 1, code: 200 }));

        queue.push(&mut lots);

        assert_eq!(queue.waiting(), 21);
        assert_eq!(queue.dropped(), (1, 1));
    }

    #[test]
    fn commands_are_bounded_and_refused_after_the_end() {
        let queue = CommandQueue::new(Arc::new(WakeFd::new().unwrap()));
        for _ in 0..MAX_COMMANDS {
            queue.push(Command::Ring { leg: 1 }).unwrap();
        }
        assert!(matches!(queue.push(Command::Ring { leg: 1 }), Err(EngineError::Failed(_))));

        assert_eq!(queue.close().len(), MAX_COMMANDS);
        assert!(matches!(queue.push(Command::Ring { leg: 1 }), Err(EngineError::NotRunning(_))));
    }
}
