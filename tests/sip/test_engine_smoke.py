"""Two real engines talk over loopback: every way a call between them can go, and nothing left afterwards."""

import math
import os
import select
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from ringback._engine import (
    AccessRule,
    AnswerConfirmed,
    Answered,
    BindFailed,
    Dtmf,
    Ended,
    Engine,
    EngineConfig,
    EngineError,
    Event,
    GatherDone,
    Incoming,
    InvalidArgument,
    LegStats,
    NotRunning,
    OpDone,
    Progress,
    TrunkConfig,
)

pytestmark = pytest.mark.calls

T = TypeVar("T")

T1_MS = 50
PATIENCE_S = 8.0
GAUGES = ("legs", "ops", "dialogs", "events_waiting", "media_ports", "media_legs")


class Side:
    """One engine, its events in order, and a way to wait for one of them."""

    def __init__(self, **settings: object) -> None:
        # Each test process takes a part of the range, so that parallel workers do not meet.
        first = 20000 + (os.getpid() * 97 + id(self) // 64) % 200 * 200
        config = EngineConfig(
            listen="127.0.0.1:0", rtp_first_port=first, rtp_last_port=first + 199, t1_ms=T1_MS, **settings
        )
        self.engine = Engine(config)
        self.engine.set_trunks([TrunkConfig(id=1)])
        self.engine.set_access([AccessRule(network="127.0.0.1", trunk=1)])
        self.seen: list[Event] = []
        self.new: list[Event] = []
        self.calls = 0
        self.late: set[int] = set()
        self.engine.start()
        self.address = self.engine.local_address()

    def dial(self, other: "Side | str", **more: object) -> int:
        gateway = other if isinstance(other, str) else other.address
        self.calls += 1
        return self.engine.dial(
            trunk=1,
            gateway=gateway,
            to=f"sip:4930123@{gateway}",
            from_="sip:4930999@127.0.0.1",
            call_id=f"smoke-{os.getpid()}-{id(self)}-{self.calls}",
            local_tag=f"tag{self.calls}",
            **more,
        )

    def drain(self) -> None:
        while events := self.engine.drain():
            self.seen += events
            self.new += events

    def wait(self, kind: type[T], when: Callable[[T], bool] = lambda _: True) -> T:
        """Return the next event of a kind, leaving those before it only in `seen`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.drain()
            for position, event in enumerate(self.new):
                if isinstance(event, kind) and when(event):
                    del self.new[: position + 1]
                    return event
            left = deadline - time.monotonic()
            assert left > 0, f"no {kind.__name__}; saw {self.seen}"
            select.select([self.engine.fileno()], [], [], left)

    def of(self, leg: int) -> list[Event]:
        self.drain()
        return [event for event in self.seen if getattr(event, "leg", None) == leg]

    def own(self, leg: int) -> list[Event]:
        """Return the events of a leg without the immediate ends of operations that were begun too late."""
        return [event for event in self.of(leg) if getattr(event, "op", None) not in self.late]


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    """Caller and called; afterwards both must be empty."""
    pair = (Side(), Side())
    yield pair
    for side in pair:
        side.engine.stop(grace_ms=3000)
    for side in pair:
        side.drain()
        stats = side.engine.stats()
        assert {name: stats[name] for name in GAUGES} == dict.fromkeys(GAUGES, 0)
        assert (stats["faults"], stats["media_close_timeouts"]) == (0, 0)
        ended = [event.leg for event in side.seen if isinstance(event, Ended)]
        assert len(ended) == len(set(ended))
        for leg in ended:
            assert isinstance(side.own(leg)[-1], Ended)


def talk(caller: Side, called: Side) -> tuple[int, int]:
    """Bring up a call; return both legs."""
    leg = caller.dial(called)
    other = called.wait(Incoming).leg
    called.engine.answer(other)
    caller.wait(Answered)
    called.wait(AnswerConfirmed)
    return leg, other


def hang_up(caller: Side, called: Side, leg: int) -> None:
    caller.engine.hangup(leg)
    caller.wait(Ended)
    called.wait(Ended)


def test_a_call_is_answered_and_hung_up_by_the_caller(sides: tuple[Side, Side]) -> None:
    caller, called = sides

    leg = caller.dial(called, display_name='Ann "A" Müller', headers=[("X-Account", "7")])
    incoming = called.wait(Incoming)
    called.engine.ring(incoming.leg)
    assert caller.wait(Progress, lambda event: event.code == 180).leg == leg
    called.engine.answer(incoming.leg)
    answered = caller.wait(Answered)
    confirmed = called.wait(AnswerConfirmed)
    caller.engine.hangup(leg, q850=16)
    ours, theirs = caller.wait(Ended), called.wait(Ended)

    assert ("X-Account", "7") in incoming.headers
    assert (incoming.trunk, incoming.to_uri, incoming.codec_ok) == (1, f"sip:4930123@{called.address}", True)
    assert (answered.leg, answered.code, answered.codec) == (leg, 200, "PCMA")
    assert (confirmed.codec, confirmed.how in {"ack", "rtp"}) == ("PCMA", True)
    assert (ours.cause, ours.side) == ("bye", "local")
    assert (theirs.cause, theirs.side, theirs.q850) == ("bye", "remote", 16)
    for side, own_leg in ((caller, leg), (called, incoming.leg)):
        assert isinstance(side.of(own_leg)[-2], LegStats)
        assert [event.at_ns for event in side.of(own_leg)] == sorted(event.at_ns for event in side.of(own_leg))


def test_the_called_side_hangs_up(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    _, other = talk(caller, called)

    called.engine.hangup(other)

    assert (called.wait(Ended).side, caller.wait(Ended).side) == ("local", "remote")


def test_a_rejected_call_tells_code_and_reason(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    caller.dial(called)

    called.engine.reject(called.wait(Incoming).leg, 486, reason="Q.850;cause=17")

    ours, theirs = caller.wait(Ended), called.wait(Ended)
    assert (ours.cause, ours.side, ours.code, ours.q850) == ("response", "remote", 486, 17)
    assert (theirs.cause, theirs.side, theirs.code) == ("response", "local", 486)


def test_a_caller_who_gives_up_cancels(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    leg = caller.dial(called)
    called.engine.ring(called.wait(Incoming).leg)
    caller.wait(Progress, lambda event: event.code == 180)

    caller.engine.hangup(leg)

    assert (caller.wait(Ended).cause, called.wait(Ended).cause) == ("cancelled", "cancelled")


def test_digits_sent_are_gathered(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    leg, other = talk(caller, called)

    gather = called.engine.gather(other, max_digits=8, terminators="#", first_timeout_ms=5000)
    send = caller.engine.send_dtmf(leg, "19*0#")
    gathered = called.wait(GatherDone)
    sent = caller.wait(OpDone)

    assert (gathered.op, gathered.digits, gathered.result, gathered.terminator) == (gather, "19*0", "match", "#")
    assert (sent.op, sent.result) == (send, "done")
    assert "".join(event.digit for event in called.of(other) if isinstance(event, Dtmf)) == "19*0#"
    hang_up(caller, called, leg)


def write_chirp(path: Path, *, seconds: float) -> np.ndarray:
    """Write a tone that rises from 300 to 3000 Hz and return its samples: easy to find again in a recording.

    Silence follows it in the file, longer than any playout delay: when the file is played, the tone was heard.
    """
    rate = 8000
    at = np.arange(int(rate * seconds)) / rate
    samples = (8000 * np.sin(2 * math.pi * (300 * at + 2700 / (2 * seconds) * at**2))).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes() + bytes(2 * rate * 3 // 10))
    return samples


def likeness(path: Path, samples: np.ndarray, *, channel: int) -> float:
    """Return the best normalized correlation of a stereo recording's channel with `samples`, 0 to 1."""
    with wave.open(str(path), "rb") as file:
        assert file.getframerate() == 8000
        recorded = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
        recorded = recorded.reshape(-1, file.getnchannels())[:, channel].astype(np.float64)
    wanted = samples.astype(np.float64)
    assert len(recorded) >= len(wanted), f"only {len(recorded)} samples were recorded"
    product = np.correlate(recorded, wanted, mode="valid")
    energy = np.convolve(recorded**2, np.ones(len(wanted)), mode="valid")
    return float(np.max(product / np.sqrt(np.maximum(energy, 1.0) * np.sum(wanted**2))))


def test_what_is_played_is_heard_at_the_far_end(sides: tuple[Side, Side], tmp_path: Path) -> None:
    caller, called = sides
    samples = write_chirp(tmp_path / "chirp.wav", seconds=1.0)
    leg, other = talk(caller, called)

    recording = called.engine.record(other, str(tmp_path / "heard.wav"))
    play = caller.engine.play(leg, [str(tmp_path / "chirp.wav")])
    played = caller.wait(OpDone, lambda event: event.op == play)
    called.engine.stop_op(recording)
    recorded = called.wait(OpDone, lambda event: event.op == recording)

    assert (played.result, recorded.result) == ("done", "stopped")
    assert likeness(tmp_path / "heard.wav", samples, channel=0) > 0.95
    hang_up(caller, called, leg)


def test_a_caller_hears_what_is_played_before_the_answer(sides: tuple[Side, Side], tmp_path: Path) -> None:
    caller, called = sides
    samples = write_chirp(tmp_path / "chirp.wav", seconds=0.6)
    leg = caller.dial(called)
    other = called.wait(Incoming).leg

    called.engine.early_media(other)
    caller.wait(Progress, lambda event: event.early_media)
    recording = caller.engine.record(leg, str(tmp_path / "heard.wav"))
    play = called.engine.play(other, [str(tmp_path / "chirp.wav")])
    called.wait(OpDone, lambda event: event.op == play)
    called.engine.answer(other)
    caller.wait(Answered)
    called.wait(AnswerConfirmed)
    caller.engine.hangup(leg)
    caller.wait(OpDone, lambda event: event.op == recording)

    assert likeness(tmp_path / "heard.wav", samples, channel=0) > 0.95
    caller.wait(Ended)
    called.wait(Ended)


def test_joined_legs_hear_each_other(sides: tuple[Side, Side], tmp_path: Path) -> None:
    caller, called = sides
    samples = write_chirp(tmp_path / "chirp.wav", seconds=1.0)
    first, far_first = talk(caller, called)
    second, far_second = talk(caller, called)

    join = caller.engine.join(first, second)
    recording = called.engine.record(far_second, str(tmp_path / "heard.wav"))
    play = called.engine.play(far_first, [str(tmp_path / "chirp.wav")])
    called.wait(OpDone, lambda event: event.op == play)
    called.engine.stop_op(recording)
    called.wait(OpDone, lambda event: event.op == recording)
    caller.engine.hangup(second)
    joined = caller.wait(OpDone, lambda event: event.op == join)

    assert (joined.leg, joined.result) == (first, "leg_ended")
    assert likeness(tmp_path / "heard.wav", samples, channel=0) > 0.9
    caller.engine.hangup(first)
    caller.wait(Ended, lambda event: event.leg == first)
    called.wait(Ended, lambda event: event.leg == far_first)


def test_operations_under_way_end_before_the_leg(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    leg, _ = talk(caller, called)

    tone = caller.engine.tone(leg, "ringback")
    gather = caller.engine.gather(leg, first_timeout_ms=60_000)
    caller.engine.hangup(leg)
    caller.wait(Ended)
    late = caller.engine.tone(leg, "beep")
    caller.late.add(late)
    caller.wait(OpDone, lambda event: event.op == late)

    results = {event.op: event.result for event in caller.seen if isinstance(event, OpDone | GatherDone)}
    assert results == {tone: "leg_ended", gather: "leg_ended", late: "leg_ended"}
    called.wait(Ended)


def test_nobody_listens_at_the_gateway(sides: tuple[Side, Side]) -> None:
    caller, _ = sides
    gone = Side()
    gone.engine.stop()

    caller.dial(gone.address)

    ended = caller.wait(Ended)
    assert (ended.cause, ended.side) == ("transport", "network")


def test_a_gateway_without_an_address_ends_as_dns(sides: tuple[Side, Side]) -> None:
    caller, _ = sides

    caller.dial("no-such-gateway.invalid:5060")

    ended = caller.wait(Ended)
    assert (ended.cause, ended.side) == ("dns", "network")


def test_draining_refuses_new_calls_with_retry_after(sides: tuple[Side, Side]) -> None:
    caller, called = sides

    called.engine.set_accepting(False)
    caller.dial(called)
    refused = caller.wait(Ended)
    called.engine.set_accepting(True)
    leg, _ = talk(caller, called)

    assert refused.code == 503
    assert refused.retry_after_s is not None
    assert 30 <= refused.retry_after_s <= 60, "30 s, spread up to twice that so that not all come back at once"
    hang_up(caller, called, leg)


def test_a_call_nobody_decides_about_is_refused_as_overload() -> None:
    caller, called = Side(), Side(decide_within_ms=100)
    try:
        caller.dial(called)

        ours, theirs = caller.wait(Ended), called.wait(Ended)

        assert (ours.cause, ours.code) == ("response", 503)
        assert ours.retry_after_s is not None
        assert (theirs.cause, theirs.side, theirs.code) == ("overload", "local", 503)
    finally:
        caller.engine.stop()
        called.engine.stop()


def test_an_exhausted_port_range_is_told_on_both_sides() -> None:
    first = 19000 + os.getpid() % 400 * 2
    caller, called = Side(), Side()
    tight = Engine(EngineConfig(listen="127.0.0.1:0", rtp_first_port=first, rtp_last_port=first + 1))
    tight.set_trunks([TrunkConfig(id=1)])
    tight.start()
    try:
        dialed = [
            tight.dial(
                trunk=1, gateway=called.address, to="sip:1@h", from_="sip:2@h", call_id=f"tight{n}", local_tag="t"
            )
            for n in range(2)
        ]
        deadline = time.monotonic() + PATIENCE_S
        ended: list[Event] = []
        while not ended and time.monotonic() < deadline:
            select.select([tight.fileno()], [], [], 1)
            ended = [event for event in tight.drain() if isinstance(event, Ended)]

        assert [(event.leg, event.cause) for event in ended] == [(dialed[1], "no_media_port")]
    finally:
        for engine in (tight, caller.engine, called.engine):
            engine.stop()


def test_a_stop_ends_every_leg_and_tells_the_far_end(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    leg, _ = talk(caller, called)
    ringing = caller.dial(called)
    called.wait(Incoming)

    caller.engine.stop(grace_ms=3000)
    caller.drain()

    causes = {event.leg: event.cause for event in caller.seen if isinstance(event, Ended)}
    assert causes == {leg: "stopped", ringing: "stopped"}
    assert {called.wait(Ended).cause, called.wait(Ended).cause} == {"bye", "cancelled"}
    with pytest.raises(NotRunning):
        caller.dial(called)


def test_a_dialog_left_by_a_crash_is_ended_by_another_engine(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    caller.dial(called)
    called.engine.answer(called.wait(Incoming).leg)
    dialog = caller.wait(Answered).dialog
    called.wait(AnswerConfirmed)
    after_the_crash = Side()

    after_the_crash.engine.end_dialog(dialog)
    ended = called.wait(Ended)
    after_the_crash.engine.stop(grace_ms=3000)

    assert (ended.cause, ended.side) == ("bye", "remote")
    assert after_the_crash.engine.stats()["dialogs_ended"] == 1


def test_every_message_is_traced_when_asked() -> None:
    caller, called = Side(trace=True), Side()
    try:
        leg, _ = talk(caller, called)
        hang_up(caller, called, leg)

        traced = [event for event in caller.seen if type(event).__name__ == "Trace"]
        firsts = [(event.direction, event.message.split(b" ", 1)[0]) for event in traced]
        assert firsts[0] == ("sent", b"INVITE")
        assert ("received", b"SIP/2.0") in firsts
        assert ("sent", b"BYE") in firsts
        assert {event.peer for event in traced} == {called.address}
    finally:
        caller.engine.stop()
        called.engine.stop()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trunk": 9}, "trunk: 9 was never given"),
        ({"gateway": "no where:5060"}, "gateway"),
        ({"to": "tel:+49"}, "to: "),
        ({"from_": "sip:a@h\r\nX: y"}, "from_: "),
        ({"call_id": "a b"}, "call_id: "),
        ({"headers": [("Via", "x")]}, "Via is written by the engine"),
        ({"headers": [("X-A", "b\r\nc")]}, "headers: "),
    ],
)
def test_a_bad_argument_of_dial_is_named(sides: tuple[Side, Side], change: dict[str, object], words: str) -> None:
    good = {"trunk": 1, "gateway": "127.0.0.1:9", "to": "sip:a@h", "from_": "sip:b@h", "call_id": "c", "local_tag": "t"}

    with pytest.raises(InvalidArgument, match=words):
        sides[0].engine.dial(**{**good, **change})


def test_a_taken_port_is_told_with_its_address() -> None:
    side = Side()
    try:
        with pytest.raises(BindFailed, match=side.address):
            Engine(EngineConfig(listen=side.address)).start()
    finally:
        side.engine.stop()


def test_an_engine_does_not_survive_a_fork() -> None:
    engine = Engine(EngineConfig(listen="127.0.0.1:0"))
    child = os.fork()
    if child == 0:
        try:
            engine.start()
        except EngineError as error:
            os._exit(7 if "fork" in str(error) else 8)
        os._exit(9)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_events_of_tests_equal_those_of_the_engine() -> None:
    made = Progress(leg=1, at_ns=5, code=183, phrase="Session Progress", early_media=True)

    assert made == Progress(leg=1, at_ns=5, code=183, phrase="Session Progress", early_media=True)
    assert made != Progress(leg=2, at_ns=5, code=183, phrase="Session Progress", early_media=True)
    assert repr(made) == "Progress(leg=1, at_ns=5, code=183, phrase='Session Progress', early_media=True)"
    with pytest.raises(AttributeError):
        made.leg = 3


def test_passwords_stay_out_of_reprs() -> None:
    assert "s3cret" not in repr(TrunkConfig(id=1, username="u", password="s3cret"))
