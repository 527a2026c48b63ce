"""The table that decides the 28: which journal entry, at which stage of which kind of call, means which status.

Rows of data, most specific first; `ringback.call.status` applies them to the first deciding entry. `$field` takes the
value out of the entry's data. Source: docs/statuses.md (the product's contract), by its headings.
"""

from enum import StrEnum

from msgspec import Struct

from ringback.model.journal import EntryKind
from ringback.model.status import Kind, Status


class Stage(StrEnum):
    """How far a call had come, as far as it matters for its status."""

    ADMISSION = "admission"  # nothing sent yet
    DIALING = "dialing"  # outbound, click-to-call: leg 1 is being called
    SECOND = "second"  # click-to-call: leg 1 answered, leg 2 is being called
    RINGING = "ringing"  # incoming: the caller hears ringing, the flow runs
    MISS_CALL = "miss_call"  # incoming: the caller hears ringing and will not be answered
    ANSWERING = "answering"  # incoming: our 200 is out and not confirmed
    ANSWERED = "answered"  # the status is ANSWER or FLOW_ANSWER


Scalar = str | int | bool | None


class StatusRow(Struct, frozen=True, kw_only=True):
    """One decision. `where`: field of the entry's data (dots go deeper) -> allowed values; `stages` empty: any."""

    id: str
    kinds: tuple[Kind, ...]
    entry: EntryKind | None
    status: Status
    reason: str
    hangup_by: str
    where: dict[str, tuple[Scalar, ...]] = {}
    stages: tuple[Stage, ...] = ()
    source: str
    sentence: str


class EndingRow(Struct, frozen=True, kw_only=True):
    """How an answered call (ANSWER, FLOW_ANSWER) ended: reason and attribution. It never changes the status."""

    id: str
    kinds: tuple[Kind, ...]
    entry: EntryKind
    reason: str
    hangup_by: str
    where: dict[str, tuple[Scalar, ...]] = {}
    sentence: str


_E, _S, _G = EntryKind, Status, Stage
_OB = (Kind.OUTBOUND,)
_C2C = (Kind.CLICK_TO_CALL,)
_OUT = (Kind.OUTBOUND, Kind.CLICK_TO_CALL)
_IN = (Kind.INCOMING,)
_ALL = (Kind.OUTBOUND, Kind.CLICK_TO_CALL, Kind.INCOMING)
_ONE: dict[str, tuple[Scalar, ...]] = {"leg": (1,)}
_TWO: dict[str, tuple[Scalar, ...]] = {"leg": (2,)}


def _leg(leg: int, *results: str) -> dict[str, tuple[Scalar, ...]]:
    return {"leg": (leg,), "result": results}


def _check(*checks: str) -> dict[str, tuple[Scalar, ...]]:
    return {"check": checks}


# fmt: off
# ruff: noqa: E501  (a table: one line a row)
STATUS_ROWS: tuple[StatusRow, ...] = (
    # Outbound and click-to-call: admission, before any INVITE
    StatusRow(id="out-bridge", kinds=_OUT, entry=_E.REFUSED, where=_check("bridge_unknown", "bridge_inactive"), status=_S.BRIDGE_UNAVAILABLE, reason="$check", hangup_by="platform", source="Outbound", sentence="The bridge number is not one of the account's, or it is inactive, so nothing was dialed."),
    StatusRow(id="out-restricted", kinds=_OUT, entry=_E.REFUSED, where=_check("no_voice_out", "do_not_disturb", "blocked", "outside_calling_hours"), status=_S.OUTGOING_RESTRICTED, reason="$check", hangup_by="platform", source="Outbound", sentence="Calling out was not allowed, so nothing was dialed; the reason says which rule it was."),
    StatusRow(id="ob-flow-unreachable", kinds=_OB, entry=_E.REFUSED, where=_check("flow_unknown", "flow_deleted", "flow_unreachable"), status=_S.FLOW_UNREACHABLE, reason="$check", hangup_by="platform", source="Outbound", sentence="The flow to run on answer does not exist or could not be fetched in time, so nothing was dialed."),
    StatusRow(id="ob-flow-not-published", kinds=_OB, entry=_E.REFUSED, where=_check("flow_not_published"), status=_S.FLOW_NOT_PUBLISHED, reason="$check", hangup_by="platform", source="Outbound", sentence="The flow to run on answer has no published version, so nothing was dialed."),
    StatusRow(id="ob-flow-paused", kinds=_OB, entry=_E.REFUSED, where=_check("flow_paused"), status=_S.FLOW_PAUSED, reason="$check", hangup_by="platform", source="Outbound", sentence="The flow to run on answer is paused, so nothing was dialed."),
    StatusRow(id="ob-flow-unassigned", kinds=_OB, entry=_E.REFUSED, where=_check("flow_unassigned"), status=_S.FLOW_UNASSIGNED, reason="$check", hangup_by="platform", source="Outbound", sentence="No number is assigned to the flow to run on answer, so nothing was dialed."),
    StatusRow(id="out-no-route", kinds=_OUT, entry=_E.REFUSED, where=_check("no_route"), status=_S.NOROUTE, reason="$check", hangup_by="platform", source="Outbound", sentence="No route leads to the TO number, so nothing was dialed."),
    StatusRow(id="c2c-no-route-from", kinds=_C2C, entry=_E.REFUSED, where=_check("no_route_from"), status=_S.FAILED_CHANNEL1, reason="no_route", hangup_by="platform", source="Click-to-call", sentence="No route leads to the first number, so nothing was dialed."),
    StatusRow(id="out-no-channel", kinds=_OUT, entry=_E.REFUSED, where=_check("no_channel", "queue_full"), status=_S.MAXUSE, reason="$check", hangup_by="platform", source="Outbound", sentence="Every channel was taken and the call could not wait, so nothing was dialed."),
    StatusRow(id="out-missed-schedule", kinds=_OUT, entry=_E.QUEUE_TIMED_OUT, where={"why": ("missed_schedule",)}, status=_S.QUEUE_TIMEOUT, reason="missed_schedule", hangup_by="platform", source="Defaults", sentence="The call was found long after the time it was scheduled for, so nothing was dialed."),
    StatusRow(id="out-queue-timeout", kinds=_OUT, entry=_E.QUEUE_TIMED_OUT, status=_S.QUEUE_TIMEOUT, reason="$why", hangup_by="platform", source="Outbound; Defaults", sentence="The call's waiting time was up before a channel was free for it, so nothing was dialed."),
    StatusRow(id="out-cancel", kinds=_OUT, entry=_E.CANCEL_ACCEPTED, status=_S.CANCEL, reason="api_hangup", hangup_by="$by", source="API cancel and hang up", sentence="The call was withdrawn on request before the callee answered."),
    StatusRow(id="ob-refused", kinds=_OB, entry=_E.REFUSED, status=_S.FAILED, reason="admission_failed", hangup_by="platform", source="conservative default", sentence="The call was refused before dialing for a reason that no other row describes."),
    StatusRow(id="c2c-refused", kinds=_C2C, entry=_E.REFUSED, status=_S.FAILED_CHANNEL1, reason="admission_failed", hangup_by="platform", source="conservative default", sentence="The call was refused before dialing for a reason that no other row describes."),
    # Outbound: its one leg
    StatusRow(id="ob-answer", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "answered"), status=_S.ANSWER, reason="answered", hangup_by="network", source="Outbound", sentence="The callee answered; nothing that came later can change that."),
    StatusRow(id="ob-busy", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "busy"), status=_S.BUSY, reason="$reason", hangup_by="$by", source="Outbound", sentence="The callee was busy."),
    StatusRow(id="ob-rejected", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "rejected"), status=_S.REJECTED, reason="$reason", hangup_by="$by", source="Outbound", sentence="The callee rejected the call."),
    StatusRow(id="ob-no-answer", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "no_answer"), status=_S.NOANSWER, reason="$reason", hangup_by="$by", source="Outbound", sentence="The callee did not answer."),
    StatusRow(id="ob-timeout", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "request_timeout"), status=_S.OBD_TIMEOUT, reason="$reason", hangup_by="$by", source="Outbound", sentence="The callee did not answer within the time-out that the request itself set."),
    StatusRow(id="ob-cancelled", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "cancelled"), status=_S.CANCEL, reason="$reason", hangup_by="$by", source="Outbound", sentence="The call was withdrawn before the callee answered."),
    StatusRow(id="ob-restricted", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "restricted"), status=_S.OUTGOING_RESTRICTED, reason="$reason", hangup_by="$by", source="Outbound", sentence="The carrier said that outgoing calls are barred for this number."),
    StatusRow(id="ob-no-route-network", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "no_route"), status=_S.NOROUTE, reason="$reason", hangup_by="$by", source="Outbound", sentence="The carrier said that it has no route to the TO number."),
    StatusRow(id="ob-no-channel-network", kinds=_OB, entry=_E.LEG_RESULT, where=_leg(1, "no_channel"), status=_S.MAXUSE, reason="$reason", hangup_by="$by", source="Outbound", sentence="No trunk had a channel for the call: our slots were taken, or the carrier named our limit."),
    StatusRow(id="ob-failed", kinds=_OB, entry=_E.LEG_RESULT, where=_ONE, status=_S.FAILED, reason="$reason", hangup_by="$by", source="Outbound", sentence="The call could not be set up."),
    # Click-to-call: leg 1, then leg 2
    StatusRow(id="c2c-1-busy", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(1, "busy"), status=_S.BUSY_CHANNEL1, reason="$reason", hangup_by="caller", source="Click-to-call", sentence="The first number was busy; the second was never dialed."),
    StatusRow(id="c2c-1-no-answer", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(1, "no_answer", "request_timeout"), status=_S.NOANSWER_CHANNEL1, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The first number did not answer; the second was never dialed."),
    StatusRow(id="c2c-1-rejected", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(1, "rejected"), status=_S.REJECTED, reason="$reason", hangup_by="caller", source="Click-to-call", sentence="The first number rejected the call; the second was never dialed. There is no REJECTED_CHANNEL1."),
    StatusRow(id="c2c-1-cancelled", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(1, "cancelled"), status=_S.CANCEL, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The call was withdrawn before the first number answered."),
    StatusRow(id="c2c-1-failed", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(1, "restricted", "no_route", "no_channel", "failed"), status=_S.FAILED_CHANNEL1, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The call to the first number could not be set up; the second was never dialed."),
    StatusRow(id="c2c-answer", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(2, "answered"), status=_S.ANSWER, reason="answered", hangup_by="network", source="Click-to-call", sentence="Both numbers answered; nothing that came later can change that."),
    StatusRow(id="c2c-2-busy", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(2, "busy"), status=_S.BUSY_CHANNEL2, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The first number answered, the second was busy."),
    StatusRow(id="c2c-2-no-answer", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(2, "no_answer", "request_timeout"), status=_S.NOANSWER_CHANNEL2, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The first number answered, the second did not."),
    StatusRow(id="c2c-2-rejected", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(2, "rejected"), status=_S.REJECTED, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The first number answered, the second rejected the call. There is no REJECTED_CHANNEL2."),
    StatusRow(id="c2c-2-cancelled", kinds=_C2C, entry=_E.LEG_RESULT, where=_leg(2, "cancelled"), status=_S.CANCEL, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The call was withdrawn before the second number answered."),
    StatusRow(id="c2c-2-failed", kinds=_C2C, entry=_E.LEG_RESULT, where=_TWO, status=_S.FAILED_CHANNEL2, reason="$reason", hangup_by="$by", source="Click-to-call", sentence="The first number answered, the call to the second could not be set up."),
    StatusRow(id="c2c-caller-left", kinds=_C2C, entry=_E.CALLER_LEFT, where={"how": ("bye",)}, stages=(_G.SECOND,), status=_S.CANCEL, reason="caller_left", hangup_by="caller", source="Click-to-call", sentence="The first party hung up before the second answered."),
    StatusRow(id="c2c-caller-lost", kinds=_C2C, entry=_E.CALLER_LEFT, stages=(_G.SECOND,), status=_S.CANCEL, reason="$how", hangup_by="network", source="Click-to-call", sentence="The connection to the first party was lost before the second answered."),
    StatusRow(id="c2c-1-stopped", kinds=_C2C, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("stopped",)}, stages=(_G.SECOND,), status=_S.FAILED_CHANNEL2, reason="shutdown", hangup_by="platform", source="Crash, stop, and our own faults", sentence="The engine was stopped while the second number was being dialed."),
    StatusRow(id="c2c-1-fault", kinds=_C2C, entry=_E.LEG_ENDED, where=_ONE, stages=(_G.SECOND,), status=_S.FAILED_CHANNEL2, reason="internal_error", hangup_by="platform", source="Crash, stop, and our own faults", sentence="A fault of our own ended the first leg while the second number was being dialed."),
    # Incoming calls in admission
    StatusRow(id="in-no-called-number", kinds=_IN, entry=_E.REFUSED, where=_check("no_called_number"), status=_S.NO_INCOMING_CLI, reason="$check", hangup_by="platform", source="Incoming", sentence="The operator sent no usable called number."),
    StatusRow(id="in-not-ours", kinds=_IN, entry=_E.REFUSED, where=_check("number_unknown"), status=_S.NOROUTE, reason="$check", hangup_by="platform", source="Incoming", sentence="The called number is not one of this installation."),
    StatusRow(id="in-no-calling-number", kinds=_IN, entry=_E.REFUSED, where=_check("no_calling_number"), status=_S.NO_INCOMING_CLI, reason="$check", hangup_by="platform", source="Incoming", sentence="The operator sent no usable calling number, and this number does not accept anonymous callers."),
    StatusRow(id="in-number-inactive", kinds=_IN, entry=_E.REFUSED, where=_check("bridge_inactive"), status=_S.BRIDGE_UNAVAILABLE, reason="$check", hangup_by="platform", source="Incoming", sentence="The called number is not in service."),
    StatusRow(id="in-no-channel", kinds=_IN, entry=_E.REFUSED, where=_check("no_channel"), status=_S.MAXUSE, reason="$check", hangup_by="platform", source="Incoming", sentence="Every channel of the number, the account or the trunk was taken."),
    StatusRow(id="in-refused", kinds=_IN, entry=_E.REFUSED, status=_S.INCOMING_DISCONNECTED, reason="$check", hangup_by="platform", source="Incoming", sentence="The incoming call was refused before it landed anywhere; the reason says why."),
    # Incoming calls that ring
    StatusRow(id="in-miss-call", kinds=_IN, entry=_E.MISS_CALL_OVER, status=_S.MISS_CALL, reason="rung_out", hangup_by="platform", source="Incoming", sentence="The number has the miss-call option: it rang for its seconds and was not answered on purpose."),
    StatusRow(id="in-miss-call-left", kinds=_IN, entry=_E.CALLER_LEFT, stages=(_G.MISS_CALL,), status=_S.MISS_CALL, reason="caller_gave_up", hangup_by="caller", source="Incoming", sentence="The number has the miss-call option, and the caller gave up before its seconds were over."),
    StatusRow(id="in-api-hangup", kinds=_IN, entry=_E.CANCEL_ACCEPTED, status=_S.INCOMING_DISCONNECTED, reason="api_hangup", hangup_by="$by", source="API cancel and hang up", sentence="The incoming call was ended on request before it was answered."),
    StatusRow(id="in-flow-executed", kinds=_IN, entry=_E.FLOW_ENDED, stages=(_G.RINGING,), status=_S.FLOW_EXECUTED, reason="flow_ended", hangup_by="platform", source="Incoming", sentence="The flow ran to its end without a telephony widget, so the call was never answered."),
    StatusRow(id="in-flow-error", kinds=_IN, entry=_E.FLOW_FAILED, stages=(_G.RINGING,), status=_S.INCOMING_DISCONNECTED, reason="flow_error", hangup_by="platform", source="Incoming", sentence="The flow failed before the call was answered."),
    StatusRow(id="in-ring-timeout", kinds=_IN, entry=_E.RING_TIMED_OUT, where={"which": ("incoming",)}, status=_S.RING_TIMEOUT, reason="ring_timeout", hangup_by="platform", source="Incoming", sentence="The incoming ring time was up while the flow was still busy with non-telephony widgets."),
    StatusRow(id="in-caller-left", kinds=_IN, entry=_E.CALLER_LEFT, where={"how": ("cancelled",)}, status=_S.INCOMING_DISCONNECTED, reason="caller_cancelled", hangup_by="caller", source="Incoming", sentence="The caller hung up before the call was answered."),
    StatusRow(id="in-caller-vanished", kinds=_IN, entry=_E.CALLER_LEFT, status=_S.INCOMING_DISCONNECTED, reason="caller_cancelled", hangup_by="network", source="Incoming", sentence="The caller vanished before the call was answered."),
    StatusRow(id="in-flow-answer", kinds=_IN, entry=_E.ANSWER_CONFIRMED, status=_S.FLOW_ANSWER, reason="answered", hangup_by="network", source="Incoming", sentence="The call landed on the flow: we answered, and the caller's side confirmed it; nothing that came later can change that."),
    StatusRow(id="in-no-ack", kinds=_IN, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("no_ack",)}, status=_S.INCOMING_DISCONNECTED, reason="no_ack", hangup_by="network", source="Incoming", sentence="We answered, but the caller's side never confirmed the answer."),
    StatusRow(id="in-overload", kinds=_IN, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("overload",)}, status=_S.INCOMING_DISCONNECTED, reason="overload", hangup_by="platform", source="Incoming", sentence="We were too late to decide on the call, so the engine refused it."),
    StatusRow(id="in-miss-call-fault", kinds=_IN, entry=_E.LEG_ENDED, where=_ONE, stages=(_G.MISS_CALL,), status=_S.MISS_CALL, reason="internal_error", hangup_by="platform", source="Crash, stop, and our own faults", sentence="The number has the miss-call option; a fault of our own ended the ringing early."),
    StatusRow(id="in-no-codec", kinds=_IN, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("no_common_codec",)}, status=_S.INCOMING_DISCONNECTED, reason="no_common_codec", hangup_by="platform", source="Incoming", sentence="The caller's side speaks no codec that we speak."),
    StatusRow(id="in-no-srtp", kinds=_IN, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("no_srtp",)}, status=_S.INCOMING_DISCONNECTED, reason="no_srtp", hangup_by="platform", source="Incoming", sentence="Media had to be encrypted, and the caller's side could not agree on that."),
    StatusRow(id="in-no-media-port", kinds=_IN, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("no_media_port",)}, status=_S.INCOMING_DISCONNECTED, reason="no_media_port", hangup_by="platform", source="Crash, stop, and our own faults", sentence="No port for the voice was free on our side."),
    StatusRow(id="in-stopped", kinds=_IN, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("stopped",)}, status=_S.INCOMING_DISCONNECTED, reason="shutdown", hangup_by="platform", source="Crash, stop, and our own faults", sentence="The engine was stopped before the call was answered."),
    StatusRow(id="in-fault", kinds=_IN, entry=_E.LEG_ENDED, where=_ONE, status=_S.INCOMING_DISCONNECTED, reason="internal_error", hangup_by="platform", source="Crash, stop, and our own faults", sentence="The incoming leg was ended from our side before the call was answered."),
    # The crash rule: only where nothing above has decided
    StatusRow(id="crash-ob", kinds=_OB, entry=_E.CRASH_RULE, status=_S.FAILED, reason="$why", hangup_by="platform", source="Crash, stop, and our own faults", sentence="Ringback itself stopped or failed while the call was being set up, before anything else had decided it."),
    StatusRow(id="crash-c2c-2", kinds=_C2C, entry=_E.CRASH_RULE, stages=(_G.SECOND,), status=_S.FAILED_CHANNEL2, reason="$why", hangup_by="platform", source="Crash, stop, and our own faults", sentence="Ringback itself stopped or failed after the first number had answered and before the second did."),
    StatusRow(id="crash-c2c-1", kinds=_C2C, entry=_E.CRASH_RULE, status=_S.FAILED_CHANNEL1, reason="$why", hangup_by="platform", source="Crash, stop, and our own faults", sentence="Ringback itself stopped or failed before the first number had answered."),
    StatusRow(id="crash-in-miss-call", kinds=_IN, entry=_E.CRASH_RULE, stages=(_G.MISS_CALL,), status=_S.MISS_CALL, reason="$why", hangup_by="platform", source="Crash, stop, and our own faults", sentence="The number has the miss-call option; Ringback itself stopped or failed while it rang."),
    StatusRow(id="crash-in", kinds=_IN, entry=_E.CRASH_RULE, status=_S.INCOMING_DISCONNECTED, reason="$why", hangup_by="platform", source="Crash, stop, and our own faults", sentence="Ringback itself stopped or failed before the incoming call was answered."),
    # No deciding entry at all: a journal that no version of ours should have written
    StatusRow(id="default-ob", kinds=_OB, entry=None, status=_S.FAILED, reason="undecided", hangup_by="platform", source="conservative default", sentence="The journal holds nothing that decides the call."),
    StatusRow(id="default-c2c-2", kinds=_C2C, entry=None, stages=(_G.SECOND,), status=_S.FAILED_CHANNEL2, reason="undecided", hangup_by="platform", source="conservative default", sentence="The journal holds nothing that decides the call after the first number had answered."),
    StatusRow(id="default-c2c-1", kinds=_C2C, entry=None, status=_S.FAILED_CHANNEL1, reason="undecided", hangup_by="platform", source="conservative default", sentence="The journal holds nothing that decides the call."),
    StatusRow(id="default-in", kinds=_IN, entry=None, status=_S.INCOMING_DISCONNECTED, reason="undecided", hangup_by="platform", source="conservative default", sentence="The journal holds nothing that decides the call."),
)

ENDING_ROWS: tuple[EndingRow, ...] = (
    EndingRow(id="end-hangup", kinds=_ALL, entry=_E.HANGUP, reason="$why", hangup_by="$by", sentence="We ended the answered call; the reason says why."),
    EndingRow(id="end-stopped", kinds=_ALL, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("stopped",)}, reason="shutdown", hangup_by="platform", sentence="The engine was stopped during the call."),
    EndingRow(id="end-leg2-stopped", kinds=_C2C, entry=_E.LEG_ENDED, where={"leg": (2,), "cause.cause": ("stopped",)}, reason="shutdown", hangup_by="platform", sentence="The engine was stopped during the call."),
    EndingRow(id="end-expired", kinds=_ALL, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.cause": ("session_expired",)}, reason="session_expired", hangup_by="network", sentence="The far end no longer refreshed the session, or had forgotten it."),
    EndingRow(id="end-leg2-expired", kinds=_C2C, entry=_E.LEG_ENDED, where={"leg": (2,), "cause.cause": ("session_expired",)}, reason="session_expired", hangup_by="network", sentence="The far end no longer refreshed the session, or had forgotten it."),
    EndingRow(id="end-callee-left", kinds=_OB, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.side": ("remote",)}, reason="callee_hung_up", hangup_by="callee", sentence="The callee hung up."),
    EndingRow(id="end-caller-left", kinds=(Kind.CLICK_TO_CALL, Kind.INCOMING), entry=_E.LEG_ENDED, where={"leg": (1,), "cause.side": ("remote",)}, reason="caller_hung_up", hangup_by="caller", sentence="The caller hung up."),
    EndingRow(id="end-leg2-left", kinds=_C2C, entry=_E.LEG_ENDED, where={"leg": (2,), "cause.side": ("remote",)}, reason="callee_hung_up", hangup_by="callee", sentence="The callee hung up."),
    EndingRow(id="end-network", kinds=_ALL, entry=_E.LEG_ENDED, where={"leg": (1,), "cause.side": ("network",)}, reason="connection_lost", hangup_by="network", sentence="The connection was lost."),
    EndingRow(id="end-leg2-network", kinds=_C2C, entry=_E.LEG_ENDED, where={"leg": (2,), "cause.side": ("network",)}, reason="connection_lost", hangup_by="network", sentence="The connection was lost."),
    EndingRow(id="end-local", kinds=_ALL, entry=_E.LEG_ENDED, where=_ONE, reason="internal_error", hangup_by="platform", sentence="Our side ended the call unasked."),
    EndingRow(id="end-leg2-local", kinds=_C2C, entry=_E.LEG_ENDED, where=_TWO, reason="internal_error", hangup_by="platform", sentence="Our side ended the call unasked."),
    EndingRow(id="end-crash", kinds=_ALL, entry=_E.CRASH_RULE, reason="$why", hangup_by="platform", sentence="Ringback itself stopped or failed during the call."),
)
# fmt: on
