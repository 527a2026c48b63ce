//! The resolver against a name server of the test's own, on loopback.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::*;

const BOTH: Families = Families { v4: true, v6: true };

fn question(host: &str, port: Option<u16>, wanted: Wanted) -> Question {
    Question { host: host.to_owned(), port, wanted, families: BOTH }
}

fn target(transport: Transport, address: &str) -> Target {
    Target { transport, address: address.parse().unwrap() }
}

/// A name in the form of the wire.
fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend_from_slice(label.to_ascii_lowercase().as_bytes());
    }
    wire.push(0);
    wire
}

fn srv(priority: u16, weight: u16, port: u16, host: &str) -> Vec<u8> {
    [&priority.to_be_bytes()[..], &weight.to_be_bytes(), &port.to_be_bytes(), &name(host)].concat()
}

fn naptr(order: u16, service: &str, replacement: &str) -> Vec<u8> {
    let mut wire = [&order.to_be_bytes()[..], &10_u16.to_be_bytes()].concat();
    for text in ["s", service, ""] {
        wire.push(u8::try_from(text.len()).unwrap());
        wire.extend_from_slice(text.as_bytes());
    }
    wire.extend_from_slice(&name(replacement));
    wire
}

const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

type Zone = Vec<(&'static str, u16, Vec<u8>)>;

/// Answers from its zone, with no time to live; NXDOMAIN for all else; nothing at all while it is mute.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    zone: Arc<Mutex<Option<Zone>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let (asked, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let zone = Arc::new(Mutex::new(Some(zone)));
        let (counted, stopped, records) = (Arc::clone(&asked), Arc::clone(&stop), Arc::clone(&zone));
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                counted.fetch_add(1, Ordering::Relaxed);
                let records = records.lock().unwrap();
                let _ = socket.send_to(&reply(&buffer[..length], records.as_ref()), from);
            }
        });
        Self { address, asked, stop, zone, thread: Some(thread) }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// SERVFAIL without a zone.
fn reply(query: &[u8], zone: Option<&Zone>) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let (asked, kind) = (query[12..end].to_ascii_lowercase(), u16::from_be_bytes([query[end], query[end + 1]]));
    let records: Vec<&Vec<u8>> = zone
        .into_iter()
        .flatten()
        .filter(|(host, of, _)| name(host) == asked && *of == kind)
        .map(|(_, _, data)| data)
        .collect();
    let exists = zone.is_some_and(|zone| zone.iter().any(|(host, ..)| name(host) == asked));
    let code = match zone {
        None => 2,
        Some(_) if exists => 0,
        Some(_) => 3,
    };
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let mut wire = [&query[..2], &[0x81, 0x80 | code, 0, 1], &count, &[0, 0, 0, 0], &query[12..end + 4]].concat();
    for data in records {
        wire.extend_from_slice(&[0xc0, 12]);
        wire.extend_from_slice(&kind.to_be_bytes());
        wire.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
        wire.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        wire.extend_from_slice(data);
    }
    wire
}

struct Asker {
    resolver: Resolver,
    now: Instant,
}

impl Asker {
    fn new(server: &Server) -> Self {
        let wake = Arc::new(WakeFd::new().unwrap());
        Self { resolver: Resolver::new(vec![server.address], 1, wake), now: Instant::now() }
    }

    fn ask(&mut self, question: Question) -> Answer {
        match self.resolver.resolve(self.now, question, 7) {
            Answer::Later => {}
            answer => return answer,
        }
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some((token, answer)) = self.resolver.finished(self.now).pop() {
                assert_eq!(token, 7);
                return answer;
            }
            assert!(Instant::now() < until, "no answer");
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_address_is_its_own_answer_and_must_fit_a_listener() {
    let mut resolver = Resolver::new(Vec::new(), 1, Arc::new(WakeFd::new().unwrap()));
    let now = Instant::now();
    let mut ask = |host: &str, port, wanted| resolver.resolve(now, question(host, port, wanted), 1);

    let udp = Answer::Targets(vec![target(Transport::Udp, "192.0.2.1:5060")]);
    assert_eq!(ask("192.0.2.1", None, Wanted::Auto), udp);
    let tls = Answer::Targets(vec![target(Transport::Tls, "[2001:db8::1]:5061")]);
    assert_eq!(ask("2001:db8::1", None, Wanted::Only(Transport::Tls)), tls);
    let only_v4 = Question { families: Families { v4: true, v6: false }, ..question("::1", None, Wanted::Auto) };
    assert!(matches!(resolver.resolve(now, only_v4, 1), Answer::Failed(_)));
}

#[test]
fn naptr_names_the_transports_and_srv_the_servers_in_order() {
    let server = Server::new(vec![
        ("gw.example", NAPTR, naptr(20, "SIP+D2U", "_sip._udp.gw.example")),
        ("gw.example", NAPTR, naptr(10, "SIPS+D2T", "_sips._tcp.gw.example")),
        ("gw.example", NAPTR, naptr(5, "E2U+sip", "else.example")),
        ("_sips._tcp.gw.example", SRV, srv(2, 0, 5071, "b.example")),
        ("_sips._tcp.gw.example", SRV, srv(1, 0, 5061, "a.example")),
        ("_sip._udp.gw.example", SRV, srv(0, 0, 5060, "a.example")),
        ("a.example", A, vec![192, 0, 2, 1]),
        ("b.example", A, vec![192, 0, 2, 2]),
    ]);
    let mut asker = Asker::new(&server);

    let answer = asker.ask(question("gw.example", None, Wanted::Auto));

    let expected = [
        target(Transport::Tls, "192.0.2.1:5061"),
        target(Transport::Tls, "192.0.2.2:5071"),
        target(Transport::Udp, "192.0.2.1:5060"),
    ];
    assert_eq!(answer, Answer::Targets(expected.to_vec()));
}

#[test]
fn without_naptr_srv_is_asked_and_without_that_the_address() {
    let server = Server::new(vec![
        ("_sip._tcp.one.example", SRV, srv(1, 0, 5080, "a.example")),
        ("a.example", A, vec![192, 0, 2, 1]),
    ]);
    let mut asker = Asker::new(&server);

    let tcp = Answer::Targets(vec![target(Transport::Tcp, "192.0.2.1:5080")]);
    assert_eq!(asker.ask(question("one.example", None, Wanted::Auto)), tcp);
    let plain = Answer::Targets(vec![target(Transport::Udp, "192.0.2.1:5060")]);
    assert_eq!(asker.ask(question("a.example", None, Wanted::Auto)), plain);
    let ported = Answer::Targets(vec![target(Transport::Tcp, "192.0.2.1:5099")]);
    assert_eq!(asker.ask(question("A.example", Some(5099), Wanted::Only(Transport::Tcp))), ported);
    assert!(matches!(asker.ask(question("none.example", None, Wanted::Auto)), Answer::Failed(_)));
}

#[test]
fn an_answer_lives_as_long_as_it_says_and_longer_when_the_name_server_fails() {
    let server = Server::new(vec![("a.example", A, vec![192, 0, 2, 1])]);
    let mut asker = Asker::new(&server);
    let question = question("a.example", Some(5060), Wanted::Auto);
    let known = Answer::Targets(vec![target(Transport::Udp, "192.0.2.1:5060")]);
    assert_eq!(asker.ask(question.clone()), known);
    let before = server.asked();

    assert_eq!(asker.ask(question.clone()), known);
    assert_eq!(server.asked(), before, "remembered");
    *server.zone.lock().unwrap() = None;
    asker.now += FRESH_AT_LEAST;

    assert_eq!(asker.ask(question.clone()), known, "the name server fails: old is better than nothing");
    asker.now += STALE + FAILED;
    assert!(matches!(asker.ask(question), Answer::Failed(_)));
}

#[test]
fn a_place_that_failed_comes_last_for_a_while() {
    let server = Server::new(vec![
        ("_sip._udp.gw.example", SRV, srv(1, 0, 5060, "a.example")),
        ("_sip._udp.gw.example", SRV, srv(2, 0, 5060, "b.example")),
        ("a.example", A, vec![192, 0, 2, 1]),
        ("b.example", A, vec![192, 0, 2, 2]),
    ]);
    let mut asker = Asker::new(&server);
    let (first, second) = (target(Transport::Udp, "192.0.2.1:5060"), target(Transport::Udp, "192.0.2.2:5060"));
    let ask = |asker: &mut Asker| asker.ask(question("gw.example", None, Wanted::Auto));
    assert_eq!(ask(&mut asker), Answer::Targets(vec![first, second]));

    asker.resolver.quarantine(asker.now, first);

    assert_eq!(ask(&mut asker), Answer::Targets(vec![second, first]));
    asker.now += QUARANTINE;
    assert_eq!(ask(&mut asker), Answer::Targets(vec![first, second]));
}
