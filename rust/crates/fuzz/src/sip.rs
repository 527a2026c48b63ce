//! A user agent with a call in every state, and what can be thrown at it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringback_sip::{
    AccessRule, Codec, Command, Config, Credentials, Event, INCOMING_LEGS, LegId, Listener, LocalMedia, Output, Peer,
    Policy, Transport, UserAgent,
};

use crate::check::check_sent;

const T1: Duration = Duration::from_millis(500);
/// Messages that one datagram may lead to: two for each fork of a call (ACK, BYE), one for the datagram itself.
const MAX_ANSWERS: usize = 8;
/// Timers that may fire while everything ends; far more than the few calls have.
const MAX_DEADLINES: usize = 20_000;
/// Parts of one input.
const MAX_RECORDS: usize = 64;

/// Between the parts of an input of `sip_session`.
const SEPARATOR: u8 = 0x1e;

/// The description the scripted peer sends.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// One message to a user agent that has calls in every state. `$UP`, `$WAIT` and the like stand for what it chose itself.
pub(crate) fn message(data: &[u8]) {
    let mut world = World::new();
    world.receive(&world.filled(data));
    world.end();
}

/// Several, separated by 0x1e. A part that begins with `!` is an order instead: `!ring`, `!answer`,
/// `!hold`, `!refer`, `!hangup`, `!wait`.
pub(crate) fn session(data: &[u8]) {
    let mut world = World::new();
    for record in data.split(|byte| *byte == SEPARATOR).take(MAX_RECORDS) {
        match record.strip_prefix(b"!") {
            Some(order) => world.order(order),
            None => world.receive(&world.filled(record)),
        }
    }
    world.end();
}

/// A session description: as an offer, as a new offer inside a call, and as an answer.
pub(crate) fn sdp(data: &[u8]) {
    let mut world = World::new();
    let body = String::from_utf8_lossy(data).into_owned();
    for (head, to_tag) in [("fresh", ""), ("up", ";tag=$UP")] {
        let mut request = ask("INVITE", head, to_tag, 7, "").into_bytes();
        request.truncate(request.len() - "Content-Length: 0\r\n\r\n".len());
        let end = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n", data.len());
        let request = [request.as_slice(), end.as_bytes(), data].concat();
        world.receive(&world.filled(&request));
    }
    world.order(b"answer");
    world.receive(&world.filled(response(200, "dialed", &body).as_bytes()));
    world.end();
}

/// A user agent, its clock, and what it said about its legs.
#[derive(Debug)]
pub struct World {
    ua: UserAgent,
    now: Instant,
    /// Legs seen, and whether each ended.
    legs: HashMap<LegId, bool>,
    /// The last message sent that began with this.
    answers: Vec<(&'static str, String)>,
}

impl World {
    /// Begin with: a call of ours that rings, one that talks; a call to us that waits for an answer, one whose 200 is not
    /// acknowledged, one that talks.
    pub fn new() -> Self {
        let mut ua = UserAgent::new(config());
        ua.set_access(vec![rule()]);
        let mut world = Self { ua, now: Instant::now(), legs: HashMap::new(), answers: Vec::new() };
        for leg in [1, 2] {
            world.tell(dial(leg));
        }
        world.receive(&world.filled(response(180, "dialed", "").as_bytes()));
        world.receive(&world.filled(response(200, "talking", OFFER).as_bytes()));
        for (number, name) in [(0, "offered"), (1, "wait"), (2, "up")] {
            world.receive(ask("INVITE", name, "", 1, OFFER).as_bytes());
            if number > 0 {
                world.tell(Command::Answer { leg: INCOMING_LEGS + number, media: media() });
            }
        }
        world.receive(&world.filled(ask("ACK", "up", ";tag=$UP", 1, "").as_bytes()));
        assert_eq!(world.legs.len(), 5, "the calls to begin with");
        world
    }

    /// Messages that fit the calls, to be broken.
    pub fn messages() -> Vec<String> {
        let route = "Record-Route: <sip:192.0.2.51;lr>, <sip:192.0.2.52>\r\n";
        let challenge =
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256\r\n";
        let with = |message: String, extra: &str| message.replacen("\r\nCall-ID", &format!("\r\n{extra}Call-ID"), 1);
        let info = "Signal=5\r\nDuration=160\r\n";
        vec![
            with(response(183, "dialed", OFFER), route),
            with(response(200, "dialed", OFFER), route),
            with(response(401, "dialed", ""), challenge),
            with(response(302, "dialed", ""), "Contact: <sip:x@192.0.2.9:5060>\r\n"),
            with(response(486, "dialed", ""), "Reason: Q.850;cause=17;text=\"busy\"\r\nRetry-After: 5 (x)\r\n"),
            response(200, "talking", OFFER).replace(";tag=far", ";tag=fork"),
            ask("INVITE", "new", "", 1, OFFER),
            ask("CANCEL", "offered", "", 1, ""),
            ask("ACK", "wait", ";tag=$WAIT", 1, ""),
            ask("BYE", "wait", ";tag=$WAIT", 2, ""),
            ask("INVITE", "up", ";tag=$UP", 2, OFFER).replace("branch=z9hG4bKup", "branch=z9hG4bKagain"),
            ask("UPDATE", "up", ";tag=$UP", 3, OFFER).replace("branch=z9hG4bKup", "branch=z9hG4bKupdate"),
            ask("INFO", "up", ";tag=$UP", 4, info).replace("application/sdp", "application/dtmf-relay"),
            with(ask("REFER", "up", ";tag=$UP", 5, ""), "Refer-To: <sip:+4930300@192.0.2.9>\r\n"),
            with(ask("BYE", "up", ";tag=$UP", 9, ""), "Reason: Q.850;cause=16\r\n"),
            ask("OPTIONS", "options", "", 1, ""),
            with(ask("REGISTER", "register", "", 1, ""), "Expires: 60\r\n"),
            with(ask("SUBSCRIBE", "subscribe", "", 1, ""), "Event: refer\r\n"),
        ]
    }

    /// Put in the place of `$UP`, `$WAIT`, `$DIALED` and `$TALKING` what the user agent chose: the tag of its answer, the
    /// Via of its INVITE.
    pub fn filled(&self, template: &[u8]) -> Vec<u8> {
        let mut bytes = template.to_vec();
        for (name, value) in &self.answers {
            while let Some(at) = bytes.windows(name.len()).position(|part| part == name.as_bytes()) {
                bytes.splice(at..at + name.len(), value.bytes());
            }
        }
        bytes
    }

    /// A datagram of the peer comes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.ua.handle_message(self.now, peer(), bytes);
        let sent = self.drain();
        assert!(sent <= MAX_ANSWERS, "{sent} messages for one datagram:\n{}", String::from_utf8_lossy(bytes));
    }

    /// Let time pass up to `by`, one deadline at a time.
    pub fn wait(&mut self, by: Duration) {
        let until = self.now + by;
        for _ in 0..MAX_DEADLINES {
            let Some(next) = self.ua.next_deadline().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            self.ua.handle_deadline(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn order(&mut self, order: &[u8]) {
        let legs: Vec<LegId> = self.legs.iter().filter(|(_, ended)| !**ended).map(|(leg, _)| *leg).collect();
        match order {
            b"wait" => self.wait(T1),
            b"long" => self.wait(T1 * 70),
            _ => {
                for leg in legs {
                    match order {
                        b"ring" => self.tell(Command::Ring { leg }),
                        b"answer" => self.tell(Command::Answer { leg, media: media() }),
                        b"early" => self.tell(Command::EarlyMedia { leg, media: media() }),
                        b"reject" => self.tell(Command::Reject { leg, code: 486, reason: None }),
                        b"hold" => self.tell(Command::Hold { leg, on: true }),
                        b"resume" => self.tell(Command::Hold { leg, on: false }),
                        b"refer" => self.tell(refer(leg)),
                        b"hangup" => self.tell(Command::Hangup { leg, q850: Some(16) }),
                        _ => {}
                    }
                }
            }
        }
    }

    fn tell(&mut self, command: Command) {
        self.ua.handle_command(self.now, command);
        self.drain();
    }

    /// Look at everything that comes out; returns how many messages it sent.
    fn drain(&mut self) -> usize {
        let mut sent = 0;
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    sent += 1;
                    check_sent(&bytes);
                    self.remember(&bytes);
                }
                Output::Event(event) => self.follow(&event),
            }
        }
        sent
    }

    fn follow(&mut self, event: &Event) {
        let (leg, ends) = match event {
            Event::Incoming { leg, .. } => {
                assert_eq!(self.legs.insert(*leg, false), None, "leg {leg} came twice");
                return;
            }
            Event::Ended { leg, .. } => (*leg, true),
            Event::Progress { leg, .. }
            | Event::Answered { leg, .. }
            | Event::MediaAgreed { leg, .. }
            | Event::AnswerConfirmed { leg, .. }
            | Event::Held { leg, .. }
            | Event::InfoDtmf { leg, .. } => (*leg, false),
            _ => return,
        };
        let ended = self.legs.entry(leg).or_default();
        assert!(!*ended, "leg {leg} had ended: {event:?}");
        *ended = ends;
    }

    fn remember(&mut self, bytes: &[u8]) {
        if self.answers.len() == 4 {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        let tag = line("To: ").split(";tag=").nth(1).unwrap_or_default().to_owned();
        let name = match (line("Call-ID: ").as_str(), text.starts_with("INVITE"), text.starts_with("SIP/2.0 200")) {
            ("dialed", true, _) => "$DIALED",
            ("talking", true, _) => "$TALKING",
            ("wait", _, true) => "$WAIT",
            ("up", _, true) => "$UP",
            _ => return,
        };
        if self.answers.iter().all(|(known, _)| *known != name) {
            self.answers.push((name, if name.len() > 6 || name == "$DIALED" { line("Via: ") } else { tag }));
        }
    }

    /// Stop everything; panics if something stays.
    pub fn end(mut self) {
        self.tell(Command::StopAll);
        self.wait(Duration::from_secs(4 * 60));
        let counters = self.ua.counters();
        let left = (counters.legs, counters.dialogs, counters.transactions);
        assert_eq!(left, (0, 0, 0), "legs, dialogs, transactions left over: {counters:?}");
        assert_eq!(counters.faults, 0, "faults");
        let open: Vec<_> = self.legs.iter().filter(|(_, ended)| !**ended).collect();
        assert!(open.is_empty(), "legs without end: {open:?}");
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn peer() -> Peer {
    Peer::udp(SocketAddr::from(([192, 0, 2, 9], 5060)))
}

fn local() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5060))
}

fn config() -> Config {
    Config {
        listeners: vec![Listener::new(Transport::Udp, local())],
        user_agent: "Ringback".to_owned(),
        t1: T1,
        max_legs: 100,
        max_incoming_per_s: 1_000_000,
        seed: 42,
        trace: false,
    }
}

fn rule() -> AccessRule {
    let Ok(network) = "192.0.2.0/24".parse() else { panic!("a network") };
    AccessRule { network, port: None, trunk: 7, codecs: vec![Codec::Pcma, Codec::Pcmu], policy: policy() }
}

/// Everything on, so that everything can be reached.
fn policy() -> Policy {
    Policy { session_expires_s: 90, allow_transfer: true, ..Policy::default() }
}

fn media() -> LocalMedia {
    LocalMedia::plain(SocketAddr::from(([192, 0, 2, 1], 20_000)), vec![Codec::Pcma, Codec::Pcmu])
}

fn dial(leg: LegId) -> Command {
    let name = if leg == 1 { "dialed" } else { "talking" };
    Command::Dial {
        target: ringback_sip::DialTarget::default(),
        leg,
        peer: peer(),
        reach: ringback_sip::Reach::default(),
        to: "sip:+4930100@192.0.2.9:5060".to_owned(),
        from: "sip:+4930200@ringback.example".to_owned(),
        display_name: None,
        call_id: name.to_owned(),
        local_tag: name.to_owned(),
        headers: Vec::new(),
        media: media(),
        credentials: Some(Credentials { username: "u".to_owned(), password: "p".to_owned(), realm: None }),
        allow_redirects: true,
        policy: policy(),
    }
}

fn refer(leg: LegId) -> Command {
    Command::Refer { leg, to: "sip:+4930300@192.0.2.9".to_owned(), replaces: None, referred_by: None }
}

/// A request of the peer in the call of this name.
fn ask(method: &str, name: &str, to_tag: &str, cseq: u32, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:+4930100@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{name}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:+4930200@192.0.2.9>;tag={name}\r\n\
         To: <sip:+4930100@192.0.2.1>{to_tag}\r\n\
         Call-ID: {name}\r\n\
         CSeq: {cseq} {method}\r\n\
         Contact: <sip:peer@192.0.2.9:5060>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A response of the peer to the INVITE of our call of this name.
fn response(code: u16, name: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let via = name.to_ascii_uppercase();
    format!(
        "SIP/2.0 {code} Phrase\r\n\
         Via: ${via}\r\n\
         From: <sip:+4930200@ringback.example>;tag={name}\r\n\
         To: <sip:+4930100@192.0.2.9:5060>;tag=far\r\n\
         Call-ID: {name}\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:far@192.0.2.9:5060>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(world: &World) -> usize {
        world.legs.values().filter(|ended| !**ended).count()
    }

    #[test]
    fn the_calls_are_what_the_messages_mean() {
        for (what, message, left) in [
            ("their BYE in a call that talks", ask("BYE", "up", ";tag=$UP", 9, ""), 4),
            ("their BYE in a call whose 200 waits for ACK", ask("BYE", "wait", ";tag=$WAIT", 9, ""), 4),
            ("CANCEL of the call that is offered", ask("CANCEL", "offered", "", 1, ""), 4),
            ("a refusal of the call that rings", response(486, "dialed", ""), 4),
            ("an answer of the call that rings", response(200, "dialed", OFFER), 5),
            ("another answer of the call that talks", response(200, "talking", OFFER).replace("=far", "=fork"), 5),
            ("a new call", ask("INVITE", "new", "", 1, OFFER), 6),
        ] {
            let mut world = World::new();
            world.receive(&world.filled(message.as_bytes()));

            assert_eq!(open(&world), left, "{what}");
            world.end();
        }
    }

    #[test]
    fn a_fork_of_ours_is_ended_and_orders_are_obeyed() {
        let mut world = World::new();
        world.receive(&world.filled(response(200, "talking", OFFER).replace("=far", "=fork").as_bytes()));
        assert_eq!(world.ua.counters().forked_answers, 1);

        world.order(b"hangup");
        // No answer to BYE or CANCEL comes: two times 64 T1.
        world.order(b"long");
        world.order(b"long");

        assert_eq!(open(&world), 0);
        world.end();
    }
}
