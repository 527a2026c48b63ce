//! The stream thread with real sockets on loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";
/// Nothing here takes so long unless it is broken.
const BROKEN: Duration = Duration::from_secs(20);

/// Streams with one listener of each kind asked for, and what came from them.
struct Bench {
    streams: Streams,
    addresses: Vec<SocketAddr>,
}

impl Bench {
    fn new(transports: &[Transport], limits: StreamLimits, files: TlsFiles) -> Self {
        Self::with(transports, limits, files, Vec::new())
    }

    fn with(transports: &[Transport], limits: StreamLimits, files: TlsFiles, origins: Vec<String>) -> Self {
        let bound: Vec<_> = (0..)
            .zip(transports)
            .map(|(id, transport)| (id, *transport, bind_stream("127.0.0.1:0".parse().unwrap()).unwrap()))
            .collect();
        let addresses = bound.iter().map(|(_, _, socket)| socket.local_addr().unwrap()).collect();
        let tls = Arc::new(Tls::load(files).unwrap());
        let setup = StreamSetup { listeners: bound, locals: HashMap::new(), tls, limits, origins };
        let streams = Streams::start(setup, Arc::new(WakeFd::new().unwrap())).unwrap();
        Self { streams, addresses }
    }

    fn plain(limits: StreamLimits) -> Self {
        Self::new(&[Transport::Tcp], limits, TlsFiles::default())
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addresses[0]).unwrap();
        stream.set_read_timeout(Some(BROKEN)).unwrap();
        stream
    }

    fn next(&mut self) -> StreamEvent {
        let until = Instant::now() + BROKEN;
        loop {
            if let Some(event) = self.streams.next_event() {
                return event;
            }
            assert!(Instant::now() < until, "nothing came: {:?}", self.streams.counters());
            std::thread::yield_now();
        }
    }

    fn message(&mut self) -> (Peer, Vec<u8>) {
        match self.next() {
            StreamEvent::Message { from, bytes } => (from, bytes.to_vec()),
            StreamEvent::Lost(peer) => panic!("lost {peer}"),
        }
    }

    /// Wait until the counters are as `done` wants them.
    fn wait(&self, done: impl Fn(StreamCounters) -> bool) -> StreamCounters {
        let until = Instant::now() + BROKEN;
        loop {
            let counters = self.streams.counters();
            if done(counters) {
                return counters;
            }
            assert!(Instant::now() < until, "{counters:?}");
            std::thread::yield_now();
        }
    }
}

fn short() -> StreamLimits {
    let moment = Duration::from_millis(50);
    StreamLimits { handshake: moment, first: moment, partial: moment, idle: moment, ..StreamLimits::default() }
}

/// Read until the far end closes.
fn read_to_end(mut stream: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut all);
    all
}

#[test]
fn messages_come_with_their_connection_and_answers_go_back_over_it() {
    let mut bench = Bench::plain(StreamLimits::default());
    let mut phone = bench.connect();
    phone.write_all(&OPTIONS[..20]).unwrap();
    phone.write_all(&[&OPTIONS[20..], OPTIONS, b"\r\n\r\n"].concat()).unwrap();

    let (from, first) = bench.message();
    assert_eq!((first.as_slice(), from.transport, from.listener), (OPTIONS, Transport::Tcp, 0));
    assert_eq!(from.address, phone.local_addr().unwrap());
    assert_eq!(bench.message(), (from, OPTIONS.to_vec()));
    let elsewhere = Peer { address: "127.0.0.1:9".parse().unwrap(), ..from };
    assert!(bench.streams.send(elsewhere, bytes::Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n")));

    let mut answers = [0; 20];
    phone.read_exact(&mut answers).unwrap();
    let text = String::from_utf8(answers.to_vec()).unwrap();
    assert!(text.contains("SIP/2.0 200 OK") && text.starts_with("\r\n") || text.ends_with("\r\n\r\n\r\n"), "{text:?}");
    assert_eq!(bench.streams.counters().pings, 1);
}

#[test]
fn what_is_not_sip_is_closed_and_counted() {
    let bench = Bench::plain(StreamLimits::default());
    let huge = format!("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    for hostile in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), b"BYE sip:a SIP/2.0\r\n\r\n", huge.as_bytes()] {
        let mut stream = bench.connect();
        stream.write_all(hostile).unwrap();
        assert_eq!(read_to_end(stream), b"");
    }

    let counters = bench.wait(|counters| counters.connections == 0);
    assert_eq!((counters.closed_garbage, counters.closed_no_length, counters.closed_oversize), (1, 1, 1));
}

#[test]
fn who_says_nothing_or_half_a_message_or_no_more_is_closed() {
    let mut bench = Bench::plain(short());

    assert_eq!(read_to_end(bench.connect()), b"", "never said anything");
    let mut half = bench.connect();
    half.write_all(&OPTIONS[..30]).unwrap();
    assert_eq!(read_to_end(half), b"");
    let mut silent = bench.connect();
    silent.write_all(OPTIONS).unwrap();
    bench.message();
    assert_eq!(read_to_end(silent), b"");

    let counters = bench.wait(|counters| counters.connections == 0);
    assert_eq!((counters.closed_partial, counters.closed_idle), (2, 1));
}

#[test]
fn connections_are_limited_and_come_back() {
    let limits = StreamLimits { max_connections: 3, max_per_source: 2, ..StreamLimits::default() };
    let mut bench = Bench::plain(limits);
    let mut kept = vec![bench.connect(), bench.connect()];
    bench.wait(|counters| counters.accepted == 2);

    assert_eq!(read_to_end(bench.connect()), b"");
    assert_eq!(bench.wait(|counters| counters.refused_source == 1).connections, 2);

    kept.pop();
    bench.wait(|counters| counters.connections == 1);
    bench.connect().write_all(OPTIONS).unwrap();
    bench.message();
}

#[test]
fn a_reader_that_does_not_read_is_closed_and_the_sender_told() {
    let mut bench = Bench::plain(StreamLimits { max_unsent: 64 << 10, ..StreamLimits::default() });
    let mut deaf = bench.connect();
    deaf.write_all(OPTIONS).unwrap();
    let (from, _) = bench.message();
    let message = bytes::Bytes::from(vec![b'x'; 32 << 10]);

    while bench.streams.counters().closed_slow == 0 {
        bench.streams.send(from, message.clone());
        std::thread::yield_now();
    }

    assert!(matches!(bench.next(), StreamEvent::Lost(peer) if peer.address == from.address));
    bench.wait(|counters| counters.connections == 0);
}

#[test]
fn two_engines_share_one_connection_both_ways_and_a_dead_one_is_opened_again() {
    let (mut a, mut b) = (Bench::plain(StreamLimits::default()), Bench::plain(StreamLimits::default()));
    let to_b = Peer { listener: 0, ..Peer::new(Transport::Tcp, b.addresses[0]) };
    let options = || bytes::Bytes::from_static(OPTIONS);

    a.streams.send(to_b, options());
    a.streams.send(to_b, options());
    let (from_a, _) = b.message();
    b.message();
    b.streams.send(from_a, options());
    let (from_b, _) = a.message();
    assert_eq!((from_b.address, a.streams.counters().opened), (to_b.address, 1));

    drop(b);
    let lost = a.next();
    assert_eq!(lost, StreamEvent::Lost(from_b), "requests were sent by it: who waits is told");
    a.streams.send(from_b, options());
    assert_eq!(a.next(), StreamEvent::Lost(Peer { connection: 0, ..from_b }), "nobody is there any more");
    assert_eq!(a.streams.counters().connect_failures, 1);
}

#[test]
fn a_browser_that_is_gone_cannot_be_called() {
    let mut bench = Bench::plain(StreamLimits::default());
    let gone = Peer { listener: 0, ..Peer::new(Transport::Wss, "127.0.0.1:9".parse().unwrap()) };

    bench.streams.send(gone, bytes::Bytes::from_static(OPTIONS));

    assert_eq!(bench.next(), StreamEvent::Lost(gone));
}

/// Files of a test's own authority and what it vouched for.
struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringback-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for `name`, in files called `file`.
    fn issue(&self, file: &str, name: &str) -> CertificateFiles {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = CertificateFiles {
            chain: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        std::fs::write(&files.chain, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The certificate that a listener shows to who asks for `name`.
fn shown(bench: &Bench, ca: &std::path::Path, name: &str) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls::pki_types::CertificateDer::pem_file_iter(ca).unwrap().flatten());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, bench.connect());
    stream.write_all(OPTIONS).unwrap();
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

fn der(files: &CertificateFiles) -> Vec<u8> {
    rustls::pki_types::CertificateDer::from_pem_file(&files.chain).unwrap().to_vec()
}

#[test]
fn the_certificate_is_chosen_by_the_name_asked_for() {
    let authority = Authority::new("sni");
    let (a, b) = (authority.issue("a", "a.example"), authority.issue("b", "*.b.example"));
    let files = TlsFiles { certificates: vec![a.clone(), b.clone()], ..TlsFiles::default() };
    let bench = Bench::new(&[Transport::Tls], StreamLimits::default(), files);

    assert_eq!(shown(&bench, &authority.ca(), "a.example"), der(&a));
    assert_eq!(shown(&bench, &authority.ca(), "sip.b.example"), der(&b));
}

#[test]
fn new_files_are_taken_over_and_bad_ones_are_not() {
    let authority = Authority::new("reload");
    let old = authority.issue("server", "a.example");
    let old_der = der(&old);
    let files = TlsFiles { certificates: vec![old.clone()], ..TlsFiles::default() };
    let tls = Tls::load(files.clone()).unwrap();
    std::fs::write(&old.chain, "no certificate").unwrap();

    let error = tls.reload().unwrap_err();
    assert!(error.contains("server.pem"), "{error}");
    assert!(tls.can_serve());
    let other_key = authority.issue("other", "a.example").key;
    authority.issue("server", "a.example");
    std::fs::copy(other_key, &old.key).unwrap();
    assert!(tls.reload().is_err(), "a key of another certificate");
    let fresh = authority.issue("server", "a.example");
    tls.reload().unwrap();

    let bound = bind_stream("127.0.0.1:0".parse().unwrap()).unwrap();
    let addresses = vec![bound.local_addr().unwrap()];
    let setup = StreamSetup {
        listeners: vec![(0, Transport::Tls, bound)],
        locals: HashMap::new(),
        tls: Arc::new(tls),
        limits: StreamLimits::default(),
        origins: Vec::new(),
    };
    let streams = Streams::start(setup, Arc::new(WakeFd::new().unwrap())).unwrap();
    let shown = shown(&Bench { streams, addresses }, &authority.ca(), "a.example");
    assert_eq!(shown, der(&fresh));
    assert_ne!(shown, old_der);
}

#[test]
fn both_ends_are_verified_by_name_and_by_authority() {
    let (authority, stranger) = (Authority::new("mutual"), Authority::new("stranger"));
    let server = TlsFiles {
        certificates: vec![authority.issue("server", "gw.example")],
        client_ca: Some(authority.ca()),
        ..TlsFiles::default()
    };
    let mut gateway = Bench::new(&[Transport::Tls], StreamLimits::default(), server);
    let to = Peer { listener: 0, ..Peer::new(Transport::Tls, gateway.addresses[0]) };
    let mut try_with = |name: &str, ca: PathBuf, own: Option<CertificateFiles>| {
        let files = TlsFiles { ca: Some(ca), own, ..TlsFiles::default() };
        let mut bench = Bench::new(&[], StreamLimits::default(), files);
        bench.streams.expect_name(to.address, name);
        bench.streams.send(to, bytes::Bytes::from_static(OPTIONS));
        loop {
            if let Some(StreamEvent::Message { .. }) = gateway.streams.next_event() {
                return true;
            }
            if let Some(StreamEvent::Lost(_)) = bench.streams.next_event() {
                return false;
            }
            std::thread::yield_now();
        }
    };

    let ours = || Some(authority.issue("client", "us.example"));
    assert!(try_with("gw.example", authority.ca(), ours()));
    assert!(!try_with("other.example", authority.ca(), ours()), "a certificate for another name");
    assert!(!try_with("gw.example", stranger.ca(), ours()), "an authority we do not know");
    assert!(!try_with("gw.example", authority.ca(), None), "no certificate of ours");
    assert!(
        !try_with("gw.example", authority.ca(), Some(stranger.issue("x", "us.example"))),
        "not from their authority"
    );
}

#[test]
fn half_a_handshake_ends_in_time() {
    let authority = Authority::new("half");
    let files = TlsFiles { certificates: vec![authority.issue("server", "a.example")], ..TlsFiles::default() };
    let bench = Bench::new(&[Transport::Tls], short(), files);

    let mut half = bench.connect();
    half.write_all(&[0x16, 3, 1]).unwrap();
    read_to_end(half);
    bench.connect().write_all(b"OPTIONS sip:a SIP/2.0\r\n\r\n").unwrap();

    let counters = bench.wait(|counters| counters.connections == 0 && counters.accepted == 2);
    assert_eq!((counters.handshake_timeouts, counters.handshake_failures), (1, 1));
}

fn upgrade(extra: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
    )
}

/// Ask for an upgrade and return the status line.
fn answer_to(bench: &Bench, extra: &str) -> (TcpStream, String) {
    let mut stream = bench.connect();
    stream.write_all(upgrade(extra).as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

#[test]
fn a_websocket_must_be_for_sip_and_from_a_known_page() {
    let origins = vec!["https://phone.example".to_owned()];
    let mut bench = Bench::with(&[Transport::Ws], StreamLimits::default(), TlsFiles::default(), origins);

    let (_, answer) = answer_to(&bench, "Origin: https://phone.example\r\n");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let (_, answer) = answer_to(&bench, "Sec-WebSocket-Protocol: sip\r\nOrigin: https://evil.example\r\n");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let (mut stream, answer) =
        answer_to(&bench, "Sec-WebSocket-Protocol: chat, sip\r\nOrigin: https://phone.example\r\n");
    assert!(answer.starts_with("HTTP/1.1 101") && answer.contains("sec-websocket-protocol: sip\r\n"), "{answer}");

    // One masked text frame with a mask of zeros.
    let length = u8::try_from(OPTIONS.len()).unwrap();
    stream.write_all(&[&[0x81, 0x80 | length, 0, 0, 0, 0], OPTIONS].concat()).unwrap();
    let (from, message) = bench.message();
    assert_eq!((message.as_slice(), from.transport), (OPTIONS, Transport::Ws));
    bench.streams.send(from, bytes::Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n"));
    let mut frame = [0; 20];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x12SIP/2.0 200 OK\r\n\r\n");

    stream.write_all(&[0x81, 0xff, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(bench.wait(|counters| counters.connections == 0).closed_oversize, 1, "128 KiB promised");
}

#[test]
fn thousands_of_hostile_connections_leave_the_others_alone() {
    let limits = StreamLimits { max_connections: 400, max_per_source: 400, ..StreamLimits::default() };
    let mut bench = Bench::plain(limits);
    let mut good = bench.connect();
    good.write_all(OPTIONS).unwrap();
    let (from, _) = bench.message();

    let mut idle: Vec<TcpStream> = (0..600).map(|_| bench.connect()).collect();
    for stream in &mut idle {
        // Those refused are closed already.
        let _ = stream.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nX-Slow: ");
    }
    bench.wait(|counters| counters.refused_total == 201);
    good.write_all(OPTIONS).unwrap();

    assert_eq!(bench.message(), (from, OPTIONS.to_vec()));
    drop(idle);
    bench.wait(|counters| counters.connections == 1);
}
