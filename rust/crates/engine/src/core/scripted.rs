//! A media side that does what the test says, and short ways to feed the core.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ringback_media::{MediaEvent, MediaStats};
use ringback_net::{Families, MonotonicClock, Target, Wanted};
use ringback_sip as sip;

use super::{Core, CoreConfig, MediaPort};
use ringback_media::{Change, Country, ToneName};

use crate::command::{Command, Dial, Operation};
use crate::event::What;
use crate::ids::{LegId, OpId};
use crate::media_policy::MediaPolicy;

/// What media was asked for, in order, and how it answers.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) calls: Vec<String>,
    pub(crate) no_port: bool,
    pub(crate) panic_on: Option<&'static str>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ScriptedMedia(pub(crate) Rc<RefCell<Script>>);

impl ScriptedMedia {
    fn note(&self, what: &str, text: String) {
        let mut script = self.0.borrow_mut();
        script.calls.push(text);
        assert!(script.panic_on != Some(what), "{what} fails as the test wants it");
    }
}

impl MediaPort for ScriptedMedia {
    fn srtp_key(&mut self) -> Option<[u8; 30]> {
        Some([7; 30])
    }

    fn open_leg(&mut self, leg: LegId) -> Result<u16, String> {
        self.note("open", format!("open {leg}"));
        if self.0.borrow().no_port { Err("no RTP port left".to_owned()) } else { Ok(20_000) }
    }

    fn set_remote(&mut self, leg: LegId, media: &sip::Negotiated) {
        self.note("remote", format!("remote {leg} {}", media.remote));
    }

    fn start(&mut self, op: OpId, leg: LegId, _operation: Operation) {
        self.note("start", format!("start {op} on {leg}"));
    }

    fn stop(&mut self, op: OpId) {
        self.note("stop", format!("stop {op}"));
    }

    fn change(&mut self, op: OpId, _change: Change) {
        self.note("change", format!("change {op}"));
    }

    fn open_room(&mut self, room: LegId, _max_members: usize) -> bool {
        self.note("open_room", format!("open room {room}"));
        true
    }

    fn close_room(&mut self, room: LegId) {
        self.note("close_room", format!("close room {room}"));
    }

    fn digit(&mut self, leg: LegId, digit: char) {
        self.note("digit", format!("digit {leg} {digit}"));
    }

    fn close_leg(&mut self, leg: LegId) {
        self.note("close", format!("close {leg}"));
    }

    fn lateness(&self) -> Duration {
        Duration::ZERO
    }
}

/// First incoming leg of a user agent.
pub(crate) const IN: LegId = sip::INCOMING_LEGS;

pub(crate) struct Bench {
    pub(crate) core: Core<ScriptedMedia>,
    pub(crate) script: Rc<RefCell<Script>>,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let media = ScriptedMedia::default();
        let script = Rc::clone(&media.0);
        let media_advertised: IpAddr = "192.0.2.1".parse().unwrap();
        let config = CoreConfig {
            media_advertised,
            decide_within: Duration::from_secs(4),
            families: Families { v4: true, v6: false },
        };
        Self { core: Core::new(config, MonotonicClock::new(), media), script, now: Instant::now() }
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.core.handle_command(self.now, command);
    }

    /// Dial and resolve at once.
    pub(crate) fn dial(&mut self, leg: LegId) {
        self.command(dial(leg));
        self.core.handle_resolved(self.now, leg, Ok(vec![target()]));
    }

    pub(crate) fn sip(&mut self, event: sip::Event) {
        self.core.handle_sip(self.now, event);
    }

    pub(crate) fn media(&mut self, event: MediaEvent) {
        self.core.handle_media(self.now, event);
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.core.handle_deadline(self.now);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.script.borrow_mut().calls)
    }

    pub(crate) fn sip_commands(&mut self) -> Vec<String> {
        let short = |command: sip::Command| match command {
            sip::Command::Dial { leg, peer, media, .. } => format!("dial {leg} {peer} {}", media.rtp),
            sip::Command::Reject { leg, code, .. } => format!("reject {leg} {code}"),
            sip::Command::Hangup { leg, .. } => format!("hangup {leg}"),
            sip::Command::Answer { leg, media } => format!("answer {leg} {}", media.rtp),
            sip::Command::MediaSeen { leg } => format!("seen {leg}"),
            other => format!("{other:?}"),
        };
        self.core.sip_commands.drain(..).map(short).collect()
    }

    /// Events since the last look, in short words.
    pub(crate) fn events(&mut self) -> Vec<String> {
        self.core.events.drain(..).map(|event| in_short(&event.what)).collect()
    }
}

pub(crate) fn in_short(what: &What) -> String {
    match what {
        What::Incoming(incoming) => format!("incoming {}", incoming.leg),
        What::Progress { leg, code, early_media, .. } => format!("progress {leg} {code} {early_media}"),
        What::Answered { leg, codec, .. } => format!("answered {leg} {codec}"),
        What::AnswerConfirmed { leg, how, codec } => format!("confirmed {leg} {how} {codec}"),
        What::Ended(ended) => format!("ended {} {} {}", ended.leg, ended.cause, ended.side),
        What::OpDone { op, leg, result, .. } => format!("done {op} of {leg} {result}"),
        What::GatherDone { op, leg, result, detail: None, .. } => format!("gathered {op} of {leg} {result}"),
        What::GatherDone { op, leg, result, detail: Some(why), .. } => {
            format!("gathered {op} of {leg} {result}: {why}")
        }
        What::LegStats(stats) => format!("stats {} {}", stats.leg, stats.codec),
        other => format!("{other:?}"),
    }
}

/// Where `gw.example` leads.
pub(crate) fn target() -> Target {
    Target { transport: sip::Transport::Udp, address: "192.0.2.9:5060".parse().unwrap() }
}

pub(crate) fn dial(leg: LegId) -> Command {
    Command::Dial(Box::new(Dial {
        trunk: 1,
        phone: None,
        leg,
        host: "gw.example".to_owned(),
        port: Some(5060),
        wanted: Wanted::Auto,
        reach: sip::Reach::default(),
        to: "sip:1@gw.example".to_owned(),
        from: "sip:2@gw.example".to_owned(),
        display_name: None,
        call_id: format!("call{leg}"),
        local_tag: format!("tag{leg}"),
        headers: Vec::new(),
        media: MediaPolicy { codecs: vec![sip::Codec::Pcma], ..MediaPolicy::default() },
        credentials: None,
        allow_redirects: false,
        policy: sip::Policy::default(),
    }))
}

pub(crate) fn incoming(leg: LegId) -> sip::Event {
    sip::Event::Incoming {
        leg,
        trunk: 1,
        phone: None,
        source: sip::Peer::udp("192.0.2.9:5060".parse().unwrap()),
        call_id: format!("in{leg}"),
        request_uri: "sip:1@h".to_owned(),
        to_uri: "sip:1@h".to_owned(),
        from_uri: "sip:2@h".to_owned(),
        headers: Vec::new(),
        codec_ok: true,
        dialog: "{}".to_owned(),
        replaces: None,
    }
}

pub(crate) fn agreed() -> sip::Negotiated {
    sip::Negotiated::new("192.0.2.9:4000".parse().unwrap(), sip::Codec::Pcma, 8)
}

pub(crate) fn answered(leg: LegId) -> sip::Event {
    let (phrase, dialog) = ("OK".to_owned(), "{}".to_owned());
    sip::Event::Answered { leg, code: 200, phrase, media: agreed(), dialog }
}

pub(crate) fn ended(leg: LegId, cause: sip::Cause) -> sip::Event {
    let side = sip::Side::Remote;
    sip::Event::Ended { leg, cause, side, code: None, phrase: None, reason: None, q850: None, retry_after_s: None }
}

pub(crate) fn tone(op: OpId, leg: LegId) -> Command {
    Command::Start {
        op,
        leg,
        operation: Operation::Tone { name: ToneName::Beep, country: Country::default(), duration: None },
    }
}

pub(crate) fn figures(leg: LegId) -> MediaEvent {
    let stats = MediaStats {
        codec: Some(ringback_media::Codec::Pcma),
        playout_ms: 40,
        packets_sent: 5,
        packets_received: 4,
        packets_lost: 1,
        packets_foreign: 0,
        jitter_ms: 0.5,
        packets_late: 0,
        concealed_ms: 0,
        jitter_max_ms: 0.5,
        mos: Some(4.4),
        round_trip_ms: None,
        remote_loss: None,
    };
    MediaEvent::Stats { leg, stats }
}
