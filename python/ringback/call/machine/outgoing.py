"""Outbound calls and click-to-call: from admission to the answer."""

from ringback.call.effects import JoinLegs, PlayRingback, StartFlow
from ringback.call.events import (
    AdmissionRefused,
    Admitted,
    MediaWasLost,
    Queued,
    QueueTimedOut,
    TimerName,
)
from ringback.call.machine import dialing
from ringback.call.machine.ending import end
from ringback.call.machine.state import IllegalEvent, LegState, State
from ringback.call.machine.turn import Turn
from ringback.call.outcome_table import EndedBy
from ringback.model.cause import Cause
from ringback.model.journal import EntryKind
from ringback.model.status import Kind

_LEGS = {Kind.OUTBOUND: 1, Kind.CLICK_TO_CALL: 2}


def queued(turn: Turn, event: Queued) -> None:
    """Wait for a channel."""
    turn.record(EntryKind.QUEUED, {"until": event.until.isoformat()})
    turn.state = State.QUEUED


def queue_timed_out(turn: Turn, event: QueueTimedOut) -> None:
    """The waiting time is up."""
    turn.record(EntryKind.QUEUE_TIMED_OUT, {"why": event.why})
    end(turn)


def refused(turn: Turn, event: AdmissionRefused) -> None:
    """Admission said no: nothing is dialled."""
    turn.record(EntryKind.REFUSED, {"check": str(event.check), "detail": event.detail})
    end(turn)


def admitted(turn: Turn, event: Admitted) -> None:
    """Call leg 1."""
    plan = event.plan
    if len(plan.legs) != _LEGS[turn.request.kind]:
        raise IllegalEvent(turn.state, f"Admitted with {len(plan.legs)} legs")
    turn.plan = plan
    turn.max_duration_ms = plan.max_duration_ms
    turn.flow_id, turn.flow_version = plan.flow_id, plan.flow_version
    turn.record(
        EntryKind.ADMITTED,
        {
            "flow_id": plan.flow_id,
            "flow_version": plan.flow_version,
            "legs": [
                {
                    "party": leg.party,
                    "ring_ms": leg.ring_ms,
                    "tries": [[try_.trunk_id, try_.gateway] for try_ in leg.tries],
                    "blocked": list(leg.blocked),
                }
                for leg in plan.legs
            ],
        },
    )
    turn.state = State.DIALING
    leg = dialing.begin(turn, plan.legs[0])
    if leg.result is not None:
        end(turn)


_SECOND = 2
_OUR_DOING = frozenset({"fault", "stopped", "no_media_port"})


def has_early_media(turn: Turn, leg: LegState) -> None:
    """Click-to-call: leg 1 hears what leg 2's network plays."""
    if turn.state is State.DIALING_SECOND and leg.leg == _SECOND and not turn.is_early:
        turn.is_early = True
        turn.emit(JoinLegs(a=1, b=_SECOND))


def answered(turn: Turn, leg: LegState) -> None:
    """A party of the call itself answered."""
    if turn.request.kind is Kind.OUTBOUND:
        turn.announce("call_answer")
        _talk(turn)
        start_flow(turn, answered=True)
    elif leg.leg == 1:
        _call_second(turn)
    else:
        if not turn.is_early:
            turn.emit(JoinLegs(a=1, b=_SECOND))
        turn.record(EntryKind.JOINED, {"legs": [1, _SECOND]})
        turn.announce("to_call_answer", "call_answer")
        _talk(turn)


def start_flow(turn: Turn, *, answered: bool) -> None:
    """Start the call's flow, sound or message."""
    turn.runs_flow = True
    turn.record(EntryKind.FLOW_STARTED, {"flow_id": turn.flow_id, "version": turn.flow_version})
    turn.emit(StartFlow(answered=answered))


def failed(turn: Turn, leg: LegState) -> None:  # noqa: ARG001
    """A party of the call itself was not reached: that is the call's end."""
    end(turn)


def first_party_left(turn: Turn, cause: Cause) -> None:
    """Click-to-call: leg 1 is gone before leg 2 answered. Our own faults are none of the caller's doing."""
    if cause.side != "local" and cause.cause not in _OUR_DOING:
        turn.record(EntryKind.CALLER_LEFT, {"leg": 1, "how": "bye" if cause.side == "remote" else "connection_lost"})


def media_of_first_was_lost(turn: Turn, event: MediaWasLost) -> None:
    """Click-to-call: nothing is heard from leg 1 before leg 2 answered; that counts as its leaving."""
    if event.leg == 1:
        turn.record(EntryKind.CALLER_LEFT, {"leg": 1, "how": "media_lost"})
        end(turn, ended_by=EndedBy.CALLER_LEFT)


def _call_second(turn: Turn) -> None:
    plan = turn.plan
    assert plan is not None  # noqa: S101  (leg 1 was dialled out of it)
    turn.announce("from_call_answer")
    turn.state = State.DIALING_SECOND
    turn.emit(PlayRingback(leg=1))
    leg = dialing.begin(turn, plan.legs[1])
    if leg.result is not None:
        end(turn)


def _talk(turn: Turn) -> None:
    turn.state = State.TALKING
    turn.start_timer(TimerName.MAX_DURATION, turn.max_duration_ms)
