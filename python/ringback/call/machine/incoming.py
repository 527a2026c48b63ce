"""Incoming calls: from the INVITE to the confirmed answer."""

from ringback.call.effects import Answer, Ring, TellFlow
from ringback.call.events import (
    AdmissionRefused,
    AnswerWasConfirmed,
    FlowFinished,
    FlowNeededAnswer,
    IncomingAdmitted,
    LegEnded,
    MediaWasLost,
    TimerFired,
    TimerName,
)
from ringback.call.evidence import cause_data
from ringback.call.machine.ending import end, hang_up_answered, leg_is_gone
from ringback.call.machine.outgoing import start_flow
from ringback.call.machine.state import LegState, State
from ringback.call.machine.turn import Turn
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy

CALLER = LegState(leg=1, open_tries=(0,))
_TEMPORARILY_UNAVAILABLE = 480

# The engine's words for a caller who went away before the answer; all others are the doing of our side.
_CALLER_LEFT = {
    "cancelled": "cancelled",
    "bye": "cancelled",
    "timeout": "vanished",
    "transport": "vanished",
    "no_prack": "vanished",
}


def refused(turn: Turn, event: AdmissionRefused) -> None:
    """Admission said no: refuse the INVITE."""
    code = event.sip_code or _TEMPORARILY_UNAVAILABLE
    turn.record(EntryKind.REFUSED, {"check": str(event.check), "detail": event.detail, "sip_code": code})
    end(turn, reject=code)


def admitted(turn: Turn, event: IncomingAdmitted) -> None:
    """Let the caller hear ringing, and run the flow unless the call is not to be answered."""
    turn.max_duration_ms = event.max_duration_ms
    turn.flow_id, turn.flow_version = event.flow_id, event.flow_version
    data = {"flow_id": event.flow_id, "flow_version": event.flow_version, "ring_ms": event.ring_ms}
    if event.miss_call_ms is not None:
        data["miss_call_ms"] = event.miss_call_ms
    turn.record(EntryKind.ADMITTED, data)
    turn.announce("call_start")
    turn.record(EntryKind.RINGING, {})
    turn.emit(Ring())
    turn.state = State.RINGING
    if event.miss_call_ms is not None:
        turn.start_timer(TimerName.MISS_CALL, event.miss_call_ms)
        return
    turn.start_timer(TimerName.INCOMING_RING, event.ring_ms)
    start_flow(turn, answered=False)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """The ring time or the miss-call seconds are up; a timer that was stopped meanwhile has no effect."""
    if turn.timer != event.name:
        return
    turn.timer = ""
    if event.name is TimerName.MISS_CALL:
        turn.record(EntryKind.MISS_CALL_OVER, {})
        end(turn)
    elif event.name is TimerName.INCOMING_RING:
        turn.record(EntryKind.RING_TIMED_OUT, {"leg": 1, "which": "incoming"})
        end(turn)


def answer_needed(turn: Turn, event: FlowNeededAnswer) -> None:
    """Answer; the status waits for the caller's confirmation."""
    turn.needs_flow(event)
    turn.stop_timer()
    turn.record(EntryKind.ANSWERING, {"node": event.node}, durable=True)
    turn.emit(Answer())
    turn.state = State.ANSWERING


def flow_finished(turn: Turn, event: FlowFinished) -> None:
    """The flow ended before the call was answered."""
    turn.needs_flow(event)
    turn.runs_flow = False
    record_flow_end(turn, event)
    end(turn, reject=event.sip_code or _TEMPORARILY_UNAVAILABLE)


def flow_finished_while_answering(turn: Turn, event: FlowFinished) -> None:
    """The flow is over, but our 200 is out: what the caller's side says of it comes first."""
    turn.needs_flow(event)
    turn.runs_flow = False
    record_flow_end(turn, event)
    turn.flow_is_over = hangup_reason(event)


def answer_was_confirmed(turn: Turn, event: AnswerWasConfirmed) -> None:
    """The call has landed on the flow."""
    _land(turn, event.how, event.codec)
    turn.state = State.TALKING
    if turn.flow_is_over:
        hang_up_answered(turn, HangupBy.PLATFORM, turn.flow_is_over)
        return
    turn.start_timer(TimerName.MAX_DURATION, turn.max_duration_ms)
    turn.emit(TellFlow(what="answered"))


def caller_ended(turn: Turn, event: LegEnded) -> None:
    """The caller's leg is over before the call was answered and confirmed."""
    leg = turn.leg_of(event)
    cause = event.cause
    was_answering = turn.state is State.ANSWERING
    if was_answering and cause.cause == "bye" and cause.side == "remote":
        _land(turn, "request", "")  # a BYE is a request within the dialog: the caller had our 200
    elif cause.cause in _CALLER_LEFT and cause.side != "local":
        turn.record(EntryKind.CALLER_LEFT, {"leg": 1, "how": _CALLER_LEFT[cause.cause]})
    turn.record(EntryKind.LEG_ENDED, {"leg": 1, "try": 0, "cause": cause_data(cause)})
    turn.put(leg_is_gone(leg, event.try_))
    end(turn)


def media_lost_while_answering(turn: Turn, event: MediaWasLost) -> None:
    """Only a note: whether the caller has our answer is decided by its confirmation."""
    turn.record(EntryKind.MEDIA_LOST, {"leg": event.leg})


def confirmed_late(turn: Turn, event: AnswerWasConfirmed) -> None:
    """The call was ended while our answer was not confirmed: a note, the status is fixed."""
    turn.record(EntryKind.ANSWER_CONFIRMED, {"how": event.how})


def record_flow_end(turn: Turn, event: FlowFinished) -> None:
    """Journal how the flow ended."""
    if event.outcome == "failed":
        turn.record(EntryKind.FLOW_FAILED, {"error": event.detail, "node": event.node})
    else:
        turn.record(EntryKind.FLOW_ENDED, {"how": event.outcome, "sip_code": event.sip_code, "node": event.node})


def hangup_reason(event: FlowFinished) -> str:
    """Return why we hang up an answered call after its flow is over."""
    return "flow_error" if event.outcome == "failed" else "flow_ended"


def _land(turn: Turn, how: str, codec: str) -> None:
    turn.record(EntryKind.ANSWER_CONFIRMED, {"how": how, "codec": codec})
    turn.announce("call_answer")
