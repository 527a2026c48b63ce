"""The final record of a call: what call logs, webhooks and reports show."""

from datetime import datetime

from msgspec import Struct

from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Verdict
from ringback.model.sip.reason import Reason
from ringback.model.status import Kind, LegResult


class LegRecord(Struct, frozen=True, kw_only=True):
    """One leg in the final record; `number` counts from 1. Times are None where it never came to that.

    `reasons` are the values of the Reason header of the message that ended it (RFC 3326).
    """

    leg: int
    party: str
    direction: str
    result: LegResult | None = None
    reason: str | None = None
    trunk: str | None = None
    tries: int = 0
    started_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    sip_call_id: str | None = None
    sip_code: int | None = None
    sip_reason: str | None = None
    q850_cause: int | None = None
    reasons: tuple[Reason, ...] = ()
    codec: str | None = None
    packets_sent: int | None = None
    packets_received: int | None = None
    packets_lost: int | None = None
    jitter_ms: float | None = None
    round_trip_ms: float | None = None
    packets_late: int | None = None
    concealed_ms: int | None = None
    jitter_max_ms: float | None = None
    loss_percent: float | None = None
    remote_loss_percent: float | None = None
    mos: float | None = None


class FinalRecord(Struct, frozen=True, kw_only=True):
    """Everything about an ended call. `duration_s` from start to end, `talk_s` from answer to end, both >= 0."""

    id: CallId
    account: AccountSid
    kind: Kind
    attempt: int
    parent_id: CallId | None
    from_: str
    to: str
    bridge: str
    verdict: Verdict
    explanation: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime
    duration_s: float
    talk_s: float
    sip_code: int | None
    sip_reason: str | None
    q850_cause: int | None
    legs: tuple[LegRecord, ...]
    custom: str | None = None
    flow_id: str | None = None
    answered_by: str | None = None
    reached: str | None = None
    recording_id: str | None = None
    retries_left: int = 0
    next_attempt_at: datetime | None = None
