//! Reliable transports: nothing is sent twice, responses keep their connection, Via and Contact say what is spoken.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::unchecked_time_subtraction)]

mod common;

use std::time::Duration;

use common::*;
use ringback_sip::{Cause, Command, Event, Listener, Output, Peer, Reach, Side, Transport, UserAgent};

const PHONE: &str = "192.0.2.9:41000";

/// A user agent that listens by every transport, and what it sent.
struct Bench {
    script: Script,
    sent: Vec<(Peer, String)>,
}

impl Bench {
    fn new() -> Self {
        let mut config = config(A);
        config.listeners = Transport::ALL
            .into_iter()
            .map(|transport| Listener::new(transport, format!("192.0.2.1:{}", port(transport)).parse().unwrap()))
            .collect();
        let mut ua = UserAgent::new(config);
        ua.set_access(vec![rule("192.0.2.0/24")]);
        Self { script: Script::with(ua), sent: Vec::new() }
    }

    fn tell(&mut self, command: Command) {
        self.script.ua.handle_command(self.script.now, command);
        self.drain();
    }

    fn say(&mut self, from: Peer, message: &str) {
        let message = message.replace("\r\n", "\n").replace('\n', "\r\n");
        self.script.ua.handle_message(self.script.now, from, message.as_bytes());
        self.drain();
    }

    fn fail(&mut self, to: Peer) {
        self.script.ua.handle_transport_error(self.script.now, to);
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let until = self.script.now + time;
        while let Some(next) = self.script.ua.next_deadline().filter(|next| *next <= until) {
            self.script.now = self.script.now.max(next);
            self.script.ua.handle_deadline(self.script.now);
            self.drain();
        }
        self.script.now = until;
    }

    fn drain(&mut self) {
        while let Some(output) = self.script.ua.poll_output() {
            match output {
                Output::Event(event) => self.script.events.push(event),
                Output::Transmit { to, bytes, .. } => {
                    self.sent.push((to, String::from_utf8_lossy(&bytes).into_owned()));
                }
            }
        }
    }

    fn take(&mut self) -> (Peer, String) {
        self.sent.remove(0)
    }

    fn shorts(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|(_, message)| short(&message)).collect()
    }
}

fn port(transport: Transport) -> u16 {
    transport.default_port()
}

fn by(transport: Transport, connection: u32) -> Peer {
    let listener = Transport::ALL.iter().position(|other| *other == transport).unwrap();
    Peer { transport, listener: u16::try_from(listener).unwrap(), address: PHONE.parse().unwrap(), connection }
}

fn dial_to(peer: Peer, reach: Reach) -> Command {
    let mut order = dial(1, "192.0.2.9:5060");
    if let Command::Dial { peer: to, reach: how, .. } = &mut order {
        (*to, *how) = (peer, reach);
    }
    order
}

#[test]
fn an_invite_over_a_stream_is_sent_once_and_times_out_all_the_same() {
    let mut bench = Bench::new();
    bench.tell(dial_to(Peer::new(Transport::Tcp, addr("192.0.2.9:5060")), Reach::default()));
    let (to, invite) = bench.take();
    assert_eq!((to.transport, to.listener, to.connection), (Transport::Tcp, 1, 0));
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP 192.0.2.1:5060;rport;branch="), "{invite}");
    assert_eq!(header(&invite, "Contact"), "<sip:192.0.2.1:5060;transport=tcp>");

    bench.wait(TIMEOUT);

    assert_eq!(bench.shorts(), Vec::<String>::new());
    assert_eq!(ended(&bench.script.events[0]), Some((1, Cause::Timeout, Side::Network, None)));
    bench.script.assert_clean();
}

#[test]
fn finished_transactions_over_a_stream_are_forgotten_at_once() {
    let mut bench = Bench::new();
    bench.tell(dial_to(Peer::new(Transport::Tls, addr("192.0.2.9:5061")), Reach::default()));
    let (to, invite) = bench.take();
    assert_eq!(header(&invite, "Contact"), "<sip:192.0.2.1:5061;transport=tls>");
    bench.say(Peer { connection: 4, ..to }, &reply(&invite, 486, "busy", "", ""));
    let (_, ack) = bench.take();
    assert!(header(&ack, "Via").starts_with("SIP/2.0/TLS "));

    bench.wait(Duration::from_millis(1));

    assert_eq!(bench.script.ua.counters().transactions, 0, "timer D is zero");
}

#[test]
fn a_refusal_over_a_stream_is_not_repeated_and_its_2xx_is() {
    let mut bench = Bench::new();
    bench.say(by(Transport::Tcp, 7), &Ask::default().text());
    bench.tell(Command::Reject { leg: incoming(0), code: 486, reason: None });
    bench.sent.clear();
    bench.wait(TIMEOUT * 2);
    assert_eq!(bench.shorts(), Vec::<String>::new(), "no timer G");

    let other = Ask { branch: "b2", from_tag: "other", cseq: 5, ..Ask::default() }.text();
    bench.say(by(Transport::Tcp, 7), &other.replace("script-1", "script-2"));
    bench.tell(Command::Answer { leg: incoming(1), media: media("192.0.2.1:20000") });
    bench.sent.clear();
    bench.wait(T1 * 3);
    assert_eq!(bench.shorts(), ["200 INVITE", "200 INVITE"], "the user agent repeats it (RFC 3261 13.3.1.4)");
}

#[test]
fn responses_and_requests_go_back_over_the_connection_that_a_phone_opened() {
    for (transport, contact) in [
        (Transport::Tcp, "<sip:192.0.2.1:5060;transport=tcp>"),
        (Transport::Ws, "<sip:192.0.2.1:80;transport=ws>"),
        (Transport::Wss, "<sip:192.0.2.1:443;transport=ws>"),
    ] {
        let mut bench = Bench::new();
        let from = by(transport, 9);
        bench.say(from, &Ask::default().text().replace("SIP/2.0/UDP", &format!("SIP/2.0/{}", transport.via_token())));
        let (to, trying) = bench.take();
        assert_eq!((to.connection, to.transport, to.listener), (9, transport, from.listener));
        assert!(header(&trying, "Via").contains("received=192.0.2.9"), "{trying}");
        bench.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
        let (to, ok) = bench.take();
        assert_eq!((to.connection, header(&ok, "Contact").as_str()), (9, contact));
        let ack = Ask { method: "ACK", branch: "b2", to_tag: &tag(&header(&ok, "To")), body: "", ..Ask::default() };
        bench.say(from, &ack.text());

        bench.tell(Command::Hangup { leg: incoming(0), q850: None });

        let (to, bye) = bench.take();
        assert_eq!((short(&bye).as_str(), to.connection, to.transport), ("BYE", 9, transport));
        assert!(header(&bye, "Via").starts_with(&format!("SIP/2.0/{} ", transport.via_token())));
    }
}

#[test]
fn a_bye_on_a_dead_connection_is_sent_once_more_over_a_new_one_and_then_the_leg_ends() {
    let mut bench = Bench::new();
    let from = by(Transport::Tcp, 9);
    bench.say(from, &Ask::default().text());
    bench.tell(Command::Answer { leg: incoming(0), media: media("192.0.2.1:20000") });
    let ok = bench.sent.last().unwrap().1.clone();
    let ack = Ask { method: "ACK", branch: "b2", to_tag: &tag(&header(&ok, "To")), body: "", ..Ask::default() };
    bench.say(from, &ack.text());
    bench.sent.clear();
    bench.script.events.clear();
    bench.tell(Command::Hangup { leg: incoming(0), q850: None });
    let (to, bye) = bench.take();
    assert_eq!((to.connection, to.address), (9, addr("192.0.2.9:5060")), "the address is that of the Contact");

    bench.fail(from);

    let (again, same) = bench.take();
    assert_eq!((again, &same), (Peer { connection: 0, ..to }, &bye));
    bench.fail(again);
    assert_eq!(ended(&bench.script.events[0]), Some((incoming(0), Cause::Bye, Side::Local, None)));
    bench.script.assert_clean();
}

#[test]
fn the_text_of_a_dialog_names_its_transport_and_none_means_udp() {
    let mut bench = Bench::new();
    bench.say(by(Transport::Tls, 9), &Ask::default().text());
    let Some(Event::Incoming { dialog, .. }) = bench.script.events.first().cloned() else { panic!("no call") };
    assert!(dialog.contains("\"transport\":\"tls\""), "{dialog}");

    let mut after = Bench::new();
    after.tell(Command::EndDialog { dialog: dialog.clone() });
    let (to, bye) = after.take();
    assert_eq!((to.transport, to.listener, to.connection), (Transport::Tls, 2, 0));
    assert!(header(&bye, "Via").starts_with("SIP/2.0/TLS 192.0.2.1:5061;"));

    let mut old = Bench::new();
    old.tell(Command::EndDialog { dialog: dialog.replace(",\"transport\":\"tls\"", "") });
    assert_eq!(old.take().0.transport, Transport::Udp);
}

#[test]
fn a_long_invite_goes_by_tcp_and_by_udp_if_tcp_is_refused() {
    let mut bench = Bench::new();
    let reach = Reach { mtu_to_tcp: true, ..Reach::default() };
    let gateway = Peer::new(Transport::Udp, addr("192.0.2.9:5060"));
    let mut order = dial_to(gateway, reach.clone());
    if let Command::Dial { headers, .. } = &mut order {
        headers.push(("X-Long".to_owned(), "x".repeat(1000)));
    }
    bench.tell(order);
    let (to, invite) = bench.take();
    assert_eq!(to.transport, Transport::Tcp);
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP "));

    bench.fail(to);

    let (to, invite) = bench.take();
    assert_eq!((to.transport, header(&invite, "CSeq").as_str()), (Transport::Udp, "2 INVITE"));
    assert!(header(&invite, "Via").starts_with("SIP/2.0/UDP "));
    let mut short = Bench::new();
    short.tell(dial_to(gateway, reach));
    assert_eq!(short.take().0.transport, Transport::Udp, "a short one stays");
}

fn servers() -> Command {
    let then = ["192.0.2.8:5060", "192.0.2.7:5060"].map(|address| Peer::new(Transport::Udp, addr(address)));
    let reach = Reach { then: then.to_vec(), patience: Some(T1 * 4), ..Reach::default() };
    dial_to(Peer::new(Transport::Udp, addr("192.0.2.9:5060")), reach)
}

#[test]
fn the_next_server_is_tried_after_silence_an_error_or_503_with_the_same_call_id_and_tag() {
    let mut bench = Bench::new();
    bench.tell(servers());
    let (_, first) = bench.take();

    bench.wait(T1 * 4);
    let (to, second) = bench.sent.pop().unwrap();
    assert_eq!(to.address, addr("192.0.2.8:5060"));
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(header(&second, "From"), header(&first, "From"));
    assert_ne!(header(&second, "Via"), header(&first, "Via"));
    bench.sent.clear();
    bench.say(to, &reply(&second, 100, "", "", ""));
    bench.say(to, &reply(&second, 503, "x", "", ""));
    let (to, third) = bench.sent.pop().unwrap();
    assert_eq!((to.address, short(&third).as_str()), (addr("192.0.2.7:5060"), "INVITE"));
    bench.fail(to);

    let tried: Vec<_> = bench
        .script
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Tried { peer, cause, code, next, .. } => Some((peer.address, *cause, *code, next.address)),
            _ => None,
        })
        .collect();
    let [a, b, c] = ["192.0.2.9:5060", "192.0.2.8:5060", "192.0.2.7:5060"].map(addr);
    assert_eq!(tried, [(a, Cause::Timeout, None, b), (b, Cause::Response, Some(503), c)]);
    assert_eq!(ended(bench.script.events.last().unwrap()), Some((1, Cause::Transport, Side::Network, None)));
    bench.script.assert_clean();
}

#[test]
fn a_server_that_rang_or_refused_otherwise_is_not_left() {
    for code in [486, 503] {
        let mut bench = Bench::new();
        bench.tell(servers());
        let (to, invite) = bench.take();
        if code == 503 {
            bench.say(to, &reply(&invite, 180, "x", "", ""));
        }
        bench.say(to, &reply(&invite, code, "x", "", ""));
        assert_eq!(ended(bench.script.events.last().unwrap()), Some((1, Cause::Response, Side::Remote, Some(code))));
    }
}

#[test]
fn a_silent_server_that_answers_late_gets_ack_and_bye_and_the_call_goes_on() {
    let mut bench = Bench::new();
    bench.tell(servers());
    let (old, first) = bench.take();
    bench.wait(T1 * 4);
    bench.sent.clear();

    bench.say(old, &ok_with_answer(&first, "late"));

    assert_eq!(bench.shorts(), ["ACK", "BYE"]);
    assert!(!bench.script.events.iter().any(|event| matches!(event, Event::Answered { .. } | Event::Ended { .. })));
}

#[test]
fn a_call_taken_back_is_not_offered_to_the_next_server() {
    let mut bench = Bench::new();
    bench.tell(servers());
    bench.take();
    bench.tell(Command::Hangup { leg: 1, q850: None });

    bench.wait(TIMEOUT);

    assert!(bench.sent.iter().all(|(to, _)| to.address == addr("192.0.2.9:5060")));
    assert_eq!(ended(bench.script.events.last().unwrap()), Some((1, Cause::Cancelled, Side::Local, None)));
}
