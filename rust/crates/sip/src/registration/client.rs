//! The life of one registration (RFC 3261 section 10.2, RFC 5626 section 4.5).
//!
//! ```text
//!  Waiting --time--> LookingUp --address--> Asking --2xx--> Waiting (registered, until 80-90 % of the time is over)
//!     ^                  | none               | 401, 407, 423: Asking again
//!     +-- back-off ------+----- refused, silence --+
//!  any --close--> Asking (for 0 seconds) --whatever--> over
//! ```

use std::time::{Duration, Instant};

use super::{Registration, RegistrationState};
use crate::aside::Outcome;
use crate::digest::{Auth, Subject};
use crate::event::Cause;
use crate::peer::Peer;
use crate::wire::{AddressParts, Headers, Name, Response, user_of};

/// RFC 5626 section 4.5: the first wait after a failure, doubled by each further one up to the longest.
const BASE: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(1800);
/// What a registrar may make us wait by Retry-After, or hold by Min-Expires.
const MAX_WAIT_S: u32 = 86_400;
/// 423 in a row: one that asks for more each time is not to be pleased.
const MAX_BRIEF: u8 = 2;
/// Routes of Service-Route that are kept.
const MAX_ROUTES: usize = 8;

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing, until the time of `due` or an answer.
    Wait,
    /// Find out where the registrar is.
    LookUp,
    /// Send a REGISTER there.
    Ask(Peer),
    /// Tell how it stands.
    Report(Report),
    /// Tell, if there is anything to tell, and forget.
    Over(Option<Report>),
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) state: RegistrationState,
    pub(super) code: Option<u16>,
    pub(super) phrase: Option<String>,
    pub(super) expires_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the instant.
    Waiting(Instant),
    LookingUp,
    Asking,
}

/// One registration.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) config: Registration,
    /// User part of our Contact, known to nobody but the carrier.
    pub(super) token: String,
    pub(super) call_id: String,
    pub(super) service_route: Vec<Vec<u8>>,
    state: State,
    cseq: u32,
    auth: Auth,
    /// Asked for; grows when the registrar finds it too brief.
    expires_s: u32,
    brief: u8,
    /// Failures in a row.
    failures: u32,
    registered: bool,
    /// Where the last REGISTER went.
    peer: Option<Peer>,
    aim: Aim,
    /// What changed while a REGISTER was out: ask again.
    again: bool,
}

/// What all of it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// To be registered.
    Keep,
    /// Take it back as soon as may be.
    Close,
    /// The REGISTER that is out takes it back.
    TakingBack,
}

impl Client {
    pub(super) fn new(config: Registration, token: String, call_id: String) -> Self {
        Self {
            auth: Auth::new(config.credentials.clone()),
            expires_s: config.expires_s,
            config,
            token,
            call_id,
            service_route: Vec::new(),
            state: State::LookingUp,
            cseq: 0,
            brief: 0,
            failures: 0,
            registered: false,
            peer: None,
            aim: Aim::Keep,
            again: false,
        }
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    pub(super) fn is_closing(&self) -> bool {
        self.aim != Aim::Keep
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(at) => Some(at),
            State::LookingUp | State::Asking => None,
        }
    }

    /// Register now.
    pub(super) fn begin(&mut self, _now: Instant) -> Step {
        self.auth.next_request();
        self.state = State::LookingUp;
        Step::LookUp
    }

    /// Credentials or the time asked for changed.
    pub(super) fn renew(&mut self, now: Instant) -> Step {
        self.auth = Auth::new(self.config.credentials.clone());
        self.expires_s = self.config.expires_s;
        self.failures = 0;
        match self.state {
            State::Waiting(_) => self.begin(now),
            State::LookingUp => Step::Wait,
            State::Asking => {
                self.again = true;
                Step::Wait
            }
        }
    }

    /// Take it back. What the carrier never had needs no taking back; what it may have does.
    pub(super) fn close(&mut self, _now: Instant, _random: &mut crate::random::Random) -> Step {
        if self.is_closing() {
            return Step::Wait;
        }
        self.aim = Aim::Close;
        match (self.state, self.peer) {
            // Its answer will say what there is to take back.
            (State::Asking, _) => Step::Wait,
            (_, Some(peer)) if self.registered => self.take_back(peer),
            _ => Step::Over(None),
        }
    }

    fn take_back(&mut self, peer: Peer) -> Step {
        self.aim = Aim::TakingBack;
        self.auth.next_request();
        self.state = State::Asking;
        Step::Ask(peer)
    }

    pub(super) fn on_time(&mut self, at: Instant) -> Step {
        if self.state == State::Waiting(at) { self.begin(at) } else { Step::Wait }
    }

    /// The address of the registrar, or that there is none.
    pub(super) fn found(&mut self, now: Instant, peer: Option<Peer>, random: u64) -> Step {
        if self.state != State::LookingUp || self.is_closing() {
            return Step::Wait;
        }
        match peer {
            Some(peer) => {
                self.peer = Some(peer);
                self.state = State::Asking;
                Step::Ask(peer)
            }
            None => {
                self.fail(now, RegistrationState::Failed, None, Some("the registrar's name does not resolve"), random)
            }
        }
    }

    /// CSeq and headers of the REGISTER to send now. `contact` is our address as `<sip:host>`.
    pub(super) fn compose(&mut self, contact: &str, cnonce: &str) -> (u32, Vec<(String, String)>) {
        self.cseq += 1;
        let expires_s = if self.aim == Aim::TakingBack { 0 } else { self.expires_s };
        let own = contact.replacen("sip:", &format!("sip:{}@", self.token), 1);
        let mut headers = vec![
            ("Contact".to_owned(), format!("{own};expires={expires_s}")),
            ("Expires".to_owned(), expires_s.to_string()),
            ("Supported".to_owned(), "path".to_owned()),
        ];
        let subject = Subject { method: "REGISTER", uri: &self.config.registrar, body: b"" };
        headers.extend(self.auth.headers(subject, cnonce));
        (self.cseq, headers)
    }

    /// How the REGISTER went.
    pub(super) fn over(&mut self, now: Instant, outcome: &Outcome<'_>, random: u64) -> Step {
        if self.state != State::Asking {
            return Step::Wait;
        }
        let response = match outcome {
            Outcome::Answered(response) => response,
            Outcome::Failed(cause) => {
                let what = if *cause == Cause::Timeout { "no answer" } else { "the network refused to send" };
                return self.fail(now, RegistrationState::Failed, None, Some(what), random);
            }
        };
        match response.code {
            200..=299 => self.granted(now, response, random),
            401 | 407 if self.auth.challenged(&response.headers) => self.ask_again(),
            423 if self.aim != Aim::TakingBack && self.ask_longer(response) => self.ask_again(),
            code => {
                let state =
                    if (500..600).contains(&code) { RegistrationState::Failed } else { RegistrationState::Refused };
                let wait_s = response.headers.number(&Name::RetryAfter);
                self.fail(now, state, Some((code, wait_s)), Some(&response.phrase), random)
            }
        }
    }

    fn ask_again(&mut self) -> Step {
        self.peer.map_or(Step::Wait, Step::Ask)
    }

    /// 423: ask for what is the least there.
    fn ask_longer(&mut self, response: &Response) -> bool {
        self.brief += 1;
        let least = response.headers.number(&Name::MinExpires);
        match least.filter(|least| self.brief <= MAX_BRIEF && (self.expires_s + 1..=MAX_WAIT_S).contains(least)) {
            Some(least) => {
                self.expires_s = least;
                true
            }
            None => false,
        }
    }

    fn granted(&mut self, now: Instant, response: &Response, random: u64) -> Step {
        self.auth.accepted(&response.headers);
        let report = |state, expires_s| {
            let phrase = Some(response.phrase.clone());
            Report { state, code: Some(response.code), phrase, expires_s }
        };
        if self.aim == Aim::TakingBack {
            self.registered = false;
            return Step::Over(Some(report(RegistrationState::Unregistered, 0)));
        }
        let granted_s = granted(&response.headers, &self.token).unwrap_or(self.expires_s);
        if granted_s == 0 {
            let nothing = Some("the registrar granted no time");
            return self.fail(now, RegistrationState::Refused, Some((response.code, None)), nothing, random);
        }
        (self.registered, self.failures, self.brief) = (true, 0, 0);
        let mut routes = response.headers.list(&Name::ServiceRoute);
        routes.truncate(MAX_ROUTES);
        self.service_route = routes;
        if let (true, Some(peer)) = (self.is_closing(), self.peer) {
            return self.take_back(peer);
        }
        // RFC 5626 section 4.4.1 spreads like this: not all trunks at once, and never later than 90 %.
        let part = Duration::from_millis(u64::from(granted_s) * (800 + random % 101));
        let part = if std::mem::take(&mut self.again) { Duration::ZERO } else { part };
        self.state = State::Waiting(now + part);
        Step::Report(report(RegistrationState::Registered, granted_s))
    }

    fn fail(
        &mut self,
        now: Instant,
        state: RegistrationState,
        code: Option<(u16, Option<u32>)>,
        phrase: Option<&str>,
        random: u64,
    ) -> Step {
        let was_registered = std::mem::replace(&mut self.registered, false);
        let wait_s = code.and_then(|(_, wait_s)| wait_s).unwrap_or(0).min(MAX_WAIT_S);
        let (code, phrase) = (code.map(|(code, _)| code), phrase.map(str::to_owned));
        if self.is_closing() {
            let report = Report { state: RegistrationState::Unregistered, code, phrase, expires_s: 0 };
            return Step::Over((was_registered || self.aim == Aim::TakingBack).then_some(report));
        }
        self.brief = 0;
        let longest = LONGEST.min(BASE * 2u32.saturating_pow(self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        // Between a half and the whole of it.
        let wait = longest.mul_f64(0.5 + f64::from(u16::try_from(random % 1001).unwrap_or(0)) / 2000.0);
        let wait = wait.max(Duration::from_secs(u64::from(wait_s)));
        let wait = if std::mem::take(&mut self.again) { Duration::ZERO } else { wait };
        self.state = State::Waiting(now + wait);
        Step::Report(Report { state, code, phrase, expires_s: 0 })
    }
}

/// Seconds granted to our Contact: its own parameter, else the header.
fn granted(headers: &Headers, token: &str) -> Option<u32> {
    let number = |value: &[u8]| std::str::from_utf8(value).ok()?.trim().parse().ok();
    let contacts = headers.list(&Name::Contact);
    let own = contacts
        .iter()
        .filter_map(|value| AddressParts::parse(value))
        .find(|parts| user_of(parts.uri).as_deref() == Some(token.as_bytes()));
    own.and_then(|parts| parts.param("expires")).and_then(number).or_else(|| headers.number(&Name::Expires))
}
