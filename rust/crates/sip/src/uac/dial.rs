//! Sending an INVITE (RFC 3261 section 13.2.1).

use std::time::Instant;

use bytes::Bytes;

use crate::change::timer::of_our_request;
use crate::command::{Credentials, DialTarget, LocalMedia, Reach};
use crate::dialog::{Dialog, is_sips};
use crate::digest::{Auth, Subject};
use crate::event::{Cause, INCOMING_LEGS, LegId, Side};
use crate::peer::Peer;
use crate::sdp::offer;
use crate::session::due::Why;
use crate::session::policy::{Policy, Reliable};
use crate::session::{End, Media, Outgoing, Phase, Session};
use crate::transaction::{Purpose, branch, client_key};
use crate::ua::UserAgent;
use crate::wire::{ALLOW, Method, Writer, is_safe_value, is_token, is_uri, text};

/// A dial order, as `Command::Dial` gives it.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) leg: LegId,
    pub(crate) peer: Peer,
    pub(crate) reach: Reach,
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) display_name: Option<String>,
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) media: LocalMedia,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) allow_redirects: bool,
    pub(crate) policy: Policy,
    pub(crate) target: DialTarget,
}

/// Headers that the user agent writes itself; nobody else may.
const OWN_HEADERS: &[&str] = &[
    "allow",
    "authorization",
    "call-id",
    "contact",
    "content-encoding",
    "content-length",
    "content-type",
    "cseq",
    "from",
    "max-forwards",
    "proxy-authorization",
    "proxy-require",
    "record-route",
    "require",
    "route",
    "supported",
    "to",
    "user-agent",
    "via",
];

impl UserAgent {
    /// Begin a call.
    pub(crate) fn dial(&mut self, now: Instant, mut dial: Dial) {
        dial.peer = self.config.settle(dial.peer);
        if dial.leg >= INCOMING_LEGS || self.sessions.contains_key(&dial.leg) {
            self.counters.faults += 1;
            return;
        }
        if let Some(trunk) = dial.target.trunk.filter(|_| dial.target.routes.is_empty()) {
            dial.target.routes = self.service_route(trunk);
        }
        let sane = is_uri(dial.to.as_bytes())
            && dial.target.uri.as_ref().is_none_or(|uri| is_uri(uri.as_bytes()))
            && is_uri(dial.from.as_bytes())
            && is_token(dial.local_tag.as_bytes())
            && is_safe_value(dial.call_id.as_bytes())
            && !dial.call_id.is_empty();
        let stopping = self.stopping;
        let mut session = self.new_outgoing(dial);
        if stopping || !sane {
            self.counters.faults += u64::from(!sane);
            let cause = if sane { Cause::Stopped } else { Cause::Fault };
            return self.finish(&mut session, End::of(cause, Side::Local));
        }
        self.send_invite(now, &mut session);
        self.adopt(session);
    }

    fn new_outgoing(&mut self, dial: Dial) -> Session {
        let headers = self.checked_headers(dial.headers);
        let display_name = dial.display_name.as_deref().map(quoted).unwrap_or_default();
        let uri = dial.target.uri.unwrap_or_else(|| dial.to.clone()).into_bytes();
        let dialog = Dialog {
            call_id: dial.call_id.into_bytes(),
            local: format!("{display_name}<{}>;tag={}", dial.from, dial.local_tag).into_bytes(),
            local_tag: dial.local_tag.into_bytes(),
            remote_tag: Vec::new(),
            remote: format!("<{}>", dial.to).into_bytes(),
            target: uri.clone(),
            routes: dial.target.routes.into_iter().map(String::into_bytes).collect(),
            local_cseq: 0,
            remote_cseq: None,
            secure: is_sips(dial.to.as_bytes()),
            peer: dial.peer,
        };
        let mut media = Media::new(self.random.number(), Some(dial.media.clone()));
        let sdp =
            if dial.policy.delayed_offer { String::new() } else { media.settle(|origin| offer(&dial.media, origin)) };
        let mut session = Session::new(dial.leg, Phase::Calling, dialog, media, Auth::new(dial.credentials));
        session.policy = dial.policy;
        session.outgoing = Some(Box::new(Outgoing {
            peer: dial.peer,
            reach: dial.reach,
            by_udp: None,
            uri,
            headers,
            sdp,
            key: client_key(b"", Method::Invite),
            branch: String::new(),
            may_redirect: dial.allow_redirects,
            choices: Vec::new(),
            sent_auth: Vec::new(),
            forks: Vec::new(),
        }));
        session
    }

    fn checked_headers(&mut self, headers: Vec<(String, String)>) -> Vec<(String, String)> {
        let offered = headers.len();
        let kept: Vec<_> = headers
            .into_iter()
            .filter(|(name, value)| {
                let lower = name.to_ascii_lowercase();
                // One letter is the compact form of a header of ours or of nobody's.
                let ours = name.len() == 1 || OWN_HEADERS.contains(&lower.as_str());
                is_token(name.as_bytes()) && !ours && is_safe_value(value.as_bytes())
            })
            .take(20)
            .collect();
        self.counters.refused_headers += (offered - kept.len()) as u64;
        kept
    }

    /// Send the INVITE, the first or one more with credentials or to a new target.
    pub(crate) fn send_invite(&mut self, now: Instant, session: &mut Session) {
        session.dialog.local_cseq += 1;
        session.phase = Phase::Calling;
        let cseq = session.dialog.local_cseq;
        let branch = branch(&session.dialog.call_id, &session.dialog.local_tag, cseq, Method::Invite);
        let Some(mut outgoing) = session.outgoing.take() else { return };
        outgoing.sent_auth.clear();
        if session.auth.is_needed() {
            let cnonce = text(&self.random.token());
            let uri = text(&outgoing.uri);
            let subject = Subject { method: "INVITE", uri: &uri, body: outgoing.sdp.as_bytes() };
            outgoing.sent_auth = session.auth.headers(subject, &cnonce);
        }
        let mut bytes = self.write_invite(session, &outgoing, &branch);
        if self.turn_to_tcp(&mut outgoing, bytes.len()) {
            bytes = self.write_invite(session, &outgoing, &branch);
        }
        session.dialog.peer = outgoing.peer;
        let key = client_key(branch.as_bytes(), Method::Invite);
        self.start_client(now, Purpose::Invite, session, key, (outgoing.peer, bytes));
        if let Some(tx) = self.clients.get_mut(&key) {
            tx.uri = outgoing.uri.clone().into_boxed_slice();
        }
        // While another peer is left, silence is given less time than Timer B.
        match outgoing.reach.patience.filter(|_| !outgoing.reach.then.is_empty()) {
            Some(wait) => session.due.set(Why::Peer, now + wait),
            None => session.due.clear(Why::Peer),
        }
        outgoing.key = key;
        outgoing.branch = branch;
        session.outgoing = Some(outgoing);
    }

    fn write_invite(&self, session: &Session, outgoing: &Outgoing, branch: &str) -> Bytes {
        let dialog = &session.dialog;
        let mut writer = Writer::request(Method::Invite, &outgoing.uri);
        writer.header("Via", self.config.via(outgoing.peer, branch));
        for route in &dialog.routes {
            writer.header("Route", route);
        }
        writer
            .header("Max-Forwards", "70")
            .header("From", &dialog.local)
            .header("To", &dialog.remote)
            .header("Call-ID", &dialog.call_id)
            .header("CSeq", format!("{} INVITE", dialog.local_cseq))
            .header("Contact", self.config.contact(outgoing.peer, dialog.secure))
            .header("Allow", ALLOW)
            .header("Supported", session.policy.supported())
            .header("User-Agent", &self.config.user_agent);
        for (name, value) in outgoing.headers.iter().chain(&outgoing.sent_auth) {
            writer.header(name, value);
        }
        for (name, value) in of_our_request(session) {
            writer.header(&name, value);
        }
        if session.policy.reliable == Reliable::Required {
            writer.header("Require", "100rel");
        }
        writer.finish((!outgoing.sdp.is_empty()).then_some(("application/sdp", outgoing.sdp.as_bytes())))
    }
}

/// A display name as a quoted string, with the space behind it.
fn quoted(name: &str) -> String {
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\" ")
}
