//! 3xx-6xx to our INVITE: try again with credentials, follow a redirect, or end (RFC 3261 sections 8.1.3 and 22).

use std::time::Instant;

use crate::event::{Cause, Side};
use crate::session::{End, Outgoing, Phase, Session};
use crate::ua::UserAgent;
use crate::uac::GivenUp;
use crate::wire::{AddressParts, Hop, Name, ReasonText, Response, is_uri, param};

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
        if wanted && redirect(session, response) {
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

/// Contacts of one redirect that are tried.
const MAX_CHOICES: usize = 5;

/// Take the next choice as the new Request-URI: of the Contacts of the first 3xx those that lead back to the same peer, the
/// highest `q` first (RFC 3261 section 8.1.3.4). Only one 3xx is followed: a customer's call must not be sent round in
/// circles, nor to a host the trunk does not name.
fn redirect(session: &mut Session, response: &Response) -> bool {
    let Some(outgoing) = session.outgoing.as_mut() else { return false };
    if outgoing.may_redirect && matches!(response.code, 300..=399) {
        outgoing.may_redirect = false;
        outgoing.choices = choices(outgoing, response);
    }
    // A 6xx speaks for everybody the call could go to.
    if response.code >= 600 || outgoing.choices.is_empty() {
        return false;
    }
    outgoing.uri = outgoing.choices.remove(0);
    true
}

fn choices(outgoing: &Outgoing, response: &Response) -> Vec<Vec<u8>> {
    let contacts = response.headers.list(&Name::Contact);
    let mut found: Vec<(u32, Vec<u8>)> = Vec::new();
    for parts in contacts.iter().filter_map(|value| AddressParts::parse(value)) {
        let known = parts.uri == outgoing.uri || found.iter().any(|(_, uri)| *uri == parts.uri);
        if !known && is_uri(parts.uri) && leads_to_peer(parts.uri, outgoing) {
            found.push((weight(parts.params), parts.uri.to_vec()));
        }
    }
    // Stable: of equal weights the first named comes first.
    found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    found.into_iter().take(MAX_CHOICES).map(|(_, uri)| uri).collect()
}

/// `q` in thousandths; a Contact without one is as good as any.
fn weight(params: &[u8]) -> u32 {
    let q = param(params, "q").and_then(|q| std::str::from_utf8(q).ok()?.parse::<f32>().ok()).unwrap_or(1.0);
    // Between 0 and 1000 after the clamp.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let thousandths = (q.clamp(0.0, 1.0) * 1000.0) as u32;
    thousandths
}

fn leads_to_peer(uri: &[u8], outgoing: &Outgoing) -> bool {
    let Some(hop) = Hop::parse(uri) else { return false };
    match hop.socket() {
        Some(address) => address == outgoing.peer.address,
        // The name we called by stands for the address it was resolved to.
        None => Hop::parse(&outgoing.uri).is_some_and(|called| called.host == hop.host && called.port == hop.port),
    }
}
