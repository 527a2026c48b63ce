"""The flow's connect node: other parties are called for somebody who is on the line with us already.

Their legs count from 2. They never decide the call's status; their results are journalled, and the flow is told.
"""

from msgspec.structs import replace

from ringback.call.effects import JoinLegs, PlayRingback, StopRingback, TellFlow
from ringback.call.events import ConnectRequested
from ringback.call.machine import dialing
from ringback.call.machine.state import Connecting, IllegalEvent, LegState
from ringback.call.machine.turn import Turn
from ringback.call.outcome_table import EndedBy
from ringback.model.journal import EntryKind
from ringback.model.status import LegResult

MOST_LEGS = 100  # of one call; a flow that connects more is looping

# What the flow hears when nobody answered: the result of the party that came nearest, in this order.
_NEAREST = (LegResult.NO_ANSWER, LegResult.BUSY, LegResult.REJECTED)


def requested(turn: Turn, event: ConnectRequested) -> None:
    """Begin to call the parties: the first of them, or all."""
    turn.needs_flow(event)
    if turn.connecting is not None:
        raise IllegalEvent(turn.state, "ConnectRequested while connecting")
    plans = event.legs[: max(0, MOST_LEGS - len(turn.legs))]
    if not plans:
        _tell(turn, "failed", 0, event.legs[0].party if event.legs else "")
        return
    turn.emit(PlayRingback(leg=1))
    if not event.at_once:
        turn.connecting = Connecting(waiting=plans)
        _next_party(turn)
        return
    turn.connecting = Connecting()
    legs = [dialing.begin(turn, plan) for plan in plans]
    turn.connecting = Connecting(
        dialing=tuple(leg.leg for leg in legs if leg.result is None),
        results=tuple(leg.result for leg in legs if leg.result is not None),
    )
    _tell_if_nobody_is_left(turn)


def has_early_media(turn: Turn, leg: LegState) -> None:
    """Let the caller hear the party before it answers; not when several are called at once."""
    state = turn.connecting
    if state is not None and state.dialing == (leg.leg,) and not state.joined:
        turn.emit(JoinLegs(a=1, b=leg.leg))
        turn.connecting = replace(state, joined=leg.leg)


def answered(turn: Turn, leg: LegState) -> None:
    """Join the first party that answered, and withdraw the others."""
    state = turn.connecting
    if state is None:
        return
    if state.joined != leg.leg:
        turn.emit(JoinLegs(a=1, b=leg.leg))
    because = turn.record(EntryKind.JOINED, {"legs": [1, leg.leg]})
    turn.connecting = Connecting(joined=leg.leg, talking=leg.leg)
    for number in state.dialing:
        other = turn.legs[number - 1]
        if dialing.is_undecided(other):
            dialing.withdraw(turn, other, EndedBy.ANSWERED_ELSEWHERE, because)


def failed(turn: Turn, leg: LegState) -> None:
    """Note that a party was not reached, and call the next one."""
    state = turn.connecting
    if state is None or leg.result is None:
        return
    was_heard = state.joined == leg.leg
    turn.connecting = replace(
        state,
        dialing=tuple(number for number in state.dialing if number != leg.leg),
        joined=0 if was_heard else state.joined,
        results=(*state.results, leg.result),
    )
    if turn.connecting.dialing:
        return
    if turn.connecting.waiting and was_heard:
        turn.emit(PlayRingback(leg=1))
    _next_party(turn)


def hung_up(turn: Turn, leg: LegState) -> None:
    """The connected party is gone: the flow goes on with the caller."""
    state = turn.connecting
    if state is not None and state.talking == leg.leg:
        turn.connecting = None
        _tell(turn, LegResult.ANSWERED.value, leg.leg, leg.party)


def _next_party(turn: Turn) -> None:
    state = turn.connecting
    while state is not None and state.waiting:
        plan, rest = state.waiting[0], state.waiting[1:]
        leg = dialing.begin(turn, plan)
        if leg.result is None:
            turn.connecting = replace(state, waiting=rest, dialing=(leg.leg,))
            return
        state = turn.connecting = replace(state, waiting=rest, results=(*state.results, leg.result))
    _tell_if_nobody_is_left(turn)


def _tell_if_nobody_is_left(turn: Turn) -> None:
    state = turn.connecting
    if state is None or state.dialing or state.waiting:
        return
    turn.connecting = None
    turn.emit(StopRingback(leg=1))
    results = {LegResult.NO_ANSWER if item is LegResult.REQUEST_TIMEOUT else item for item in state.results}
    nearest = next((item for item in _NEAREST if item in results), LegResult.FAILED)
    last = turn.legs[-1]
    _tell(turn, nearest.value, last.leg, last.party)


def _tell(turn: Turn, result: str, leg: int, party: str) -> None:
    turn.emit(TellFlow(what="connect_done", data={"result": result, "leg": leg, "party": party}))
