"""Brings the engine's events to the calls they belong to."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import structlog

from ringback import _engine as en
from ringback.call.events import (
    AnswerWasConfirmed,
    CallEvent,
    LateAnswered,
    LegEnded,
    MediaWasLost,
    StatsReported,
    TryAnswered,
    TryProgressed,
)
from ringback.live.call_parts.legs import Leg
from ringback.live.parts import Parts
from ringback.model.cause import Cause
from ringback.store.writes import TraceMessage

_log = structlog.get_logger(__name__)

_BATCH = 256
_BATCHES_AT_ONCE = 8
"""After so many batches the loop gets its turn; what is left follows at once."""


class EnginePump:
    """Drains the engine whenever its eventfd says so. No fault of one event keeps the next from being handled."""

    def __init__(self, parts: Parts, incoming: Callable[[en.Incoming], None]) -> None:
        self._parts = parts
        self._incoming = incoming
        self._fd: int | None = None
        self.overloaded = ""  # why the engine refuses new calls by itself, "" when it does not

    def start(self) -> None:
        """Drain from now on."""
        self._fd = self._parts.engine.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self.drain)

    def stop(self) -> None:
        """Stop draining; what waits stays in the engine."""
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._fd = None

    def drain(self) -> None:
        """Handle what waits, in order."""
        for _ in range(_BATCHES_AT_ONCE):
            events = self._parts.engine.drain(_BATCH)
            if not events:
                return
            for event in events:
                try:
                    self._handle(event)
                except Exception:  # noqa: BLE001  one event's fault is that event's alone
                    self._parts.counters.pump_faults += 1
                    _log.exception("engine_event_failed", engine_event=repr(event)[:500])
        if self._fd is not None:
            asyncio.get_running_loop().call_soon(self.drain)

    def _handle(self, event: Any) -> None:
        kind = type(event)
        if kind is en.Incoming:
            self._incoming(event)
            return
        make = _CALL_EVENTS.get(kind)
        if make is None:
            self._OTHERS[kind](self, event)
            return
        leg = self._leg(event.leg)
        if leg is None:
            return
        if kind is en.Ended:
            del self._parts.legs[event.leg]
            leg.task.release_slot(leg)
        leg.task.deliver(make(self._parts.clock.moment(event.at_ns), leg, event))

    def _leg(self, engine_leg: int) -> Leg | None:
        leg = self._parts.legs.get(engine_leg)
        if leg is None:
            self._parts.counters.unknown_leg += 1
        return leg

    def _op_done(self, event: en.OpDone) -> None:
        leg = self._leg(event.leg)
        if leg is not None:
            leg.task.op_done(event.op, event.result, event.detail)

    def _gather_done(self, event: en.GatherDone) -> None:
        leg = self._leg(event.leg)
        if leg is not None and leg.task.flow is not None:
            leg.task.flow.gather_done(event.op, event.digits, event.result, event.terminator, event.detail)

    def _trace(self, event: en.Trace) -> None:
        leg = None if event.leg is None else self._parts.legs.get(event.leg)
        if leg is None:
            return  # not of a call: refused sources, OPTIONS
        leg.task.keep_trace(
            TraceMessage(
                at=self._parts.clock.moment(event.at_ns),
                leg=leg.leg,
                outgoing=event.direction == "sent",
                peer=event.peer,
                text=event.message.decode("utf-8", "replace"),
            )
        )

    def _registration(self, event: en.Registration) -> None:
        self._parts.standing.registration(event)
        log = _log.info if event.state in ("registered", "unregistered") else _log.warning
        log("trunk_registration", trunk=event.trunk, state=event.state, code=event.code, phrase=event.phrase)

    def _trunk_state(self, event: en.TrunkState) -> None:
        self._parts.standing.trunk_state(event)
        _log.warning("trunk_state", trunk=event.trunk, gateway=event.gateway, up=event.up, code=event.code)

    def _phone_registered(self, event: en.PhoneRegistered) -> None:
        self._parts.standing.phone_registered(event, self._parts.clock.moment(event.at_ns))

    def _phone_gone(self, event: en.PhoneGone) -> None:
        self._parts.standing.phone_gone(event)

    def _overload(self, event: en.Overload) -> None:
        self.overloaded = event.why if event.on else ""
        _log.warning("engine_overload", on=event.on, why=event.why)

    def _fault(self, event: en.Fault) -> None:
        self._parts.counters.engine_faults += 1
        _log.error("engine_fault", what=event.what, leg=event.leg)

    def _transfer_requested(self, event: en.TransferRequested) -> None:
        """Decline: no call of ours can be transferred by its far end."""
        self._parts.engine.reject_transfer(event.leg, 603)

    def _tried(self, event: en.Tried) -> None:
        _log.info(
            "server_tried", leg=event.leg, target=event.target, cause=event.cause, code=event.code, next=event.next
        )

    def _nothing(self, event: Any) -> None:
        """Dtmf and holds: the operation that waited for the digit reports it, and hold changes nothing of ours."""

    _OTHERS: ClassVar[dict[type, Callable[..., None]]] = {
        en.OpDone: _op_done,
        en.GatherDone: _gather_done,
        en.Trace: _trace,
        en.Registration: _registration,
        en.TrunkState: _trunk_state,
        en.PhoneRegistered: _phone_registered,
        en.PhoneGone: _phone_gone,
        en.Overload: _overload,
        en.Fault: _fault,
        en.Dtmf: _nothing,
        en.Held: _nothing,
        en.HoldDone: _nothing,
        en.TransferRequested: _transfer_requested,
        en.TransferProgress: _nothing,
        en.Tried: _tried,
    }


def _progress(at: Any, leg: Leg, event: en.Progress) -> CallEvent:
    return TryProgressed(
        at=at, leg=leg.leg, try_=leg.try_, code=event.code, phrase=event.phrase, early_media=event.early_media
    )


def _answered(at: Any, leg: Leg, event: en.Answered) -> CallEvent:
    return TryAnswered(
        at=at,
        leg=leg.leg,
        try_=leg.try_,
        code=event.code,
        phrase=event.phrase,
        codec=event.codec,
        dialog=event.dialog,
    )


def _confirmed(at: Any, leg: Leg, event: en.AnswerConfirmed) -> CallEvent:
    del leg
    return AnswerWasConfirmed(at=at, how=event.how, codec=event.codec)


def _late(at: Any, leg: Leg, event: en.LateAnswer) -> CallEvent:
    return LateAnswered(at=at, leg=leg.leg, try_=leg.try_, code=event.code)


def _lost(at: Any, leg: Leg, event: en.MediaLost) -> CallEvent:
    del event
    return MediaWasLost(at=at, leg=leg.leg)


def _stats(at: Any, leg: Leg, event: en.LegStats) -> CallEvent:
    return StatsReported(
        at=at,
        leg=leg.leg,
        codec=event.codec,
        packets_sent=event.packets_sent,
        packets_received=event.packets_received,
        packets_lost=event.packets_lost,
        jitter_ms=event.jitter_ms,
        round_trip_ms=event.round_trip_ms,
        packets_late=event.packets_late,
        concealed_ms=event.concealed_ms,
        jitter_max_ms=event.jitter_max_ms,
        loss_percent=event.loss_percent,
        remote_loss_percent=event.remote_loss_percent,
        mos=event.mos,
    )


def _ended(at: Any, leg: Leg, event: en.Ended) -> CallEvent:
    cause = Cause(
        cause=event.cause,
        side=event.side,
        code=event.code,
        phrase=event.phrase,
        reason=event.reason,
        q850=event.q850,
    )
    return LegEnded(at=at, leg=leg.leg, try_=leg.try_, cause=cause)


_CALL_EVENTS: dict[type, Callable[[Any, Leg, Any], CallEvent]] = {
    en.Progress: _progress,
    en.Answered: _answered,
    en.AnswerConfirmed: _confirmed,
    en.LateAnswer: _late,
    en.Ended: _ended,
    en.MediaLost: _lost,
    en.LegStats: _stats,
}
