//! Which of the places that DNS names comes first (RFC 3263 section 4, RFC 2782).

use std::net::SocketAddr;

use ringback_sip::Transport;

/// Somewhere to send a request to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

/// One server of a domain: an SRV record with its addresses, or the addresses of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Lower ranks are tried first.
    pub(crate) rank: u32,
    /// Share of the requests among places of one rank.
    pub(crate) weight: u16,
    pub(crate) targets: Vec<Target>,
}

/// More than these are not tried for one request.
const MAX_TARGETS: usize = 8;

/// The targets in the order to try them: by rank, within a rank by chance according to weight.
pub(crate) fn ordered(places: &[Place], random: &mut Random) -> Vec<Target> {
    let mut left: Vec<&Place> = places.iter().collect();
    let mut targets = Vec::new();
    while let Some(lowest) = left.iter().map(|place| place.rank).min() {
        // RFC 2782: weight 0 has a small chance too, so each counts one more.
        let share = |place: &Place| u64::from(place.weight) + 1;
        let total: u64 = left.iter().filter(|place| place.rank == lowest).map(|place| share(place)).sum();
        let mut at = random.next() % total.max(1);
        let chosen = left.iter().position(|place| {
            if place.rank != lowest {
                return false;
            }
            let within = at < share(place);
            at = at.saturating_sub(share(place));
            within
        });
        let Some(chosen) = chosen else { break };
        targets.extend_from_slice(&left.remove(chosen).targets);
    }
    let mut seen = Vec::new();
    targets.retain(|target| {
        !seen.contains(target) && {
            seen.push(*target);
            true
        }
    });
    targets.truncate(MAX_TARGETS);
    targets
}

/// Chance with a beginning that tests choose (`splitmix64`).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(rank: u32, weight: u16, last: u8) -> Place {
        let target = Target { transport: Transport::Udp, address: SocketAddr::from(([192, 0, 2, last], 5060)) };
        Place { rank, weight, targets: vec![target] }
    }

    #[test]
    fn ranks_come_in_order_and_weights_share_the_first_place() {
        let places = [place(10, 0, 9), place(1, 30, 1), place(1, 10, 2)];
        let mut random = Random(7);

        let orders: Vec<_> = (0..4000).map(|_| ordered(&places, &mut random)).collect();

        assert!(orders.iter().all(|order| order.len() == 3 && order[2] == places[0].targets[0]));
        let first = orders.iter().filter(|order| order[0] == places[1].targets[0]).count();
        assert!((2800..3150).contains(&first), "31 of 42 is the expectation: {first}");
    }

    #[test]
    fn a_target_is_tried_once_however_often_it_is_named() {
        let places = [place(1, 0, 1), place(2, 0, 1), place(3, 0, 2)];

        assert_eq!(ordered(&places, &mut Random(1)).len(), 2);
    }
}
