//! The asking side: our challenges, and what came back.
//!
//! Only HA1 is known here, never a password. A challenge goes out for each algorithm that some phone can answer, the
//! strongest first (RFC 8760 section 2.4); whoever answers is held to what that user has.

use std::net::IpAddr;
use std::time::Instant;

use super::nonce::{Nonces, Worth, same};
use super::{Algorithm, Params, Proof, Qop, Subject, quote};
use crate::wire::{Headers, Name};

/// `H(user:realm:password)` of one user, lower-case hexadecimal; at least one must be there for the user to get in.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// MD5, 32 digits.
    pub md5: Option<String>,
    /// SHA-256, 64 digits.
    pub sha256: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = (self.md5.is_some(), self.sha256.is_some());
        write!(f, "Secrets {{ md5: {}, sha256: {} }}", kinds.0, kinds.1)
    }
}

impl Secrets {
    fn of(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_deref(),
            Algorithm::Sha256 => self.sha256.as_deref(),
            Algorithm::Sha512Trunc256 => None,
        }
    }
}

/// Credentials of a request, taken apart.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) username: String,
    algorithm: Algorithm,
    session: bool,
    qop: Qop,
    nonce: String,
    count: String,
    cnonce: String,
    uri: String,
    response: String,
}

/// What a claim is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the user.
    Right {
        /// The nonce will not live much longer: a next one may be offered.
        aging: bool,
    },
    /// The hash is right, the nonce no longer good: ask again with `stale=true`.
    Stale,
    /// Not with a nonce of ours: ask again, it says nothing about the password.
    Unknown,
    /// Wrong password, or no such user.
    Wrong,
}

/// The claim for our realm, if the request has one that can be read.
pub(crate) fn claim(headers: &Headers, realm: &str) -> Option<Claim> {
    let lines = headers.lines(&Name::Authorization);
    let of_realm = lines.flat_map(|line| Params::digests(&line)).find(|params| params.get("realm") == Some(realm))?;
    let get = |name| of_realm.get(name).map(str::to_owned);
    let (algorithm, session) = Algorithm::parse(of_realm.get("algorithm").unwrap_or("MD5"))?;
    let qop = match of_realm.get("qop").map(str::to_ascii_lowercase).as_deref() {
        Some("auth") => Qop::Auth,
        Some("auth-int") => Qop::AuthInt,
        _ => Qop::Absent,
    };
    Some(Claim {
        username: get("username")?,
        algorithm,
        session,
        qop,
        nonce: get("nonce")?,
        count: get("nc").unwrap_or_default(),
        cnonce: get("cnonce").unwrap_or_default(),
        uri: get("uri")?,
        response: get("response")?,
    })
}

impl Claim {
    /// Judge. `secrets` is None when there is no such user: that takes as long and looks the same.
    ///
    /// A claim without qop is refused: it has neither count nor cnonce, so its every request could be played again.
    pub(crate) fn judge(
        &self,
        now: Instant,
        nonces: &mut Nonces,
        source: (IpAddr, &str),
        secrets: Option<&Secrets>,
        subject: Subject<'_>,
    ) -> Verdict {
        let count = match u32::from_str_radix(&self.count, 16) {
            Ok(count) if self.qop != Qop::Absent && self.count.len() == 8 => count,
            _ => return Verdict::Unknown,
        };
        let worth = nonces.judge(now, source.0, source.1, &self.nonce, count);
        if worth == Worth::Forged {
            return Verdict::Unknown;
        }
        let known = secrets.and_then(|secrets| secrets.of(self.algorithm));
        let proof = Proof {
            algorithm: self.algorithm,
            session: self.session,
            qop: self.qop,
            nonce: &self.nonce,
            count: &self.count,
            cnonce: &self.cnonce,
        };
        // The URI they hashed must be the one they ask for (RFC 7616 section 3.4.6).
        let right = proof.response(known.unwrap_or("no such user"), subject);
        let matches = same(right.as_bytes(), self.response.to_ascii_lowercase().as_bytes());
        if known.is_none() || !matches || self.uri != subject.uri {
            return Verdict::Wrong;
        }
        match worth {
            Worth::Good { aging } => {
                nonces.spend(now, &self.nonce, count);
                Verdict::Right { aging }
            }
            _ => Verdict::Stale,
        }
    }
}

/// Header values that ask for credentials, the strongest algorithm first. Each has a nonce of its own.
pub(crate) fn challenges(
    now: Instant,
    nonces: &mut Nonces,
    source: (IpAddr, &str),
    algorithms: &[Algorithm],
    stale: bool,
) -> Vec<String> {
    let one = |algorithm: &Algorithm| {
        let nonce = nonces.make(now, source.0, source.1);
        let name = match algorithm {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512Trunc256 => "SHA-512-256",
        };
        let stale = if stale { ", stale=true" } else { "" };
        format!("Digest realm={}, nonce=\"{nonce}\", qop=\"auth,auth-int\", algorithm={name}{stale}", quote(source.1))
    };
    algorithms.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Credentials;
    use crate::digest::Auth;
    use crate::peer::Peer;
    use crate::wire::{Message, parse};

    const REALM: &str = "ringback.example";

    fn source() -> IpAddr {
        "192.0.2.1".parse().expect("address")
    }

    fn headers(lines: &[String]) -> Headers {
        let text = format!(
            "SIP/2.0 401 x\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: 1\r\nCSeq: 1 REGISTER\r\n{}\r\n\r\n",
            lines.join("\r\n")
        );
        match parse(text.as_bytes(), Peer::udp("192.0.2.1:5060".parse().expect("address"))) {
            Ok(Message::Response(response)) => response.headers,
            other => panic!("{other:?}"),
        }
    }

    struct Desk {
        now: Instant,
        nonces: Nonces,
        secrets: Secrets,
        auth: Auth,
    }

    impl Desk {
        fn new(password: &str) -> Self {
            let now = Instant::now();
            let mut nonces = Nonces::new(1);
            nonces.begin(now);
            let ha1 = format!("alice:{REALM}:secret");
            let secrets = Secrets {
                md5: Some(Algorithm::Md5.hash(ha1.as_bytes())),
                sha256: Some(Algorithm::Sha256.hash(ha1.as_bytes())),
            };
            let credentials = Credentials { username: "alice".to_owned(), password: password.to_owned(), realm: None };
            Self { now, nonces, secrets, auth: Auth::new(Some(credentials)) }
        }

        fn challenge(&mut self, algorithms: &[Algorithm], qop: &str) {
            let lines: Vec<String> = challenges(self.now, &mut self.nonces, (source(), REALM), algorithms, false)
                .into_iter()
                .map(|line| format!("WWW-Authenticate: {}", line.replace("auth,auth-int", qop)))
                .collect();
            assert!(self.auth.challenged(&headers(&lines)));
        }

        fn answer(&mut self, subject: Subject<'_>) -> Claim {
            let lines: Vec<String> =
                self.auth.headers(subject, "c").iter().map(|(name, value)| format!("{name}: {value}")).collect();
            claim(&headers(&lines), REALM).expect("a claim")
        }

        fn judge(&mut self, claim: &Claim, subject: Subject<'_>) -> Verdict {
            claim.judge(self.now, &mut self.nonces, (source(), REALM), Some(&self.secrets), subject)
        }
    }

    const REGISTER: Subject<'static> = Subject { method: "REGISTER", uri: "sip:ringback.example", body: b"hello" };

    #[test]
    fn our_client_and_our_server_agree_in_every_algorithm_and_qop() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            for qop in ["auth", "auth-int"] {
                let mut desk = Desk::new("secret");
                desk.challenge(&[algorithm], qop);
                let first = desk.answer(REGISTER);
                let second = desk.answer(REGISTER);

                assert_eq!(desk.judge(&first, REGISTER), Verdict::Right { aging: false }, "{algorithm:?} {qop}");
                assert_eq!(desk.judge(&first, REGISTER), Verdict::Stale, "played again");
                assert_eq!(desk.judge(&second, REGISTER), Verdict::Right { aging: false }, "the next count");
            }
        }
    }

    #[test]
    fn the_strongest_of_two_challenges_is_answered() {
        let mut desk = Desk::new("secret");
        desk.challenge(&[Algorithm::Sha256, Algorithm::Md5], "auth");

        assert_eq!(desk.answer(REGISTER).algorithm, Algorithm::Sha256);
    }

    #[test]
    fn wrong_passwords_users_uris_and_bodies_are_wrong() {
        let mut desk = Desk::new("guess");
        desk.challenge(&[Algorithm::Sha256], "auth-int");
        let claim = desk.answer(REGISTER);
        assert_eq!(desk.judge(&claim, REGISTER), Verdict::Wrong);

        let mut desk = Desk::new("secret");
        desk.challenge(&[Algorithm::Sha256], "auth-int");
        let claim = desk.answer(REGISTER);
        let nobody = claim.judge(desk.now, &mut desk.nonces, (source(), REALM), None, REGISTER);
        assert_eq!(nobody, Verdict::Wrong);
        for other in [
            Subject { uri: "sip:other.example", ..REGISTER },
            Subject { body: b"tampered", ..REGISTER },
            Subject { method: "INVITE", ..REGISTER },
        ] {
            assert_eq!(desk.judge(&claim, other), Verdict::Wrong, "{other:?}");
        }
        desk.secrets.sha256 = None;
        assert_eq!(desk.judge(&claim, REGISTER), Verdict::Wrong, "an algorithm the user has no hash for");
    }

    #[test]
    fn an_expired_nonce_with_the_right_password_is_stale() {
        let mut desk = Desk::new("secret");
        desk.challenge(&[Algorithm::Md5], "auth");
        let claim = desk.answer(REGISTER);

        desk.now += super::super::nonce::LIFE * 2;

        assert_eq!(desk.judge(&claim, REGISTER), Verdict::Stale);
    }

    #[test]
    fn an_answer_without_qop_or_with_an_invented_nonce_is_asked_again() {
        let mut desk = Desk::new("secret");
        let line = format!("WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"0123\", qop=\"auth\"");
        assert!(desk.auth.challenged(&headers(&[line])));
        let invented = desk.answer(REGISTER);
        assert_eq!(desk.judge(&invented, REGISTER), Verdict::Unknown);

        let mut desk = Desk::new("secret");
        desk.challenge(&[Algorithm::Md5], "");
        let old = desk.answer(REGISTER);
        assert_eq!(desk.judge(&old, REGISTER), Verdict::Unknown);
    }

    #[test]
    fn session_variants_are_understood() {
        let mut desk = Desk::new("secret");
        let lines: Vec<String> = challenges(desk.now, &mut desk.nonces, (source(), REALM), &[Algorithm::Sha256], false)
            .into_iter()
            .map(|line| format!("WWW-Authenticate: {}", line.replace("SHA-256", "SHA-256-sess")))
            .collect();
        assert!(desk.auth.challenged(&headers(&lines)));
        let claim = desk.answer(REGISTER);

        assert_eq!(desk.judge(&claim, REGISTER), Verdict::Right { aging: false });
    }

    #[test]
    fn hashes_are_not_printed() {
        let printed = format!("{:?}", Desk::new("secret").secrets);

        assert_eq!(printed, "Secrets { md5: true, sha256: true }");
    }
}
