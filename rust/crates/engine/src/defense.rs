//! What the engine defends itself by, checked: the fields are those of `DefenseConfig` in the Python contract.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ringback_net::FloodLimits;
use ringback_sip::{AclRule, BanLimits, DefenseSettings};

use crate::config::{in_range, parse_network};
use crate::error::EngineError;

const MAX_PATTERNS: usize = 100;
const MAX_RULES: usize = 1000;
const MAX_LISTENERS: i64 = 64;

/// A network, and the listener it is about, None for all.
pub type AclEntry = (Option<i64>, String);

/// As Python gives them.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct DefenseArgs {
    pub stranger_packets_per_s: i64,
    pub known_packets_per_s: i64,
    pub ban_after: i64,
    pub ban_window_s: i64,
    pub ban_s: i64,
    pub scanners: Option<Vec<String>>,
    pub allow: Vec<AclEntry>,
    pub deny: Vec<AclEntry>,
}

/// Checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefenseConfig {
    pub(crate) flood: FloodLimits,
    pub(crate) sip: DefenseSettings,
}

impl DefenseConfig {
    /// Check ranges, networks and patterns.
    pub fn new(args: DefenseArgs) -> Result<Self, EngineError> {
        let per_s = |name, value| in_range(name, value, 1, 10_000_000).map(crate::args::number);
        let flood = FloodLimits {
            stranger_per_s: per_s("stranger_packets_per_s", args.stranger_packets_per_s)?,
            known_per_s: per_s("known_packets_per_s", args.known_packets_per_s)?,
            ..FloodLimits::default()
        };
        let bans = BanLimits {
            after: crate::args::number(in_range("ban_after", args.ban_after, 0, 1_000_000)?),
            window: seconds("ban_window_s", args.ban_window_s)?,
            time: seconds("ban_s", args.ban_s)?,
        };
        let defaults = DefenseSettings::default();
        let sip = DefenseSettings {
            bans,
            scanners: args.scanners.map(patterns).transpose()?.unwrap_or(defaults.scanners),
            allow: rules("allow", args.allow)?,
            deny: rules("deny", args.deny)?,
        };
        Ok(Self { flood, sip })
    }
}

/// A ban's time.
pub(crate) fn seconds(name: &'static str, value: i64) -> Result<Duration, EngineError> {
    Ok(Duration::from_secs(crate::args::number(in_range(name, value, 1, 31_622_400)?)))
}

/// The address of a source.
pub(crate) fn source(text: &str) -> Result<IpAddr, EngineError> {
    text.parse().map_err(|_| EngineError::argument("source", format!("{text:?} is no IP address")))
}

fn patterns(texts: Vec<String>) -> Result<Vec<String>, EngineError> {
    if texts.len() > MAX_PATTERNS {
        return Err(EngineError::argument("scanners", format!("{} are more than {MAX_PATTERNS}", texts.len())));
    }
    for text in &texts {
        if !(4..=64).contains(&text.len()) || !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(EngineError::argument(
                "scanners",
                format!("{text:?} must be 4 to 64 printable ASCII characters"),
            ));
        }
    }
    Ok(texts)
}

fn rules(name: &'static str, entries: Vec<AclEntry>) -> Result<Vec<AclRule>, EngineError> {
    if entries.len() > MAX_RULES {
        return Err(EngineError::argument(name, format!("{} are more than {MAX_RULES}", entries.len())));
    }
    let read = |(listener, network): AclEntry| {
        let listener = listener.map(|place| in_range("listener", place, 0, MAX_LISTENERS)).transpose()?;
        Ok(AclRule { listener: listener.map(crate::args::number), network: parse_network(&network)? })
    };
    entries.into_iter().map(read).collect()
}

/// Who is banned, as the signaling thread published it last.
#[derive(Debug, Clone, Default)]
pub(crate) struct BanList {
    pub(crate) version: u64,
    pub(crate) bans: Vec<(IpAddr, Instant)>,
}

impl BanList {
    /// Source and seconds left, longest first.
    pub(crate) fn left(&self, now: Instant) -> Vec<(String, u64)> {
        let left =
            |until: &Instant| (until.saturating_duration_since(now) + Duration::from_nanos(999_999_999)).as_secs();
        let mut found: Vec<(String, u64)> = self
            .bans
            .iter()
            .filter(|(_, until)| *until > now)
            .map(|(source, until)| (source.to_string(), left(until)))
            .collect();
        found.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> DefenseArgs {
        DefenseArgs {
            stranger_packets_per_s: 10,
            known_packets_per_s: 20,
            ban_after: 3,
            ban_window_s: 4,
            ban_s: 5,
            scanners: None,
            allow: vec![(None, "10.0.0.0/8".into()), (Some(1), "2001:db8::/32".into())],
            deny: vec![],
        }
    }

    #[test]
    fn settings_are_taken_over() {
        let config = DefenseConfig::new(args()).unwrap();

        assert_eq!((config.flood.stranger_per_s, config.flood.known_per_s), (10, 20));
        assert_eq!(config.sip.bans.after, 3);
        assert_eq!(config.sip.allow[1].listener, Some(1));
        assert!(config.sip.scanners.contains(&"sipvicious".to_owned()));
    }

    #[test]
    fn messages_name_what_is_wrong() {
        let wrong = |change: fn(&mut DefenseArgs)| {
            let mut args = args();
            change(&mut args);
            DefenseConfig::new(args).unwrap_err().to_string()
        };

        assert!(wrong(|args| args.ban_s = 0).starts_with("ban_s: 0 is outside"));
        assert!(wrong(|args| args.stranger_packets_per_s = 0).starts_with("stranger_packets_per_s"));
        assert!(wrong(|args| args.scanners = Some(vec!["abc".into()])).contains("4 to 64"));
        assert!(wrong(|args| args.deny = vec![(None, "x".into())]).contains("not an IP address"));
        assert!(wrong(|args| args.deny = vec![(Some(65), "::1".into())]).starts_with("listener"));
    }

    #[test]
    fn the_list_tells_the_seconds_left() {
        let now = Instant::now();
        let at = |seconds: u64| now + Duration::from_millis(seconds * 1000 - 1);
        let bans = vec![
            (source("192.0.2.1").unwrap(), at(5)),
            (source("::1").unwrap(), at(9)),
            (source("1.2.3.4").unwrap(), now),
        ];

        let left = BanList { version: 1, bans }.left(now);

        assert_eq!(left, [("::1".to_owned(), 9), ("192.0.2.1".to_owned(), 5)]);
    }
}
