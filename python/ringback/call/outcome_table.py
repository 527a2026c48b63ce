"""The table that reads how one dialled leg ended: rows of data, most specific first, a conservative default last.

`ringback.call.outcome` applies it. Sources: docs/statuses.md (the contract) and the RFCs as named.
"""

from enum import StrEnum

from msgspec import Struct

from ringback.model.status import HangupBy, LegResult


class EndedBy(StrEnum):
    """What ended the attempt to reach a party, as our own journal knows it."""

    ANSWER = "answer"  # a 2xx before anything else
    CALLER_LEFT = "caller_left"  # we cancelled: the other party of the call went away
    API = "api"  # we cancelled: somebody asked us to
    ANSWERED_ELSEWHERE = "answered_elsewhere"  # we cancelled: another party called at the same time answered first
    CALL_ENDED = "call_ended"  # we cancelled: the call it belongs to ended otherwise
    REQUEST_TIMER = "request_timer"  # we cancelled at the request's `timeout`
    RING_TIMER = "ring_timer"  # we cancelled at the default ring time
    NETWORK = "network"  # the last try failed; its cause says how
    NOT_DIALED = "not_dialed"  # there was nothing to try


class OutcomeRow(Struct, frozen=True, kw_only=True):
    """One reading. A condition left empty (or None) holds always; all must hold.

    Attributes:
        ended_by: What ended the attempt.
        causes: The engine's words for the end (`Ended.cause`), and ours: `first_response`, `no_channel`.
        codes: Final SIP codes, inclusive ranges.
        q850: Q.850 causes out of the Reason header.
        after_18x: Whether an 18x was seen.
        limited: Whether every trunk refused for want of a channel: ours all taken, or a 5xx naming a limit.
        carrier_limited: Whether at least one of those was the carrier's limit.
    """

    id: str
    result: LegResult
    reason: str
    hangup_by: HangupBy
    ended_by: EndedBy = EndedBy.NETWORK
    causes: tuple[str, ...] = ()
    codes: tuple[tuple[int, int], ...] = ()
    q850: tuple[int, ...] = ()
    after_18x: bool | None = None
    limited: bool | None = None
    carrier_limited: bool | None = None
    source: str
    sentence: str


def _codes(*codes: int) -> tuple[tuple[int, int], ...]:
    return tuple((code, code) for code in codes)


_ANY_4XX = ((400, 499),)
_ANY_5XX = ((500, 599),)
_ANY_6XX = ((600, 699),)
_R, _B, _E = LegResult, HangupBy, EndedBy

# fmt: off
# ruff: noqa: E501  (a table: one line a row)
OUTCOME_ROWS: tuple[OutcomeRow, ...] = (
    OutcomeRow(id="leg-1-answer", ended_by=_E.ANSWER, result=_R.ANSWERED, reason="answered", hangup_by=_B.CALLEE, source="RFC 3261 13.2.2.4", sentence="The party answered with a 2xx before anything ended the attempt."),
    OutcomeRow(id="leg-2-caller-left", ended_by=_E.CALLER_LEFT, result=_R.CANCELLED, reason="caller_left", hangup_by=_B.CALLER, source="docs/statuses.md, leg result 2", sentence="We withdrew the call because the other party had left."),
    OutcomeRow(id="leg-2-api", ended_by=_E.API, result=_R.CANCELLED, reason="api_hangup", hangup_by=_B.API, source="docs/statuses.md, leg result 2", sentence="We withdrew the call because the API asked for it."),
    OutcomeRow(id="leg-2-answered-elsewhere", ended_by=_E.ANSWERED_ELSEWHERE, result=_R.CANCELLED, reason="answered_elsewhere", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 2", sentence="Another party that was called at the same time answered first."),
    OutcomeRow(id="leg-2-call-ended", ended_by=_E.CALL_ENDED, result=_R.CANCELLED, reason="call_ended", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 2", sentence="We withdrew the call because the call it belongs to had ended."),
    OutcomeRow(id="leg-3-request-timeout", ended_by=_E.REQUEST_TIMER, result=_R.REQUEST_TIMEOUT, reason="request_timeout", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 3", sentence="Nobody answered within the time-out that the request set."),
    OutcomeRow(id="leg-4-ring-timeout", ended_by=_E.RING_TIMER, result=_R.NO_ANSWER, reason="ring_timeout", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 4", sentence="Nobody answered within the ring time."),
    OutcomeRow(id="leg-5-busy-q850", q850=(17,), result=_R.BUSY, reason="busy", hangup_by=_B.CALLEE, source="Q.850 cause 17", sentence="The network said user busy (Q.850 cause 17)."),
    OutcomeRow(id="leg-6-rejected-q850", q850=(21,), result=_R.REJECTED, reason="rejected", hangup_by=_B.CALLEE, source="Q.850 cause 21", sentence="The network said call rejected (Q.850 cause 21)."),
    OutcomeRow(id="leg-7-no-answer-q850", q850=(18, 19, 20), result=_R.NO_ANSWER, reason="not_reachable", hangup_by=_B.NETWORK, source="Q.850 causes 18, 19, 20", sentence="The network said that nobody answered or responded, or the subscriber is absent (Q.850 cause 18, 19 or 20)."),
    OutcomeRow(id="leg-8-restricted-q850", q850=(52, 57), result=_R.RESTRICTED, reason="barred_by_network", hangup_by=_B.NETWORK, source="Q.850 causes 52, 57", sentence="The carrier said that outgoing calls are barred for this number (Q.850 cause 52 or 57)."),
    OutcomeRow(id="leg-9-no-route-q850", q850=(2, 3), result=_R.NO_ROUTE, reason="no_route_in_network", hangup_by=_B.NETWORK, source="Q.850 causes 2, 3", sentence="The carrier has no route to the number (Q.850 cause 2 or 3)."),
    OutcomeRow(id="leg-5-busy-sip", codes=_codes(486, 600), result=_R.BUSY, reason="busy", hangup_by=_B.CALLEE, source="RFC 3261 21.4.24, 21.6.1", sentence="The party was busy (486 or 600)."),
    OutcomeRow(id="leg-6-rejected-sip", codes=_codes(603, 607, 608), result=_R.REJECTED, reason="rejected", hangup_by=_B.CALLEE, source="RFC 3261 21.6.2, RFC 8197, RFC 8688", sentence="The party declined the call (603, 607 or 608)."),
    OutcomeRow(id="leg-7-unavailable", codes=_codes(480), result=_R.NO_ANSWER, reason="not_reachable", hangup_by=_B.NETWORK, source="RFC 3261 21.4.18", sentence="The party could not be reached now (480)."),
    OutcomeRow(id="leg-7-timeout-after-ringing", codes=_codes(408), after_18x=True, result=_R.NO_ANSWER, reason="network_ring_timeout", hangup_by=_B.NETWORK, source="RFC 3261 21.4.9", sentence="It rang until the network gave up (408 after a 18x)."),
    OutcomeRow(id="leg-7-terminated-by-network", codes=_codes(487), result=_R.NO_ANSWER, reason="network_ring_timeout", hangup_by=_B.NETWORK, source="RFC 3261 21.4.25", sentence="The network ended the attempt without our asking (487)."),
    OutcomeRow(id="leg-7-cancelled-by-network", causes=("cancelled",), result=_R.NO_ANSWER, reason="network_ring_timeout", hangup_by=_B.NETWORK, source="docs/statuses.md, leg result 7", sentence="The attempt was terminated without our asking."),
    OutcomeRow(id="leg-10-carrier-limit", limited=True, carrier_limited=True, result=_R.NO_CHANNEL, reason="carrier_limit", hangup_by=_B.NETWORK, source="docs/statuses.md, leg result 10", sentence="Every trunk tried refused because our channel or call-rate limit at the carrier was reached."),
    OutcomeRow(id="leg-10-trunk-slots", limited=True, result=_R.NO_CHANNEL, reason="trunk_slots_taken", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 10", sentence="All of our slots were taken on every trunk of the route."),
    OutcomeRow(id="leg-10-no-slots", ended_by=_E.NOT_DIALED, limited=True, result=_R.NO_CHANNEL, reason="trunk_slots_taken", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 10", sentence="All of our slots were taken on every trunk of the route."),
    OutcomeRow(id="leg-11-not-dialed", ended_by=_E.NOT_DIALED, result=_R.FAILED, reason="no_route", hangup_by=_B.PLATFORM, source="docs/statuses.md, leg result 11", sentence="No trunk carries calls to this party."),
    OutcomeRow(id="leg-11-trunk-full", causes=("no_channel",), result=_R.FAILED, reason="trunk_full", hangup_by=_B.PLATFORM, source="docs/statuses.md, failover", sentence="The tries before had failed, and all of our slots on the last trunk were taken."),
    OutcomeRow(id="leg-11-congestion", q850=(34, 42, 44), result=_R.FAILED, reason="congestion", hangup_by=_B.NETWORK, source="Q.850 causes 34, 42, 44", sentence="The network had no circuit free (Q.850 cause 34, 42 or 44)."),
    OutcomeRow(id="leg-11-first-response", causes=("first_response", "timeout"), result=_R.FAILED, reason="no_response", hangup_by=_B.NETWORK, source="RFC 3261 17.1.1.2 Timer B; docs/statuses.md, failover", sentence="The carrier did not respond at all."),
    OutcomeRow(id="leg-11-dns", causes=("dns",), result=_R.FAILED, reason="dns", hangup_by=_B.NETWORK, source="RFC 3263", sentence="The gateway's name could not be resolved."),
    OutcomeRow(id="leg-11-transport", causes=("transport",), result=_R.FAILED, reason="transport", hangup_by=_B.NETWORK, source="RFC 3261 8.1.3.1", sentence="The gateway could not be reached over the network."),
    OutcomeRow(id="leg-11-no-common-codec", causes=("no_common_codec",), result=_R.FAILED, reason="no_common_codec", hangup_by=_B.PLATFORM, source="RFC 3261 13.2.2.4", sentence="The party answered, but with no codec that we speak; the answer was acknowledged and ended."),
    OutcomeRow(id="leg-11-no-srtp", causes=("no_srtp",), result=_R.FAILED, reason="no_srtp", hangup_by=_B.PLATFORM, source="RFC 3711, RFC 4568", sentence="Media had to be encrypted, and the two sides could not agree on that."),
    OutcomeRow(id="leg-11-no-media-port", causes=("no_media_port",), result=_R.FAILED, reason="no_media_port", hangup_by=_B.PLATFORM, source="engine contract", sentence="No port for the voice was free on our side."),
    OutcomeRow(id="leg-11-stopped", causes=("stopped",), result=_R.FAILED, reason="shutdown", hangup_by=_B.PLATFORM, source="engine contract", sentence="The engine was stopped."),
    OutcomeRow(id="leg-11-fault", causes=("fault",), result=_R.FAILED, reason="internal_error", hangup_by=_B.PLATFORM, source="engine contract", sentence="The engine had a fault of its own."),
    OutcomeRow(id="leg-11-redirect", codes=((300, 399),), result=_R.FAILED, reason="redirect_refused", hangup_by=_B.NETWORK, source="RFC 3261 8.1.3.4", sentence="The carrier redirected the call, which this trunk does not allow (3xx)."),
    OutcomeRow(id="leg-11-not-found", codes=_codes(404, 604), result=_R.FAILED, reason="not_found", hangup_by=_B.NETWORK, source="RFC 3261 21.4.5, 21.6.3", sentence="The number does not exist there (404 or 604)."),
    OutcomeRow(id="leg-11-gone", codes=_codes(410), result=_R.FAILED, reason="gone", hangup_by=_B.NETWORK, source="RFC 3261 21.4.11", sentence="The number is no longer in use (410)."),
    OutcomeRow(id="leg-11-incomplete", codes=_codes(484), result=_R.FAILED, reason="address_incomplete", hangup_by=_B.NETWORK, source="RFC 3261 21.4.22", sentence="The number is incomplete (484)."),
    OutcomeRow(id="leg-11-not-acceptable", codes=_codes(415, 488, 606), result=_R.FAILED, reason="not_acceptable", hangup_by=_B.NETWORK, source="RFC 3261 21.4.26, 21.6.4", sentence="The far end did not accept our media offer (415, 488 or 606)."),
    OutcomeRow(id="leg-11-credentials", codes=_codes(401, 407), result=_R.FAILED, reason="credentials_refused", hangup_by=_B.NETWORK, source="RFC 3261 22", sentence="The carrier did not accept our credentials (401 or 407)."),
    OutcomeRow(id="leg-11-forbidden", codes=_codes(403), result=_R.FAILED, reason="forbidden", hangup_by=_B.NETWORK, source="RFC 3261 21.4.4", sentence="The carrier does not allow this call (403)."),
    OutcomeRow(id="leg-11-timeout", codes=_codes(408), result=_R.FAILED, reason="no_response", hangup_by=_B.NETWORK, source="RFC 3261 21.4.9", sentence="The carrier got no response and it had not rung (408 without a 18x)."),
    OutcomeRow(id="leg-11-client-error", codes=_ANY_4XX, result=_R.FAILED, reason="client_error", hangup_by=_B.NETWORK, source="RFC 3261 21.4", sentence="The carrier could not process our request (4xx)."),
    OutcomeRow(id="leg-11-server-error", codes=_ANY_5XX, result=_R.FAILED, reason="server_error", hangup_by=_B.NETWORK, source="RFC 3261 21.5", sentence="The carrier failed (5xx)."),
    OutcomeRow(id="leg-11-global-failure", codes=_ANY_6XX, result=_R.FAILED, reason="global_failure", hangup_by=_B.NETWORK, source="RFC 3261 21.6", sentence="The call was refused everywhere (6xx)."),
    OutcomeRow(id="leg-11-unknown", result=_R.FAILED, reason="unknown", hangup_by=_B.NETWORK, source="conservative default", sentence="The attempt failed in a way that no other row describes."),
)

# How carriers word "your limit is reached" in the phrase or Reason text of a 5xx. Only texts that name channels, calls,
# sessions or rate: a bare "limit" or "capacity" may be about anything.
LIMIT_TEXTS: tuple[str, ...] = (
    r"\bcps\b",
    r"\bcalls? per second\b",
    r"\b(channel|concurren\w*|simultaneous|session|call|line|rate)s?( calls?| rate)? (limit|quota|maximum)",
    r"\b(limit|quota|maximum|max\.?)( number)?( of| on)? (concurrent |simultaneous |active )?(channels?|calls?|sessions?|lines?)\b",
    r"\btoo many (concurrent |simultaneous |active )?(channels?|calls?|sessions?)\b",
    r"\bno (free |more )?channels?\b",
)
# fmt: on

FAILOVER_CAUSES = frozenset({"transport", "dns", "no_channel", "first_response", "timeout"})
FAILOVER_CODES = (500, 599)
