"""The journal: what happened to a call, append-only, in order. Status and every report derive from it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from ringback.model.ids import CallId
from ringback.model.status import HangupBy, Status


class EntryKind(StrEnum):
    """What an entry tells. In brackets the fields of its data.

    Entries marked *before* are committed before their effect leaves the process.
    """

    ACCEPTED = "accepted"  # *before* the 202 [request]; incoming: [request, trunk, source, sip_call_id, dialog]
    QUEUED = "queued"  # [until: ISO time]
    ADMITTED = "admitted"  # [checks passed, flow_id, flow_version, tries per leg]
    REFUSED = "refused"  # admission said no [check, detail, sip_code for incoming]
    DIALING = "dialing"  # *before* every INVITE [leg, try, trunk, gateway, call_id, local_tag, to, from, dialog]
    PROGRESS = "progress"  # [leg, try, code, phrase, early_media]
    LEG_ANSWERED = "leg_answered"  # [leg, try, code, codec, dialog]
    LATE_ANSWER = "late_answer"  # 2xx from a try already left [leg, try, code, why]
    TRY_FAILED = "try_failed"  # [leg, try, cause, next]
    LEG_RESULT = "leg_result"  # [leg, result, reason, rule, table, evidence, sip_code, sip_reason, q850_cause]
    LEG_ENDED = "leg_ended"  # [leg, try, cause: Cause]
    LEG_STATS = "leg_stats"  # [leg, ...]
    JOINED = "joined"  # [legs]
    MEDIA_LOST = "media_lost"  # nothing heard from an answered leg for the media time-out [leg]
    RINGING = "ringing"  # our 180 on an incoming call
    ANSWERING = "answering"  # *before* our 200
    ANSWER_CONFIRMED = "answer_confirmed"  # [how]
    CALLER_LEFT = "caller_left"  # [how: cancelled, bye, media_lost ...]
    CANCEL_ACCEPTED = "cancel_accepted"  # *before* the API's 200 [by]
    HANGUP = "hangup"  # we end an answered call [by, why]
    RING_TIMED_OUT = "ring_timed_out"  # [leg, which: request, default, incoming]
    QUEUE_TIMED_OUT = "queue_timed_out"  # [why: waited, missed_schedule]
    MISS_CALL_OVER = "miss_call_over"  # the miss-call seconds are up
    FLOW_STARTED = "flow_started"  # [flow_id, version]
    FLOW_STEP = "flow_step"  # the trail [node, type, exit, changed]
    FLOW_INPUT = "flow_input"  # what the flow was told: digits, API replies
    FLOW_ENDED = "flow_ended"  # [how: end, hangup; sip_code]
    FLOW_FAILED = "flow_failed"  # [error, node]
    CRASH_RULE = "crash_rule"  # [why: recovered_after_crash, shutdown, internal_error; detail]
    MACHINE_REFUSED = "machine_refused"  # an event the machine did not expect: counted and ignored [event, state]
    FINAL = "final"  # [status, reason, rule, table, evidence]
    AFTER_FINAL = "after_final"  # whatever came later [kind, data]; decides nothing


class Entry(Struct, frozen=True, kw_only=True):
    """One line of the journal. `seq` counts from 1 within the call."""

    call_id: CallId
    seq: int
    at: datetime
    kind: EntryKind
    data: dict[str, Any]


class Verdict(Struct, frozen=True, kw_only=True):
    """The final status with what decided it.

    Attributes:
        reason: Slug of a closed set, finer than the status.
        rule: Id of the row in the decision table.
        table: Content hash of the tables used.
        evidence: Journal sequence numbers, at least one.
    """

    status: Status
    reason: str
    rule: str
    table: str
    evidence: tuple[int, ...]
    hangup_by: HangupBy
