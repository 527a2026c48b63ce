//! The engine as Python holds it: checks, numbers and queues; nothing here waits, except `stop`.

use std::collections::{HashMap, HashSet};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringback_sip as sip;

use crate::args;
use crate::command::{Command, Dial, Operation};
use crate::config::registering::PhoneConfig;
use crate::config::{AccessRule, EngineConfig, TrunkConfig, in_range, split_gateway};
use crate::defense::{self, DefenseConfig};
use crate::error::EngineError;
use crate::event::Event;
use crate::ids::{LegId, OpId, TrunkId};
use crate::listen::text_of;
use crate::media_policy::MediaPolicy;
use crate::queue::{EventQueue, lock};
use crate::running::Running;
use crate::stats::{Snapshot, Stats, count};
use ringback_net::Wanted;

const MAX_TRUNKS: usize = 10_000;
const MAX_RULES: usize = 10_000;
const MAX_PHONES: usize = 50_000;

/// The life of an engine: one start, one stop.
#[derive(Debug)]
enum State {
    Idle,
    Running(Running),
    Stopped(Vec<sip::Listener>),
    NeverStarted,
}

#[derive(Debug, Default)]
struct Tables {
    trunks: HashMap<TrunkId, TrunkConfig>,
    access: Vec<AccessRule>,
    accepting: Option<bool>,
    defense: Option<DefenseConfig>,
    phones: Option<(Vec<PhoneConfig>, sip::RegistrarLimits)>,
}

/// SIP and RTP for one host. Every method is thread-safe.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    pid: u32,
    state: Mutex<State>,
    tables: Mutex<Tables>,
    /// Media's figures at the stop.
    last_media: Mutex<Stats>,
    events: Arc<EventQueue>,
    snapshot: Arc<Mutex<Snapshot>>,
    next_leg: AtomicU64,
    pub(crate) next_op: AtomicU64,
    pub(crate) next_room: AtomicU64,
}

/// An outgoing call as Python asks for it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct DialRequest {
    pub trunk: TrunkId,
    pub gateway: String,
    pub to: String,
    pub from: String,
    pub call_id: String,
    pub local_tag: String,
    pub display_name: Option<String>,
    pub headers: Vec<(String, String)>,
}

impl Engine {
    /// Make one; nothing is opened before `start`, except the eventfd.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        config.check()?;
        let events = EventQueue::new(config.event_high_water)
            .map_err(|error| EngineError::Failed(format!("no eventfd: {error}; raise the limit of open files")))?;
        Ok(Self {
            config,
            pid: std::process::id(),
            state: Mutex::new(State::Idle),
            tables: Mutex::default(),
            last_media: Mutex::new(vec![("media_ports", 0)]),
            events: Arc::new(events),
            snapshot: Arc::default(),
            next_leg: AtomicU64::new(1),
            next_op: AtomicU64::new(1),
            next_room: AtomicU64::new(ringback_media::ROOMS),
        })
    }

    /// Open the sockets and start the threads.
    pub fn start(&self) -> Result<(), EngineError> {
        self.check_process()?;
        // Tables before state, here as everywhere.
        let tables = lock(&self.tables);
        let mut state = lock(&self.state);
        match *state {
            State::Idle => {}
            State::Running(_) => return Err(EngineError::Failed("the engine runs already".to_owned())),
            State::Stopped(_) | State::NeverStarted => {
                return Err(EngineError::NotRunning("the engine was stopped; make a new Engine"));
            }
        }
        let running = Running::start(&self.config, Arc::clone(&self.events), Arc::clone(&self.snapshot))?;
        running.push(tables.command())?;
        if let Some(defense) = tables.defense.clone() {
            running.push(Command::SetDefense(Box::new(defense)))?;
        }
        running.push(tables.phones_command())?;
        if let Some(accepting) = tables.accepting {
            running.push(Command::SetAccepting(accepting))?;
        }
        *state = State::Running(running);
        Ok(())
    }

    /// End every leg, wait at most `grace` for their dialogs, stop the threads. A second call does nothing.
    pub fn stop(&self, grace: Duration) {
        let mut state = lock(&self.state);
        let next = match &*state {
            State::Running(running) => State::Stopped(running.listeners().to_vec()),
            State::Idle => State::NeverStarted,
            State::Stopped(_) | State::NeverStarted => return,
        };
        let before = std::mem::replace(&mut *state, next);
        // Others may ask for events and figures while this waits.
        drop(state);
        if let State::Running(running) = before {
            if self.pid == std::process::id() {
                let figures = running.stop(grace);
                *lock(&self.last_media) = figures;
            } else {
                // The threads live in the parent; here are only copies of their handles.
                std::mem::forget(running);
            }
        }
    }

    fn check_process(&self) -> Result<(), EngineError> {
        if self.pid == std::process::id() {
            return Ok(());
        }
        Err(EngineError::Failed(
            "this Engine was made before a fork and its threads did not come along; make one in each process, or use spawn"
                .to_owned(),
        ))
    }

    /// Do something with what runs.
    pub(crate) fn with_running(&self, act: impl FnOnce(&Running)) {
        if let State::Running(running) = &*lock(&self.state) {
            act(running);
        }
    }

    pub(crate) fn push(&self, command: Command) -> Result<(), EngineError> {
        match &*lock(&self.state) {
            State::Running(running) => {
                self.check_process()?;
                running.push(command)
            }
            State::Idle => Err(EngineError::NotRunning("the engine was not started; call start() first")),
            State::Stopped(_) | State::NeverStarted => {
                Err(EngineError::NotRunning("the engine is stopped; make a new Engine"))
            }
        }
    }

    /// The eventfd that is readable while events wait.
    pub fn fileno(&self) -> RawFd {
        self.events.fd()
    }

    /// Waiting events in order, at most `max`. Never blocks.
    pub fn drain(&self, max: i64) -> Result<Vec<Event>, EngineError> {
        let max = in_range("max_events", max, 1, 1_000_000)?;
        Ok(self.events.drain(args::number(max)))
    }

    /// `host:port` the first SIP listener is bound to.
    pub fn local_address(&self) -> Result<String, EngineError> {
        self.listeners(|listeners| listeners.first().map(|first| first.local.to_string()).unwrap_or_default())
    }

    /// Every listener as it is bound, `transport:host:port`, in the order of `listen`.
    pub fn local_addresses(&self) -> Result<Vec<String>, EngineError> {
        self.listeners(|listeners| listeners.iter().map(text_of).collect())
    }

    fn listeners<T>(&self, read: impl FnOnce(&[sip::Listener]) -> T) -> Result<T, EngineError> {
        match &*lock(&self.state) {
            State::Running(running) => Ok(read(running.listeners())),
            State::Stopped(listeners) => Ok(read(listeners)),
            State::Idle | State::NeverStarted => {
                Err(EngineError::NotRunning("the engine was not started; call start() first"))
            }
        }
    }

    /// Read certificates, keys and CA files again. New connections use them; if they are not usable the old ones stay.
    pub fn reload_tls(&self) -> Result<(), EngineError> {
        match &*lock(&self.state) {
            State::Running(running) => running.reload_tls(),
            _ => Err(EngineError::NotRunning("the engine is not running; call start() first")),
        }
    }

    /// Replace the table of trunks.
    pub fn set_trunks(&self, trunks: Vec<TrunkConfig>) -> Result<(), EngineError> {
        if trunks.len() > MAX_TRUNKS {
            return Err(EngineError::argument("trunks", format!("{} are more than {MAX_TRUNKS}", trunks.len())));
        }
        let mut table = HashMap::with_capacity(trunks.len());
        for trunk in trunks {
            let id = trunk.id;
            if table.insert(id, trunk).is_some() {
                return Err(EngineError::argument("trunks", format!("id {id} is given twice")));
            }
        }
        let mut tables = lock(&self.tables);
        tables.trunks = table;
        self.push_setting(tables.command())
    }

    /// Replace the table of allowed sources.
    pub fn set_access(&self, rules: Vec<AccessRule>) -> Result<(), EngineError> {
        if rules.len() > MAX_RULES {
            return Err(EngineError::argument("rules", format!("{} are more than {MAX_RULES}", rules.len())));
        }
        let mut tables = lock(&self.tables);
        tables.access = rules;
        self.push_setting(tables.command())
    }

    /// Replace the table of phones that may register, and what they are granted.
    pub fn set_phones(&self, phones: Vec<PhoneConfig>, limits: sip::RegistrarLimits) -> Result<(), EngineError> {
        if phones.len() > MAX_PHONES {
            return Err(EngineError::argument("phones", format!("{} are more than {MAX_PHONES}", phones.len())));
        }
        if limits.min_expires_s > limits.max_expires_s {
            return Err(EngineError::argument("min_expires_s", "is above max_expires_s"));
        }
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        for phone in &phones {
            if !ids.insert(phone.id) || !names.insert((phone.realm.to_ascii_lowercase(), phone.username.clone())) {
                let problem = format!("phone {} ({}@{}) is given twice", phone.id, phone.username, phone.realm);
                return Err(EngineError::argument("phones", problem));
            }
        }
        let mut tables = lock(&self.tables);
        tables.phones = Some((phones, limits));
        self.push_setting(tables.phones_command())
    }

    /// Accept new incoming calls, or answer them 503.
    pub fn set_accepting(&self, accepting: bool) -> Result<(), EngineError> {
        let mut tables = lock(&self.tables);
        tables.accepting = Some(accepting);
        self.push_setting(Command::SetAccepting(accepting))
    }

    /// Replace what the engine defends itself by. Bans go on.
    pub fn set_defense(&self, defense: DefenseConfig) -> Result<(), EngineError> {
        let mut tables = lock(&self.tables);
        tables.defense = Some(defense.clone());
        self.push_setting(Command::SetDefense(Box::new(defense)))
    }

    /// Sources banned now and the seconds left of each ban, longest first.
    pub fn bans(&self) -> Vec<(String, u64)> {
        lock(&self.snapshot).bans.left(Instant::now())
    }

    /// Ban a source.
    pub fn ban(&self, source: &str, seconds: i64) -> Result<(), EngineError> {
        let (source, time) = (defense::source(source)?, defense::seconds("seconds", seconds)?);
        self.push(Command::Ban { source, time })
    }

    /// Lift a ban.
    pub fn lift_ban(&self, source: &str) -> Result<(), EngineError> {
        self.push(Command::LiftBan { source: defense::source(source)? })
    }

    /// Settings made before the start are kept for it.
    fn push_setting(&self, command: Command) -> Result<(), EngineError> {
        if matches!(&*lock(&self.state), State::Idle) {
            return Ok(());
        }
        self.push(command)
    }

    /// Send an INVITE and return the leg's id.
    pub fn dial(&self, request: DialRequest) -> Result<LegId, EngineError> {
        let (host, port) = check_dial(&request)?;
        let (host, port) = (host.to_owned(), port);
        if let Some(phone) = phone_of(&request.gateway) {
            return self.dial_phone(phone, request);
        }
        let trunk = lock(&self.tables).trunks.get(&request.trunk).cloned().ok_or_else(|| {
            EngineError::argument("trunk", format!("{} was never given to set_trunks", request.trunk))
        })?;
        let leg = self.next_leg.fetch_add(1, Ordering::Relaxed);
        let credentials = trunk.username.map(|username| sip::Credentials {
            username,
            password: trunk.password.unwrap_or_default(),
            realm: None,
        });
        self.push(Command::Dial(Box::new(Dial {
            leg,
            host,
            port,
            to: request.to,
            from: request.from,
            display_name: request.display_name,
            call_id: request.call_id,
            local_tag: request.local_tag,
            headers: request.headers,
            media: trunk.media,
            wanted: trunk.transport,
            reach: sip::Reach { then: Vec::new(), patience: Some(trunk.next_server), mtu_to_tcp: trunk.mtu_to_tcp },
            credentials,
            allow_redirects: trunk.allow_redirects,
            policy: trunk.policy,
            trunk: trunk.id,
            phone: None,
        })))?;
        Ok(leg)
    }

    /// Ring every device of a phone as one leg.
    fn dial_phone(&self, phone: u64, request: DialRequest) -> Result<LegId, EngineError> {
        let known = |phones: &Vec<PhoneConfig>| phones.iter().find(|known| known.id == phone).cloned();
        let config = lock(&self.tables).phones.as_ref().and_then(|(phones, _)| known(phones));
        let config = config
            .ok_or_else(|| EngineError::argument("gateway", format!("phone {phone} was never given to set_phones")))?;
        let leg = self.next_leg.fetch_add(1, Ordering::Relaxed);
        self.push(Command::Dial(Box::new(Dial {
            leg,
            host: String::new(),
            port: None,
            wanted: Wanted::Auto,
            reach: sip::Reach::default(),
            to: request.to,
            from: request.from,
            display_name: request.display_name,
            call_id: request.call_id,
            local_tag: request.local_tag,
            headers: request.headers,
            media: MediaPolicy { codecs: config.codecs, ..MediaPolicy::default() },
            credentials: None,
            allow_redirects: false,
            policy: sip::Policy::default(),
            trunk: 0,
            phone: Some(phone),
        })))?;
        Ok(leg)
    }

    /// Send 180 on an incoming leg.
    pub fn ring(&self, leg: LegId) -> Result<(), EngineError> {
        self.push(Command::Ring { leg })
    }

    /// Send 183 with our SDP on an incoming leg.
    pub fn early_media(&self, leg: LegId) -> Result<(), EngineError> {
        self.push(Command::EarlyMedia { leg })
    }

    /// Send 200 on an incoming leg.
    pub fn answer(&self, leg: LegId) -> Result<(), EngineError> {
        self.push(Command::Answer { leg })
    }

    /// Refuse an incoming leg.
    pub fn reject(&self, leg: LegId, code: i64, reason: Option<String>) -> Result<(), EngineError> {
        let code = args::refusal_code(code)?;
        if let Some(reason) = &reason {
            args::line("reason", reason)?;
        }
        self.push(Command::Reject { leg, code, reason })
    }

    /// End a leg in the way its state asks for.
    pub fn hangup(&self, leg: LegId, q850: Option<i64>, reason: Option<String>) -> Result<(), EngineError> {
        let q850 = args::q850(q850)?;
        if let Some(reason) = &reason {
            args::line("reason", reason)?;
        }
        self.push(Command::Hangup { leg, q850, reason })
    }

    /// End a dialog known only from the journal.
    pub fn end_dialog(&self, dialog: String) -> Result<(), EngineError> {
        if dialog.len() > 8192 || !dialog.trim_start().starts_with('{') {
            return Err(EngineError::argument(
                "dialog",
                "must be the JSON object of an event's dialog, at most 8192 bytes",
            ));
        }
        self.push(Command::EndDialog { dialog })
    }

    /// Play a tone of a country, that of the settings if none is given.
    pub fn tone(&self, leg: LegId, name: &str, country: Option<&str>, duration_ms: i64) -> Result<OpId, EngineError> {
        let country = args::country("country", country.unwrap_or(&self.config.tones))?;
        self.start_operation(leg, args::tone(name, country, duration_ms)?)
    }

    /// Begin an operation and return its id.
    pub fn start_operation(&self, leg: LegId, operation: Operation) -> Result<OpId, EngineError> {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        self.push(Command::Start { op, leg, operation })?;
        Ok(op)
    }

    /// Stop an operation.
    pub fn stop_op(&self, op: OpId) -> Result<(), EngineError> {
        self.push(Command::StopOp { op })
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        let mut figures = lock(&self.snapshot).figures();
        let (dropped_figures, dropped_repeated) = self.events.dropped();
        figures.push(("events_waiting", count(self.events.waiting())));
        figures.push(("dropped_figures", dropped_figures));
        figures.push(("dropped_repeated_events", dropped_repeated));
        let state = lock(&self.state);
        match &*state {
            State::Running(running) => figures.extend(running.media_figures()),
            _ => figures.extend_from_slice(&lock(&self.last_media)),
        }
        figures
    }
}

impl Tables {
    fn phones_command(&self) -> Command {
        let (phones, limits) = self.phones.clone().unwrap_or_default();
        Command::SetPhones { phones: phones.iter().map(PhoneConfig::to_phone).collect(), limits }
    }

    fn command(&self) -> Command {
        Command::SetTables { trunks: self.trunks.values().cloned().collect(), access: self.access.clone() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// The phone that `phone:<id>` names instead of a gateway.
fn phone_of(gateway: &str) -> Option<u64> {
    gateway.strip_prefix("phone:")?.parse().ok()
}

fn check_dial(request: &DialRequest) -> Result<(&str, Option<u16>), EngineError> {
    let (host, port) = match phone_of(&request.gateway) {
        Some(_) => ("phone", None),
        None => split_gateway(&request.gateway)?,
    };
    if port == Some(0) {
        return Err(EngineError::argument("gateway", "port 0 cannot be called"));
    }
    args::sip_uri("to", &request.to)?;
    args::sip_uri("from_", &request.from)?;
    args::token("call_id", &request.call_id)?;
    args::token("local_tag", &request.local_tag)?;
    if let Some(name) = &request.display_name {
        args::line("display_name", name)?;
    }
    args::headers(&request.headers)?;
    Ok((host, port))
}
