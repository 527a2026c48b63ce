//! 3xx-6xx to our INVITE: try again with credentials, follow a redirect, or end (RFC 3261 sections 8.1.3 and 22).

use std::time::Instant;

use crate::event::{Cause, Side};
use crate::session::{End, Outgoing, Phase, Session};
use crate::ua::UserAgent;
use crate::uac::GivenUp;
use crate::wire::{AddressParts, Hop, Name, ReasonText, Response, is_uri};

impl UserAgent {
    /// Our INVITE was refused; its ACK is sent already.
    pub(super) fn refused(&mut self, now: Instant, session: &mut Session, response: &Response) {
        let wanted = matches!(session.phase, Phase::Calling | Phase::Proceeding);
        if wanted && matches!(response.code, 401 | 407) && session.auth.challenged(&response.headers) {
            self.counters.challenges_answered += 1;
            return self.send_invite(now, session);
        }
        if wanted
            && response.code == 422
            && session.policy.session_expires_s > 0
            && self.raise_min_se(session, response)
        {
            return self.send_invite(now, session);
        }
        if wanted && matches!(response.code, 300..=399) && redirect(session, response) {
            return self.send_invite(now, session);
        }
        if response.code == 503 && self.try_next(now, session, GivenUp::Code(503)) {
            return;
        }
        let end = ending(session.end.take(), response);
        self.finish(session, end);
    }
}

/// How a refusal is reported. 487 after our CANCEL is our own doing; any other code says what it says.
fn ending(withdrawn: Option<End>, response: &Response) -> End {
    let (cause, side) = match withdrawn {
        Some(end) if end.cause == Cause::Stopped || response.code == 487 => (end.cause, end.side),
        _ => (Cause::Response, Side::Remote),
    };
    End {
        reason: ReasonText::of(&response.headers),
        retry_after_s: response.headers.number(&Name::RetryAfter),
        ..End::by_code(cause, side, response.code, &response.phrase)
    }
}

/// Take the first Contact that leads back to the same peer as the new Request-URI. Once only: a customer's call must
/// not be sent round in circles, nor to a host the trunk does not name.
fn redirect(session: &mut Session, response: &Response) -> bool {
    let Some(outgoing) = session.outgoing.as_mut().filter(|outgoing| outgoing.may_redirect) else { return false };
    let contacts = response.headers.list(&Name::Contact);
    let target = contacts.iter().find_map(|value| {
        let uri = AddressParts::parse(value)?.uri;
        (is_uri(uri) && leads_to_peer(uri, outgoing)).then(|| uri.to_vec())
    });
    let Some(uri) = target else { return false };
    outgoing.may_redirect = false;
    outgoing.uri = uri;
    true
}

fn leads_to_peer(uri: &[u8], outgoing: &Outgoing) -> bool {
    let Some(hop) = Hop::parse(uri) else { return false };
    match hop.socket() {
        Some(address) => address == outgoing.peer.address,
        // The name we called by stands for the address it was resolved to.
        None => Hop::parse(&outgoing.uri).is_some_and(|called| called.host == hop.host && called.port == hop.port),
    }
}
