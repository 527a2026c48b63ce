"""Two real engines under random orders: whatever is asked when, every leg and every operation ends exactly once."""

import os
import random
import select
import time
from collections import Counter
from pathlib import Path

import pytest

from ringback._engine import (
    AccessRule,
    Ended,
    Engine,
    EngineConfig,
    Event,
    Fault,
    GatherDone,
    Incoming,
    OpDone,
    TrunkConfig,
)

pytestmark = pytest.mark.calls

ORDERS = 400
PATIENCE_S = 10.0


class Player:
    """An engine that gives random orders to its own legs and remembers what it owes."""

    def __init__(self, rng: random.Random, folder: Path, *, first_port: int) -> None:
        config = EngineConfig(
            listen="127.0.0.1:0", rtp_first_port=first_port, rtp_last_port=first_port + 199, t1_ms=20, trace=True
        )
        self.engine = Engine(config)
        self.engine.set_trunks([TrunkConfig(id=1)])
        self.engine.set_access([AccessRule(network="127.0.0.1", trunk=1)])
        self.engine.start()
        self.rng = rng
        self.folder = folder
        self.legs: list[int] = []
        self.ops: list[int] = []
        self.events: list[Event] = []

    def drain(self) -> None:
        while events := self.engine.drain():
            self.events += events
            self.legs += [event.leg for event in events if isinstance(event, Incoming)]

    def any_leg(self) -> int:
        """Return one of the latest legs, rarely one that never was."""
        return self.rng.choice(self.legs[-6:]) if self.legs and self.rng.random() < 0.97 else 999_999

    def order(self, other: "Player", number: int) -> None:
        engine, leg = self.engine, self.any_leg()
        wav = str(self.folder / self.rng.choice(["a.wav", "missing.wav"]))
        plain = [
            lambda: engine.ring(leg),
            lambda: engine.early_media(leg),
            lambda: engine.answer(leg),
            lambda: engine.answer(leg),
            lambda: engine.reject(leg, self.rng.choice([404, 486, 503, 603])),
            lambda: engine.hangup(leg, q850=self.rng.choice([None, 16, 31])),
            lambda: engine.stop_op(self.rng.choice(self.ops[-5:]) if self.ops else 5),
            lambda: self.legs.append(self.dial(other, number)),
            lambda: self.legs.append(self.dial(other, number)),
        ]
        operations = [
            lambda: engine.play(leg, [wav], loop=self.rng.choice([0, 1, 2]), barge_in=True),
            lambda: engine.gather(leg, files=[wav], max_digits=3, first_timeout_ms=100, inter_timeout_ms=50),
            lambda: engine.record(leg, str(self.folder / f"r{number % 7}.wav"), max_ms=200),
            lambda: engine.tone(leg, "ringback", duration_ms=100),
            lambda: engine.send_dtmf(leg, "12", tone_ms=40, gap_ms=20),
            lambda: engine.join(leg, self.any_leg()),
        ]
        if self.rng.random() < 0.5:
            self.rng.choice(plain)()
        else:
            self.ops.append(self.rng.choice(operations)())

    def dial(self, other: "Player", number: int) -> int:
        gateway = other.engine.local_address() if self.rng.random() < 0.95 else "127.0.0.1:9"
        return self.engine.dial(
            trunk=1,
            gateway=gateway,
            to=f"sip:{number}@{gateway}",
            from_="sip:random@127.0.0.1",
            call_id=f"random-{id(self)}-{number}",
            local_tag=f"r{number}",
        )

    def check(self) -> None:
        self.drain()
        ended = Counter(event.leg for event in self.events if isinstance(event, Ended))
        assert ended == dict.fromkeys(self.legs, 1)
        done = Counter(event.op for event in self.events if isinstance(event, OpDone | GatherDone))
        assert done == dict.fromkeys(self.ops, 1)
        over: set[int] = set()
        for event in self.events:
            leg = getattr(event, "leg", None)
            late_operation = isinstance(event, OpDone | GatherDone) and event.result in {"leg_ended", "failed"}
            assert leg not in over or late_operation, event
            if isinstance(event, Ended):
                over.add(event.leg)
        stats = self.engine.stats()
        assert {name: stats[name] for name in ("legs", "ops", "media_ports", "faults", "media_faults")} == {
            "legs": 0, "ops": 0, "media_ports": 0, "faults": 0, "media_faults": 0,
        }  # fmt: skip
        assert not [event for event in self.events if isinstance(event, Fault)]


@pytest.mark.parametrize("seed", range(6))
def test_every_leg_and_operation_ends_once(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    (tmp_path / "a.wav").write_bytes(silent_wav(milliseconds=60))
    base = 30000 + os.getpid() % 40 * 400
    players = [Player(rng, tmp_path, first_port=base), Player(rng, tmp_path, first_port=base + 200)]

    for number in range(ORDERS):
        player = rng.choice(players)
        player.order(players[player is players[0]], number)
        if rng.random() < 0.3:
            wait(players, rng.choice([0.0, 0.001, 0.02]))
    for player in players:
        for leg in player.legs:
            player.engine.hangup(leg)
    deadline = time.monotonic() + PATIENCE_S
    while any(player.engine.stats()["legs"] for player in players) and time.monotonic() < deadline:
        wait(players, 0.05)
        for player in players:
            for leg in player.legs:
                player.engine.hangup(leg)
    for player in players:
        player.engine.stop(grace_ms=2000)

    for player in players:
        player.check()


def wait(players: list[Player], seconds: float) -> None:
    """Drain after at most `seconds`, so that some events are seen late."""
    select.select([player.engine.fileno() for player in players], [], [], seconds)
    for player in players:
        player.drain()


def silent_wav(*, milliseconds: int) -> bytes:
    """Return a PCM16 mono WAV file at 8 kHz."""
    data = bytes(2 * 8 * milliseconds)
    sizes = (len(data) + 36).to_bytes(4, "little"), len(data).to_bytes(4, "little")
    head = (
        b"RIFF" + sizes[0] + b"WAVEfmt " + bytes.fromhex("100000000100010040 1f0000803e000002001000".replace(" ", ""))
    )
    return head + b"data" + sizes[1] + data
