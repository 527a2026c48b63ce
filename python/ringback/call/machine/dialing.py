"""Calling one party: tries one after another, the ring timer over all of them, and the leg's result.

Serves leg 1 of outbound calls, both legs of click-to-call and the parties of a connect node alike.
"""

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from ringback.call.effects import Dial, StartTimer, StopTimer
from ringback.call.events import LegPlan, TimerName, TryAnswered, TryProgressed
from ringback.call.evidence import cause_data, result_data
from ringback.call.machine.state import LegState
from ringback.call.machine.turn import Turn
from ringback.call.outcome import (
    LegEvidence,
    TryEvidence,
    is_ringing,
    is_trying,
    leg_result,
    should_fail_over,
)
from ringback.call.outcome_table import EndedBy
from ringback.call.status import TABLE_VERSION
from ringback.model.cause import Cause
from ringback.model.journal import EntryKind
from ringback.model.sip.reason import ELSEWHERE
from ringback.model.status import Kind, LegResult

_MOST_PROGRESS = 20  # provisionals journalled of one leg; a storm of them is counted instead
_TAG_BYTES = 8  # twice the randomness that RFC 3261 19.3 asks of a tag; the call id is random itself

_STARTS: dict[tuple[Kind, int], tuple[str, ...]] = {
    (Kind.OUTBOUND, 1): ("call_start",),
    (Kind.CLICK_TO_CALL, 1): ("call_start", "from_call_start"),
    (Kind.CLICK_TO_CALL, 2): ("to_call_start",),
}


def begin(turn: Turn, plan: LegPlan) -> LegState:
    """Add a leg and call its party. A plan without tries has its result at once."""
    leg = turn.put(LegState(leg=len(turn.legs) + 1, plan=plan))
    if not plan.tries:
        conclude(turn, leg, EndedBy.NOT_DIALED)
    else:
        turn.announce(*_STARTS.get((turn.request.kind, leg.leg), ()))
        _dial(turn, leg, plan, 1)
        turn.emit(StartTimer(name=TimerName.RING, after_ms=plan.ring_ms, leg=leg.leg))
    return turn.legs[leg.leg - 1]


def progressed(turn: Turn, leg: LegState, event: TryProgressed) -> LegState:
    """Note a provisional response of the present try."""
    if not leg.responded:
        turn.emit(StopTimer(name=TimerName.FIRST_RESPONSE, leg=leg.leg, try_=leg.try_))
    if is_trying(event.code):
        return leg if leg.responded else turn.put(replace(leg, responded=True))
    rings = is_ringing(event.code)
    marked_code = -event.code if event.early_media else event.code
    is_worth_an_entry = marked_code != leg.last_code and leg.progress < _MOST_PROGRESS
    if not is_worth_an_entry and (leg.rang or not rings):
        return turn.put(replace(leg, responded=True, repeats=leg.repeats + 1))
    data = {
        "leg": leg.leg,
        "try": leg.try_,
        "code": event.code,
        "phrase": event.phrase,
        "early_media": event.early_media,
    }
    seq = turn.record(EntryKind.PROGRESS, data)
    return turn.put(
        replace(
            leg,
            responded=True,
            rang=leg.rang or rings,
            last_code=marked_code,
            progress=leg.progress + 1,
            evidence=(*leg.evidence, seq) if rings and not leg.rang else leg.evidence,
        )
    )


def answered(turn: Turn, leg: LegState, event: TryAnswered) -> LegState:
    """Note a 2xx that came in time."""
    data = {
        "leg": leg.leg,
        "try": leg.try_,
        "code": event.code,
        "phrase": event.phrase,
        "codec": event.codec,
        "dialog": event.dialog,
    }
    seq = turn.record(EntryKind.LEG_ANSWERED, data)
    conclude(
        turn, leg, EndedBy.ANSWER, seq, Cause(cause="response", side="remote", code=event.code, phrase=event.phrase)
    )
    return turn.legs[leg.leg - 1]


def failed(turn: Turn, leg: LegState, cause: Cause) -> LegState:
    """Note that the present try failed; go on with the next one, or give the leg its result."""
    plan = leg.plan
    assert plan is not None  # noqa: S101  (only dialled legs have tries)
    try_ = plan.tries[leg.try_ - 1]
    failures = (*leg.failures, TryEvidence(trunk=try_.trunk_id, cause=cause))
    evidence = LegEvidence(ended_by=EndedBy.NETWORK, rang=leg.rang, tries=failures, overrides=try_.overrides)
    goes_on = leg.try_ < len(plan.tries) and should_fail_over(evidence)
    data: dict[str, Any] = {
        "leg": leg.leg,
        "try": leg.try_,
        "trunk": try_.trunk_id,
        "cause": cause_data(cause),
        "next": leg.try_ + 1 if goes_on else None,
    }
    if try_.overrides:
        data["overrides"] = msgspec.to_builtins(try_.overrides)
    seq = turn.record(EntryKind.TRY_FAILED, data)
    if not leg.responded and goes_on:
        turn.emit(StopTimer(name=TimerName.FIRST_RESPONSE, leg=leg.leg, try_=leg.try_))
    leg = turn.put(replace(leg, failures=failures, evidence=(*leg.evidence, seq)))
    if goes_on:
        return _dial(turn, leg, plan, leg.try_ + 1)
    conclude(turn, leg, EndedBy.NETWORK)
    return turn.legs[leg.leg - 1]


def rang_out(turn: Turn, leg: LegState) -> LegState:
    """The ring time is up: give the leg its result and withdraw the INVITE."""
    assert leg.plan is not None  # noqa: S101  (only dialled legs have a ring timer)
    by_request = leg.plan.ring_from_request
    seq = turn.record(EntryKind.RING_TIMED_OUT, {"leg": leg.leg, "which": "request" if by_request else "default"})
    conclude(turn, leg, EndedBy.REQUEST_TIMER if by_request else EndedBy.RING_TIMER, seq, timer_runs=False)
    return turn.hang_up(turn.legs[leg.leg - 1], q850=102)  # Q.850 102: recovery on timer expiry


def withdraw(turn: Turn, leg: LegState, ended_by: EndedBy, because: int) -> LegState:
    """Give up a leg that has no result yet, for a reason that is not its own: journal entry `because`."""
    conclude(turn, leg, ended_by, because)
    leg = turn.legs[leg.leg - 1]
    if ended_by is EndedBy.ANSWERED_ELSEWHERE:
        return turn.hang_up(leg, q850=26, reason=ELSEWHERE)  # Q.850 26: non-selected user clearing
    return turn.hang_up(leg)


def conclude(
    turn: Turn,
    leg: LegState,
    ended_by: EndedBy,
    seq: int | None = None,
    cause: Cause | None = None,
    *,
    timer_runs: bool = True,
) -> None:
    """Write the leg's result and stop its timers. `seq`: the entry that shows `ended_by`, if not the tries'."""
    plan = leg.plan
    tries = plan.tries if plan else ()
    verdict = leg_result(
        LegEvidence(
            ended_by=ended_by,
            rang=leg.rang,
            tries=leg.failures,
            blocked=plan.blocked if plan else (),
            overrides=tries[leg.try_ - 1].overrides if leg.try_ else (),
        )
    )
    evidence = leg.evidence if seq is None else (*leg.evidence, seq)
    if cause is None and leg.failures and ended_by is EndedBy.NETWORK:
        cause = leg.failures[-1].cause
    data = result_data(verdict, leg=leg.leg, party=leg.party, evidence=evidence, cause=cause, table=TABLE_VERSION)
    if plan is not None and plan.blocked:
        data["blocked"] = list(plan.blocked)
    if leg.repeats:
        data["repeats"] = leg.repeats
    turn.record(EntryKind.LEG_RESULT, data)
    if leg.try_ and timer_runs:
        turn.emit(StopTimer(name=TimerName.RING, leg=leg.leg))
    if leg.try_ and not leg.responded:
        turn.emit(StopTimer(name=TimerName.FIRST_RESPONSE, leg=leg.leg, try_=leg.try_))
    turn.put(replace(leg, result=verdict.result, evidence=evidence))


def _dial(turn: Turn, leg: LegState, plan: LegPlan, number: int) -> LegState:
    try_ = plan.tries[number - 1]
    sip_call_id = f"{turn.request.id}-{leg.leg}-{number}"
    local_tag = blake2b(sip_call_id.encode(), digest_size=_TAG_BYTES).hexdigest()
    data = {
        "leg": leg.leg,
        "try": number,
        "party": plan.party,
        "trunk": try_.trunk_id,
        "gateway": try_.gateway,
        "call_id": sip_call_id,
        "local_tag": local_tag,
        "to": try_.to_uri,
        "from": try_.from_uri,
    }
    if try_.transport not in {"auto", "udp"}:
        data["transport"] = try_.transport
    if plan.blocked:
        data["blocked"] = list(plan.blocked)
    turn.record(EntryKind.DIALING, data, durable=True)
    turn.emit(Dial(leg=leg.leg, try_=number, plan=try_, sip_call_id=sip_call_id, local_tag=local_tag))
    turn.emit(StartTimer(name=TimerName.FIRST_RESPONSE, after_ms=try_.first_response_ms, leg=leg.leg, try_=number))
    return turn.put(replace(leg, try_=number, responded=False, last_code=0, open_tries=(*leg.open_tries, number)))


def is_undecided(leg: LegState) -> bool:
    """Say whether the party is still being called."""
    return leg.result is None and leg.plan is not None


def has_answered(leg: LegState) -> bool:
    """Say whether the party answered in time."""
    return leg.result is LegResult.ANSWERED
