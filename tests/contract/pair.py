"""Two engines that can call each other, and the wait for their events."""

import asyncio
import itertools
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringback import _engine as en

TRUNK = 7
_WAIT_S = 10


class Side:
    """One engine, its events so far, and the wait for the next one of a kind."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.seen: list[Any] = []
        self._unread: list[Any] = []

    async def next(self, kind: type, **wanted: Any) -> Any:
        """Return the next event of a kind with these values; others are kept in `seen`."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                while self._unread:
                    event = self._unread.pop(0)
                    if type(event) is kind and all(getattr(event, name) == value for name, value in wanted.items()):
                        return event
                await self._more()

    def of(self, kind: type) -> list[Any]:
        """Return all events of a kind so far."""
        return [event for event in self.seen if type(event) is kind]

    async def _more(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self.engine.fileno(), readable.set)
        try:
            while not (events := self.engine.drain(256)):
                readable.clear()
                await readable.wait()
        finally:
            loop.remove_reader(self.engine.fileno())
        self.seen += events
        self._unread += events


class Pair:
    """Two engines. `make(listen)` makes another of the kind."""

    def __init__(self, a: Any, b: Any, make: Callable[[str], Any], folder: Path) -> None:
        self.a, self.b = Side(a), Side(b)
        self.make = make
        self.folder = folder
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Start both and let them call each other."""
        for side in (self.a, self.b):
            side.engine.start()
            side.engine.set_trunks([en.TrunkConfig(id=TRUNK)])
            side.engine.set_access([en.AccessRule(network="127.0.0.1", trunk=TRUNK)])

    def allow_transfers(self) -> None:
        """Let both transfer the other's calls from now on."""
        trunk = en.TrunkConfig(id=TRUNK, dialog=en.DialogPolicy(allow_transfer=True))
        for side in (self.a, self.b):
            side.engine.set_trunks([trunk])

    async def end(self) -> None:
        """Stop both; nothing may be left of what was called."""
        for side in (self.a, self.b):
            side.engine.stop(grace_ms=2000)
            side.seen += side.engine.drain(10_000)
            figures = side.engine.stats()
            assert {name: figures[name] for name in ("legs", "dialogs", "media_ports")} == {
                "legs": 0,
                "dialogs": 0,
                "media_ports": 0,
            }
            legs = [event.leg for event in side.of(en.Ended)]
            assert len(legs) == len(set(legs)), "a leg ended twice"
            _check_last(side.seen)
            if hasattr(side.engine, "close"):
                side.engine.close()

    def dial(self, **changes: Any) -> int:
        """Call b from a."""
        number = next(self._numbers)
        values = {
            "trunk": TRUNK,
            "gateway": self.b.engine.local_address(),
            "to": "sip:+49301@there",
            "from_": "sip:+49302@here",
            "call_id": f"call-{number}",
            "local_tag": f"tag-{number}",
        }
        return self.a.engine.dial(**(values | changes))

    async def call(self) -> tuple[int, int]:
        """Let a call b until b has to decide; return both legs."""
        ours = self.dial()
        return ours, (await self.b.next(en.Incoming)).leg

    async def talk(self) -> tuple[int, int]:
        """Let a call b and b answer; return both legs."""
        ours, theirs = await self.call()
        self.b.engine.answer(theirs)
        await self.a.next(en.Answered, leg=ours)
        await self.b.next(en.AnswerConfirmed, leg=theirs)
        return ours, theirs

    def prompt(self, milliseconds: int) -> str:
        """Write a WAV file of that length."""
        path = self.folder / f"{milliseconds}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\x00\x10" * (8 * milliseconds))
        return str(path)


def _check_last(events: list[Any]) -> None:
    """`Ended` is the last event of its leg."""
    ended: set[int] = set()
    for event in events:
        leg = getattr(event, "leg", None)
        if leg is None or type(event) is en.Trace:
            continue
        if type(event) is en.OpDone and event.detail == "there is no such leg":
            continue  # the answer to a command that came too late
        assert leg not in ended, f"{event} came after the end of its leg"
        if type(event) is en.Ended:
            ended.add(leg)
