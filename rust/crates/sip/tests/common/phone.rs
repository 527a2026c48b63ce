//! A telephone that registers, for tests of the registrar.

use std::fmt::Write;

use md5::{Digest, Md5};
use ringback_sip::{Codec, Phone, Secrets, UserAgent};
use sha2::Sha256;

use super::{Script, header, headers};

pub const REALM: &str = "ringback.example";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub fn md5(text: &str) -> String {
    hex(&Md5::digest(text))
}

pub fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// A phone of the table; its password is `secret-<username>`.
pub fn phone(id: u64, username: &str) -> Phone {
    let ha1 = format!("{username}:{REALM}:secret-{username}");
    Phone {
        id,
        username: username.to_owned(),
        realm: REALM.to_owned(),
        secrets: Secrets { md5: Some(md5(&ha1)), sha256: Some(sha256(&ha1)) },
        max_contacts: 3,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
    }
}

/// A user agent with these phones and nobody else.
pub fn registrar(phones: &[(u64, &str)]) -> Script {
    let mut ua = UserAgent::new(super::config(super::A));
    ua.set_phones(phones.iter().map(|(id, name)| phone(*id, name)).collect(), ringback_sip::RegistrarLimits::default());
    Script::with(ua)
}

/// One device of a phone.
pub struct Device {
    pub username: String,
    pub password: String,
    pub contact: String,
    pub source: std::net::SocketAddr,
    pub call_id: String,
    pub cseq: u32,
    /// Further header lines of each REGISTER.
    pub extra: String,
    /// Challenge and how often it was answered.
    challenge: Option<(String, u32)>,
    branch: u32,
}

impl Device {
    pub fn new(username: &str, source: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: format!("secret-{username}"),
            contact: format!("<sip:{username}@{source}>"),
            source: super::addr(source),
            call_id: format!("call-{username}-{source}"),
            cseq: 0,
            extra: String::new(),
            challenge: None,
            branch: 0,
        }
    }

    /// A request of this device, without credentials unless it was challenged before.
    pub fn request(&mut self, method: &str, uri: &str, lines: &str, body: &str) -> String {
        self.cseq += 1;
        self.branch += 1;
        let Self { username, source, call_id, cseq, branch, .. } = self;
        let to = if method == "REGISTER" { format!("sip:{username}@{REALM}") } else { uri.to_owned() };
        let head = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {source};rport;branch=z9hG4bK{call_id}{branch}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{username}@{REALM}>;tag=dev\r\n\
             To: <{to}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n\
             User-Agent: Desk 1.0\r\n{lines}"
        );
        let authorization = self.authorization(method, uri).map(|value| format!("Authorization: {value}\r\n"));
        format!("{head}{}Content-Length: {}\r\n\r\n{body}", authorization.unwrap_or_default(), body.len())
    }

    /// Take the strongest challenge of a 401.
    pub fn challenged(&mut self, response: &str) {
        let first = headers(response, "WWW-Authenticate").into_iter().next().expect("a challenge");
        self.challenge = Some((first, 0));
    }

    fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let (challenge, count) = self.challenge.as_mut()?;
        *count += 1;
        let get = |name: &str| {
            let rest = challenge.split(&format!("{name}=")).nth(1)?;
            Some(rest.trim_start_matches('"').split(['"', ',']).next()?.to_owned())
        };
        let (nonce, algorithm) = (get("nonce")?, get("algorithm")?);
        let hash = |text: &str| if algorithm == "MD5" { md5(text) } else { sha256(text) };
        let (user, password) = (&self.username, &self.password);
        let ha1 = hash(&format!("{user}:{REALM}:{password}"));
        let ha2 = hash(&format!("{method}:{uri}"));
        let response = hash(&format!("{ha1}:{nonce}:{count:08x}:cn:auth:{ha2}"));
        Some(format!(
            "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm={algorithm}, qop=auth, nc={count:08x}, cnonce=\"cn\""
        ))
    }

    /// REGISTER, answering one challenge. Returns the final response.
    pub fn register(&mut self, script: &mut Script, expires: &str) -> String {
        let contact = self.contact.clone();
        let lines = format!("Contact: {contact}\r\nExpires: {expires}\r\n{}", self.extra);
        self.register_with(script, &lines)
    }

    pub fn register_with(&mut self, script: &mut Script, lines: &str) -> String {
        for _ in 0..2 {
            let request = self.request("REGISTER", &format!("sip:{REALM}"), lines, "");
            script.say_bytes(self.source, request.as_bytes());
            let response = script.next();
            if !response.starts_with("SIP/2.0 401") {
                return response;
            }
            self.challenged(&response);
        }
        panic!("challenged twice");
    }
}

/// The status code of a response.
pub fn code(response: &str) -> u16 {
    response.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a response")
}

/// Contact URIs and their seconds in a 200 to REGISTER.
pub fn bound(response: &str) -> Vec<(String, u32)> {
    let contacts = headers(response, "Contact").into_iter();
    contacts
        .map(|line| {
            let uri = line.split(['<', '>']).nth(1).expect("brackets").to_owned();
            let expires = line.split(";expires=").nth(1).expect("expires").split(';').next().expect("number");
            (uri, expires.parse().expect("a number"))
        })
        .collect()
}

/// Whether a response has this header value.
pub fn has(response: &str, name: &str, value: &str) -> bool {
    header(response, name) == value
}
