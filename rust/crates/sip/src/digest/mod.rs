//! Digest access authentication, both sides (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! `client` answers the challenges of carriers, `server` checks the answers of phones to ours, and `nonce` makes and
//! recognizes our nonces. Here is what they share: hash functions, the response itself, and the grammar.

mod client;
pub(crate) mod nonce;
pub(crate) mod server;

pub(crate) use client::Auth;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use crate::random::hex;
use crate::wire::split_list;

/// Hash functions, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Md5,
    Sha256,
    Sha512Trunc256,
}

/// What a response protects besides the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qop {
    /// RFC 2069: the challenge offered none.
    Absent,
    Auth,
    /// The body, too.
    AuthInt,
}

/// What a request is, for the hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
}

/// What goes into a response besides HA1 and the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    pub(crate) algorithm: Algorithm,
    /// `-sess`: HA1 is bound to nonce and cnonce.
    pub(crate) session: bool,
    pub(crate) qop: Qop,
    pub(crate) nonce: &'a str,
    /// `nc` as it is written: eight hexadecimal digits.
    pub(crate) count: &'a str,
    pub(crate) cnonce: &'a str,
}

impl Proof<'_> {
    /// The `response` parameter (RFC 7616 section 3.4.1); `ha1` is `H(user:realm:password)` in lower-case hexadecimal.
    pub(crate) fn response(&self, ha1: &str, subject: Subject<'_>) -> String {
        let Self { algorithm, nonce, count, cnonce, .. } = *self;
        let hash = |text: &str| algorithm.hash(text.as_bytes());
        let ha1 = if self.session { hash(&format!("{ha1}:{nonce}:{cnonce}")) } else { ha1.to_owned() };
        let mut a2 = format!("{}:{}", subject.method, subject.uri);
        if self.qop == Qop::AuthInt {
            a2 = format!("{a2}:{}", algorithm.hash(subject.body));
        }
        let ha2 = hash(&a2);
        match self.qop.name() {
            Some(qop) => hash(&format!("{ha1}:{nonce}:{count}:{cnonce}:{qop}:{ha2}")),
            None => hash(&format!("{ha1}:{nonce}:{ha2}")),
        }
    }
}

impl Qop {
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Auth => Some("auth"),
            Self::AuthInt => Some("auth-int"),
        }
    }

    /// Out of the list of a challenge: `auth` before `auth-int`, for proxies may touch bodies. None if only unknown
    /// ones are offered.
    pub(crate) fn choose(list: Option<&str>) -> Option<Self> {
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
    pub(crate) fn parse(name: &str) -> Option<(Self, bool)> {
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

    /// Lower-case hexadecimal.
    pub(crate) fn hash(self, data: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(data)),
            Self::Sha256 => hex(&Sha256::digest(data)),
            Self::Sha512Trunc256 => hex(&Sha512_256::digest(data)),
        }
    }
}

/// The parameters of one challenge or of one set of credentials; names in lower case, quotes taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// First value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every Digest item of a header line. Some servers join several challenges by commas, like their parameters.
    pub(crate) fn digests(line: &[u8]) -> Vec<Self> {
        let mut groups: Vec<(bool, Self)> = Vec::new();
        for item in split_list(line) {
            let item = crate::wire::text(item);
            let (scheme, rest) = match item.split_once(char::is_whitespace) {
                // `realm = "x"` has a space too, but no scheme holds an equals sign in what follows it first.
                Some((word, rest)) if !word.contains('=') && !rest.trim_start().starts_with('=') => (Some(word), rest),
                _ => (None, item.as_str()),
            };
            if let Some(scheme) = scheme {
                groups.push((scheme.eq_ignore_ascii_case("digest"), Self(Vec::new())));
            }
            if let (Some((_, group)), Some((key, value))) = (groups.last_mut(), rest.split_once('=')) {
                group.0.push((key.trim().to_ascii_lowercase(), unquote(value.trim())));
            }
        }
        groups.into_iter().filter_map(|(is_digest, params)| is_digest.then_some(params)).collect()
    }

    /// The parameters of a line without scheme (Authentication-Info).
    pub(crate) fn bare(line: &[u8]) -> Self {
        let pairs = split_list(line).filter_map(|item| {
            let item = crate::wire::text(item);
            let (key, value) = item.split_once('=')?;
            Some((key.trim().to_ascii_lowercase(), unquote(value.trim())))
        });
        Self(pairs.collect())
    }
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

/// A value as a quoted string.
pub(crate) fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
