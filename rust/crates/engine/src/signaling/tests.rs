//! The signaling thread's work, turned by hand: no thread, no socket, media as scripted.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use ringback_net::{Core as _, Families, MonotonicClock, StreamLimits, StreamSetup, Tls, TlsFiles};

use super::*;
use crate::core::CoreConfig;
use crate::core::scripted::{Script, ScriptedMedia, dial, in_short, tone};

struct Bench {
    signaling: Signaling<ScriptedMedia>,
    script: Rc<RefCell<Script>>,
    shared: Shared,
    now: Instant,
}

const GATEWAY: &str = "192.0.2.9:5060";

/// Streams that nothing comes from; their thread never starts.
fn no_streams(wake: Arc<WakeFd>) -> Streams {
    let setup = StreamSetup {
        listeners: Vec::new(),
        locals: HashMap::new(),
        tls: Arc::new(Tls::load(TlsFiles::default()).unwrap()),
        limits: StreamLimits::default(),
        origins: Vec::new(),
    };
    Streams::start(setup, wake).unwrap()
}

impl Bench {
    fn new(high_water: usize) -> Self {
        let wake = Arc::new(WakeFd::new().unwrap());
        let shared = Shared {
            commands: Arc::new(CommandQueue::new(Arc::clone(&wake))),
            events: Arc::new(EventQueue::new(high_water).unwrap()),
            media_inbox: Arc::new(MediaInbox::new(Arc::clone(&wake))),
            snapshot: Arc::default(),
            wake: Arc::clone(&wake),
        };
        let local: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let agent = sip::UserAgent::new(sip::Config {
            listeners: vec![sip::Listener::new(sip::Transport::Udp, local)],
            user_agent: "test".to_owned(),
            t1: Duration::from_millis(500),
            max_legs: 10,
            max_incoming_per_s: 10,
            seed: 1,
            trace: false,
        });
        let media = ScriptedMedia::default();
        let script = Rc::clone(&media.0);
        let config = CoreConfig {
            media_advertised: local.ip(),
            decide_within: Duration::from_secs(4),
            families: Families { v4: true, v6: false },
        };
        let core = Core::new(config, MonotonicClock::new(), media);
        let signaling = Signaling::new(
            agent,
            core,
            (Resolver::new(Vec::new(), 1, Arc::clone(&wake)), no_streams(wake)),
            shared.clone(),
            high_water,
        );
        let mut bench = Self { signaling, script, shared, now: Instant::now() };
        let access = AccessRule { network: "192.0.2.9".parse().unwrap(), port: None, trunk: 1 };
        bench.push(Command::SetTables { trunks: Vec::new(), access: vec![access] });
        bench.turn();
        bench
    }

    fn push(&mut self, command: Command) {
        self.shared.commands.push(command).unwrap();
    }

    /// One turn of the loop without socket. Returns the first lines of what was sent.
    fn turn(&mut self) -> Vec<String> {
        self.signaling.handle_wake(self.now);
        if self.signaling.next_deadline().is_some_and(|at| at <= self.now) {
            self.signaling.handle_deadline(self.now);
        }
        let mut sent = Vec::new();
        while let Some(datagram) = self.signaling.poll_transmit() {
            let text = String::from_utf8_lossy(&datagram.bytes).into_owned();
            sent.push(text.lines().next().unwrap_or_default().to_owned());
        }
        self.signaling.end_turn(self.now, &DriverCounters::default());
        sent
    }

    fn events(&self) -> Vec<String> {
        self.shared.events.drain(1000).iter().map(|event| in_short(&event.what)).collect()
    }

    fn invite(&mut self, call_id: &str) {
        let text = format!(
            "INVITE sip:1@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {GATEWAY};branch=z9hG4bK{call_id}\r\n\
             From: <sip:2@h>;tag=a{call_id}\r\nTo: <sip:1@h>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:2@{GATEWAY}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        // As in the loop: every turn begins with the load.
        self.signaling.handle_wake(self.now);
        self.signaling.handle_message(self.now, sip::Peer::udp(GATEWAY.parse().unwrap()), text.as_bytes());
    }
}

fn dial_address(leg: u64) -> Command {
    match dial(leg) {
        Command::Dial(mut dial) => {
            "192.0.2.9".clone_into(&mut dial.host);
            Command::Dial(dial)
        }
        other => other,
    }
}

#[test]
fn an_invite_leaves_in_the_turn_of_its_dial() {
    let mut bench = Bench::new(100);

    bench.push(dial_address(1));

    assert_eq!(bench.turn(), ["INVITE sip:1@gw.example SIP/2.0"]);
}

#[test]
fn a_panic_ends_only_the_leg_that_was_worked_on() {
    let mut bench = Bench::new(100);
    bench.push(dial_address(1));
    bench.turn();
    bench.script.borrow_mut().panic_on = Some("open");
    bench.push(dial_address(2));
    bench.turn();
    bench.script.borrow_mut().panic_on = None;
    bench.push(dial_address(3));
    let sent = bench.turn();
    bench.push(tone(1, 3));
    bench.turn();

    let events = bench.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("open fails as the test wants it"));
    assert_eq!(events[1], "ended 2 fault local");
    assert_eq!(sent, ["INVITE sip:1@gw.example SIP/2.0"]);
    assert_eq!(bench.signaling.core.legs(), 2);
}

#[test]
fn a_fault_that_repeats_for_ever_stops_the_engine_and_ends_every_leg() {
    let mut bench = Bench::new(1000);
    bench.push(dial_address(1));
    bench.turn();
    bench.script.borrow_mut().panic_on = Some("open");
    for leg in 2..200 {
        bench.push(dial_address(leg));
    }
    bench.turn();

    assert!(bench.signaling.is_done());
    let failure = bench.signaling.gave_up();
    assert!(failure.is_some());
    bench.script.borrow_mut().panic_on = None;
    let shared = bench.shared.clone();
    bench.signaling.end(failure);
    let ended = shared.events.drain(10_000).iter().filter(|event| matches!(event.what, What::Ended(_))).count();
    assert_eq!(ended, 199);
}

#[test]
fn too_many_waiting_events_close_the_gate_until_python_has_caught_up() {
    let mut bench = Bench::new(2);
    bench.invite("a");
    bench.invite("b");
    bench.turn();

    bench.invite("c");
    let refused = bench.turn();
    assert!(refused.iter().any(|line| line.starts_with("SIP/2.0 503")), "{refused:?}");
    let events = bench.events();
    assert!(events.iter().any(|event| event.contains("Overload")), "{events:?}");
    assert_eq!(events.iter().filter(|event| event.starts_with("incoming")).count(), 2);

    bench.turn();
    bench.invite("d");
    bench.turn();
    assert_eq!(bench.events().iter().filter(|event| event.starts_with("incoming")).count(), 1);
}

#[test]
fn a_stop_without_grace_ends_legs_at_once_and_later_commands_still_end_their_legs() {
    let mut bench = Bench::new(100);
    bench.push(dial_address(1));
    bench.turn();

    bench.push(Command::Stop { grace: Duration::ZERO });
    bench.push(tone(1, 1));
    bench.push(dial_address(2));
    bench.turn();
    bench.now += MEDIA_GRACE;
    bench.turn();
    bench.push(tone(2, 2));
    let shared = bench.shared.clone();
    bench.signaling.end(None);

    let events: Vec<String> = shared.events.drain(100).iter().map(|event| in_short(&event.what)).collect();
    for expected in ["done 1 of 1 leg_ended", "ended 1 stopped local", "ended 2 stopped local", "done 2 of 2 leg_ended"]
    {
        assert!(events.contains(&expected.to_owned()), "{expected} in {events:?}");
    }
    assert!(shared.commands.push(Command::Ring { leg: 1 }).is_err());
}

#[test]
fn a_flood_is_dropped_before_parsing() {
    let mut bench = Bench::new(100);
    let stranger: SocketAddr = "203.0.113.5:5060".parse().unwrap();

    for _ in 0..2_100 {
        bench.signaling.handle_message(bench.now, sip::Peer::udp(stranger), b"garbage");
    }
    bench.turn();

    let snapshot = bench.shared.snapshot.lock().unwrap().clone();
    assert_eq!(snapshot.dropped_flood, 100);
    assert_eq!(snapshot.sip.datagrams_received, 2_000);
}
