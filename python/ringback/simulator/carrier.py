"""The well-behaved side of the simulator: a SIP user agent on the engine that does as it is told."""

import asyncio
import secrets
from collections import Counter
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
    """What one leg still has to do. `number`: the test number that was called; empty for calls of ours."""

    def __init__(self, behavior: AnswerAndTalk | None, script: CallScript | None, number: str = "") -> None:
        self.behavior = behavior
        self.script = script
        self.number = number
        self.answered = False
        self.digits = ""
        self.timers: list[asyncio.TimerHandle] = []


class Carrier:
    """One engine, driven by test numbers and scripts. Reports go to the callback as plain dicts.

    Args:
        listen: SIP address, `host:port`.
        target: Ringback's SIP address.
        voices: What callers say, and what callees say, see `_voice`.
        report: Gets every report.
        report_invites: Report every call to a test number, when it comes and when it is over.
        record_folder: Record each answered test number there, as `<number>.wav` (again: `<number>-2.wav`), in stereo:
            left what it heard, right what it said.
    """

    def __init__(
        self,
        *,
        listen: str,
        target: str,
        voices: tuple[Path, Path],
        report: Callable[[dict[str, Any]], None],
        report_invites: bool = False,
        record_folder: Path | None = None,
    ) -> None:
        self._target = target
        self._caller_voice, self._callee_voice = voices
        self._report = report
        self._report_invites = report_invites
        self._record_folder = record_folder
        self._legs: dict[int, _Leg] = {}
        self._recorded: Counter[str] = Counter()
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
                leg = self._remember(leg_id, None, number)
                self._ring(leg_id, ring_ms, early_media=behavior.early_media)
                reason = f"Q.850;cause={q850}" if q850 else None
                self._later(leg, ring_ms, lambda: self._engine.reject(leg_id, code, reason=reason))
            case AnswerAndTalk(ring_ms=ring_ms):
                leg = self._remember(leg_id, behavior, number)
                self._ring(leg_id, ring_ms, early_media=behavior.early_media)
                self._later(leg, ring_ms, lambda: self._engine.answer(leg_id))
            case RingForever():
                self._remember(leg_id, None, number)
                self._engine.ring(leg_id)
            case _:  # misbehavior is dialed on the other address
                self._engine.reject(leg_id, 404)

    def _ring(self, leg_id: int, ring_ms: int, *, early_media: bool) -> None:
        if early_media:
            self._engine.early_media(leg_id)
            self._engine.play(leg_id, [str(self._voice(self._legs[leg_id]))], loop=0)
        elif ring_ms:
            self._engine.ring(leg_id)

    def _on_answered(self, leg_id: int) -> None:
        leg = self._legs.get(leg_id)
        if leg is None or leg.answered:
            return
        leg.answered = True
        digits, talk_ms = "", None
        if leg.script is not None:
            digits, talk_ms = leg.script.digits, leg.script.talk_ms
        elif leg.behavior is not None:
            digits, talk_ms = leg.behavior.digits, leg.behavior.talk_ms
        if recording := self._recording(leg):
            self._engine.record(leg_id, recording)
        self._engine.play(leg_id, [str(self._voice(leg))], loop=0)
        if digits:
            self._engine.send_dtmf(leg_id, digits)
        self._later(leg, talk_ms or _TALK_LIMIT_MS, lambda: self._engine.hangup(leg_id))
        self._tell(leg_id, "answered")

    def _voice(self, leg: _Leg) -> Path:
        """Callers go up and callees down; odd test numbers go up too, so that two of them are told apart."""
        is_odd = leg.number[-1:] in set("13579")
        return self._caller_voice if leg.script is not None or is_odd else self._callee_voice

    def _recording(self, leg: _Leg) -> str | None:
        """Return the path that the leg is to be recorded to, None for none."""
        if leg.script is not None:
            return leg.script.record
        if self._record_folder is None or not leg.number:
            return None
        self._recorded[leg.number] += 1
        nth = self._recorded[leg.number]
        return str(self._record_folder / (f"{leg.number}.wav" if nth == 1 else f"{leg.number}-{nth}.wav"))

    def _on_ended(self, event: _engine.Ended) -> None:
        leg = self._legs.pop(event.leg, None)
        if leg is None:
            return
        for timer in leg.timers:
            timer.cancel()
        end = {"cause": event.cause, "side": event.side, "code": event.code}
        report = {"event": "ended", **end, "answered": leg.answered, "digits": leg.digits}
        if leg.script is not None:
            self._report({**report, "id": leg.script.id})
        elif self._report_invites:
            self._report({**report, "number": leg.number})

    def _remember(self, leg_id: int, behavior: AnswerAndTalk | None, number: str) -> _Leg:
        leg = self._legs[leg_id] = _Leg(behavior, None, number)
        return leg

    def _tell(self, leg_id: int, what: str, **data: object) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None and leg.script is not None:
            self._report({"event": what, "id": leg.script.id, **data})

    @staticmethod
    def _later(leg: _Leg, after_ms: int, what: Callable[[], object]) -> None:
        leg.timers.append(asyncio.get_running_loop().call_later(after_ms / 1000, what))
