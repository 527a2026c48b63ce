//! The signaling thread: user agent, core, flood gate and resolver, turned by the loop of `ringback_net`.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringback_media::MediaEvent;
use ringback_net::{self as net, Answer, DriverCounters, FloodGate, Outgoing, Resolver, StreamEvent, Streams, WakeFd};
use ringback_sip as sip;

use crate::command::Command;
use crate::config::{AccessRule, TrunkConfig};
use crate::core::{Core, MediaPort};
use crate::defense::BanList;
use crate::event::What;
use crate::gatekeeper::{Gatekeeper, Load};
use crate::ids::{LegId, TrunkId};
use crate::media_policy::MediaPolicy;
use crate::media_port::MediaInbox;
use crate::queue::{CommandQueue, EventQueue, lock};
use crate::stats::Snapshot;

/// Commands carried out in one turn, so that the socket gets its share.
const COMMANDS_PER_TURN: usize = 512;
/// Messages taken from streams in one turn, so that datagrams get their share.
const STREAM_EVENTS_PER_TURN: usize = 128;
/// Faults caught after which the engine gives up instead of failing for ever.
const MAX_FAULTS: u64 = 100;
/// Between two looks at whether media keeps up.
const MEDIA_LOOK: Duration = Duration::from_millis(100);
/// While stopping, legs that wait for their media are given this long beyond the grace.
const MEDIA_GRACE: Duration = Duration::from_millis(250);

/// What the thread shares with the rest of the process.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) wake: Arc<WakeFd>,
    pub(crate) commands: Arc<CommandQueue>,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) media_inbox: Arc<MediaInbox>,
    pub(crate) snapshot: Arc<Mutex<Snapshot>>,
}

/// When a stop ends by force.
#[derive(Debug, Clone, Copy)]
struct Stopping {
    until: Instant,
    forced: bool,
}

/// Everything one signaling thread owns.
pub(crate) struct Signaling<M> {
    agent: sip::UserAgent,
    core: Core<M>,
    gatekeeper: Gatekeeper,
    gate: sip::Gate,
    flood: FloodGate,
    access: Vec<AccessRule>,
    trunk_packets: HashMap<TrunkId, u32>,
    resolver: Resolver,
    streams: Streams,
    aside: registering::Lookups,
    shared: Shared,
    commands: VecDeque<Command>,
    media_events: Vec<MediaEvent>,
    transmit: VecDeque<(Outgoing, Option<LegId>)>,
    next_look: Option<Instant>,
    media_looked_at: Instant,
    media_lateness: Duration,
    backlogged_turns: u64,
    stopping: Option<Stopping>,
    faults: u64,
}

impl<M: MediaPort> Signaling<M> {
    pub(crate) fn new(
        agent: sip::UserAgent,
        core: Core<M>,
        outside: (Resolver, Streams),
        shared: Shared,
        high_water: usize,
    ) -> Self {
        let (resolver, streams) = outside;
        Self {
            agent,
            core,
            gatekeeper: Gatekeeper::new(high_water),
            gate: sip::Gate::Open,
            flood: FloodGate::new(net::FloodLimits::default()),
            access: Vec::new(),
            trunk_packets: HashMap::new(),
            resolver,
            streams,
            aside: registering::Lookups::default(),
            shared,
            commands: VecDeque::new(),
            media_events: Vec::new(),
            transmit: VecDeque::new(),
            next_look: None,
            media_looked_at: Instant::now(),
            media_lateness: Duration::ZERO,
            backlogged_turns: 0,
            stopping: None,
            faults: 0,
        }
    }

    /// Do a part of a turn; a panic becomes a `Fault` and ends the leg that was being worked on.
    fn guarded(&mut self, now: Instant, part: impl FnOnce(&mut Self)) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            part(self);
            self.settle(now);
        }));
        if let Err(panic) = outcome {
            self.faults += 1;
            let leg = self.core.take_current();
            let what = panic_text(panic.as_ref());
            // The second part can fail again if the fault is in the way of ending; then only the report is left.
            let ended = catch_unwind(AssertUnwindSafe(|| {
                self.core.handle_fault(now, what, leg);
                self.settle(now);
            }));
            if ended.is_err() {
                self.faults += 1;
                self.core.report(now, What::Fault { what: "ending a leg after a fault failed".to_owned(), leg });
            }
        }
    }

    /// Move what one side said to the other until both are silent.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.agent.poll_output() {
                match output {
                    sip::Output::Transmit { to, bytes, .. } if to.transport.is_reliable() => {
                        if !self.streams.send(to, bytes) {
                            self.agent.handle_transport_error(now, sip::Peer { connection: 0, ..to });
                        }
                    }
                    sip::Output::Transmit { to, bytes, leg } => self.transmit.push_back((Outgoing { to, bytes }, leg)),
                    sip::Output::Event(sip::Event::Lookup { what, uri, .. }) => self.look_up_aside(now, what, &uri),
                    sip::Output::Event(event) => self.core.handle_sip(now, event),
                }
            }
            self.look_up(now);
            // Before the message that opens the connection.
            while let Some((address, name)) = self.core.names.pop_front() {
                self.streams.expect_name(address, &name);
            }
            let Some(command) = self.core.next_sip_command() else { break };
            self.agent.handle_command(now, command);
        }
        self.core.take_current();
    }

    fn look_up(&mut self, now: Instant) {
        while let Some(target) = self.core.failed.pop_front() {
            self.resolver.quarantine(now, target);
        }
        while let Some((leg, question)) = self.core.lookups.pop_front() {
            let answer = self.resolver.resolve(now, question, leg);
            self.resolved(now, leg, answer);
        }
        while let Some((leg, phone)) = self.core.phone_lookups.pop_front() {
            self.core.handle_contacts(now, leg, self.agent.contacts(now, phone));
        }
    }

    fn resolved(&mut self, now: Instant, leg: LegId, answer: Answer) {
        if self.found_aside(now, leg, &answer) {
            return;
        }
        match answer {
            Answer::Targets(targets) => self.core.handle_resolved(now, leg, Ok(targets)),
            Answer::Failed(why) => self.core.handle_resolved(now, leg, Err(why)),
            Answer::Later => {}
        }
    }

    fn carry_out(&mut self, now: Instant, command: Command) {
        match command {
            Command::SetTables { trunks, access } => self.set_tables(now, &trunks, access),
            Command::SetPhones { phones, limits } => self.agent.set_phones(phones, limits),
            Command::SetAccepting(accepting) => self.gatekeeper.set_accepting(accepting),
            Command::SetDefense(defense) => {
                self.flood.set_limits(defense.flood);
                self.agent.set_defense(defense.sip);
            }
            Command::Ban { source, time } => self.agent.ban(now, source, time),
            Command::LiftBan { source } => self.agent.lift_ban(source),
            Command::Stop { grace } => {
                self.gatekeeper.set_accepting(false);
                self.stopping.get_or_insert(Stopping { until: now + grace, forced: false });
                self.core.begin_stop(now);
            }
            other => self.core.handle_command(now, other),
        }
        self.set_gate();
    }

    fn set_tables(&mut self, now: Instant, trunks: &[TrunkConfig], access: Vec<AccessRule>) {
        let media: HashMap<_, _> = trunks.iter().map(|trunk| (trunk.id, trunk.media.clone())).collect();
        let policies: HashMap<_, _> = trunks.iter().map(|trunk| (trunk.id, trunk.policy)).collect();
        let any = MediaPolicy::default();
        let rules = access.iter().map(|rule| sip::AccessRule {
            network: rule.network,
            port: rule.port,
            trunk: rule.trunk,
            codecs: media.get(&rule.trunk).map_or_else(|| any.codecs.clone(), |policy| policy.codecs.clone()),
            policy: policies.get(&rule.trunk).copied().unwrap_or_default(),
        });
        self.agent.set_access(rules.collect());
        let limited = trunks.iter().filter(|trunk| trunk.max_incoming_per_s > 0);
        self.agent.set_trunk_rates(limited.map(|trunk| (trunk.id, trunk.max_incoming_per_s)).collect());
        self.trunk_packets = trunks.iter().map(|trunk| (trunk.id, trunk.max_packets_per_s)).collect();
        self.core.set_trunks(media);
        self.set_trunk_watch(now, trunks);
        self.access = access;
        self.flood.forget_all();
    }

    /// What came by streams. Returns whether more waits than one turn should take.
    fn take_stream_events(&mut self, now: Instant) -> bool {
        for _ in 0..STREAM_EVENTS_PER_TURN {
            match self.streams.next_event() {
                None => return false,
                Some(StreamEvent::Message { from, bytes }) => net::Core::handle_message(self, now, from, &bytes),
                Some(StreamEvent::Lost(to)) => net::Core::handle_transport_error(self, now, to),
            }
        }
        true
    }

    /// Hand the gate to the user agent when it changed.
    fn set_gate(&mut self) {
        let gate = self.gatekeeper.gate();
        if gate != self.gate {
            self.gate = gate;
            self.agent.set_gate(gate);
        }
    }

    fn watch_load(&mut self, now: Instant) {
        // Adding up media's histograms costs more than a turn; ten times a second is soon enough.
        if now.saturating_duration_since(self.media_looked_at) >= MEDIA_LOOK {
            self.media_looked_at = now;
            self.media_lateness = self.core.media_lateness();
        }
        let counters = self.agent.counters();
        let load = Load {
            events_waiting: self.shared.events.waiting(),
            refused_max_legs: counters.refused_max_legs,
            refused_rate: counters.refused_rate + counters.refused_trunk_rate,
            backlogged_turns: self.backlogged_turns,
            media_lateness: self.media_lateness,
        };
        for (on, why) in self.gatekeeper.observe(now, load) {
            self.core.report(now, What::Overload { on, why });
        }
        self.next_look = self.gatekeeper.next_look(now);
        self.set_gate();
    }

    /// While stopping: end by force when the grace is over.
    fn watch_stop(&mut self, now: Instant) {
        let Some(stopping) = &mut self.stopping else { return };
        if !stopping.forced && now >= stopping.until {
            stopping.forced = true;
            stopping.until = now + MEDIA_GRACE;
            self.guarded(now, |this| this.core.end_all(now, "stopped"));
        }
    }

    fn is_stopped(&self) -> bool {
        let Some(stopping) = self.stopping else { return false };
        let counters = self.agent.counters();
        let dialogs_closed = stopping.forced || (counters.dialogs == 0 && counters.unregistering == 0);
        self.core.legs() == 0 && dialogs_closed && self.transmit.is_empty()
    }

    /// Publish figures first, events second: who reads an event finds figures that include it.
    fn publish(&mut self, counters: &DriverCounters) {
        {
            let mut snapshot = lock(&self.shared.snapshot);
            snapshot.sip = self.agent.counters();
            snapshot.core = self.core.counters();
            snapshot.legs = self.core.legs();
            snapshot.ops = self.core.ops();
            snapshot.driver = *counters;
            snapshot.resolver = self.resolver.counters();
            snapshot.streams = self.streams.counters();
            snapshot.dropped_flood = self.flood.dropped();
            snapshot.dropped_trunk_flood = self.flood.dropped_trunk();
            if snapshot.bans.version != self.agent.bans_version() {
                let (version, bans) = self.agent.bans();
                snapshot.bans = BanList { version, bans: bans.map(|ban| (ban.source, ban.until)).collect() };
            }
        }
        self.shared.events.push(&mut self.core.events);
    }

    /// Whether the loop ended because of faults.
    pub(crate) fn gave_up(&self) -> Option<String> {
        (self.faults > MAX_FAULTS).then(|| format!("more than {MAX_FAULTS} faults: the engine has stopped itself"))
    }

    /// The loop ended, for whatever reason: every leg and operation gets its last event.
    pub(crate) fn end(mut self, failure: Option<String>) -> Core<M> {
        let now = Instant::now();
        let cause = if failure.is_some() { "fault" } else { "stopped" };
        if let Some(what) = failure {
            self.core.report(now, What::Fault { what, leg: None });
        }
        let mut left = self.shared.commands.close();
        self.commands.append(&mut left);
        self.core.finish_all(now, cause);
        for command in std::mem::take(&mut self.commands) {
            self.guarded(now, |this| this.core.handle_command(now, command));
        }
        self.core.finish_all(now, cause);
        let counters = lock(&self.shared.snapshot).driver;
        self.publish(&counters);
        self.core
    }
}

impl<M: MediaPort> net::Core for Signaling<M> {
    fn handle_wake(&mut self, now: Instant) -> bool {
        self.watch_load(now);
        let mut media_events = std::mem::take(&mut self.media_events);
        self.shared.media_inbox.take(&mut media_events);
        for event in media_events.drain(..) {
            self.guarded(now, |this| this.core.handle_media(now, event));
        }
        self.media_events = media_events;
        for (leg, answer) in self.resolver.finished(now) {
            self.guarded(now, |this| this.resolved(now, leg, answer));
        }
        let more = self.take_stream_events(now);
        self.shared.commands.take(&mut self.commands);
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = self.commands.pop_front() else { return more };
            self.guarded(now, |this| this.carry_out(now, command));
        }
        true
    }

    fn handle_message(&mut self, now: Instant, from: sip::Peer, bytes: &[u8]) {
        let (access, packets, ip) = (&self.access, &self.trunk_packets, from.address.ip());
        let whose = || {
            let rule = access.iter().find(|rule| rule.network.contains(ip))?;
            Some(net::Known { trunk: rule.trunk, trunk_per_s: packets.get(&rule.trunk).copied().unwrap_or(0) })
        };
        if self.flood.admit(now, ip, whose) {
            self.guarded(now, |this| this.agent.handle_message(now, from, bytes));
        }
    }

    fn handle_transport_error(&mut self, now: Instant, to: sip::Peer) {
        self.guarded(now, |this| this.agent.handle_transport_error(now, to));
    }

    fn handle_deadline(&mut self, now: Instant) {
        if self.agent.next_deadline().is_some_and(|at| at <= now) {
            self.guarded(now, |this| this.agent.handle_deadline(now));
        }
        self.guarded(now, |this| this.core.handle_deadline(now));
        self.watch_stop(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let stop = self.stopping.filter(|stopping| !stopping.forced).map(|stopping| stopping.until);
        [self.agent.next_deadline(), self.core.next_deadline(), self.next_look, stop].into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.transmit.pop_front().map(|(datagram, _)| datagram)
    }

    fn end_turn(&mut self, now: Instant, counters: &DriverCounters) {
        self.backlogged_turns = counters.backlogged_turns;
        self.watch_load(now);
        self.publish(counters);
    }

    fn is_done(&self) -> bool {
        self.is_stopped() || self.faults > MAX_FAULTS
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a fault without a message".to_owned())
}

mod registering;
#[cfg(test)]
mod tests;
