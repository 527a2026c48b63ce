//! The figures of one engine, merged under flat names.

use ringback_net::{DriverCounters, ResolverCounters, StreamCounters};
use ringback_sip::Counters;

use crate::core::CoreCounters;
use crate::defense::BanList;

/// What the signaling thread published last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) sip: Counters,
    pub(crate) core: CoreCounters,
    pub(crate) driver: DriverCounters,
    pub(crate) resolver: ResolverCounters,
    pub(crate) streams: StreamCounters,
    pub(crate) legs: usize,
    pub(crate) ops: usize,
    pub(crate) dropped_flood: u64,
    pub(crate) dropped_trunk_flood: u64,
    pub(crate) bans: BanList,
}

/// Name and value of every figure.
pub type Stats = Vec<(&'static str, u64)>;

impl Snapshot {
    /// Flatten. A leg counts until its `Ended` is reported, which may be later than its dialog.
    pub(crate) fn figures(&self) -> Stats {
        let (sip, core, streams) = (&self.sip, &self.core, &self.streams);
        vec![
            ("legs", count(self.legs)),
            ("ops", count(self.ops)),
            ("dialogs", sip.dialogs),
            ("transactions", sip.transactions),
            ("sip_legs", sip.legs),
            ("datagrams_received", sip.datagrams_received),
            ("datagrams_sent", sip.datagrams_sent),
            ("retransmissions_sent", sip.retransmissions_sent),
            ("retransmissions_absorbed", sip.retransmissions_absorbed),
            ("keepalives", sip.keepalives),
            ("dropped_flood", self.dropped_flood),
            ("dropped_trunk_flood", self.dropped_trunk_flood),
            ("dropped_denied", sip.dropped_denied),
            ("dropped_banned", sip.dropped_banned),
            ("dropped_scanner", sip.dropped_scanner),
            ("dropped_amplification", sip.dropped_amplification),
            ("dropped_stranger_rate", sip.dropped_stranger_rate),
            ("bans", sip.bans),
            ("sources_banned", sip.sources_banned),
            ("refused_trunk_rate", sip.refused_trunk_rate),
            ("dropped_garbage", sip.dropped_garbage),
            ("dropped_stray_responses", sip.dropped_stray_responses),
            ("dropped_stray_acks", sip.dropped_stray_acks),
            ("dropped_unknown_source", sip.dropped_unknown_source),
            ("dropped_unsent", self.driver.dropped_unsent + self.streams.dropped_unsent),
            ("dropped_unread", self.driver.dropped_unread),
            ("refused_malformed", sip.refused_malformed),
            ("refused_unknown_source", sip.refused_unknown_source),
            ("refused_max_legs", sip.refused_max_legs),
            ("refused_max_transactions", sip.refused_max_transactions),
            ("refused_rate", sip.refused_rate),
            ("refused_gate", sip.refused_gate),
            ("refused_unsupported", sip.refused_unsupported),
            ("refused_no_dialog", sip.refused_no_dialog),
            ("refused_cseq", sip.refused_cseq),
            ("refused_headers", sip.refused_headers),
            ("refused_dialogs", sip.refused_dialogs),
            ("refused_overload", core.refused_overload),
            ("refused_no_media_port", core.refused_no_media_port),
            ("refused_lookups", self.resolver.refused),
            ("stale_commands", sip.stale_commands + core.stale_commands),
            ("forked_answers", sip.forked_answers),
            ("late_answers", sip.late_answers),
            ("dropped_requests", sip.dropped_requests),
            ("failed_requests", sip.failed_requests),
            ("refused_info", sip.refused_info),
            ("unanswered_byes", sip.unanswered_byes),
            ("refused_transfers", sip.refused_transfers),
            ("changes_put_off", sip.changes_put_off),
            ("sessions_expired", sip.sessions_expired),
            ("intervals_raised", sip.intervals_raised),
            ("refused_interval", sip.refused_interval),
            ("unacknowledged_progress", sip.unacknowledged_progress),
            ("dialogs_ended", sip.dialogs_ended),
            ("challenges_answered", sip.challenges_answered),
            ("phone_contacts", sip.phone_contacts),
            ("phones_registered", sip.phones_registered),
            ("registrations", sip.registrations),
            ("registers_sent", sip.registers_sent),
            ("refused_registers", sip.refused_registers),
            ("dropped_register_rate", sip.dropped_register_rate),
            ("challenges_sent", sip.challenges_sent),
            ("failed_authentications", sip.failed_authentications),
            ("pings_sent", sip.pings_sent),
            ("pings_answered", sip.pings_answered),
            ("dropped_ping_rate", sip.dropped_ping_rate),
            ("dns_lookups", self.resolver.lookups),
            ("dns_failures", self.resolver.failures),
            ("failed_dns", core.failed_dns),
            ("quarantined", self.resolver.quarantined),
            ("send_errors", self.driver.send_errors),
            ("media_close_timeouts", core.media_close_timeouts),
            ("faults", sip.faults + core.faults),
            ("connections", streams.connections),
            ("connections_accepted", streams.accepted),
            ("connections_opened", streams.opened),
            ("connect_failures", streams.connect_failures),
            ("refused_connections", streams.refused_total),
            ("refused_connections_source", streams.refused_source),
            ("handshake_failures", streams.handshake_failures),
            ("handshake_timeouts", streams.handshake_timeouts),
            ("closed_idle", streams.closed_idle),
            ("closed_partial", streams.closed_partial),
            ("closed_slow", streams.closed_slow),
            ("closed_garbage", streams.closed_garbage),
            ("closed_no_length", streams.closed_no_length),
            ("closed_oversize", streams.closed_oversize),
            ("pings", streams.pings),
            ("turns", self.driver.turns),
            ("backlogged_turns", self.driver.backlogged_turns),
        ]
    }
}

/// Media's figures under the names of the Python contract.
pub(crate) fn media_figures(values: Vec<(&'static str, u64)>) -> Stats {
    let contract = |name| match name {
        "media_ports_used" => "media_ports",
        "media_tick_late_p50_us" => "tick_lateness_p50_us",
        "media_tick_late_p99_us" => "tick_lateness_p99_us",
        "media_tick_late_max_us" => "tick_lateness_max_us",
        "media_tick_late_recent_p99_us" => "tick_lateness_recent_p99_us",
        other => other,
    };
    values.into_iter().map(|(name, value)| (contract(name), value)).collect()
}

pub(crate) fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
