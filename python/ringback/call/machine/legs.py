"""What the network says of legs, handed to the part that a leg plays: callee, first or second, connected party."""

from ringback.call.effects import Hangup
from ringback.call.events import (
    FlowFinished,
    LateAnswered,
    LegEnded,
    MediaWasLost,
    TimerFired,
    TimerName,
    TryAnswered,
    TryProgressed,
)
from ringback.call.evidence import cause_data
from ringback.call.machine import connecting, dialing, incoming, outgoing
from ringback.call.machine.ending import end, finish_if_over, hang_up_answered, leg_is_gone
from ringback.call.machine.state import IllegalEvent, LegState, State
from ringback.call.machine.turn import Turn
from ringback.call.outcome_table import EndedBy
from ringback.model.cause import Cause
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, Kind

_NO_FIRST_RESPONSE = Cause(cause="first_response", side="network")


def progressed(turn: Turn, event: TryProgressed) -> None:
    """A provisional: only the present try of a leg without result counts."""
    leg = turn.leg_of(event)
    if not dialing.is_undecided(leg) or event.try_ != leg.try_:
        return
    leg = dialing.progressed(turn, leg, event)
    if event.early_media:
        (outgoing if _is_main(turn, leg) else connecting).has_early_media(turn, leg)


def answered(turn: Turn, event: TryAnswered) -> None:
    """A 2xx: it wins if it comes from the present try before anything else has ended the attempt."""
    leg = turn.leg_of(event)
    if leg.plan is None:
        raise IllegalEvent(turn.state, "TryAnswered of the caller")
    if not dialing.is_undecided(leg) or event.try_ != leg.try_:
        _note_late_answer(turn, leg, event)
        turn.emit(Hangup(leg=leg.leg, try_=event.try_))
        return
    leg = dialing.answered(turn, leg, event)
    (outgoing if _is_main(turn, leg) else connecting).answered(turn, leg)


def late_answered(turn: Turn, event: LateAnswered) -> None:
    """A 2xx that lost; the engine has ended it already."""
    _note_late_answer(turn, turn.leg_of(event), event)


def ended(turn: Turn, event: LegEnded) -> None:
    """A try is over in the engine: it failed, or a party hung up, or it is one that we have left."""
    before = turn.leg_of(event)
    was_present = event.try_ in before.open_tries
    leg = turn.put(leg_is_gone(before, event.try_))
    if was_present and dialing.is_undecided(leg) and event.try_ == leg.try_:
        _not_reached(turn, dialing.failed(turn, leg, event.cause))
        return
    if was_present and turn.state is State.DIALING_SECOND:
        outgoing.first_party_left(turn, event.cause)
    turn.record(EntryKind.LEG_ENDED, {"leg": leg.leg, "try": event.try_, "cause": cause_data(event.cause)})
    if not was_present:
        finish_if_over(turn)
    elif _is_main(turn, leg):
        end(turn, ended_by=EndedBy.CALLER_LEFT)
    else:
        connecting.hung_up(turn, leg)


def ended_late(turn: Turn, event: LegEnded) -> None:
    """The end of a leg that we told to go; the last one lets the final record be written."""
    leg = turn.leg_of(event)
    turn.put(leg_is_gone(leg, event.try_))
    turn.record(EntryKind.LEG_ENDED, {"leg": leg.leg, "try": event.try_, "cause": cause_data(event.cause)})
    finish_if_over(turn)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """A timer of ours. One that was stopped, but had fired already, finds nothing to do."""
    if event.name is TimerName.MAX_DURATION:
        if turn.timer == event.name:
            turn.timer = ""
            hang_up_answered(turn, HangupBy.PLATFORM, "max_duration")
        return
    if event.name not in _LEG_TIMERS:
        return
    leg = turn.leg(event.leg, event)
    if not dialing.is_undecided(leg):
        return
    if event.name is TimerName.RING:
        _not_reached(turn, dialing.rang_out(turn, leg))
    elif event.try_ == leg.try_ and not leg.responded:
        _not_reached(turn, dialing.failed(turn, turn.hang_up(leg, q850=None), _NO_FIRST_RESPONSE))


def media_lost_while_talking(turn: Turn, event: MediaWasLost) -> None:
    """Nothing is heard any more: of the call's own parties that is its end, of a connected party only its own."""
    leg = turn.leg(event.leg, event)
    if _is_main(turn, leg):
        hang_up_answered(turn, HangupBy.NETWORK, "media_lost")
        return
    turn.record(EntryKind.MEDIA_LOST, {"leg": leg.leg})
    if dialing.has_answered(leg):
        turn.hang_up(leg)
        connecting.hung_up(turn, leg)


def flow_finished_while_talking(turn: Turn, event: FlowFinished) -> None:
    """The flow is over: hang up."""
    turn.needs_flow(event)
    turn.runs_flow = False
    incoming.record_flow_end(turn, event)
    hang_up_answered(turn, HangupBy.PLATFORM, incoming.hangup_reason(event))


_LEG_TIMERS = frozenset({TimerName.RING, TimerName.FIRST_RESPONSE})


def _note_late_answer(turn: Turn, leg: LegState, event: TryAnswered | LateAnswered) -> None:
    was_left = event.try_ < leg.try_
    why = "late_answer_on_abandoned_try" if was_left else "late_answer_after_the_end"
    turn.record(EntryKind.LATE_ANSWER, {"leg": leg.leg, "try": event.try_, "code": event.code, "why": why})


def _not_reached(turn: Turn, leg: LegState) -> None:
    if leg.result is None:
        return  # the next try is on its way
    (outgoing if _is_main(turn, leg) else connecting).failed(turn, leg)


def _is_main(turn: Turn, leg: LegState) -> bool:
    """Say whether the leg decides the call: all but those of a connect node."""
    return leg.leg == 1 or turn.request.kind is Kind.CLICK_TO_CALL
