"""One step in the making: a mutable copy of the state, and the effects so far. Lives only inside `step`."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ringback.call.effects import Announce, CallEffect, Hangup, Record, StartTimer, StopTimer
from ringback.call.events import LateAnswered, LegEnded, TimerName, TryAnswered, TryProgressed
from ringback.call.machine.state import CallState, IllegalEvent, LegState
from ringback.call.status import CURRENT
from ringback.model.journal import EntryKind

TryEvent = LegEnded | TryAnswered | LateAnswered | TryProgressed
_FIELDS = tuple(name for name in CallState.__struct_fields__ if name != "legs")


class Turn:
    """The fields of `CallState`, changeable; `legs` is a list."""

    __slots__ = (*_FIELDS, "at", "effects", "legs")

    def __init__(self, state: CallState, at: datetime) -> None:
        self.request = state.request
        self.state = state.state
        self.next_seq = state.next_seq
        self.reading = state.reading
        self.legs = list(state.legs)
        self.plan = state.plan
        self.flow_id = state.flow_id
        self.flow_version = state.flow_version
        self.timer = state.timer
        self.max_duration_ms = state.max_duration_ms
        self.is_early = state.is_early
        self.runs_flow = state.runs_flow
        self.flow_is_over = state.flow_is_over
        self.is_withdrawn = state.is_withdrawn
        self.connecting = state.connecting
        self.at = at
        self.effects: list[CallEffect] = []

    def freeze(self) -> CallState:
        """Return the new state."""
        return CallState(
            request=self.request,
            state=self.state,
            next_seq=self.next_seq,
            reading=self.reading,
            legs=tuple(self.legs),
            plan=self.plan,
            flow_id=self.flow_id,
            flow_version=self.flow_version,
            timer=self.timer,
            max_duration_ms=self.max_duration_ms,
            is_early=self.is_early,
            runs_flow=self.runs_flow,
            flow_is_over=self.flow_is_over,
            is_withdrawn=self.is_withdrawn,
            connecting=self.connecting,
        )

    def record(self, kind: EntryKind, data: dict[str, Any], *, durable: bool = False) -> int:
        """Write a journal entry and read it for the status; return its number."""
        seq = self.next_seq
        self.next_seq = seq + 1
        self.effects.append(Record(seq=seq, kind=kind, data=data, durable=durable))
        self.reading = CURRENT.observe(self.reading, self.request.kind, kind, seq, data)
        return seq

    def emit(self, effect: CallEffect) -> None:
        """Ask for something."""
        self.effects.append(effect)

    def announce(self, *events: str) -> None:
        """Announce webhook events."""
        for event in events:
            self.effects.append(Announce(event=event))

    def leg(self, number: int, event: object) -> LegState:
        """Return a leg.

        Raises:
            IllegalEvent: there is no such leg.
        """
        if not 1 <= number <= len(self.legs):
            raise IllegalEvent(self.state, f"{type(event).__name__} of leg {number}")
        return self.legs[number - 1]

    def leg_of(self, event: TryEvent) -> LegState:
        """Return the leg of an event about one try.

        Raises:
            IllegalEvent: there is no such leg, or that try was never made.
        """
        leg = self.leg(event.leg, event)
        if not min(1, leg.try_) <= event.try_ <= leg.try_:
            raise IllegalEvent(self.state, f"{type(event).__name__} of leg {event.leg}, try {event.try_}")
        return leg

    def needs_flow(self, event: object) -> None:
        """Make sure that the event can come from a flow.

        Raises:
            IllegalEvent: no flow runs (a miss-call), or it is over.
        """
        if not self.runs_flow:
            raise IllegalEvent(self.state, f"{type(event).__name__} without a flow")

    def put(self, leg: LegState) -> LegState:
        """Replace a leg, or add the next one."""
        if leg.leg > len(self.legs):
            self.legs.append(leg)
        else:
            self.legs[leg.leg - 1] = leg
        return leg

    def start_timer(self, name: TimerName, after_ms: int) -> None:
        """Start the call's own timer; at most one runs."""
        self.stop_timer()
        self.timer = name
        self.effects.append(StartTimer(name=name, after_ms=after_ms))

    def stop_timer(self) -> None:
        """Stop the call's own timer if one runs."""
        if self.timer:
            self.effects.append(StopTimer(name=TimerName(self.timer)))
            self.timer = ""

    def hang_up(self, leg: LegState, *, q850: int | None = 16, reason: str | None = None) -> LegState:
        """Tell every try of a leg that is still up to end."""
        if not leg.open_tries:
            return leg
        for try_ in leg.open_tries:
            self.effects.append(Hangup(leg=leg.leg, try_=try_, q850=q850, reason=reason))
        return self.put(replace(leg, open_tries=(), leaving_tries=(*leg.leaving_tries, *leg.open_tries)))
