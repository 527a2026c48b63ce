"""The engine without a network: two or more fakes joined by a wire in memory, with the events of the real one.

It answers commands as `ringback._engine.Engine` does (both pass `tests/contract`). Its only time is its clock's, and
what the real world does by itself a test does by hand: `lose_media`, `lose_ack`, `vanish`.
"""

from ringback import _engine as en
from ringback.live.clock import Clock
from ringback.model.tones import TONE_COUNTRIES
from ringback.testing.fake_defense import FakeDefense
from ringback.testing.fake_dialogs import FakeDialogs
from ringback.testing.fake_registrar import FakeRegistrar
from ringback.testing.fake_rooms import FakeRooms
from ringback.testing.fake_signaling import FakeLeg, FakeNetwork

__all__ = ["FakeEngine", "FakeLeg", "FakeNetwork"]

_TONES = {"dial", "ringback", "busy", "congestion", "special_information", "beep"}
_GREETING_MS = range(500, 10_001)


class FakeEngine(FakeDialogs, FakeRooms, FakeDefense, FakeRegistrar):
    """Same methods as `Engine`. `network` joins engines; `clock` runs prompts and digit time-outs."""

    def __init__(
        self, config: object | None = None, *, network: FakeNetwork | None = None, clock: Clock | None = None
    ) -> None:
        FakeDialogs.__init__(self, config, network, clock)
        FakeRooms.__init__(self)
        FakeDefense.__init__(self)
        FakeRegistrar.__init__(self)

    def stats(self) -> dict[str, int]:
        """Return counters and gauges."""
        answered = sum(leg.state == "answered" for leg in self._legs.values())
        return {
            "legs": len(self._legs),
            "dialogs": answered,
            "transactions": len(self._legs) - answered,
            "media_ports": len(self._legs) * 2,
            "events_waiting": self.waiting,
            "ops": self._media.running,
            **self.counters,
        }

    def play(self, leg: int, files: list[str], *, loop: int = 1, barge_in: bool = False, gain_db: float = 0.0) -> int:
        """Play WAV files: for as long as they are, by the clock."""
        del gain_db
        self._check_running()
        return self._media.play(leg, files, loop=loop, barge_in=barge_in)

    def gather(
        self,
        leg: int,
        *,
        files: list[str] | None = None,
        min_digits: int = 1,
        max_digits: int = 1,
        terminators: str = "#",
        first_timeout_ms: int = 5000,
        inter_timeout_ms: int = 3000,
        barge_in: bool = True,
    ) -> int:
        """Collect digits."""
        self._check_running()
        return self._media.gather(
            leg,
            files or [],
            min_digits=min_digits,
            max_digits=max_digits,
            terminators=terminators,
            first_timeout_ms=first_timeout_ms,
            inter_timeout_ms=inter_timeout_ms,
            barge_in=barge_in,
        )

    def record(
        self, leg: int, path: str, *, stereo: bool = True, max_ms: int = 3_600_000, silence_stop_ms: int = 0
    ) -> int:
        """Make an empty recording."""
        del silence_stop_ms
        self._check_running()
        return self._media.record(leg, path, stereo=stereo, max_ms=max_ms)

    def tone(self, leg: int, name: str, *, duration_ms: int = 0, country: str | None = None) -> int:
        """Play a tone."""
        self._check_running()
        if name not in _TONES:
            raise en.InvalidArgument(f"name: {name!r} is no tone")
        if country is not None and country not in TONE_COUNTRIES:
            raise en.InvalidArgument(f"country: the tones of {country!r} are not known")
        return self._media.tone(leg, duration_ms)

    def send_dtmf(self, leg: int, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> int:
        """Press keys; the far end hears them at once."""
        del tone_ms, gap_ms
        self._check_running()
        return self._media.send_dtmf(leg, digits)

    def detect_machine(
        self,
        leg: int,
        *,
        initial_silence_ms: int = 4000,
        greeting_ms: int = 1800,
        after_silence_ms: int = 800,
        max_words: int = 6,
        total_ms: int = 8000,
        beep_timeout_ms: int = 30000,
    ) -> int:
        """Listen; a fake line is silent, so the answer is `unsure` unless the test says otherwise (`hear_machine`)."""
        del after_silence_ms, max_words, beep_timeout_ms
        self._check_running()
        if greeting_ms not in _GREETING_MS:
            raise en.InvalidArgument(f"greeting_ms: {greeting_ms} is outside 500 to 10000")
        return self._media.detect_machine(leg, min(initial_silence_ms, total_ms))

    def join(self, a: int, b: int) -> int:
        """Join two legs."""
        self._check_running()
        self.commands.append(("join", a, b))
        return self._media.join(a, b)

    def stop_op(self, op: int) -> None:
        """Stop an operation."""
        self._check_running()
        self._media.stop(op)

    # What a test does by hand.

    def lose_media(self, leg: int) -> None:
        """Nothing comes from the far end any more."""
        self.emit(en.MediaLost(leg=leg, at_ns=self.now_ns()))

    def hear_machine(self, leg: int, verdict: str) -> None:
        """A detection on a leg knows something: `human`, `machine`, `unsure` or `beep`."""
        self._media.hear_machine(leg, verdict)

    def lose_ack(self, leg: int) -> None:
        """A leg dialed from here will not acknowledge the answer."""
        self._legs[leg].ack_is_lost = True

    def crash(self) -> None:
        """The process is gone: nobody listens here any more, and nobody was told."""
        self.network.leave(self._address)
        self._legs.clear()
        self._media.forget()
        self.close()

    def vanish(self, leg: int) -> None:
        """The far end of a leg is gone without a word: nothing will come from it any more."""
        self._legs.pop(leg, None)
