//! Tools that look for open gateways, by what they write into their messages.

/// Texts of the tools that are seen most. Whole names only: `sipcli/` is a scanner, `sipclient` is not.
pub const DEFAULT_SCANNERS: &[&str] = &[
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sipcli/",
    "pplsip",
    "sundayddr",
    "sip-scan",
    "siparmyknife",
    "sivus",
    "vaxsipuseragent",
    "sip:100@1.1.1.1",
];

/// Bytes of a message that are looked at: the head of any request that gives itself away.
const LOOKED_AT: usize = 2048;

/// Patterns by their first byte, so that one pass finds them all.
#[derive(Debug)]
pub(super) struct Scanner {
    by_first: Vec<Vec<Box<[u8]>>>,
    is_active: bool,
}

impl Scanner {
    pub(super) fn new(patterns: &[String]) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        for pattern in patterns {
            let pattern: Box<[u8]> = pattern.to_ascii_lowercase().into_bytes().into();
            let list = pattern.first().and_then(|first| by_first.get_mut(usize::from(*first)));
            if let Some(list) = list {
                list.push(pattern.clone());
            }
        }
        Self { is_active: by_first.iter().any(|list| !list.is_empty()), by_first }
    }

    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    pub(super) fn finds(&self, message: &[u8]) -> bool {
        let head = message.get(..LOOKED_AT).unwrap_or(message);
        (0..head.len()).any(|at| {
            let rest = head.get(at..).unwrap_or_default();
            let first = rest.first().map(u8::to_ascii_lowercase).unwrap_or_default();
            self.by_first
                .get(usize::from(first))
                .is_some_and(|list| list.iter().any(|pattern| begins_with(rest, pattern)))
        })
    }
}

fn begins_with(text: &[u8], pattern: &[u8]) -> bool {
    text.get(..pattern.len()).is_some_and(|start| start.eq_ignore_ascii_case(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner(patterns: &[&str]) -> Scanner {
        Scanner::new(&patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_usual_tools_are_found_and_phones_are_not() {
        let usual = scanner(DEFAULT_SCANNERS);
        for head in [
            "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nUser-Agent: friendly-scanner\r\n",
            "REGISTER sip:h SIP/2.0\r\nUser-Agent: SIPVicious/0.3\r\n",
            "INVITE sip:00@h SIP/2.0\r\nUser-Agent: sipcli/v1.8\r\n",
            "OPTIONS sip:h SIP/2.0\r\nFrom: \"x\"<sip:100@1.1.1.1>;tag=1\r\n",
        ] {
            assert!(usual.finds(head.as_bytes()), "{head}");
        }
        for head in ["User-Agent: sipclient/2", "User-Agent: Linphone", "From: <sip:100@1.1.1.2>", "", "s"] {
            assert!(!usual.finds(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn without_patterns_nothing_is_looked_at() {
        assert!(!scanner(&[]).is_active());
        assert!(!scanner(&[""]).is_active());
    }

    #[test]
    fn what_stands_far_behind_is_not_looked_at() {
        let message = [vec![b'x'; LOOKED_AT], b"sipvicious".to_vec()].concat();

        assert!(!scanner(DEFAULT_SCANNERS).finds(&message));
    }
}
