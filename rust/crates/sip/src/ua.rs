//! The user agent: one owner of every session, dialog and transaction of one engine.
//!
//! This file is the door: what comes in and what goes out. What happens in between lives in the files of its name:
//! `receive` (messages), `uac` (our calls), `uas` (theirs), `indialog` (requests inside a dialog), `closing` (BYE),
//! `tick` (timers), `basics` (sending, reporting, finding sessions).

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::access::{AccessRule, AccessTable, Gate, TrunkId};
use crate::command::Command;
use crate::config::Config;
use crate::counters::Counters;
use crate::defense::{Defense, DefenseSettings};
use crate::dialog::DialogKey;
use crate::event::{INCOMING_LEGS, LegId, LookedUp, Output};
use crate::peer::Peer;
use crate::probe::Probes;
use crate::random::Random;
use crate::rate::RateTable;
use crate::registrar::Registrar;
use crate::registration::Registrations;
use crate::session::{SILENT, Session, SessionId};
use crate::timers::{TimerQueue, Timers};
use crate::transaction::{ClientTx, ServerTx, TxKey};

/// OPTIONS of one source that are answered in a second.
const MAX_PINGS_PER_S: u32 = 20;

/// Refusals that one unknown source gets in a second; the rest of its requests hear nothing.
const MAX_STRANGER_ANSWERS_PER_S: u32 = 20;

/// A SIP user agent without socket and clock.
///
/// Feed it with the `handle_*` methods, each with the time it happened; after each drain `poll_output` until it is
/// empty, then sleep until `next_deadline` or the next input. Times must not go backwards.
#[derive(Debug)]
pub struct UserAgent {
    pub(crate) config: Config,
    pub(crate) timers: Timers,
    pub(crate) access: AccessTable,
    pub(crate) gate: Gate,
    /// `StopAll` was asked for.
    pub(crate) stopping: bool,
    pub(crate) rates: RateTable,
    pub(crate) random: Random,
    pub(crate) clients: HashMap<TxKey, ClientTx>,
    pub(crate) servers: HashMap<TxKey, ServerTx>,
    pub(crate) sessions: HashMap<SessionId, Box<Session>>,
    pub(crate) dialogs: HashMap<DialogKey, SessionId>,
    /// INVITEs by Call-ID, From tag and CSeq, to know copies that came another way.
    pub(crate) merges: HashMap<u64, TxKey>,
    /// Calls from before a crash whose INVITE is answered 480 until the instant.
    pub(crate) given_up: VecDeque<(Instant, Vec<u8>, Vec<u8>)>,
    pub(crate) registrar: Registrar,
    pub(crate) registrations: Registrations,
    pub(crate) probes: Probes,
    /// OPTIONS of each source.
    pub(crate) ping_rates: RateTable,
    pub(crate) queue: TimerQueue,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) counters: Counters,
    pub(crate) next_leg: LegId,
    pub(crate) next_silent: SessionId,
    /// Client transactions begun so far.
    pub(crate) started: u64,
    /// Whom we do not listen to.
    pub(crate) defense: Defense,
    /// New INVITEs per second of a trunk, for those that have a limit, and what they used of it.
    pub(crate) trunk_rates: (HashMap<TrunkId, u32>, RateTable<TrunkId>),
    /// Answers to sources that nobody vouched for.
    pub(crate) stranger_rates: RateTable,
    /// When the message being handled came, and its size.
    pub(crate) heard: Option<(Instant, usize)>,
    /// Leg touched by the datagram being handled, for its trace.
    pub(crate) touched: Option<LegId>,
}

impl UserAgent {
    /// Make one. Nobody may call in before `set_access`.
    pub fn new(config: Config) -> Self {
        Self {
            timers: Timers::new(config.t1),
            registrar: Registrar::new(config.seed),
            rates: RateTable::new(config.max_incoming_per_s),
            random: Random::new(config.seed),
            config,
            access: AccessTable::default(),
            gate: Gate::Open,
            stopping: false,
            clients: HashMap::new(),
            servers: HashMap::new(),
            sessions: HashMap::new(),
            dialogs: HashMap::new(),
            merges: HashMap::new(),
            given_up: VecDeque::new(),
            registrations: Registrations::default(),
            probes: Probes::default(),
            ping_rates: RateTable::new(MAX_PINGS_PER_S),
            queue: TimerQueue::default(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            next_leg: INCOMING_LEGS,
            next_silent: SILENT,
            started: 0,
            defense: Defense::new(DefenseSettings::default()),
            trunk_rates: (HashMap::new(), RateTable::new(0)),
            stranger_rates: RateTable::new(MAX_STRANGER_ANSWERS_PER_S),
            heard: None,
            touched: None,
        }
    }

    /// Replace the table of known sources. Legs in progress are not touched.
    pub fn set_access(&mut self, rules: Vec<AccessRule>) {
        self.access = AccessTable::new(rules);
    }

    /// New INVITEs per second that a trunk may send, over all its sources; above it 503. Trunks not named have no limit.
    pub fn set_trunk_rates(&mut self, per_second: HashMap<TrunkId, u32>) {
        self.trunk_rates = (per_second, RateTable::new(0));
    }

    /// Open or close the gate for new incoming calls.
    pub fn set_gate(&mut self, gate: Gate) {
        self.gate = gate;
    }

    /// A message was received: a datagram, or one that was framed out of a stream.
    pub fn handle_message(&mut self, now: Instant, from: Peer, bytes: &[u8]) {
        self.receive(now, from, bytes);
    }

    /// The engine wants something.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.obey(now, command);
    }

    /// A message to this peer could not be sent (ICMP, no route, connection refused or lost): requests to it that
    /// nobody answered yet fail.
    pub fn handle_transport_error(&mut self, now: Instant, to: Peer) {
        self.fail_requests_to(now, to);
        self.unbind_connection(to);
    }

    /// What an `Event::Lookup` asked for: the first choice, or None if the name leads nowhere.
    pub fn handle_lookup(&mut self, now: Instant, what: LookedUp, peer: Option<Peer>) {
        match what {
            LookedUp::Registrar(id) => self.registrar_found(now, id, peer),
            LookedUp::Gateway(id) => self.gateway_found(now, id, peer),
        }
    }

    /// The time of `next_deadline` came.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.tick(now);
    }

    /// When `handle_deadline` wants to be called next. May lie in the past; may turn out to have been needless.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.queue.next()
    }

    /// Take the next thing to send or report.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Counters and gauges.
    pub fn counters(&self) -> Counters {
        let (registrations, unregistering) = self.registrations.gauges();
        Counters {
            phone_contacts: self.registrar.len() as u64,
            registrations,
            unregistering,
            dialogs: self.sessions.len() as u64,
            bans: self.defense.bans.count(),
            transactions: (self.clients.len() + self.servers.len()) as u64,
            ..self.counters
        }
    }
}
