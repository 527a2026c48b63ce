//! Requests of ours outside any dialog: REGISTER and OPTIONS. Each is one client transaction; who sent it is told how
//! it went by its purpose.

use std::time::Instant;

use bytes::Bytes;

use crate::event::Cause;
use crate::peer::Peer;
use crate::transaction::{ClientState, Purpose, TxKey, branch, client_key};
use crate::ua::UserAgent;
use crate::wire::{Method, Response, Writer, text};

/// One request.
#[derive(Debug)]
pub(crate) struct Aside {
    pub(crate) purpose: Purpose,
    pub(crate) method: Method,
    pub(crate) peer: Peer,
    /// Request-URI.
    pub(crate) uri: Vec<u8>,
    /// Route values.
    pub(crate) routes: Vec<Vec<u8>>,
    /// To value.
    pub(crate) to: Vec<u8>,
    /// From URI; None for our own address.
    pub(crate) from: Option<Vec<u8>>,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    /// Contact, Expires, credentials.
    pub(crate) headers: Vec<(String, String)>,
}

/// How one went.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    /// A final response.
    Answered(&'a Response),
    /// None came: time-out or a refusing socket.
    Failed(Cause),
}

impl UserAgent {
    /// Send a request; its outcome comes by its purpose.
    pub(crate) fn ask_aside(&mut self, now: Instant, aside: Aside) -> TxKey {
        let peer = self.config.settle(aside.peer);
        let tag = text(&self.random.token());
        let branch = branch(aside.call_id.as_bytes(), tag.as_bytes(), aside.cseq, aside.method);
        let from = aside.from.unwrap_or_else(|| format!("sip:{}", self.config.sent_by(peer)).into_bytes());
        let mut writer = Writer::request(aside.method, &aside.uri);
        writer.header("Via", self.config.via(peer, &branch)).header("Max-Forwards", "70");
        for route in &aside.routes {
            writer.header("Route", route);
        }
        writer
            .header("From", [b"<".as_slice(), &from, b">;tag=", tag.as_bytes()].concat())
            .header("To", &aside.to)
            .header("Call-ID", &aside.call_id)
            .header("CSeq", format!("{} {}", aside.cseq, aside.method.as_str()))
            .header("User-Agent", &self.config.user_agent);
        for (name, value) in &aside.headers {
            writer.header(name, value);
        }
        let key = client_key(branch.as_bytes(), aside.method);
        self.start_ownerless(now, aside.purpose, key, (peer, writer.finish(None)));
        key
    }

    /// A final response came to a request outside a dialog.
    pub(crate) fn aside_answered(&mut self, now: Instant, key: TxKey, response: &Response) {
        let Some(tx) = self.clients.get(&key).filter(|tx| tx.state != ClientState::Completed) else { return };
        let purpose = tx.purpose;
        self.complete_client(now, key, ClientState::Completed, Bytes::new());
        self.aside_over(now, key, purpose, &Outcome::Answered(response));
    }

    /// Tell who sent it.
    pub(crate) fn aside_over(&mut self, now: Instant, key: TxKey, purpose: Purpose, outcome: &Outcome<'_>) {
        let answered = matches!(outcome, Outcome::Answered(_));
        match purpose {
            Purpose::KeepAlive(binding) => self.binding_checked(now, binding, answered),
            Purpose::Register(registration) => self.register_over(now, registration, outcome),
            Purpose::Probe(probe) => self.probe_over(now, probe, key, outcome),
            Purpose::Invite | Purpose::Reinvite | Purpose::Cancel | Purpose::Bye | Purpose::Errand => {}
        }
    }
}
