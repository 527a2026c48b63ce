//! A session: one dialog of ours with everything that is going on in it.
//!
//! Each leg is a session. A dialog that only has to be ended (an extra answer of a forked INVITE, a late one, one from
//! the journal) is a session too, but a silent one: it reports nothing.
//!
//! ```text
//!  we call                                  they call
//!  Calling --1xx--> Proceeding              Offered --200 sent--> Answering --ACK, request--> Up
//!     |                |    \                  |                     |
//!     | hang up        |     \--2xx--> Up      | reject, CANCEL      | no ACK in 64 T1
//!  Withdrawn --1xx--> Cancelling               v                     v
//!     |                |  2xx: ACK, BYE      over                 Closing --final response, time-out--> over
//!     v                v                                             ^
//!   over             over                   Up --hang up: BYE -------+      Up --their BYE--> over
//! ```

pub(crate) mod due;
pub(crate) mod policy;

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::change::Change;
use crate::change::timer::{SessionTimer, Wish};
use crate::command::{LocalMedia, Reach};
use crate::dialog::{Dialog, DialogKey};
use crate::digest::Auth;
use crate::errand::Errand;
use crate::event::{Cause, LegId, Side};
use crate::peer::Peer;
use crate::sdp::{Body, Negotiated, Origin};
use crate::session::due::Due;
use crate::session::policy::{Features, Policy};
use crate::transaction::TxKey;
use crate::transfer::Transfers;
use crate::wire::{ReasonText, ReplyHead, q850_header};

/// Number of a session: the leg's for legs, from [`SILENT`] up for silent ones.
pub(crate) type SessionId = u64;

/// First number of silent sessions.
pub(crate) const SILENT: SessionId = 1 << 62;

/// Where a session stands; see the drawing above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Our INVITE is out, nothing came back.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// We want to CANCEL but may not before a provisional response (RFC 3261 section 9.1).
    Withdrawn,
    /// CANCEL is out.
    Cancelling,
    /// Their INVITE waits for our answer.
    Offered,
    /// Our 200 is out; nothing shows yet that they have it.
    Answering,
    /// Talking.
    Up,
    /// Our BYE is out.
    Closing,
}

/// Everything about one dialog.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) phase: Phase,
    pub(crate) dialog: Dialog,
    /// Every key this session is found under.
    pub(crate) keys: Vec<DialogKey>,
    /// What is needed to repeat or withdraw our INVITE; gone once it is answered.
    pub(crate) outgoing: Option<Box<Outgoing>>,
    /// Their INVITE while it is unanswered.
    pub(crate) incoming: Option<Box<Incoming>>,
    /// `RSeq` and `CSeq` of a reliable response that our 2xx overtook: its PRACK still comes.
    pub(crate) overtaken: Option<(u32, u32)>,
    /// A 2xx of ours without ACK.
    pub(crate) pending: Option<Box<Pending>>,
    pub(crate) media: Media,
    pub(crate) auth: Auth,
    /// How it ended, to be reported when the dialog is closed.
    pub(crate) end: Option<End>,
    /// Q.850 cause for our BYE or CANCEL.
    pub(crate) q850: Option<u8>,
    /// Other values of Reason for our BYE or CANCEL.
    pub(crate) because: Option<String>,
    /// Hang up as soon as the ACK is here (RFC 3261 section 15: no BYE before).
    pub(crate) bye_wanted: bool,
    /// The caller showed that it has our 200.
    pub(crate) confirmed: bool,
    /// How the trunk lets it behave.
    pub(crate) policy: Policy,
    /// What the far end can do.
    pub(crate) features: Features,
    /// Requests of ours inside the dialog that wait for their final response, INVITE and BYE aside.
    pub(crate) errands: Vec<Errand>,
    /// What we want changed.
    pub(crate) change: Change,
    /// Transfers asked for, by either side.
    pub(crate) transfers: Transfers,
    /// The session timer that runs (RFC 4028).
    pub(crate) timer: Option<SessionTimer>,
    /// Least interval the far end told us, seconds.
    pub(crate) min_se_s: u32,
    /// When to look at the session again.
    pub(crate) due: Due,
    /// Nothing left to do.
    pub(crate) over: bool,
}

/// Our INVITE.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Where it goes.
    pub(crate) peer: Peer,
    /// Where else it may go.
    pub(crate) reach: Reach,
    /// The peer over UDP, while TCP is tried for the length of the INVITE.
    pub(crate) by_udp: Option<Peer>,
    /// Request-URI.
    pub(crate) uri: Vec<u8>,
    /// Headers of the customer, checked.
    pub(crate) headers: Vec<(String, String)>,
    /// Our offer.
    pub(crate) sdp: String,
    /// Transaction of the INVITE that is out.
    pub(crate) key: TxKey,
    /// Branch of that INVITE, for CANCEL and ACK.
    pub(crate) branch: String,
    /// 3xx may be followed.
    pub(crate) may_redirect: bool,
    /// Request-URIs of a 3xx that are still to be tried.
    pub(crate) choices: Vec<Vec<u8>>,
    /// Credentials of the last INVITE: its ACK repeats them (RFC 3261 section 22.1).
    pub(crate) sent_auth: Vec<(String, String)>,
    /// Forks that rang.
    pub(crate) forks: Vec<Fork>,
}

/// One early dialog of our INVITE (RFC 3261 section 12.1.2): everyone who rings has their own.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) dialog: Dialog,
    /// The media agreed early.
    pub(crate) media: Option<Negotiated>,
    /// `RSeq` of the last reliable response taken (RFC 3262 section 4).
    pub(crate) rseq: Option<u32>,
    /// Offer and answer are complete: the answer came reliably, or left with our PRACK.
    pub(crate) settled: bool,
}

/// Their INVITE, not answered yet.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) key: TxKey,
    pub(crate) head: ReplyHead,
    /// Record-Route lines for our 18x and 2xx.
    pub(crate) record_route: Vec<Vec<u8>>,
    pub(crate) body: Body,
    /// CSeq of the INVITE, and so of its ACK.
    pub(crate) cseq: u32,
    /// They demand reliable provisional responses (RFC 3262 section 3).
    pub(crate) needs_reliable: bool,
    /// `RSeq` of our last reliable response; 0 before the first.
    pub(crate) rseq: u32,
    /// The reliable response that waits for its PRACK.
    pub(crate) unacked: Option<Unacked>,
    /// What is to be sent once that PRACK is here.
    pub(crate) waiting: Vec<Step>,
    /// Offer and answer are complete, by a reliable response and its PRACK.
    pub(crate) settled: bool,
    /// The leg that the call takes the place of (RFC 3891).
    pub(crate) replaces: Option<LegId>,
    /// The session timer they ask for.
    pub(crate) timer: Wish,
}

/// A reliable provisional response, sent again until its PRACK comes (RFC 3262 section 3).
#[derive(Debug)]
pub(crate) struct Unacked {
    /// It carries our offer: the PRACK brings the answer.
    pub(crate) offers: bool,
    /// It carries our answer.
    pub(crate) answers: bool,
    pub(crate) response: Bytes,
    pub(crate) interval: Duration,
    pub(crate) give_up_at: Instant,
}

/// Something the engine wants to say to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Ring,
    EarlyMedia(LocalMedia),
    Answer(LocalMedia),
}

/// A 2xx of ours, sent again until the ACK comes (RFC 3261 section 13.3.1.4).
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) to: Peer,
    pub(crate) response: Bytes,
    /// CSeq of the INVITE, and so of its ACK.
    pub(crate) cseq: u32,
    /// The offer was in our 2xx: the ACK must bring the answer.
    pub(crate) wants_answer: bool,
    /// The INVITE that began the call, not a re-INVITE.
    pub(crate) initial: bool,
    pub(crate) interval: Duration,
    pub(crate) next_at: Instant,
    pub(crate) give_up_at: Instant,
}

/// The media side.
#[derive(Debug)]
pub(crate) struct Media {
    /// Ours; None until the engine told us.
    pub(crate) local: Option<LocalMedia>,
    pub(crate) origin: Origin,
    /// Last SDP of ours, to see whether the next differs.
    pub(crate) last: String,
    pub(crate) agreed: Option<Negotiated>,
    /// They hold us.
    pub(crate) held: bool,
    /// We hold them.
    pub(crate) holding: bool,
}

/// How a session ended, for `Event::Ended`.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) cause: Cause,
    pub(crate) side: Side,
    pub(crate) code: Option<u16>,
    pub(crate) phrase: Option<String>,
    pub(crate) reason: ReasonText,
    pub(crate) retry_after_s: Option<u32>,
}

impl End {
    /// An end without any message.
    pub(crate) fn of(cause: Cause, side: Side) -> Self {
        Self { cause, side, code: None, phrase: None, reason: ReasonText::default(), retry_after_s: None }
    }

    /// An end by a status code.
    pub(crate) fn by_code(cause: Cause, side: Side, code: u16, phrase: &str) -> Self {
        Self { code: Some(code), phrase: Some(phrase.to_owned()), ..Self::of(cause, side) }
    }
}

impl Media {
    pub(crate) fn new(session: u64, local: Option<LocalMedia>) -> Self {
        // RFC 8866: the numbers of `o=` are decimal; 62 bits keep them readable for signed parsers.
        let origin = Origin { session: session >> 2, version: 1 };
        Self { local, origin, last: String::new(), agreed: None, held: false, holding: false }
    }

    /// The origin of the next description: its version grows only when the text changes.
    pub(crate) fn settle(&mut self, write: impl Fn(Origin) -> String) -> String {
        let same = write(self.origin);
        if self.last.is_empty() || same == self.last {
            self.last.clone_from(&same);
            return same;
        }
        self.origin.version += 1;
        self.last = write(self.origin);
        self.last.clone()
    }
}

impl Session {
    pub(crate) fn new(id: SessionId, phase: Phase, dialog: Dialog, media: Media, auth: Auth) -> Self {
        Self {
            id,
            phase,
            dialog,
            keys: Vec::new(),
            outgoing: None,
            incoming: None,
            overtaken: None,
            pending: None,
            media,
            auth,
            end: None,
            q850: None,
            because: None,
            bye_wanted: false,
            confirmed: false,
            policy: Policy::default(),
            features: Features::default(),
            errands: Vec::new(),
            change: Change::default(),
            transfers: Transfers::default(),
            timer: None,
            min_se_s: 0,
            due: Due::default(),
            over: false,
        }
    }

    /// The dialog of a request of ours: that of the fork with this To tag while the INVITE is open, else the only one.
    pub(crate) fn dialog_mut(&mut self, fork: Option<&[u8]>) -> Option<&mut Dialog> {
        match (fork, &mut self.outgoing) {
            (Some(tag), Some(outgoing)) => {
                outgoing.forks.iter_mut().map(|fork| &mut fork.dialog).find(|dialog| dialog.remote_tag == tag)
            }
            (None, Some(_)) => None,
            (Some(tag), None) => Some(&mut self.dialog).filter(|dialog| dialog.remote_tag == tag),
            (None, None) => Some(&mut self.dialog),
        }
    }

    /// Value of Reason for what we end it with.
    pub(crate) fn reason(&self) -> Option<String> {
        let values: Vec<_> = self.because.iter().cloned().chain(self.q850.map(q850_header)).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The leg to report for; None for a silent session.
    pub(crate) fn leg(&self) -> Option<LegId> {
        (self.id < SILENT).then_some(self.id)
    }
}
