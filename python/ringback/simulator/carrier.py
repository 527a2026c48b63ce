"""The well-behaved side of the simulator: a SIP user agent on the engine that does as it is told."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from ringback import _engine
from ringback.simulator.opcodes import AnswerAndTalk, NotATestNumberError, Refuse, RingForever, behavior_of

TRUNK = 1
_ANONYMOUS = "sip:anonymous@anonymous.invalid"
_TALK_LIMIT_MS = 3_600_000


class CallScript(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call to place towards Ringback.

    Attributes:
        id: Comes back in every report about it.
        from_: Calling number; None sends no usable one.
        cancel_after_ms: Give up after this time if not answered.
        talk_ms: Hang up this long after the answer; None waits for the other side.
        digits: Sent after the answer, one after another.
        record: Path of a WAV file that gets both directions.
    """

    id: str
    to: str
    from_: str | None = None
    cancel_after_ms: int | None = None
    talk_ms: int | None = None
    digits: str = ""
    record: str | None = None


class _Leg:
    """What one leg still has to do."""

    def __init__(self, behavior: AnswerAndTalk | None, script: CallScript | None) -> None:
        self.behavior = behavior
        self.script = script
        self.answered = False
        self.digits = ""
        self.timers: list[asyncio.TimerHandle] = []


class Carrier:
    """One engine, driven by test numbers and scripts. Reports go to the callback as plain dicts."""

    def __init__(
        self,
        *,
        listen: str,
        target: str,
        voices: tuple[Path, Path],
        report: Callable[[dict[str, Any]], None],
        report_invites: bool = False,
    ) -> None:
        self._target = target
        self._caller_voice, self._callee_voice = voices
        self._report = report
        self._report_invites = report_invites
        self._legs: dict[int, _Leg] = {}
        self._engine = _engine.Engine(
            _engine.EngineConfig(
                listen=listen,
                rtp_first_port=40000,
                rtp_last_port=59998,
                user_agent="Ringback carrier simulator",
                decide_within_ms=60_000,
                max_incoming_per_s=100_000,
            )
        )

    def start(self) -> None:
        """Open the sockets and begin to listen."""
        self._engine.set_trunks([_engine.TrunkConfig(id=TRUNK)])
        self._engine.start()
        host = self._target.rpartition(":")[0]
        self._engine.set_access([_engine.AccessRule(network=host, trunk=TRUNK)])
        asyncio.get_running_loop().add_reader(self._engine.fileno(), self._drain)

    @property
    def address(self) -> str:
        """`host:port` it listens on."""
        return self._engine.local_address()

    def close(self) -> None:
        """End every leg and stop."""
        for leg in self._legs.values():
            for timer in leg.timers:
                timer.cancel()
        asyncio.get_running_loop().remove_reader(self._engine.fileno())
        self._engine.stop(grace_ms=300)

    def stats(self) -> dict[str, int]:
        """Return the engine's counters."""
        return self._engine.stats()

    def call(self, script: CallScript) -> None:
        """Place a call towards Ringback."""
        host = self._target
        headers = [] if script.from_ else [("Privacy", "id")]
        leg_id = self._engine.dial(
            trunk=TRUNK,
            gateway=self._target,
            to=f"sip:{script.to}@{host}",
            from_=f"sip:{script.from_}@{self.address}" if script.from_ else _ANONYMOUS,
            call_id=f"sim-{secrets.token_hex(8)}",
            local_tag=secrets.token_hex(6),
            headers=headers,
        )
        leg = self._legs[leg_id] = _Leg(None, script)
        if script.cancel_after_ms is not None:
            self._later(leg, script.cancel_after_ms, lambda: None if leg.answered else self._engine.hangup(leg_id))

    def _drain(self) -> None:
        while events := self._engine.drain(256):
            for event in events:
                self._on_event(event)

    def _on_event(self, event: _engine.Event) -> None:
        match event:
            case _engine.Incoming():
                self._on_incoming(event)
            case _engine.Progress(leg=leg_id, code=code):
                self._tell(leg_id, "progress", code=code)
            case _engine.Answered(leg=leg_id) | _engine.AnswerConfirmed(leg=leg_id):
                self._on_answered(leg_id)
            case _engine.Dtmf(leg=leg_id, digit=digit):
                if leg := self._legs.get(leg_id):
                    leg.digits += digit
                self._tell(leg_id, "digit", digit=digit)
            case _engine.Ended():
                self._on_ended(event)
            case _:
                pass

    def _on_incoming(self, event: _engine.Incoming) -> None:
        number = event.request_uri.removeprefix("sip:").split("@", 1)[0]
        leg_id = event.leg
        if self._report_invites:
            self._report({"event": "invited", "number": number, "call_id": event.call_id})
        try:
            behavior = behavior_of(number)
        except NotATestNumberError:
            self._engine.reject(leg_id, 404)
            return
        match behavior:
            case Refuse(code=code, ring_ms=ring_ms, q850=q850):
                leg = self._remember(leg_id, None)
                self._ring(leg_id, ring_ms, early_media=behavior.early_media)
                reason = f"Q.850;cause={q850}" if q850 else None
                self._later(leg, ring_ms, lambda: self._engine.reject(leg_id, code, reason=reason))
            case AnswerAndTalk(ring_ms=ring_ms):
                leg = self._remember(leg_id, behavior)
                self._ring(leg_id, ring_ms, early_media=behavior.early_media)
                self._later(leg, ring_ms, lambda: self._engine.answer(leg_id))
            case RingForever():
                self._remember(leg_id, None)
                self._engine.ring(leg_id)
            case _:  # misbehavior is dialed on the other address
                self._engine.reject(leg_id, 404)

    def _ring(self, leg_id: int, ring_ms: int, *, early_media: bool) -> None:
        if early_media:
            self._engine.early_media(leg_id)
            self._engine.play(leg_id, [str(self._callee_voice)], loop=0)
        elif ring_ms:
            self._engine.ring(leg_id)

    def _on_answered(self, leg_id: int) -> None:
        leg = self._legs.get(leg_id)
        if leg is None or leg.answered:
            return
        leg.answered = True
        digits, talk_ms, voice = "", None, self._callee_voice
        if leg.script is not None:
            digits, talk_ms, voice = leg.script.digits, leg.script.talk_ms, self._caller_voice
            if leg.script.record:
                self._engine.record(leg_id, leg.script.record)
        elif leg.behavior is not None:
            digits, talk_ms = leg.behavior.digits, leg.behavior.talk_ms
        self._engine.play(leg_id, [str(voice)], loop=0)
        if digits:
            self._engine.send_dtmf(leg_id, digits)
        self._later(leg, talk_ms or _TALK_LIMIT_MS, lambda: self._engine.hangup(leg_id))
        self._tell(leg_id, "answered")

    def _on_ended(self, event: _engine.Ended) -> None:
        leg = self._legs.get(event.leg)
        self._tell(
            event.leg,
            "ended",
            cause=event.cause,
            side=event.side,
            code=event.code,
            answered=leg.answered if leg else False,
            digits=leg.digits if leg else "",
        )
        if leg is not None:
            for timer in leg.timers:
                timer.cancel()
            del self._legs[event.leg]

    def _remember(self, leg_id: int, behavior: AnswerAndTalk | None) -> _Leg:
        leg = self._legs[leg_id] = _Leg(behavior, None)
        return leg

    def _tell(self, leg_id: int, what: str, **data: object) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None and leg.script is not None:
            self._report({"event": what, "id": leg.script.id, **data})

    @staticmethod
    def _later(leg: _Leg, after_ms: int, what: Callable[[], object]) -> None:
        leg.timers.append(asyncio.get_running_loop().call_later(after_ms / 1000, what))
