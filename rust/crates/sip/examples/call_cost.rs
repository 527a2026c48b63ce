//! What one call costs: CPU for everything in and out, memory for a finished one and for one that is up.
//!
//! `cargo run --release -p ringback-sip --example call_cost`. One user agent calls another through memory; each call is
//! two legs, so figures per leg are half of what is printed per call where it says so. Memory is the process's resident
//! set (Linux).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unchecked_time_subtraction,
    clippy::cast_precision_loss
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringback_sip::{
    AccessRule, Codec, Command, Config, Event, INCOMING_LEGS, Listener, LocalMedia, Output, Peer, Transport, UserAgent,
};

const CALLS: u64 = 20_000;

fn user_agent(local: SocketAddr) -> UserAgent {
    let mut ua = UserAgent::new(Config {
        listeners: vec![Listener::new(Transport::Udp, local)],
        user_agent: "Ringback".to_owned(),
        t1: Duration::from_millis(500),
        max_legs: 1_000_000,
        max_incoming_per_s: 0,
        seed: 1,
        trace: false,
    });
    let network = "192.0.2.0/24".parse().expect("a network");
    ua.set_access(vec![AccessRule {
        network,
        port: None,
        trunk: 1,
        codecs: vec![Codec::Pcma],
        policy: ringback_sip::Policy::default(),
    }]);
    ua
}

fn media(rtp: &str) -> LocalMedia {
    LocalMedia::plain(rtp.parse().expect("an address"), vec![Codec::Pcma, Codec::Pcmu])
}

struct Bench {
    a: UserAgent,
    b: UserAgent,
    a_address: Peer,
    b_address: Peer,
    now: Instant,
    messages: u64,
}

impl Bench {
    fn pump(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.a.poll_output() {
                if let Output::Transmit { bytes, .. } = output {
                    moved = true;
                    self.messages += 1;
                    self.b.handle_message(self.now, self.a_address, &bytes);
                }
            }
            let mut ring = Vec::new();
            while let Some(output) = self.b.poll_output() {
                match output {
                    Output::Transmit { bytes, .. } => {
                        moved = true;
                        self.messages += 1;
                        self.a.handle_message(self.now, self.b_address, &bytes);
                    }
                    Output::Event(Event::Incoming { leg, .. }) => ring.push(leg),
                    Output::Event(_) => {}
                }
            }
            for leg in ring {
                moved = true;
                self.b.handle_command(self.now, Command::Ring { leg });
                self.b.handle_command(self.now, Command::Answer { leg, media: media("192.0.2.2:30000") });
            }
            if !moved {
                return;
            }
        }
    }

    fn dial(&mut self, leg: u64) {
        let command = Command::Dial {
            target: ringback_sip::DialTarget::default(),
            leg,
            peer: self.b_address,
            reach: ringback_sip::Reach::default(),
            to: "sip:+4930100@192.0.2.2:5060".to_owned(),
            from: "sip:+4930200@192.0.2.1:5060".to_owned(),
            display_name: None,
            call_id: format!("{leg:016x}-4a1f9f0e@ringback"),
            local_tag: format!("{leg:016x}"),
            headers: Vec::new(),
            media: media("192.0.2.1:20000"),
            credentials: None,
            allow_redirects: false,
            policy: ringback_sip::Policy::default(),
        };
        self.a.handle_command(self.now, command);
        self.pump();
    }

    fn hang_up(&mut self, leg: u64) {
        self.a.handle_command(self.now, Command::Hangup { leg, q850: Some(16) });
        self.pump();
    }
}

/// CPU time of this thread so far: what else the machine does must not count (Linux).
fn cpu() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedstat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or_default())
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

fn main() {
    let a_address = Peer::udp("192.0.2.1:5060".parse().expect("an address"));
    let b_address = Peer::udp("192.0.2.2:5060".parse().expect("an address"));
    let mut bench = Bench {
        a: user_agent(a_address.address),
        b: user_agent(b_address.address),
        a_address,
        b_address,
        now: Instant::now(),
        messages: 0,
    };
    let before = resident_bytes();
    let start = cpu();
    for leg in 0..CALLS {
        bench.dial(leg);
    }
    let up = resident_bytes();
    for leg in 0..CALLS {
        bench.hang_up(leg);
    }
    let finished = resident_bytes();
    let spent = cpu() - start;
    println!("{:.1} us of CPU a leg, timers not counted", spent.as_secs_f64() * 5e5 / CALLS as f64);
    let counters = bench.b.counters();
    println!("{} messages a call", bench.messages as f64 / CALLS as f64);
    println!("{:.1} KB per leg that is up", (up - before) as f64 / 2048.0 / CALLS as f64);
    println!(
        "{:.1} KB resident per finished leg, transactions kept: {}",
        finished.saturating_sub(before) as f64 / 2048.0 / CALLS as f64,
        counters.transactions
    );
    // Each side keeps its own: what a second round adds is what finished calls really cost, reuse of memory included.
    for leg in 0..CALLS {
        bench.dial(CALLS + leg);
        bench.hang_up(CALLS + leg);
    }
    let second = resident_bytes();
    println!("{:.1} KB per further finished leg", second.saturating_sub(finished) as f64 / 2048.0 / CALLS as f64);
    let start = cpu();
    bench.now += Duration::from_secs(120);
    for ua in [&mut bench.a, &mut bench.b] {
        ua.handle_deadline(bench.now);
    }
    println!(
        "{:.1} us of CPU a leg for its timers, transactions left: {}",
        (cpu() - start).as_secs_f64() * 2.5e5 / CALLS as f64,
        bench.a.counters().transactions + bench.b.counters().transactions
    );
    assert!(counters.legs == 0 && INCOMING_LEGS > CALLS);
}
