//! Two ends and a wire in memory, and a scripted peer for misbehaviour. Time is a number that tests move.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc
)]

pub mod phone;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringback_sip::{
    AccessRule, Cause, Codec, Command, Config, Event, LegId, Listener, LocalMedia, Negotiated, Output, Peer, Policy,
    Reach, Side, Transport, UserAgent,
};

pub const T1: Duration = Duration::from_millis(500);
pub const TIMEOUT: Duration = Duration::from_secs(32);
pub const TRUNK: u64 = 7;

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn config(local: &str) -> Config {
    Config {
        listeners: vec![Listener::new(Transport::Udp, addr(local))],
        user_agent: "Ringback".to_owned(),
        t1: T1,
        max_legs: 100,
        max_incoming_per_s: 1000,
        seed: 42,
        trace: false,
    }
}

pub fn rule(network: &str) -> AccessRule {
    AccessRule {
        network: network.parse().expect("a network"),
        port: None,
        trunk: TRUNK,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        policy: Policy::default(),
    }
}

/// A user agent whose trunk behaves as told.
pub fn user_agent_with(local: &str, policy: Policy) -> UserAgent {
    let mut ua = UserAgent::new(config(local));
    ua.set_access(vec![AccessRule { policy, ..rule("192.0.2.0/24") }]);
    ua
}

/// `dial` with a policy.
pub fn dial_with(leg: LegId, peer: &str, wanted: Policy) -> Command {
    let mut order = dial(leg, peer);
    if let Command::Dial { policy, .. } = &mut order {
        *policy = wanted;
    }
    order
}

pub fn user_agent(local: &str) -> UserAgent {
    let mut ua = UserAgent::new(config(local));
    ua.set_access(vec![rule("192.0.2.0/24")]);
    ua
}

pub fn media(rtp: &str) -> LocalMedia {
    LocalMedia::plain(addr(rtp), vec![Codec::Pcma, Codec::Pcmu])
}

pub fn dial(leg: LegId, peer: &str) -> Command {
    Command::Dial {
        target: ringback_sip::DialTarget::default(),
        leg,
        peer: Peer::udp(addr(peer)),
        reach: Reach::default(),
        to: format!("sip:+4930100@{peer}"),
        from: "sip:+4930200@ringback.example".to_owned(),
        display_name: None,
        call_id: format!("call-{leg}"),
        local_tag: format!("tag-{leg}"),
        headers: Vec::new(),
        media: media("192.0.2.1:20000"),
        credentials: None,
        allow_redirects: false,
        policy: Policy::default(),
    }
}

/// Number of an incoming leg.
pub fn incoming(n: u64) -> LegId {
    ringback_sip::INCOMING_LEGS + n
}

/// What of an event a test usually looks at.
pub fn ended(event: &Event) -> Option<(LegId, Cause, Side, Option<u16>)> {
    match event {
        Event::Ended { leg, cause, side, code, .. } => Some((*leg, *cause, *side, *code)),
        _ => None,
    }
}

/// Whether a message is lost: sent by A, its text.
type Lose = Box<dyn FnMut(bool, &str) -> bool>;

/// Two user agents, A at 192.0.2.1 and B at 192.0.2.2.
pub struct Pair {
    pub a: UserAgent,
    pub b: UserAgent,
    pub now: Instant,
    pub a_events: Vec<Event>,
    pub b_events: Vec<Event>,
    /// Everything put on the wire: sent by A, text, and whether it was lost.
    pub wire: Vec<(bool, String, bool)>,
    lose: Lose,
}

pub const A: &str = "192.0.2.1:5060";
pub const B: &str = "192.0.2.2:5060";

impl Pair {
    pub fn new() -> Self {
        Self {
            a: user_agent(A),
            b: user_agent(B),
            now: Instant::now(),
            a_events: Vec::new(),
            b_events: Vec::new(),
            wire: Vec::new(),
            lose: Box::new(|_, _| false),
        }
    }

    /// Lose what this says: sent by A, message text.
    pub fn lose(&mut self, lose: impl FnMut(bool, &str) -> bool + 'static) {
        self.lose = Box::new(lose);
    }

    pub fn tell_a(&mut self, command: Command) {
        self.a.handle_command(self.now, command);
        self.pump();
    }

    pub fn tell_b(&mut self, command: Command) {
        self.b.handle_command(self.now, command);
        self.pump();
    }

    /// Deliver until the wire is quiet.
    pub fn pump(&mut self) {
        for _ in 0..10_000 {
            let mut flying: VecDeque<(bool, SocketAddr, Vec<u8>)> = VecDeque::new();
            for (is_a, ua, events) in
                [(true, &mut self.a, &mut self.a_events), (false, &mut self.b, &mut self.b_events)]
            {
                while let Some(output) = ua.poll_output() {
                    match output {
                        Output::Event(event) => events.push(event),
                        Output::Transmit { to, bytes, .. } => flying.push_back((is_a, to.address, bytes.to_vec())),
                    }
                }
            }
            if flying.is_empty() {
                return;
            }
            for (by_a, to, bytes) in flying {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let lost = (self.lose)(by_a, &text);
                self.wire.push((by_a, text, lost));
                if lost {
                    continue;
                }
                match to {
                    to if to == addr(A) => self.a.handle_message(self.now, Peer::udp(addr(B)), &bytes),
                    to if to == addr(B) => self.b.handle_message(self.now, Peer::udp(addr(A)), &bytes),
                    _ => {}
                }
            }
        }
        panic!("the wire never fell quiet");
    }

    /// Let time go by, deadline by deadline.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(next) = [self.a.next_deadline(), self.b.next_deadline()].into_iter().flatten().min() {
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            self.a.handle_deadline(self.now);
            self.b.handle_deadline(self.now);
            self.pump();
        }
        self.now = until;
    }

    /// A calls B; B rings and answers.
    pub fn established(&mut self) -> (LegId, LegId) {
        self.tell_a(dial(1, B));
        self.tell_b(Command::Ring { leg: incoming(0) });
        self.tell_b(Command::Answer { leg: incoming(0), media: media("192.0.2.2:30000") });
        self.a_events.clear();
        self.b_events.clear();
        self.wire.clear();
        (1, incoming(0))
    }

    /// Start lines sent, `A ` or `B ` in front, `*` behind if lost.
    pub fn ladder(&self) -> Vec<String> {
        self.wire
            .iter()
            .map(|(by_a, text, lost)| {
                let who = if *by_a { "A" } else { "B" };
                format!("{who} {}{}", short(text), if *lost { "*" } else { "" })
            })
            .collect()
    }

    /// Nothing is left over once every timer has run out.
    pub fn assert_clean(&mut self) {
        self.advance(TIMEOUT * 3);
        for (name, ua) in [("A", &self.a), ("B", &self.b)] {
            let counters = ua.counters();
            assert_eq!((counters.legs, counters.dialogs, counters.transactions), (0, 0, 0), "{name}: {counters:?}");
        }
    }
}

/// `INVITE` or `180 INVITE`: method, or code with the method of CSeq.
pub fn short(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    match first.strip_prefix("SIP/2.0 ") {
        Some(rest) => {
            let method = header(message, "CSeq").split(' ').nth(1).unwrap_or_default().to_owned();
            format!("{} {method}", &rest[..3])
        }
        None => first.split(' ').next().unwrap_or_default().to_owned(),
    }
}

/// First value of a header, empty if missing.
pub fn header(message: &str, name: &str) -> String {
    headers(message, name).into_iter().next().unwrap_or_default()
}

/// Every value of a header.
pub fn headers(message: &str, name: &str) -> Vec<String> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

pub fn body(message: &str) -> String {
    message.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// The Request-URI.
pub fn target(message: &str) -> String {
    message.split(' ').nth(1).unwrap_or_default().to_owned()
}

pub fn tag(value: &str) -> String {
    value.split(";tag=").nth(1).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

/// One user agent at 192.0.2.1 and a peer that says whatever a test wants.
pub struct Script {
    pub ua: UserAgent,
    pub now: Instant,
    pub peer: SocketAddr,
    pub events: Vec<Event>,
    /// What the user agent sent, not yet looked at.
    pub sent: VecDeque<(SocketAddr, String)>,
}

impl Script {
    pub fn new() -> Self {
        Self::with(user_agent(A))
    }

    pub fn with(ua: UserAgent) -> Self {
        Self { ua, now: Instant::now(), peer: addr("192.0.2.9:5060"), events: Vec::new(), sent: VecDeque::new() }
    }

    pub fn tell(&mut self, command: Command) {
        self.ua.handle_command(self.now, command);
        self.drain();
    }

    /// The peer says something. Lines end with CRLF, whatever they end with in the test.
    pub fn say(&mut self, message: &str) {
        self.say_from(self.peer, message);
    }

    pub fn say_from(&mut self, from: SocketAddr, message: &str) {
        self.say_bytes(from, message.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes());
    }

    pub fn say_bytes(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.ua.handle_message(self.now, Peer::udp(from), bytes);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Transmit { to, bytes, .. } => {
                    self.sent.push_back((to.address, String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
    }

    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(next) = self.ua.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.ua.handle_deadline(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// The next message sent.
    pub fn next(&mut self) -> String {
        self.sent.pop_front().expect("a message was sent").1
    }

    /// The next message sent, which must be this one.
    pub fn expect(&mut self, what: &str) -> String {
        let message = self.next();
        assert_eq!(short(&message), what, "{message}");
        message
    }

    /// Start lines of everything sent and not yet looked at.
    pub fn take_sent(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|(_, message)| short(&message)).collect()
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub fn assert_clean(&mut self) {
        self.advance(TIMEOUT * 3);
        let counters = self.ua.counters();
        assert_eq!((counters.legs, counters.dialogs, counters.transactions), (0, 0, 0), "{counters:?}");
    }
}

pub const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

/// A request of the scripted peer: start line, extra header lines, body.
pub struct Ask<'a> {
    pub method: &'a str,
    pub branch: &'a str,
    pub from_tag: &'a str,
    pub to_tag: &'a str,
    pub cseq: u32,
    pub extra: &'a str,
    pub body: &'a str,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self { method: "INVITE", branch: "b1", from_tag: "caller", to_tag: "", cseq: 1, extra: "", body: OFFER }
    }
}

impl Ask<'_> {
    pub fn text(&self) -> String {
        let Self { method, branch, from_tag, to_tag, cseq, extra, body } = self;
        let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        let kind = if body.is_empty() || extra.to_ascii_lowercase().contains("content-type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let cseq_method = method;
        format!(
            "{method} sip:+4930100@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:+4930200@192.0.2.9>;tag={from_tag}\r\n\
             To: <sip:+4930100@192.0.2.1>{to_tag}\r\n\
             Call-ID: script-1\r\n\
             CSeq: {cseq} {cseq_method}\r\n\
             Contact: <sip:peer@192.0.2.9:5060>\r\n\
             {extra}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A response of the scripted peer to a request of ours.
pub fn reply(request: &str, code: u16, to_tag: &str, extra: &str, body: &str) -> String {
    let to = header(request, "To");
    let to = if to_tag.is_empty() || to.contains(";tag=") { to } else { format!("{to};tag={to_tag}") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {code} Phrase\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        body.len()
    )
}

/// A 200 with Contact and an answer.
pub fn ok_with_answer(invite: &str, to_tag: &str) -> String {
    let contact = format!("Contact: <sip:{to_tag}@192.0.2.9:5060>\r\n");
    reply(invite, 200, to_tag, &contact, OFFER)
}

/// The negotiated media of an event, if it has any.
pub fn media_of(event: &Event) -> Option<Negotiated> {
    match event {
        Event::MediaAgreed { media, .. } | Event::Answered { media, .. } => Some(*media),
        Event::Progress { media, .. } => *media,
        _ => None,
    }
}

/// Just the kind of an event.
pub fn kind(event: &Event) -> &'static str {
    match event {
        Event::Incoming { .. } => "Incoming",
        Event::Progress { .. } => "Progress",
        Event::Tried { .. } => "Tried",
        Event::Answered { .. } => "Answered",
        Event::MediaAgreed { .. } => "MediaAgreed",
        Event::AnswerConfirmed { .. } => "AnswerConfirmed",
        Event::LateAnswer { .. } => "LateAnswer",
        Event::Held { .. } => "Held",
        Event::HoldDone { .. } => "HoldDone",
        Event::TransferRequested { .. } => "TransferRequested",
        Event::TransferProgress { .. } => "TransferProgress",
        Event::InfoDtmf { .. } => "InfoDtmf",
        Event::Ended { .. } => "Ended",
        Event::PhoneRegistered { .. } => "PhoneRegistered",
        Event::PhoneGone { .. } => "PhoneGone",
        Event::AuthenticationFailed { .. } => "AuthenticationFailed",
        Event::Registration { .. } => "Registration",
        Event::TrunkState { .. } => "TrunkState",
        Event::Lookup { .. } => "Lookup",
        Event::Trace { .. } => "Trace",
    }
}

pub fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(kind).collect()
}
