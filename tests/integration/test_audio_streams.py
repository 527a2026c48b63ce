"""A leg's audio to a program and back over a WebSocket, in real time over loopback."""

import array
import asyncio
import json
import math
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.contract.pair import Pair, Side
from websockets.asyncio.server import ServerConnection, serve

from ringback import _engine as en

pytestmark = pytest.mark.calls

Samples = Any
"""`array.array` of 16-bit samples."""

_RATE = 8000


class Program:
    """A WebSocket server that keeps what it gets."""

    def __init__(self) -> None:
        self.audio = bytearray()
        self.frames: list[dict[str, Any]] = []
        self.connected: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.changed = asyncio.Condition()
        self.url = ""

    async def serve_one(self, socket: ServerConnection) -> None:
        self.connected.put_nowait(socket)
        async for message in socket:
            async with self.changed:
                if isinstance(message, bytes):
                    self.audio += message
                else:
                    self.frames.append(json.loads(message))
                self.changed.notify_all()

    async def until(self, ready: Any) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(ready)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["event"] == event]


@pytest.fixture
async def program() -> AsyncIterator[Program]:
    made = Program()
    async with serve(made.serve_one, "127.0.0.1", 0, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        made.url = f"ws://127.0.0.1:{port}/talk?id=7"
        yield made


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    first = iter((44_000, 44_100))

    def make(listen: str) -> en.Engine:
        port = next(first)
        return en.Engine(en.EngineConfig(listen=listen, t1_ms=50, rtp_first_port=port, rtp_last_port=port + 98))

    made = Pair(make("127.0.0.1:0"), make("127.0.0.1:0"), make, tmp_path)
    made.start()
    yield made
    await made.end()


def chirp(seconds: float, low: float, high: float) -> Samples:
    """A tone that glides: like itself at one place only."""
    count = int(seconds * _RATE)
    phase, samples = 0.0, array.array("h")
    for index in range(count):
        phase += math.tau * (low + (high - low) * index / count) / _RATE
        samples.append(int(9000 * math.sin(phase)))
    return samples


def likeness(one: Samples, other: Samples) -> float:
    """Return the best normalized correlation of `one` with a part of `other`."""
    wanted, heard = np.array(one, dtype=float), np.array(other, dtype=float)
    sizes = np.sqrt(np.convolve(heard**2, np.ones(len(wanted)), "valid")) + 1.0
    return float((np.correlate(heard, wanted, "valid") / sizes).max() / np.linalg.norm(wanted))


def samples_of(data: bytes) -> Samples:
    samples = array.array("h")
    samples.frombytes(bytes(data[: len(data) // 2 * 2]))
    return samples


def write_wav(path: Path, samples: Samples) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return str(path)


async def done(side: Side, op: int) -> Any:
    return await side.next(en.OpDone, op=op)


async def test_the_program_hears_the_leg_its_keys_and_how_it_ends(pair: Pair, program: Program) -> None:
    ours, theirs = await pair.talk()
    words = chirp(1.0, 400, 2400)
    op = pair.a.engine.stream(ours, url=program.url, private_ok=True, metadata='{"call": "CA1"}')
    await program.until(lambda: len(program.audio) > 3200)

    pair.b.engine.play(theirs, [write_wav(pair.folder / "words.wav", words)])
    heard = len(program.audio)
    await program.until(lambda: len(program.audio) > heard + 2 * _RATE * 2)
    pair.b.engine.send_dtmf(theirs, "5")
    await program.until(lambda: program.named("dtmf"))
    pair.a.engine.hangup(ours)
    await program.until(lambda: program.named("stop"))

    start = program.frames[0]
    assert (start["event"], start["stream"], start["rate"], start["metadata"]) == ("start", op, 8000, {"call": "CA1"})
    assert likeness(words[2000:3600], samples_of(program.audio[heard:])) > 0.95
    assert program.named("dtmf")[0]["digit"] == "5"
    assert program.named("stop") == [{"event": "stop", "reason": "leg_ended"}]
    assert (await done(pair.a, op)).result == "leg_ended"


async def test_the_leg_hears_the_program_marks_come_in_order_and_clear_cuts(pair: Pair, program: Program) -> None:
    ours, theirs = await pair.talk()
    recording = pair.folder / "heard.wav"
    op = pair.a.engine.stream(ours, url=program.url, private_ok=True)
    socket = await program.connected.get()
    record = pair.b.engine.record(theirs, str(recording))
    words, noise = chirp(0.6, 500, 2500), chirp(20.0, 900, 1000)

    await socket.send(words.tobytes())
    for name in ("one", "two"):
        await socket.send(json.dumps({"event": "mark", "name": name}))
    await socket.send(noise.tobytes())
    await socket.send(json.dumps({"event": "mark", "name": "three"}))
    await program.until(lambda: len(program.named("mark")) == 2)
    await asyncio.wait_for(socket.send(json.dumps({"event": "clear"})), 5)
    await program.until(lambda: len(program.named("mark")) == 3)
    heard_at_clear = len(program.audio)
    await program.until(lambda: len(program.audio) > heard_at_clear + _RATE)
    await socket.send(json.dumps({"event": "stop"}))
    assert (await done(pair.a, op)).result == "done"
    pair.b.engine.stop_op(record)
    length_ms = (await done(pair.b, record)).duration_ms

    assert [frame["name"] for frame in program.named("mark")] == ["one", "two", "three"]
    with wave.open(str(recording)) as file:
        heard = samples_of(file.readframes(file.getnframes()))[::2]
    assert abs(len(heard) / 8 - length_ms) < 1
    assert likeness(words[1000:2600], heard) > 0.95
    # After the clear at most 60 ms of the 20 s are heard, and what was on the way when it came.
    loud = [at for at in range(0, len(heard) - 160, 160) if max(map(abs, heard[at : at + 160])) > 1000]
    assert (loud[-1] - loud[0]) / 8 < 600 + 500, "the clear did not cut"
    assert loud[-1] < len(heard) - 2400, "something is heard at the end"


async def test_wide_streams_have_sixteen_kilohertz(pair: Pair, program: Program) -> None:
    ours, _ = await pair.talk()

    op = pair.a.engine.stream(ours, url=program.url, private_ok=True, rate=16000, direction="out")
    await program.until(lambda: len(program.audio) >= 640 * 5)
    pair.a.engine.stop_op(op)
    await program.until(lambda: program.named("stop"))

    assert len(program.audio) % 640 == 0
    assert program.named("stop")[0]["reason"] == "stopped"
    assert (await done(pair.a, op)).result == "stopped"


async def test_a_program_that_is_not_there_or_too_slow_fails_the_operation(pair: Pair) -> None:
    ours, _ = await pair.talk()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]

    slow = pair.a.engine.stream(ours, url=f"ws://127.0.0.1:{port}/", private_ok=True, connect_timeout_ms=200)
    late = await done(pair.a, slow)
    silent.close()
    await silent.wait_closed()
    nobody = pair.a.engine.stream(ours, url=f"ws://127.0.0.1:{port}/", private_ok=True)
    gone = await done(pair.a, nobody)

    assert (late.result, gone.result) == ("failed", "failed")
    assert "within 200 ms" in late.detail
    assert "cannot be reached" in gone.detail


async def test_a_program_that_goes_away_ends_the_stream(pair: Pair, program: Program) -> None:
    ours, _ = await pair.talk()
    op = pair.a.engine.stream(ours, url=program.url, private_ok=True)

    await (await program.connected.get()).close()

    assert (await done(pair.a, op)).result == "done"
    assert pair.a.engine.stats()["dropped_stream_frames"] == 0


async def test_private_addresses_are_refused_unless_allowed(pair: Pair, program: Program) -> None:
    ours, _ = await pair.talk()

    with pytest.raises(en.InvalidArgument, match="not a public address"):
        pair.a.engine.stream(ours, url=program.url)
    with pytest.raises(en.InvalidArgument, match="resolved"):
        pair.a.engine.stream(ours, url="wss://agent.example/")
