//! What makes two messages one transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::random::hex;
use crate::wire::{Identity, Method, Request, Response};

/// Name of a transaction: a hash, so that keys cost nothing to keep.
///
/// A peer that could produce a collision gains no more than by repeating a branch, which it may do anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TxKey(u64, u64);

const COOKIE: &[u8] = b"z9hG4bK";

/// The branch of a request of ours.
///
/// It derives from the dialog alone, so that a CANCEL can be sent by a process that did not send the INVITE.
pub(crate) fn branch(call_id: &[u8], local_tag: &[u8], cseq: u32, method: Method) -> String {
    // CANCEL and the ACK to a refusal carry the branch of their INVITE; an ACK to a 2xx is a transaction of its own.
    let name = match method {
        Method::Cancel => Method::Invite,
        other => other,
    };
    let mut hash = Sha256::new();
    for part in [call_id, local_tag, &cseq.to_be_bytes(), name.as_str().as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("z9hG4bK{}", hex(hash.finalize().get(..16).unwrap_or_default()))
}

/// The key of a client transaction with this branch.
pub(crate) fn client_key(branch: &[u8], method: Method) -> TxKey {
    hashed(|hasher| (b"client", branch, method).hash(hasher))
}

/// The key of the client transaction that a response answers.
pub(crate) fn client_key_of(response: &Response) -> TxKey {
    client_key(&response.via.branch, response.id.method)
}

/// Whether a response bears the names of the request that its branch says it answers.
///
/// Its branch alone is not enough: a 2xx with another Call-ID or From tag would make a dialog that is not ours (RFC
/// 3261 section 12.1.2). The branch derives from both, so nothing needs to be kept. Dialogs have more ways to say who
/// they are, and the answer to a BYE decides nothing.
pub(crate) fn is_of_ours(response: &Response) -> bool {
    let Identity { call_id, from_tag, to_tag, cseq, method } = &response.id;
    match method {
        Method::Invite | Method::Cancel => {
            let is = |tags: &[u8]| branch(call_id, tags, *cseq, *method).as_bytes() == response.via.branch.as_slice();
            // An INVITE inside a dialog names both ends.
            is(from_tag) || is(&[from_tag.as_slice(), b"\n", to_tag].concat())
        }
        _ => true,
    }
}

/// The key of the server transaction of a request, as if its method were `method`: ACK and CANCEL look for their INVITE.
pub(crate) fn server_key(request: &Request, method: Method) -> TxKey {
    let via = &request.via;
    if via.branch.starts_with(COOKIE) && via.branch.len() > COOKIE.len() {
        return hashed(|hasher| (b"server", &via.branch, &via.sent_by, method).hash(hasher));
    }
    // RFC 2543 peers. The To tag is left out: an ACK carries ours and its INVITE did not.
    let Identity { call_id, from_tag, cseq, .. } = &request.id;
    let rest = (&via.branch, &via.sent_by, &request.uri, call_id, from_tag, cseq);
    hashed(|hasher| (b"legacy", rest, method).hash(hasher))
}

fn hashed(feed: impl Fn(&mut DefaultHasher)) -> TxKey {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        feed(&mut hasher);
        hasher.finish()
    };
    TxKey(half(1), half(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_branch_derives_from_the_dialog_and_cancel_shares_it() {
        let invite = branch(b"c1", b"t1", 1, Method::Invite);

        assert_eq!(invite, branch(b"c1", b"t1", 1, Method::Cancel));
        assert_ne!(invite, branch(b"c1", b"t1", 2, Method::Invite));
        assert_ne!(invite, branch(b"c1t", b"1", 1, Method::Invite));
        assert_ne!(invite, branch(b"c1", b"t1", 1, Method::Ack));
        assert_eq!(
            invite, "z9hG4bK04e46557f9614a783becc03d31c08d8f",
            "a changed derivation breaks CANCEL after an upgrade"
        );
    }
}
