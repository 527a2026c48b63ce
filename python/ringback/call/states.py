"""The call machine: one call from acceptance to its final record.

A call is *new* while admission runs, perhaps *queued*, then *dialing* (a click-to-call also *dialing second*) or
*ringing* (incoming), *answering* while our 200 is not confirmed, *talking* once the status is ANSWER or FLOW_ANSWER,
*ending* while its legs go, and *final*. `step` is pure: an event in, the new state and the effects to carry out, in
order. Time comes with the event. Nothing outside this package changes a call's state.

The status is decided by the journal entries that the machine writes (`ringback.call.status` reads each as it is
written); the machine itself names none. TRANSITIONS is the whole behavior: what is not listed raises `IllegalEvent`.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from ringback.call import events as ev
from ringback.call.effects import CallEffect
from ringback.call.machine import connecting, ending, incoming, legs, outgoing
from ringback.call.machine.state import CallState, Connecting, IllegalEvent, LegState, State
from ringback.call.machine.turn import Turn
from ringback.model.call import CallRequest
from ringback.model.status import Kind

__all__ = ["TRANSITIONS", "CallState", "Connecting", "IllegalEvent", "LegState", "State", "initial", "step"]


class Transition(Struct, frozen=True):
    """What an event does in a state, and where it may lead. `why` for events that change nothing."""

    act: Callable[[Turn, Any], None]
    to: tuple[State, ...]
    why: str = ""


_S = State
_END = (_S.ENDING, _S.FINAL)
Table = dict[State, dict[type, Transition]]


def _expected(why: str) -> Transition:
    return Transition(ending.ignored, (), why)


def _always(state: State) -> dict[type, Transition]:
    """Return what is the same in every state before the end."""
    return {
        ev.Noted: Transition(ending.noted, (state,)),
        ev.FaultHappened: Transition(ending.fault_happened, _END),
        ev.ShutDown: Transition(ending.shut_down, _END),
    }


_LATE_QUEUE = _expected("the call left the queue in the same moment")
_LEG_NEWS: dict[type, Callable[[Turn, Any], None]] = {
    ev.StatsReported: ending.stats_reported,
    ev.LateAnswered: legs.late_answered,
}


def _network(state: State, *onward: State) -> dict[type, Transition]:
    """Return what the network may say of legs that we dialled."""
    return {
        ev.TryProgressed: Transition(legs.progressed, (state,)),
        ev.TryAnswered: Transition(legs.answered, (state, *onward)),
        ev.LegEnded: Transition(legs.ended, (state, *_END)),
        ev.TimerFired: Transition(legs.timer_fired, (state, *_END)),
        **{event: Transition(act, (state,)) for event, act in _LEG_NEWS.items()},
    }


_ENDING: dict[type, Transition] = {
    ev.Noted: Transition(ending.noted, (_S.ENDING,)),
    ev.LegEnded: Transition(legs.ended_late, _END),
    ev.TryAnswered: Transition(legs.answered, (_S.ENDING,), "our CANCEL and the 2xx crossed: it never wins"),
    ev.AnswerWasConfirmed: Transition(incoming.confirmed_late, (_S.ENDING,), "our BYE and the ACK crossed"),
    ev.TimerFired: Transition(ending.wind_down_is_over, _END),
    ev.HangupRequested: Transition(ending.hangup_requested_late, (_S.ENDING,), "repeats change nothing"),
    ev.FaultHappened: Transition(ending.stop_waiting, (_S.FINAL,)),
    ev.ShutDown: Transition(ending.stop_waiting, (_S.FINAL,)),
    **{event: Transition(act, (_S.ENDING,)) for event, act in _LEG_NEWS.items()},
    ev.TryProgressed: _expected("our CANCEL and the provisional crossed"),
    ev.MediaWasLost: _expected("the leg is going anyway"),
    ev.QueueTimedOut: _LATE_QUEUE,
    ev.IncomingAdmitted: _expected("the caller left, or a cancel came, while admission ran"),
    ev.AdmissionRefused: _expected("the caller left, or a cancel came, while admission ran"),
    ev.FlowNeededAnswer: _expected("the flow's step and the end crossed"),
    ev.FlowFinished: _expected("the flow's step and the end crossed"),
    ev.ConnectRequested: _expected("the flow's step and the end crossed"),
}

_AFTER = Transition(ending.after_final, (_S.FINAL,))
_FINAL: dict[type, Transition] = {
    **dict.fromkeys(
        (
            *(ev.LegEnded, ev.TryAnswered, ev.LateAnswered, ev.StatsReported, ev.AnswerWasConfirmed),
            *(ev.MediaWasLost, ev.Noted, ev.FaultHappened, ev.Admitted, ev.IncomingAdmitted),
        ),
        _AFTER,
    ),
    ev.TryProgressed: _expected("the far end goes on ringing: any number of them may come, so none is written"),
    ev.TimerFired: _expected("a timer of a call that is over"),
    ev.HangupRequested: _expected("already final: repeats change nothing"),
    ev.QueueTimedOut: _LATE_QUEUE,
    ev.Queued: _expected("the call was withdrawn while admission ran"),
    ev.AdmissionRefused: _expected("the call was withdrawn while admission ran"),
    ev.FlowNeededAnswer: _expected("the flow's step and the end crossed"),
    ev.FlowFinished: _expected("the flow's step and the end crossed"),
    ev.ConnectRequested: _expected("the flow's step and the end crossed"),
    ev.ShutDown: _expected("nothing is left to end"),
}

_WAITING: dict[type, Transition] = {
    ev.QueueTimedOut: Transition(outgoing.queue_timed_out, (_S.FINAL,)),
    ev.Admitted: Transition(outgoing.admitted, (_S.DIALING, *_END)),
    ev.AdmissionRefused: Transition(outgoing.refused, (_S.FINAL,)),
    ev.HangupRequested: Transition(ending.withdraw_call, (_S.FINAL,)),
}

_TALKING: dict[type, Transition] = {
    **_always(_S.TALKING),
    **_network(_S.TALKING),
    ev.HangupRequested: Transition(ending.hangup_requested_while_talking, _END),
    ev.MediaWasLost: Transition(legs.media_lost_while_talking, (_S.TALKING, *_END)),
    ev.QueueTimedOut: _LATE_QUEUE,
}
_WITH_FLOW: dict[type, Transition] = {
    ev.FlowFinished: Transition(legs.flow_finished_while_talking, _END),
    ev.ConnectRequested: Transition(connecting.requested, (_S.TALKING,)),
}


def _outgoing(*, second: bool) -> Table:
    dialing: dict[type, Transition] = {
        **_always(_S.DIALING),
        **_network(_S.DIALING, _S.DIALING_SECOND if second else _S.TALKING, *_END),
        ev.HangupRequested: Transition(ending.withdraw_call, _END),
        ev.QueueTimedOut: _LATE_QUEUE,
    }
    table: Table = {
        _S.NEW: {**_always(_S.NEW), **_WAITING, ev.Queued: Transition(outgoing.queued, (_S.QUEUED,))},
        _S.QUEUED: {**_always(_S.QUEUED), **_WAITING, ev.Queued: _expected("still no channel: it waits on")},
        _S.DIALING: dialing,
        _S.TALKING: {**_TALKING, **({} if second else _WITH_FLOW)},
        _S.ENDING: _ENDING,
        _S.FINAL: _FINAL,
    }
    if second:
        table[_S.DIALING_SECOND] = {
            **_always(_S.DIALING_SECOND),
            **_network(_S.DIALING_SECOND, _S.TALKING),
            ev.HangupRequested: Transition(ending.withdraw_call, _END),
            ev.MediaWasLost: Transition(outgoing.media_of_first_was_lost, (_S.DIALING_SECOND, *_END)),
            ev.QueueTimedOut: _LATE_QUEUE,
        }
    return table


def _unanswered(state: State) -> dict[type, Transition]:
    """Return what is the same until the caller has our confirmed answer."""
    return {
        **_always(state),
        ev.LegEnded: Transition(incoming.caller_ended, (_S.FINAL,)),
        ev.StatsReported: Transition(ending.stats_reported, (state,)),
        ev.HangupRequested: Transition(ending.withdraw_call, (_S.ENDING,)),
    }


_INCOMING: Table = {
    _S.NEW: {
        **_unanswered(_S.NEW),
        ev.IncomingAdmitted: Transition(incoming.admitted, (_S.RINGING,)),
        ev.AdmissionRefused: Transition(incoming.refused, (_S.ENDING,)),
    },
    _S.RINGING: {
        **_unanswered(_S.RINGING),
        ev.FlowNeededAnswer: Transition(incoming.answer_needed, (_S.ANSWERING,)),
        ev.FlowFinished: Transition(incoming.flow_finished, (_S.ENDING,)),
        ev.TimerFired: Transition(incoming.timer_fired, (_S.RINGING, _S.ENDING)),
    },
    _S.ANSWERING: {
        **_unanswered(_S.ANSWERING),
        ev.AnswerWasConfirmed: Transition(incoming.answer_was_confirmed, (_S.TALKING, _S.ENDING)),
        ev.FlowFinished: Transition(incoming.flow_finished_while_answering, (_S.ANSWERING,)),
        ev.TimerFired: _expected("the ring time was up in the moment of answering"),
        ev.MediaWasLost: Transition(incoming.media_lost_while_answering, (_S.ANSWERING,)),
    },
    _S.TALKING: {**_TALKING, **_WITH_FLOW},
    _S.ENDING: _ENDING,
    _S.FINAL: _FINAL,
}

TRANSITIONS: dict[Kind, Table] = {
    Kind.OUTBOUND: _outgoing(second=False),
    Kind.CLICK_TO_CALL: _outgoing(second=True),
    Kind.INCOMING: _INCOMING,
}


def initial(request: CallRequest, *, next_seq: int = 2) -> CallState:
    """Return the state of a call that was accepted (its `accepted` entry is written by the running side).

    Args:
        request: The call; an incoming one has its caller's leg already.
        next_seq: Number of the next journal entry.
    """
    caller = (incoming.CALLER,) if request.kind is Kind.INCOMING else ()
    return CallState(request=request, next_seq=next_seq, legs=caller, max_duration_ms=request.max_duration_ms)


def step(state: CallState, event: ev.CallEvent) -> tuple[CallState, tuple[CallEffect, ...]]:
    """Let one event happen.

    Returns:
        The new state, and what to carry out, in this order.

    Raises:
        IllegalEvent: the event cannot happen in this state, or names a leg that does not exist. The state given is
            untouched: journal the refusal (`Noted` of kind `machine_refused`) and go on.
    """
    transition = TRANSITIONS[state.request.kind][state.state].get(type(event))
    if transition is None:
        raise IllegalEvent(state.state, type(event).__name__)
    if transition.act is ending.ignored:
        return state, ()
    turn = Turn(state, event.at)
    transition.act(turn, event)
    return turn.freeze(), tuple(turn.effects)
