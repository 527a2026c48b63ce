"""Operations of the fake engine: prompts last as long as their files, digits arrive at once, nothing is heard."""

import itertools
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ringback import _engine as en

if TYPE_CHECKING:
    from ringback.testing.fake_signaling import FakeSignaling

_RATE_HZ = 8000


class _Op:
    """A running operation. `replaces` says that a new one of the kind ends it."""

    def __init__(self, op: int, leg: int, kind: str, *, replaces: bool, barge_in: bool = False) -> None:
        self.op = op
        self.leg = leg
        self.kind = kind
        self.replaces = replaces
        self.barge_in = barge_in
        self.timer: Any = None
        self.digits = ""
        self.other_leg = 0
        self.settings: dict[str, Any] = {}


class _Table:
    """The operations under way."""

    def __init__(self) -> None:
        self._ops: dict[int, _Op] = {}

    def _done(self, op: _Op, result: str, detail: str | None = None) -> None:
        raise NotImplementedError

    def runs(self, op: int, kind: str) -> bool:
        """Say whether an operation of a kind is under way."""
        return op in self._ops and self._ops[op].kind == kind

    def count_kind(self, kind: str, with_: int) -> int:
        """Count who takes part in a room."""
        return sum(op.kind == kind and op.other_leg == with_ for op in self._ops.values())

    def end_kind(self, kind: str, with_: int, result: str, detail: str) -> None:
        """End what is about a room or a join."""
        for op in tuple(self._ops.values()):
            if op.kind == kind and op.other_leg == with_:
                self._done(op, result, detail)


class FakeMedia(_Table):
    """The operations of one fake engine."""

    def __init__(self, engine: "FakeSignaling") -> None:
        self._engine = engine
        self._ids = itertools.count(1)
        super().__init__()
        self._typed: dict[int, str] = {}  # digits typed ahead, by leg

    @property
    def running(self) -> int:
        """How many operations run."""
        return len(self._ops)

    def play(self, leg: int, files: list[str], *, loop: int, barge_in: bool) -> int:
        """Play files one after another."""
        op = self._begin(leg, "play", replaces=True, barge_in=barge_in)
        if op.op not in self._ops:
            return op.op
        try:
            length_s = sum(map(_seconds, files))
        except (OSError, wave.Error, EOFError) as error:
            self._done(op, "failed", str(error))
            return op.op
        if loop:
            self._after(op, length_s * loop, lambda: self._done(op, "done"))
        return op.op

    def tone(self, leg: int, duration_ms: int) -> int:
        """Play a tone."""
        op = self._begin(leg, "tone", replaces=True)
        if op.op in self._ops and duration_ms:
            self._after(op, duration_ms / 1000, lambda: self._done(op, "done"))
        return op.op

    def gather(self, leg: int, files: list[str], **settings: Any) -> int:
        """Collect digits after (or into) a prompt."""
        op = self._begin(leg, "gather", replaces=True, barge_in=settings["barge_in"])
        if op.op not in self._ops:
            return op.op
        op.settings = settings
        try:
            length_s = sum(map(_seconds, files))
        except (OSError, wave.Error, EOFError) as error:
            self._gathered(op, "failed", detail=str(error))
            return op.op
        self._after(op, length_s + settings["first_timeout_ms"] / 1000, lambda: self._timed_out(op))
        for digit in self._typed.pop(leg, ""):
            self._collect(op, digit)
        return op.op

    def record(self, leg: int, path: str, *, stereo: bool, max_ms: int) -> int:
        """Write a WAV file without sound."""
        op = self._begin(leg, "record", replaces=False)
        if op.op not in self._ops:
            return op.op
        try:
            _write_silence(Path(path), channels=2 if stereo else 1)
        except OSError as error:
            self._done(op, "failed", str(error))
            return op.op
        self._after(op, max_ms / 1000, lambda: self._done(op, "limit"))
        return op.op

    def send_dtmf(self, leg: int, digits: str) -> int:
        """Let the far end hear keys."""
        op = self._begin(leg, "dtmf", replaces=False)
        ours = self._engine.leg(leg)
        if op.op in self._ops:
            if ours is not None and ours.peer is not None:
                far, theirs = ours.peer
                for digit in digits.replace(",", ""):
                    far._media.hear(theirs.id, digit)  # noqa: SLF001  (its own kind)
            self._done(op, "done")
        return op.op

    def detect_machine(self, leg: int, silence_ms: int) -> int:
        """Hear nothing."""
        for older in tuple(self._ops.values()):
            if older.leg == leg and older.kind == "machine":
                self._done(older, "replaced")
        op = self._begin(leg, "machine", replaces=False)
        if op.op in self._ops:
            self._after(op, silence_ms / 1000, lambda: self.hear_machine(leg, "unsure"))
        return op.op

    def hear_machine(self, leg: int, verdict: str) -> None:
        """Report what a detection knows; only a machine leaves something to wait for."""
        for op in tuple(self._ops.values()):
            if op.leg == leg and op.kind == "machine":
                at_ns = self._engine.now_ns()
                self._engine.emit(en.Machine(op=op.op, leg=leg, at_ns=at_ns, verdict=verdict, why="initial_silence"))
                if verdict == "machine":
                    self._after(op, 30.0, partial(self._done, op, "limit"))
                else:
                    self._done(op, "done")

    def join(self, a: int, b: int) -> int:
        """Join two legs; what plays to them is replaced."""
        for op in tuple(self._ops.values()):
            if op.leg == b and op.replaces:
                self._finish(op, "replaced")
        joined = self._begin(a, "join", replaces=True)
        joined.other_leg = b
        if joined.op in self._ops and self._engine.leg(b) is None:
            self._done(joined, "failed", "there is no such leg")
        return joined.op

    def talk(self, leg: int, kind: str, with_: int, refused: str | None) -> int:
        """Begin to take part in a room, or to tap a join."""
        op = self._begin(leg, kind, replaces=True)
        op.other_leg = with_
        if refused is not None:
            self._done(op, "failed", refused)
        return op.op

    def stream(self, leg: int) -> int:
        """Begin a stream; a new one replaces it."""
        for older in tuple(self._ops.values()):
            if older.leg == leg and older.kind == "stream":
                self._done(older, "replaced")
        return self._begin(leg, "stream", replaces=False).op

    def stop(self, op: int) -> None:
        """Stop an operation."""
        running = self._ops.get(op)
        if running is not None:
            self._finish(running, "stopped")

    def hear(self, leg: int, digit: str) -> None:
        """A key was pressed at the far end of a leg."""
        if self._engine.leg(leg) is None:
            return
        at_ns = self._engine.now_ns()
        self._engine.emit(en.Dtmf(leg=leg, at_ns=at_ns, digit=digit, duration_ms=100, how="rfc4733"))
        for op in tuple(self._ops.values()):
            if op.leg == leg and op.kind == "gather":
                self._collect(op, digit)
                return
            if op.leg == leg and op.kind == "play" and op.barge_in:
                self._done(op, "digit")
        self._typed[leg] = self._typed.get(leg, "") + digit

    def leg_ended(self, leg: int) -> None:
        """End what runs on a leg."""
        self._typed.pop(leg, None)
        for op in tuple(self._ops.values()):
            if leg in (op.leg, op.other_leg):
                self._finish(op, "leg_ended")

    def forget(self) -> None:
        """Stop every timer and say nothing."""
        for op in self._ops.values():
            if op.timer is not None:
                op.timer.cancel()
        self._ops.clear()

    def _begin(self, leg: int, kind: str, *, replaces: bool, barge_in: bool = False) -> _Op:
        op = _Op(next(self._ids), leg, kind, replaces=replaces, barge_in=barge_in)
        if replaces:
            for other in tuple(self._ops.values()):
                if leg in (other.leg, other.other_leg) and other.replaces:
                    self._finish(other, "replaced")
        self._ops[op.op] = op
        if self._engine.leg(leg) is None:
            self._finish(op, "failed", "there is no such leg")
        return op

    def _after(self, op: _Op, delay_s: float, then: Callable[[], object]) -> None:
        if op.timer is not None:
            op.timer.cancel()
        op.timer = self._engine.later(delay_s, then)

    def _collect(self, op: _Op, digit: str) -> None:
        if op.op not in self._ops:
            return
        if digit in op.settings["terminators"]:
            enough = len(op.digits) >= op.settings["min_digits"]
            self._gathered(op, "match" if enough else "too_few", terminator=digit)
            return
        op.digits += digit
        if len(op.digits) >= op.settings["max_digits"]:
            self._gathered(op, "match")
        else:
            self._after(op, op.settings["inter_timeout_ms"] / 1000, lambda: self._timed_out(op))

    def _timed_out(self, op: _Op) -> None:
        enough = len(op.digits) >= op.settings["min_digits"]
        self._gathered(op, "match" if enough and op.digits else "too_few" if op.digits else "no_input")

    def _finish(self, op: _Op, result: str, detail: str | None = None) -> None:
        if op.kind == "gather":
            self._gathered(op, result, detail=detail)
        else:
            self._done(op, result, detail)

    def _done(self, op: _Op, result: str, detail: str | None = None) -> None:
        if self._take(op):
            self._engine.emit(
                en.OpDone(
                    op=op.op, leg=op.leg, at_ns=self._engine.now_ns(), result=result, detail=detail, duration_ms=0
                )
            )
            if op.kind == "join":
                self.end_kind("tap", op.op, "done", "what was tapped is over")

    def _gathered(self, op: _Op, result: str, *, terminator: str | None = None, detail: str | None = None) -> None:
        if self._take(op):
            self._engine.emit(
                en.GatherDone(
                    op=op.op,
                    leg=op.leg,
                    at_ns=self._engine.now_ns(),
                    digits=op.digits,
                    result=result,
                    terminator=terminator,
                    detail=detail,
                )
            )

    def _take(self, op: _Op) -> bool:
        if self._ops.pop(op.op, None) is None:
            return False
        if op.timer is not None:
            op.timer.cancel()
        return True


def _seconds(path: str) -> float:
    with wave.open(path) as file:
        return float(file.getnframes() / file.getframerate())


def _write_silence(path: Path, *, channels: int) -> None:
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
