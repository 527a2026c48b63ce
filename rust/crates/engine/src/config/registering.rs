//! Settings of phones, of trunks that register, and of gateways that are watched, checked.

use std::time::Duration;

use ringback_sip as sip;

use crate::args::sip_uri;
use crate::config::{TrunkConfig, split_gateway};
use crate::error::EngineError;

const MAX_USER_BYTES: usize = 64;
const MAX_REALM_BYTES: usize = 253;

/// A phone that may register; the fields are those of `PhoneConfig` in the Python contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PhoneConfig {
    pub id: u64,
    pub username: String,
    pub realm: String,
    pub ha1_md5: Option<String>,
    pub ha1_sha256: Option<String>,
    pub max_contacts: usize,
    pub codecs: Vec<sip::Codec>,
}

impl PhoneConfig {
    /// Check the shape of names and hashes.
    pub fn check(&self) -> Result<(), EngineError> {
        let is_user = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()+$".contains(&byte);
        let user = &self.username;
        if user.is_empty() || user.len() > MAX_USER_BYTES || !user.bytes().all(is_user) {
            let problem = format!("must be 1 to {MAX_USER_BYTES} characters out of letters, digits and -_.!~*'()+$");
            return Err(EngineError::argument("username", problem));
        }
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if self.realm.is_empty() || self.realm.len() > MAX_REALM_BYTES || !self.realm.bytes().all(is_host) {
            return Err(EngineError::argument("realm", "must be a host name like phones.example"));
        }
        check_hash("ha1_md5", self.ha1_md5.as_deref(), 32)?;
        check_hash("ha1_sha256", self.ha1_sha256.as_deref(), 64)?;
        if self.ha1_md5.is_none() && self.ha1_sha256.is_none() {
            return Err(EngineError::argument("ha1_sha256", "must be given, or ha1_md5: nobody could register"));
        }
        Ok(())
    }

    pub(crate) fn to_phone(&self) -> sip::Phone {
        sip::Phone {
            id: self.id,
            username: self.username.clone(),
            realm: self.realm.clone(),
            secrets: sip::Secrets { md5: self.ha1_md5.clone(), sha256: self.ha1_sha256.clone() },
            max_contacts: self.max_contacts,
            codecs: self.codecs.clone(),
        }
    }
}

fn check_hash(name: &'static str, hash: Option<&str>, digits: usize) -> Result<(), EngineError> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if hash.is_some_and(|hash| hash.len() != digits || !hash.bytes().all(is_digit)) {
        return Err(EngineError::argument(name, format!("must be {digits} lower-case hexadecimal digits")));
    }
    Ok(())
}

/// How a trunk registers at its carrier; the fields are those of `RegistrationConfig` in the Python contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RegistrationConfig {
    pub registrar: String,
    pub user: String,
    pub expires_s: u32,
    pub from_anywhere: bool,
}

impl RegistrationConfig {
    /// Check the registrar's URI and the user.
    pub fn check(&self) -> Result<(), EngineError> {
        sip_uri("registrar", &self.registrar)?;
        if self.registrar.contains('@') {
            return Err(EngineError::argument("registrar", "must name a host only, like sip:carrier.example"));
        }
        sip_uri("user", &self.aor())
    }

    fn aor(&self) -> String {
        let host = self.registrar.split_once(':').map_or("", |(_, rest)| rest);
        let host = host.split([';', '?']).next().unwrap_or_default();
        format!("sip:{}@{host}", self.user)
    }

    pub(crate) fn to_registration(&self, trunk: &TrunkConfig) -> sip::Registration {
        let username = trunk.username.clone().unwrap_or_else(|| self.user.clone());
        let credentials = trunk.password.clone().map(|password| sip::Credentials { username, password, realm: None });
        sip::Registration {
            trunk: trunk.id,
            registrar: self.registrar.clone(),
            aor: self.aor(),
            credentials,
            expires_s: self.expires_s,
            from_anywhere: self.from_anywhere,
            codecs: trunk.media.codecs.clone(),
            policy: trunk.policy,
        }
    }
}

/// Gateways of a trunk to watch; the fields are those of `PingConfig` in the Python contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PingConfig {
    pub gateways: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub up_after: u8,
    pub down_after: u8,
}

impl PingConfig {
    /// Check the gateways.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.gateways.len() > 50 {
            return Err(EngineError::argument("gateways", format!("{} are more than 50", self.gateways.len())));
        }
        self.gateways.iter().try_for_each(|gateway| split_gateway(gateway).map(|_| ()))
    }

    pub(crate) fn to_probes(&self, trunk: u64) -> impl Iterator<Item = sip::Probe> {
        self.gateways.iter().map(move |gateway| sip::Probe {
            trunk,
            gateway: gateway.clone(),
            uri: format!("sip:{gateway}"),
            interval: self.interval,
            timeout: self.timeout,
            up_after: self.up_after,
            down_after: self.down_after,
        })
    }
}

/// Host and port of a `sip:` URI; without a port DNS has a say.
pub(crate) fn host_of_uri(uri: &str) -> Option<(String, Option<u16>)> {
    let rest = uri.split_once(':')?.1;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split([';', '?']).next()?;
    if let Some(v6) = rest.strip_prefix('[') {
        let (host, port) = v6.split_once(']')?;
        let port = port.strip_prefix(':').map(str::parse).transpose().ok()?;
        return Some((host.to_owned(), port));
    }
    match rest.split_once(':') {
        Some((host, port)) => Some((host.to_owned(), Some(port.parse().ok()?))),
        None => Some((rest.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_uris_are_found_with_and_without_port() {
        assert_eq!(host_of_uri("sip:carrier.example"), Some(("carrier.example".to_owned(), None)));
        assert_eq!(host_of_uri("sip:u@10.0.0.1:5080;transport=udp"), Some(("10.0.0.1".to_owned(), Some(5080))));
        assert_eq!(host_of_uri("sip:[2001:db8::1]:5062"), Some(("2001:db8::1".to_owned(), Some(5062))));
        assert_eq!(host_of_uri("nonsense"), None);
    }

    #[test]
    fn phones_without_a_usable_hash_or_name_are_refused() {
        let phone = PhoneConfig {
            id: 1,
            username: "alice".to_owned(),
            realm: "phones.example".to_owned(),
            ha1_md5: None,
            ha1_sha256: Some("0".repeat(64)),
            max_contacts: 1,
            codecs: vec![],
        };
        assert_eq!(phone.check(), Ok(()));
        for wrong in [
            PhoneConfig { username: "a b".to_owned(), ..phone.clone() },
            PhoneConfig { realm: "a\"b".to_owned(), ..phone.clone() },
            PhoneConfig { ha1_sha256: Some("F".repeat(64)), ..phone.clone() },
            PhoneConfig { ha1_md5: Some("0".repeat(31)), ..phone.clone() },
            PhoneConfig { ha1_sha256: None, ..phone.clone() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_registrar_is_a_host_and_the_user_is_put_in_front_of_it() {
        let config = |registrar: &str, user: &str| RegistrationConfig {
            registrar: registrar.to_owned(),
            user: user.to_owned(),
            expires_s: 600,
            from_anywhere: false,
        };

        assert_eq!(config("sip:carrier.example:5070;transport=udp", "4930").aor(), "sip:4930@carrier.example:5070");
        assert_eq!(config("sip:carrier.example", "4930").check(), Ok(()));
        assert!(config("carrier.example", "4930").check().is_err());
        assert!(config("sip:u@carrier.example", "4930").check().is_err());
        assert!(config("sip:carrier.example", "49 30").check().is_err());
    }
}
