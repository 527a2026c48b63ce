//! Which networks a listener is open to.

use crate::access::Network;
use crate::peer::{ListenerId, Peer};

/// One network at one listener, or at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclRule {
    /// The listener, None for all of them.
    pub listener: Option<ListenerId>,
    /// The network.
    pub network: Network,
}

impl AclRule {
    fn is_about(&self, listener: ListenerId) -> bool {
        self.listener.is_none_or(|own| own == listener)
    }
}

#[derive(Debug)]
pub(super) struct Acl {
    allow: Vec<AclRule>,
    deny: Vec<AclRule>,
}

impl Acl {
    pub(super) fn new(allow: Vec<AclRule>, deny: Vec<AclRule>) -> Self {
        Self { allow, deny }
    }

    pub(super) fn is_closed_to(&self, from: Peer) -> bool {
        let ip = from.address.ip();
        let of = |rules: &[AclRule]| {
            let mut about = rules.iter().filter(|rule| rule.is_about(from.listener)).peekable();
            about.peek().is_some().then(|| about.any(|rule| rule.network.contains(ip)))
        };
        of(&self.deny) == Some(true) || of(&self.allow) == Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Transport;

    fn rule(listener: Option<ListenerId>, network: &str) -> AclRule {
        AclRule { listener, network: network.parse().expect("a network") }
    }

    fn closed(acl: &Acl, listener: ListenerId, ip: &str) -> bool {
        let address = std::net::SocketAddr::new(ip.parse().expect("an address"), 5060);
        acl.is_closed_to(Peer { listener, ..Peer::new(Transport::Udp, address) })
    }

    #[test]
    fn without_rules_everybody_may_send() {
        assert!(!closed(&Acl::new(vec![], vec![]), 0, "192.0.2.1"));
    }

    #[test]
    fn a_listener_is_open_to_its_own_networks_and_those_of_all() {
        let acl = Acl::new(vec![rule(Some(1), "10.0.0.0/8"), rule(None, "192.0.2.0/24")], vec![]);

        assert!(!closed(&acl, 1, "10.1.1.1"));
        assert!(closed(&acl, 0, "10.1.1.1"));
        assert!(!closed(&acl, 0, "192.0.2.7"));
        assert!(closed(&acl, 1, "198.51.100.1"));
    }

    #[test]
    fn a_denied_network_is_denied_whatever_is_allowed() {
        let acl = Acl::new(vec![rule(None, "192.0.2.0/24")], vec![rule(Some(0), "192.0.2.8/29")]);

        assert!(closed(&acl, 0, "192.0.2.9"));
        assert!(closed(&acl, 0, "::ffff:192.0.2.9"));
        assert!(!closed(&acl, 1, "192.0.2.9"));
        assert!(!closed(&acl, 0, "192.0.2.7"));
    }
}
