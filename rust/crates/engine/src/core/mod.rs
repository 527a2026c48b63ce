//! Legs and operations between SIP, media and Python, without I/O: commands, SIP events and media events go in, each
//! with its time; SIP commands, name look-ups and events come out; media is told through [`MediaPort`].
//!
//! Guarantees made here, whatever the other sides do: `Ended` exactly once and last for each leg, and exactly one end
//! for each operation, at the latest just before the `Ended` of its leg.

mod commands;
mod draining;
mod ending;
mod forks;
mod leg;
mod media;
mod operations;
mod phone;
mod registering;
mod rooms;
mod signaling;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ringback_media::Change;
use ringback_net::{Families, MonotonicClock, Question, Target};
use ringback_sip as sip;

use crate::command::{Dial, Operation};
use crate::event::{Event, What};
use crate::ids::{LegId, OpId, TrunkId};
use crate::media_policy::MediaPolicy;
use leg::{Leg, Phase};
use operations::Op;

/// How long a leg waits for its media to close before it is reported as ended without figures.
const MEDIA_CLOSE_WITHIN: Duration = Duration::from_millis(200);
/// How long a gateway's name may take to resolve.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);

/// What the core needs of the media side. Nothing here waits.
pub(crate) trait MediaPort {
    /// Reserve a port pair; returns the RTP port, or why not.
    fn open_leg(&mut self, leg: LegId) -> Result<u16, String>;
    /// Draw a master key and salt for SRTP; `None` if the system has no random numbers.
    fn srtp_key(&mut self) -> Option<[u8; 30]>;
    /// Begin to send and receive, or change to what a re-INVITE agreed.
    fn set_remote(&mut self, leg: LegId, media: &sip::Negotiated);
    /// Begin an operation on an open leg; its end comes as an event.
    fn start(&mut self, op: OpId, leg: LegId, operation: Operation);
    /// End an operation as `stopped`.
    fn stop(&mut self, op: OpId);
    /// Change an operation under way.
    fn change(&mut self, op: OpId, change: Change);
    /// Open a room; false if there are too many.
    fn open_room(&mut self, room: LegId, max_members: usize) -> bool;
    /// Close it; what goes on there ends by events.
    fn close_room(&mut self, room: LegId);
    /// A digit that came by SIP INFO, for gathers and barge-in.
    fn digit(&mut self, leg: LegId, digit: char);
    /// End a leg's operations and free its ports; figures and `Closed` follow.
    fn close_leg(&mut self, leg: LegId);
    /// How late the media threads were of late: the 99th percentile.
    fn lateness(&self) -> Duration;
}

/// Settings of the core.
#[derive(Debug, Clone)]
pub(crate) struct CoreConfig {
    pub(crate) media_advertised: IpAddr,
    pub(crate) decide_within: Duration,
    /// Address families of the listeners.
    pub(crate) families: Families,
}

/// Counters of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CoreCounters {
    pub(crate) stale_commands: u64,
    pub(crate) refused_overload: u64,
    pub(crate) refused_no_media_port: u64,
    pub(crate) failed_dns: u64,
    pub(crate) media_close_timeouts: u64,
    pub(crate) faults: u64,
}

/// Something to wake up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Undecided,
    Unresolved,
    MediaNotClosed,
    Drained,
}

/// All legs and operations of one engine.
#[derive(Debug)]
pub(crate) struct Core<M> {
    config: CoreConfig,
    clock: MonotonicClock,
    media: M,
    trunks: HashMap<TrunkId, MediaPolicy>,
    legs: HashMap<LegId, Leg>,
    ops: HashMap<OpId, Op>,
    rooms: HashSet<LegId>,
    alarms: BTreeSet<(Instant, LegId, Alarm)>,
    counters: CoreCounters,
    stopping: bool,
    last_dialed: LegId,
    last_incoming: LegId,
    /// The leg being worked on, to blame when a fault is caught.
    current: Option<LegId>,
    forks: forks::Forks,
    /// Commands about branches, and those that `forks` has seen.
    sip_to_send: VecDeque<sip::Command>,
    /// Phones to look up, for legs that wait.
    pub(crate) phone_lookups: VecDeque<(LegId, sip::PhoneId)>,
    /// SIP commands to hand on, in order.
    pub(crate) sip_commands: VecDeque<sip::Command>,
    /// Gateway names to look up, for legs that wait.
    pub(crate) lookups: VecDeque<(LegId, Question)>,
    /// Names that the certificates at these addresses must be good for.
    pub(crate) names: VecDeque<(SocketAddr, String)>,
    /// Targets that did not take a call.
    pub(crate) failed: VecDeque<Target>,
    /// Events of this turn.
    pub(crate) events: Vec<Event>,
}

impl<M: MediaPort> Core<M> {
    pub(crate) fn new(config: CoreConfig, clock: MonotonicClock, media: M) -> Self {
        Self {
            config,
            clock,
            media,
            trunks: HashMap::new(),
            legs: HashMap::new(),
            ops: HashMap::new(),
            rooms: HashSet::new(),
            alarms: BTreeSet::new(),
            counters: CoreCounters::default(),
            stopping: false,
            last_dialed: 0,
            last_incoming: 0,
            current: None,
            forks: forks::Forks::default(),
            sip_to_send: VecDeque::new(),
            phone_lookups: VecDeque::new(),
            sip_commands: VecDeque::new(),
            lookups: VecDeque::new(),
            names: VecDeque::new(),
            failed: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// Replace what trunks allow of media; legs in progress keep theirs.
    pub(crate) fn set_trunks(&mut self, trunks: HashMap<TrunkId, MediaPolicy>) {
        self.trunks = trunks;
    }

    pub(crate) fn legs(&self) -> usize {
        self.legs.len()
    }

    pub(crate) fn ops(&self) -> usize {
        self.ops.len()
    }

    pub(crate) fn counters(&self) -> CoreCounters {
        self.counters
    }

    /// See [`MediaPort::lateness`].
    pub(crate) fn media_lateness(&self) -> Duration {
        self.media.lateness()
    }

    /// Address families that can be reached.
    pub(crate) fn families(&self) -> Families {
        self.config.families
    }

    /// The next command for the user agent.
    pub(crate) fn next_sip_command(&mut self) -> Option<sip::Command> {
        while self.sip_to_send.is_empty() {
            let command = self.sip_commands.pop_front()?;
            self.sip_to_send.extend(self.forks.command(command));
        }
        self.sip_to_send.pop_front()
    }

    /// Report something that belongs to no leg.
    pub(crate) fn report(&mut self, now: Instant, what: What) {
        self.events.push(Event { at_ns: self.clock.nanoseconds(now), what });
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _, _)| *at)
    }

    /// The time of `next_deadline` came.
    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        while let Some(&(at, leg, alarm)) = self.alarms.first() {
            if at > now {
                return;
            }
            self.alarms.pop_first();
            self.current = Some(leg);
            match alarm {
                Alarm::Undecided => self.refuse_undecided(now, leg),
                Alarm::Unresolved => self.handle_resolved(now, leg, Err("no answer from the name server".to_owned())),
                Alarm::Drained => self.hangup_drained(leg),
                Alarm::MediaNotClosed => {
                    self.counters.media_close_timeouts += 1;
                    self.finish(now, leg);
                }
            }
        }
    }

    /// A gateway's name was looked up.
    pub(crate) fn handle_resolved(&mut self, now: Instant, leg: LegId, found: Result<Vec<Target>, String>) {
        self.current = Some(leg);
        // A leg that gave up waiting has left the phase; a late answer is then for nobody.
        let waits = |entry: &&mut Leg| matches!(entry.phase, Phase::Resolving { .. });
        let Some(entry) = self.legs.get_mut(&leg).filter(waits) else { return };
        let Phase::Resolving { dial, until } = std::mem::replace(&mut entry.phase, Phase::Signaling) else { return };
        self.alarms.remove(&(until, leg, Alarm::Unresolved));
        match found {
            Ok(targets) => self.send_invite(now, &targets, *dial),
            Err(why) => {
                self.counters.failed_dns += 1;
                self.end_unresolved(now, leg, "dns", "network", Some(why));
            }
        }
    }

    fn send_invite(&mut self, now: Instant, targets: &[Target], dial: Dial) {
        let Some(port) = self.legs.get(&dial.leg).map(|entry| entry.media_port) else { return };
        for target in targets.iter().filter(|target| target.transport == sip::Transport::Tls) {
            self.names.push_back((target.address, dial.host.clone()));
        }
        // Keys of media go to whichever target is tried: one in the clear is enough to give them away.
        let is_secure = targets.iter().all(|target| target.transport.is_secure());
        let mut peers = targets.iter().map(|target| sip::Peer::new(target.transport, target.address));
        // The resolver names at least one.
        let Some(peer) = peers.next() else { return };
        let reach = sip::Reach { then: peers.collect(), ..dial.reach };
        let Ok(crypto) = dial.media.crypto(is_secure, || self.media.srtp_key()) else {
            let why = "SRTP is required, and signaling in the clear would give its key away".to_owned();
            return self.end_unresolved(now, dial.leg, "no_srtp", "local", Some(why));
        };
        let media = sip::LocalMedia { rtp: self.rtp_address(port), codecs: dial.media.codecs, crypto };
        self.sip_commands.push_back(sip::Command::Dial {
            leg: dial.leg,
            peer,
            reach,
            to: dial.to,
            from: dial.from,
            display_name: dial.display_name,
            call_id: dial.call_id,
            local_tag: dial.local_tag,
            headers: dial.headers,
            media,
            credentials: dial.credentials,
            allow_redirects: dial.allow_redirects,
            policy: dial.policy,
            target: sip::DialTarget { trunk: Some(dial.trunk), ..sip::DialTarget::default() },
        });
    }

    fn rtp_address(&self, port: Option<u16>) -> SocketAddr {
        SocketAddr::new(self.config.media_advertised, port.unwrap_or(0))
    }

    /// A panic was caught: report it and end the leg that was being worked on.
    pub(crate) fn handle_fault(&mut self, now: Instant, what: String, leg: Option<LegId>) {
        self.counters.faults += 1;
        let leg = leg.filter(|leg| self.legs.contains_key(leg));
        self.report(now, What::Fault { what, leg });
        if let Some(leg) = leg {
            self.end_by_fault(now, leg);
        }
    }

    /// Take the leg to blame for a fault since the last call.
    pub(crate) fn take_current(&mut self) -> Option<LegId> {
        self.current.take()
    }
}

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_random;
