"""The parties of a flow's connect node: numbers, routes, restrictions, channels."""

from ringback.call.events import ConnectRequested, LegPlan
from ringback.flow.effects import Connect
from ringback.live.capacity import Pool, Want
from ringback.live.parts import Parts
from ringback.live.task import CallTask
from ringback.model.account import Account
from ringback.model.number import Number
from ringback.model.status import Kind
from ringback.model.trunk import Trunk
from ringback.routing.numbers import InvalidNumber, parse_number
from ringback.routing.restrictions import restriction


class Connects:
    """Plans connect nodes. A party that cannot be called gets a plan without tries, which counts as failed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def plan(self, task: CallTask, effect: Connect) -> ConnectRequested:
        """Route the parties and reserve channels: one if they are called in turn, one for each if at once."""
        account = self._parts.directory.account(task.request.account) or task.account
        own = self._own_number(task)
        legs = [self._leg(task, account, own, party, effect) for party in effect.parties]
        callable_legs = sum(bool(leg.tries) for leg in legs)
        count = callable_legs if effect.at_once else min(1, callable_legs)
        if count and own is not None:
            wants = [
                Want(pool=Pool.ACCOUNT, key=account.sid, count=count, most=account.channels),
                Want(pool=Pool.NUMBER, key=own.number, count=count, most=own.channels),
            ]
            full = self._parts.capacity.reserve(wants)
            if full is None:
                task.hold_for_connect(wants)
            else:
                blocked = (full.pool.value,)
                legs = [LegPlan(party=leg.party, tries=(), ring_ms=leg.ring_ms, blocked=blocked) for leg in legs]
        return ConnectRequested(at=task.now(), legs=tuple(legs), at_once=effect.at_once)

    def _leg(self, task: CallTask, account: Account, own: Number | None, party: str, effect: Connect) -> LegPlan:
        nothing = LegPlan(party=party, tries=(), ring_ms=effect.ring_ms)
        try:
            number = parse_number(party if party.startswith(("+", "00")) else f"+{party}", allow_test=account.is_test)
        except InvalidNumber:
            return nothing
        forbidden = restriction(
            at=task.now(),
            calling_hours=account.calling_hours,
            is_blocked=self._parts.directory.is_blocked(account.sid, number, incoming=False),
        )
        if forbidden is not None or own is None or not own.voice_out:
            return nothing
        return self._parts.directory.routes.plan_leg(
            number,
            account=account.sid,
            caller=self._caller(task, own, effect.caller_id),
            ring_ms=effect.ring_ms,
            has_slot=self._has_slot,
        )

    def _has_slot(self, trunk: Trunk) -> bool:
        return trunk.channels is None or self._parts.capacity.taken(Pool.TRUNK, trunk.id) < trunk.channels

    def _own_number(self, task: CallTask) -> Number | None:
        """Return the flow's own number: the bridge, or the number that was called."""
        request = task.request
        number = self._parts.directory.number(request.to if request.kind is Kind.INCOMING else request.bridge)
        return number if number is not None and number.account == request.account else None

    def _caller(self, task: CallTask, own: Number, wanted: str | None) -> str:
        """Return the number to show: the one wanted if it is the account's and may call out, else the flow's own."""
        number = self._parts.directory.number(wanted) if wanted else None
        if number is not None and number.account == task.request.account and number.voice_out:
            return number.number
        return own.number
