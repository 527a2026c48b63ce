//! Numbers that show what the user agent did without reporting it. Nothing is dropped without one of them moving.

/// Counters since start, and gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Gauge: legs that have not ended.
    pub legs: u64,
    /// Gauge: dialogs open, also those without a leg that are just being ended.
    pub dialogs: u64,
    /// Gauge: client and server transactions kept.
    pub transactions: u64,
    /// Gauge: sources banned now (ended bans of sources that stay away included).
    pub bans: u64,
    /// Bans so far.
    pub sources_banned: u64,
    /// Messages from networks that the listener is closed to.
    pub dropped_denied: u64,
    /// Messages from banned sources.
    pub dropped_banned: u64,
    /// Messages of scanners.
    pub dropped_scanner: u64,
    /// Refusals not sent to an unknown source because they were larger than its request.
    pub dropped_amplification: u64,
    /// Refusals not sent to an unknown source because it got its share for this second.
    pub dropped_stranger_rate: u64,
    /// INVITEs refused 503 because of the rate of their trunk.
    pub refused_trunk_rate: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Messages of ours sent again.
    pub retransmissions_sent: u64,
    /// Requests received again and absorbed.
    pub retransmissions_absorbed: u64,
    /// Keep-alives (empty datagrams, CRLF).
    pub keepalives: u64,
    /// Datagrams that were no SIP and could not be answered.
    pub dropped_garbage: u64,
    /// Responses that belonged to nothing.
    pub dropped_stray_responses: u64,
    /// ACKs that belonged to nothing.
    pub dropped_stray_acks: u64,
    /// Requests other than INVITE from unknown sources, outside a dialog.
    pub dropped_unknown_source: u64,
    /// Malformed requests answered 400 or 505.
    pub refused_malformed: u64,
    /// INVITEs from unknown sources, 403.
    pub refused_unknown_source: u64,
    /// INVITEs refused 503 because of `max_legs`.
    pub refused_max_legs: u64,
    /// INVITEs refused 503, and other requests answered without being remembered, because too many transactions are kept.
    pub refused_max_transactions: u64,
    /// INVITEs refused 503 because of the rate of their source.
    pub refused_rate: u64,
    /// INVITEs refused 503 by the gate or after `StopAll`.
    pub refused_gate: u64,
    /// Requests refused for what they ask: 405, 415, 416, 420, 482, 501.
    pub refused_unsupported: u64,
    /// Requests for a dialog we do not know, 481.
    pub refused_no_dialog: u64,
    /// In-dialog requests with a CSeq that went backwards, 500.
    pub refused_cseq: u64,
    /// Requests of ours inside a dialog that were not sent because too many wait for their answers.
    pub dropped_requests: u64,
    /// Requests of ours inside a dialog that were refused or not answered: PRACK, INFO, NOTIFY.
    pub failed_requests: u64,
    /// INFOs refused: 415 for a body that is no digit, 469 for a package.
    pub refused_info: u64,
    /// BYEs of ours that nobody answered within 64·T1.
    pub unanswered_byes: u64,
    /// REFERs declined: the trunk does not allow transfers, or the engine did not want or did not decide.
    pub refused_transfers: u64,
    /// Holds, resumes and refreshes put off because the far end was busy with another request (491, 500) or wants a
    /// longer interval (422).
    pub changes_put_off: u64,
    /// Calls ended because nobody refreshed their session (RFC 4028).
    pub sessions_expired: u64,
    /// 422 answered with a longer session interval.
    pub intervals_raised: u64,
    /// INVITEs and refreshes whose session interval is below 90 s, 422.
    pub refused_interval: u64,
    /// Reliable provisional responses of ours whose PRACK never came; their INVITEs got 504.
    pub unacknowledged_progress: u64,
    /// Commands for legs that were already over.
    pub stale_commands: u64,
    /// Headers of `Dial` left out because they are ours or malformed.
    pub refused_headers: u64,
    /// Extra answers of a forked INVITE, each ended with ACK and BYE.
    pub forked_answers: u64,
    /// 2xx that came after `Ended`, or for an INVITE given by `EndDialog`; each got ACK and BYE.
    pub late_answers: u64,
    /// Dialogs without a leg (extra or late answers, `EndDialog`) whose BYE was answered or timed out.
    pub dialogs_ended: u64,
    /// Texts given to `EndDialog` that could not be read.
    pub refused_dialogs: u64,
    /// 401/407 answered with credentials.
    pub challenges_answered: u64,
    /// Gauge: contacts of phones.
    pub phone_contacts: u64,
    /// Gauge: trunks whose registration the carrier granted.
    pub registrations: u64,
    /// Gauge: registrations being taken back.
    pub unregistering: u64,
    /// Contacts registered or refreshed by phones.
    pub phones_registered: u64,
    /// REGISTERs refused for what they ask: 403 (another user), 423, 500 (order), 503 (no room).
    pub refused_registers: u64,
    /// REGISTERs dropped because of the rate of their source.
    pub dropped_register_rate: u64,
    /// 401 sent to phones.
    pub challenges_sent: u64,
    /// Wrong credentials, 403.
    pub failed_authentications: u64,
    /// REGISTERs sent for trunks.
    pub registers_sent: u64,
    /// OPTIONS sent to gateways.
    pub pings_sent: u64,
    /// OPTIONS answered outside dialogs.
    pub pings_answered: u64,
    /// OPTIONS outside dialogs dropped because of the rate of their source.
    pub dropped_ping_rate: u64,
    /// Messages of ours that could not be built.
    pub faults: u64,
}
