//! Digest access authentication, the answering side (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! Of several challenges for one realm the strongest is answered, whatever their order: a challenge is not protected,
//! and an order that counts would let anyone on the path choose MD5 for us.

use std::fmt::Write;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use crate::command::Credentials;
use crate::random::hex;
use crate::wire::{Headers, Name, split_list};

/// Hash functions, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512Trunc256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Qop {
    /// RFC 2069: the challenge offered none.
    Absent,
    Auth,
    AuthInt,
}

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

/// What a request is, for the hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
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
        if self.credentials.is_none() || self.rounds >= MAX_ROUNDS {
            return false;
        }
        self.rounds += 1;
        let mut fresh = false;
        for challenge in strongest_of_each_realm(headers) {
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
        let hash = |text: &str| self.algorithm.hash(text.as_bytes());
        let Credentials { username, password } = credentials;
        let mut ha1 = hash(&format!("{username}:{}:{password}", self.realm));
        if self.session {
            ha1 = hash(&format!("{ha1}:{}:{cnonce}", self.nonce));
        }
        let mut a2 = format!("{}:{}", subject.method, subject.uri);
        if self.qop == Qop::AuthInt {
            a2 = format!("{a2}:{}", self.algorithm.hash(subject.body));
        }
        let ha2 = hash(&a2);
        let nonce = &self.nonce;
        let response = match self.qop.name() {
            Some(qop) => hash(&format!("{ha1}:{nonce}:{count:08x}:{cnonce}:{qop}:{ha2}")),
            None => hash(&format!("{ha1}:{nonce}:{ha2}")),
        };
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

impl Qop {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Auth => Some("auth"),
            Self::AuthInt => Some("auth-int"),
        }
    }

    /// `auth` before `auth-int`: proxies may touch bodies. None if only unknown ones are offered.
    fn choose(list: Option<&str>) -> Option<Self> {
        let Some(list) = list else { return Some(Self::Absent) };
        let offers = |name: &str| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(name));
        match () {
            () if offers("auth") => Some(Self::Auth),
            () if offers("auth-int") => Some(Self::AuthInt),
            () if list.trim().is_empty() => Some(Self::Absent),
            () => None,
        }
    }
}

impl Algorithm {
    /// The algorithm and whether it is a `-sess` one.
    fn parse(name: &str) -> Option<(Self, bool)> {
        let upper = name.trim().to_ascii_uppercase();
        let (base, session) = upper.strip_suffix("-SESS").map_or((upper.as_str(), false), |base| (base, true));
        let algorithm = match base {
            "MD5" => Self::Md5,
            "SHA-256" => Self::Sha256,
            "SHA-512-256" => Self::Sha512Trunc256,
            _ => return None,
        };
        Some((algorithm, session))
    }

    fn hash(self, data: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(data)),
            Self::Sha256 => hex(&Sha256::digest(data)),
            Self::Sha512Trunc256 => hex(&Sha512_256::digest(data)),
        }
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

/// The Digest challenges of one header line. Some servers join several by commas, like their parameters.
fn challenges_in(line: &[u8], proxy: bool) -> Vec<Challenge> {
    let mut groups: Vec<Vec<(String, String)>> = Vec::new();
    for item in split_list(line) {
        let item = crate::wire::text(item);
        let (scheme, rest) = match item.split_once(char::is_whitespace) {
            // `realm = "x"` has a space too, but no scheme holds an equals sign in what follows it first.
            Some((word, rest)) if !word.contains('=') && !rest.trim_start().starts_with('=') => (Some(word), rest),
            _ => (None, item.as_str()),
        };
        if let Some(scheme) = scheme {
            groups.push(vec![(String::new(), scheme.to_ascii_lowercase())]);
        }
        if let (Some(group), Some((key, value))) = (groups.last_mut(), rest.split_once('=')) {
            group.push((key.trim().to_ascii_lowercase(), unquote(value.trim())));
        }
    }
    groups.iter().filter_map(|group| challenge(group, proxy)).collect()
}

fn challenge(params: &[(String, String)], proxy: bool) -> Option<Challenge> {
    let find = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if find("").as_deref() != Some("digest") {
        return None;
    }
    let algorithm_name = find("algorithm");
    let (algorithm, session) = Algorithm::parse(algorithm_name.as_deref().unwrap_or("MD5"))?;
    Some(Challenge {
        proxy,
        realm: find("realm")?,
        nonce: find("nonce")?,
        opaque: find("opaque"),
        algorithm,
        algorithm_name,
        session,
        qop: Qop::choose(find("qop").as_deref())?,
        stale: find("stale").is_some_and(|value| value.eq_ignore_ascii_case("true")),
    })
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for character in inner.chars() {
        if character == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            out.push(character);
        }
    }
    out
}

fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str, user: &str, password: &str, method: &str, uri: &str, cnonce: &str) -> String {
        let challenge = challenges_in(line.as_bytes(), false).pop().expect("a challenge");
        let credentials = Credentials { username: user.to_owned(), password: password.to_owned() };
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
