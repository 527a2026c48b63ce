//! The answering side: challenges of a far end, and our credentials.
//!
//! Of several challenges for one realm the strongest is answered, whatever their order: a challenge is not protected,
//! and an order that counts would let anyone on the path choose MD5 for us.

use std::fmt::Write;

use bytes::Bytes;

use super::{Algorithm, Params, Proof, Qop, Subject, quote};
use crate::command::Credentials;
use crate::wire::{Headers, Name};

/// One challenge that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    proxy: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// As the server spelled it, to be echoed.
    algorithm_name: Option<String>,
    session: bool,
    qop: Qop,
    stale: bool,
}

/// What we know about authentication towards one peer, kept for the life of a dialog.
#[derive(Debug, Clone, Default)]
pub(crate) struct Auth {
    credentials: Option<Credentials>,
    known: Vec<Known>,
    rounds: u8,
}

/// A challenge we have met.
#[derive(Debug, Clone)]
struct Known {
    challenge: Challenge,
    /// Requests answered with its nonce.
    count: u32,
    /// The request that is out carries an answer to this realm.
    answered: bool,
}

/// A peer that challenges more often than this is not going to be pleased.
const MAX_ROUNDS: u8 = 4;
/// Realms at once: the far end and the proxies on the way.
const MAX_REALMS: usize = 4;

impl Auth {
    pub(crate) fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, known: Vec::new(), rounds: 0 }
    }

    /// Take the challenges of a 401 or 407. True if a new try makes sense: there is one we can answer, and it is not
    /// one that we have answered already.
    pub(crate) fn challenged(&mut self, headers: &Headers) -> bool {
        let Some(credentials) = self.credentials.as_ref().filter(|_| self.rounds < MAX_ROUNDS) else { return false };
        self.rounds += 1;
        let mut fresh = false;
        let ours = |challenge: &Challenge| credentials.realm.as_ref().is_none_or(|realm| *realm == challenge.realm);
        for challenge in strongest_of_each_realm(headers).into_iter().filter(ours) {
            let room = self.known.len() < MAX_REALMS;
            let same = |known: &&mut Known| {
                known.challenge.realm == challenge.realm && known.challenge.proxy == challenge.proxy
            };
            match self.known.iter_mut().find(same) {
                // Our answer was refused. Only a stale nonce makes that worth another try.
                Some(known) if known.answered && !challenge.stale => return false,
                Some(known) if known.challenge.nonce == challenge.nonce => return false,
                Some(known) => *known = Known { challenge, count: 0, answered: true },
                None if room => {
                    self.known.push(Known { challenge, count: 0, answered: true });
                }
                None => return false,
            }
            fresh = true;
        }
        fresh
    }

    /// The credentials for a new request: one header for each realm known. Counts the nonces up.
    pub(crate) fn headers(&mut self, subject: Subject<'_>, cnonce: &str) -> Vec<(String, String)> {
        let Some(credentials) = &self.credentials else { return Vec::new() };
        self.known
            .iter_mut()
            .map(|known| {
                known.count += 1;
                let name = if known.challenge.proxy { "Proxy-Authorization" } else { "Authorization" };
                (name.to_owned(), known.challenge.answer(credentials, subject, known.count, cnonce))
            })
            .collect()
    }

    /// Take the next nonce out of a response that liked our credentials (RFC 7616 section 3.5). With several realms
    /// it says not for which it is; then we wait to be told by a challenge.
    pub(crate) fn accepted(&mut self, headers: &Headers) {
        for (name, proxy) in [(b"Authentication-Info".as_slice(), false), (b"Proxy-Authentication-Info", true)] {
            let name = Name::parse(&Bytes::from_static(name));
            let Some(line) = headers.get(&name) else { continue };
            let Some(next) = Params::bare(&line).get("nextnonce").map(str::to_owned) else { continue };
            let mut of_kind = self.known.iter_mut().filter(|known| known.challenge.proxy == proxy);
            if let (Some(known), None) = (of_kind.next(), of_kind.next()) {
                known.challenge.nonce = next;
                known.count = 0;
            }
        }
    }

    /// Whether there is anything to answer with.
    pub(crate) fn is_needed(&self) -> bool {
        !self.known.is_empty()
    }

    /// Count challenges from zero again: a new request of the dialog may be challenged on its own.
    pub(crate) fn next_request(&mut self) {
        self.rounds = 0;
        for known in &mut self.known {
            known.answered = false;
        }
    }
}

impl Challenge {
    fn answer(&self, credentials: &Credentials, subject: Subject<'_>, count: u32, cnonce: &str) -> String {
        let Credentials { username, password, .. } = credentials;
        let ha1 = self.algorithm.hash(format!("{username}:{}:{password}", self.realm).as_bytes());
        let proof = Proof {
            algorithm: self.algorithm,
            session: self.session,
            qop: self.qop,
            nonce: &self.nonce,
            count: &format!("{count:08x}"),
            cnonce,
        };
        let response = proof.response(&ha1, subject);
        self.write(username, subject.uri, &response, count, cnonce)
    }

    fn write(&self, username: &str, uri: &str, response: &str, count: u32, cnonce: &str) -> String {
        let mut out = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            quote(username),
            quote(&self.realm),
            quote(&self.nonce),
            quote(uri),
        );
        if let Some(name) = &self.algorithm_name {
            let _ = write!(out, ", algorithm={name}");
        }
        if let Some(qop) = self.qop.name() {
            let _ = write!(out, ", qop={qop}, nc={count:08x}, cnonce={}", quote(cnonce));
        } else if self.session {
            let _ = write!(out, ", cnonce={}", quote(cnonce));
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(out, ", opaque={}", quote(opaque));
        }
        out
    }
}

fn strongest_of_each_realm(headers: &Headers) -> Vec<Challenge> {
    let mut best: Vec<Challenge> = Vec::new();
    for (name, proxy) in [(&Name::WwwAuthenticate, false), (&Name::ProxyAuthenticate, true)] {
        for line in headers.lines(name) {
            for challenge in challenges_in(&line, proxy) {
                match best.iter_mut().find(|old| old.realm == challenge.realm && old.proxy == proxy) {
                    Some(old) if old.algorithm < challenge.algorithm => *old = challenge,
                    Some(_) => {}
                    None => best.push(challenge),
                }
            }
        }
    }
    best
}

/// The challenges of one header line that we can answer.
fn challenges_in(line: &[u8], proxy: bool) -> Vec<Challenge> {
    Params::digests(line).iter().filter_map(|params| challenge(params, proxy)).collect()
}

fn challenge(params: &Params, proxy: bool) -> Option<Challenge> {
    let algorithm_name = params.get("algorithm").map(str::to_owned);
    let (algorithm, session) = Algorithm::parse(algorithm_name.as_deref().unwrap_or("MD5"))?;
    Some(Challenge {
        proxy,
        realm: params.get("realm")?.to_owned(),
        nonce: params.get("nonce")?.to_owned(),
        opaque: params.get("opaque").map(str::to_owned),
        algorithm,
        algorithm_name,
        session,
        qop: Qop::choose(params.get("qop"))?,
        stale: params.get("stale").is_some_and(|value| value.eq_ignore_ascii_case("true")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str, user: &str, password: &str, method: &str, uri: &str, cnonce: &str) -> String {
        let challenge = challenges_in(line.as_bytes(), false).pop().expect("a challenge");
        let credentials = Credentials { username: user.to_owned(), password: password.to_owned(), realm: None };
        challenge.answer(&credentials, Subject { method, uri, body: b"" }, 1, cnonce)
    }

    #[test]
    fn the_example_of_rfc_2617_gives_its_published_response() {
        let line = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;

        let header = answer(line, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b");

        assert!(header.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{header}");
        assert!(header.contains("qop=auth, nc=00000001"), "{header}");
    }

    #[test]
    fn the_sha_256_example_of_rfc_7616_gives_its_published_response() {
        let line = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let header = answer(line, "Mufasa", "Circle of Life", "GET", "/dir/index.html", cnonce);

        assert!(
            header.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""),
            "{header}"
        );
    }

    #[test]
    fn challenges_joined_on_one_line_are_told_apart() {
        let line =
            br#"Basic realm="b", Digest realm="a, \"x\"", nonce="n1", Digest realm="a", nonce="n2", algorithm=SHA-256"#;

        let found = challenges_in(line, true);

        assert_eq!(found.len(), 2);
        assert_eq!(found[0].realm, "a, \"x\"");
        assert_eq!(found[1].algorithm, Algorithm::Sha256);
    }

    #[test]
    fn unknown_algorithms_and_qops_are_left_alone() {
        assert_eq!(challenges_in(br#"Digest realm="a", nonce="n", algorithm=MD7"#, false), []);
        assert_eq!(challenges_in(br#"Digest realm="a", nonce="n", qop="token""#, false), []);
        assert_eq!(challenges_in(br#"Digest realm="a", nonce="n", qop="auth-int""#, false)[0].qop, Qop::AuthInt);
    }
}
