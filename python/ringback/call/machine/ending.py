"""The end of a call: hang up what is left, wait for the legs, ask for the final record; and what comes after it."""

from typing import Any

import msgspec

from ringback.call.crash import final_data
from ringback.call.effects import Finish, Hangup, Reject, StartTimer, StopFlow
from ringback.call.events import (
    CallEvent,
    FaultHappened,
    HangupRequested,
    Noted,
    ShutDown,
    StatsReported,
    TimerFired,
    TimerName,
    TryAnswered,
)
from ringback.call.machine import dialing
from ringback.call.machine.state import IllegalEvent, LegState, State
from ringback.call.machine.turn import Turn
from ringback.call.outcome_table import EndedBy
from ringback.call.status import CURRENT
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, Kind

WIND_DOWN_MS = 2_000  # docs/statuses.md: the final record waits for the legs at most this long

_NOTABLE = frozenset({EntryKind.FLOW_STARTED, EntryKind.FLOW_STEP, EntryKind.FLOW_INPUT, EntryKind.MACHINE_REFUSED})
_REFUSALS = frozenset({State.NEW, State.RINGING})  # the caller of an incoming call has no 200 yet
_NOT_ANSWERED_NOW = 480


def end(
    turn: Turn,
    *,
    ended_by: EndedBy = EndedBy.CALL_ENDED,
    reject: int = _NOT_ANSWERED_NOW,
    reason: str | None = None,
) -> None:
    """Begin the end: nothing decides any more, every leg is told to go.

    Args:
        turn: The step; its last entry says what ends the call.
        ended_by: Why parties still being called are given up.
        reject: The answer to a caller who has none yet.
        reason: Reason header of that answer.
    """
    because = turn.next_seq - 1  # the entry just written: what ends the call
    refuses = turn.request.kind is Kind.INCOMING and turn.state in _REFUSALS
    turn.state = State.ENDING
    turn.stop_timer()
    if turn.runs_flow:
        turn.runs_flow = False
        turn.emit(StopFlow())
    for leg in tuple(turn.legs):
        if leg.leg == 1 and refuses and leg.open_tries:
            turn.emit(Reject(code=reject, reason=reason))
            turn.put(msgspec.structs.replace(leg, open_tries=(), leaving_tries=leg.open_tries))
        elif dialing.is_undecided(leg):
            dialing.withdraw(turn, leg, ended_by, because)
        else:
            turn.hang_up(leg)
    turn.connecting = None
    finish_if_over(turn)
    if turn.state is State.ENDING:
        turn.timer = TimerName.WIND_DOWN
        turn.emit(StartTimer(name=TimerName.WIND_DOWN, after_ms=WIND_DOWN_MS))


def hang_up_answered(turn: Turn, by: HangupBy, why: str, *, durable: bool = False) -> None:
    """End an answered call from our side."""
    turn.record(EntryKind.HANGUP, {"by": by.value, "why": why}, durable=durable)
    end(turn)


def finish_if_over(turn: Turn) -> None:
    """Ask for the final record once no leg is left."""
    if turn.state is State.ENDING and all(leg.is_over for leg in turn.legs):
        finish(turn)


def finish(turn: Turn) -> None:
    """Ask for the final record; nothing can come before it any more."""
    turn.stop_timer()
    verdict = CURRENT.verdict(turn.reading, turn.request.kind, turn.next_seq - 1)
    turn.record(EntryKind.FINAL, final_data(verdict))
    turn.state = State.FINAL
    turn.emit(Finish(verdict=verdict))


def fault_happened(turn: Turn, event: FaultHappened) -> None:
    """Apply the crash rule to this call alone."""
    turn.record(EntryKind.CRASH_RULE, {"why": "internal_error", "detail": event.detail})
    end(turn, reject=500)


def shut_down(turn: Turn, event: ShutDown) -> None:  # noqa: ARG001
    """Apply the crash rule because the process stops."""
    turn.record(EntryKind.CRASH_RULE, {"why": "shutdown"})
    end(turn, reject=503)


def stop_waiting(turn: Turn, event: FaultHappened | ShutDown) -> None:  # noqa: ARG001
    """The verdict is fixed and every leg was told to go: do not wait for them any longer."""
    finish(turn)


def wind_down_is_over(turn: Turn, event: TimerFired) -> None:
    """Do not wait for the legs any longer; other timers are late ones of a call that has ended."""
    if event.name is TimerName.WIND_DOWN and turn.timer == TimerName.WIND_DOWN:
        turn.timer = ""
        finish(turn)


def withdraw_call(turn: Turn, event: HangupRequested, *, reject: int = _NOT_ANSWERED_NOW) -> None:
    """End a call that is not answered yet because somebody asked for it."""
    turn.is_withdrawn = True
    turn.record(EntryKind.CANCEL_ACCEPTED, {"by": event.by.value}, durable=True)
    end(turn, ended_by=EndedBy.API, reject=reject)


def hangup_requested_while_talking(turn: Turn, event: HangupRequested) -> None:
    """End an answered call because somebody asked for it."""
    why = "api_hangup" if event.by is HangupBy.API else "platform_hangup"
    hang_up_answered(turn, event.by, why, durable=True)


def hangup_requested_late(turn: Turn, event: HangupRequested) -> None:
    """The status is fixed; what a request can still do is to keep the call from being tried again."""
    if turn.request.retries_left and not turn.is_withdrawn:
        turn.is_withdrawn = True
        turn.record(EntryKind.CANCEL_ACCEPTED, {"by": event.by.value}, durable=True)


def noted(turn: Turn, event: Noted) -> None:
    """Journal what decides nothing."""
    if event.kind not in _NOTABLE:
        raise IllegalEvent(turn.state, f"Noted of kind {event.kind}")
    turn.record(event.kind, event.data)


def stats_reported(turn: Turn, event: StatsReported) -> None:
    """Journal a leg's media figures."""
    turn.record(EntryKind.LEG_STATS, _plain(event))


def ignored(turn: Turn, event: CallEvent) -> None:
    """Nothing to do: the table says for each place why this is expected."""


def after_final(turn: Turn, event: CallEvent) -> None:
    """Journal what came after the final record; it decides nothing. A late answer still gets its BYE."""
    turn.record(EntryKind.AFTER_FINAL, {"kind": type(event).__name__, "data": _plain(event)})
    if isinstance(event, TryAnswered):
        turn.emit(Hangup(leg=event.leg, try_=event.try_))


def leg_is_gone(leg: LegState, try_: int) -> LegState:
    """Return the leg without a try that the engine reported as ended."""
    return msgspec.structs.replace(
        leg,
        open_tries=tuple(item for item in leg.open_tries if item != try_),
        leaving_tries=tuple(item for item in leg.leaving_tries if item != try_),
    )


def _plain(event: CallEvent) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event)
    data.pop("at")
    if "try_" in data:
        data["try"] = data.pop("try_")
    return data
