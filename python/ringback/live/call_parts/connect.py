"""The parties of a flow's connect node: numbers, routes, restrictions, channels."""

from typing import TYPE_CHECKING

from ringback.call.events import ConnectRequested, LegPlan
from ringback.flow.effects import Connect
from ringback.live.capacity import Capacity, Pool, Want
from ringback.model.number import Number
from ringback.model.status import Kind
from ringback.model.trunk import Trunk
from ringback.routing.numbers import InvalidNumber, parse_number
from ringback.routing.outgoing import identity_of
from ringback.routing.restrictions import restriction

if TYPE_CHECKING:
    from ringback.live.task import CallTask


def plan_connect(task: "CallTask", effect: Connect) -> ConnectRequested:
    """Route the parties and reserve channels: one if they are called in turn, one for each if at once.

    A party that cannot be called gets a plan without tries, which counts as failed; `blocked` says what was full.
    """
    own = _own_number(task)
    legs = tuple(_leg(task, own, party, effect) for party in effect.parties)
    callable_legs = sum(bool(leg.tries) for leg in legs)
    count = callable_legs if effect.at_once else min(1, callable_legs)
    if count and own is not None:
        full = _reserve(task, own, count)
        if full is not None:
            blocked = (full.pool.value,)
            legs = tuple(LegPlan(party=leg.party, tries=(), ring_ms=leg.ring_ms, blocked=blocked) for leg in legs)
    return ConnectRequested(at=task.now(), legs=legs, at_once=effect.at_once)


def connect_over(task: "CallTask") -> None:
    """Give back the channels of a connect node."""
    task.holdings.connect_over()
    task.journal.channels = task.holdings.channels
    task.parts.on_free()


def _reserve(task: "CallTask", own: Number, count: int) -> Want | None:
    account = task.account
    wants = [
        Want(pool=Pool.ACCOUNT, key=account.sid, count=count, most=account.channels),
        Want(pool=Pool.NUMBER, key=own.number, count=count, most=own.channels),
    ]
    full = task.parts.capacity.reserve(wants)
    if full is None:
        task.holdings.keep_for_connect(wants)
        task.journal.channels = task.holdings.channels
    return full


def _leg(task: "CallTask", own: Number | None, party: str, effect: Connect) -> LegPlan:
    nothing = LegPlan(party=party, tries=(), ring_ms=effect.ring_ms)
    account, directory = task.account, task.parts.directory
    try:
        number = parse_number(party if party.startswith(("+", "00")) else f"+{party}", allow_test=account.is_test)
    except InvalidNumber:
        return nothing
    forbidden = restriction(
        at=task.now(),
        calling_hours=account.calling_hours,
        is_blocked=directory.is_blocked(account.sid, number, incoming=False),
    )
    if forbidden is not None or own is None or not own.voice_out:
        return nothing
    capacity = task.parts.capacity
    return directory.routes.plan_leg(
        number,
        account=account.sid,
        caller=_caller(task, own, effect.caller_id),
        ring_ms=effect.ring_ms,
        call=identity_of(task.request),
        has_slot=lambda trunk: _has_slot(capacity, trunk),
    )


def _has_slot(capacity: Capacity, trunk: Trunk) -> bool:
    return trunk.channels is None or capacity.taken(Pool.TRUNK, trunk.id) < trunk.channels


def _own_number(task: "CallTask") -> Number | None:
    """Return the flow's own number: the bridge, or the number that was called."""
    request = task.request
    number = task.parts.directory.number(request.to if request.kind is Kind.INCOMING else request.bridge)
    return number if number is not None and number.account == request.account else None


def _caller(task: "CallTask", own: Number, wanted: str | None) -> str:
    """Return the number to show: the one wanted if it is the account's and may call out, else the flow's own."""
    number = task.parts.directory.number(wanted) if wanted else None
    if number is not None and number.account == task.request.account and number.voice_out:
        return number.number
    return own.number
