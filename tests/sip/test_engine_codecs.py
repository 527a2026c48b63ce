"""Two real engines talk over loopback in every codec, in the clear and encrypted; what is heard is what was played."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.sip.test_engine_smoke import Side

from ringback._engine import (
    AccessRule,
    Answered,
    Ended,
    Incoming,
    InvalidArgument,
    LegStats,
    OpDone,
    Trace,
    TrunkConfig,
)

pytestmark = pytest.mark.calls

RATE_HZ = 8000


def _give(side: Side, **trunk: object) -> None:
    side.engine.set_trunks([TrunkConfig(id=1, **trunk)])
    side.engine.set_access([AccessRule(network="127.0.0.1", trunk=1)])


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    """Caller and called, both with traces."""
    pair = (Side(trace=True), Side(trace=True))
    yield pair
    for side in pair:
        side.engine.stop(grace_ms=3000)


def _answer(sides: tuple[Side, Side]) -> tuple[int, int, Answered]:
    caller, called = sides
    ours = caller.dial(called)
    theirs = called.wait(Incoming).leg
    called.engine.answer(theirs)
    answered = caller.wait(Answered)
    return ours, theirs, answered


def _speech(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """Write 1.2 s of a voice-like sound: harmonics of 125 Hz in syllables."""
    at = np.arange(int(1.2 * RATE_HZ)) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * 125 * k * at) / k for k in range(1, 11))
    samples = (voice * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at)) * 8000).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return samples


def _likeness(words: np.ndarray, path: Path) -> float:
    """Return how like the words what was recorded from the far end is, at the best place: 1 is the same."""
    with wave.open(str(path)) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), np.int16)[::2].astype(float)
    needle = words[2400:6400].astype(float)
    products = np.correlate(heard, needle, "valid")
    power = np.convolve(heard**2, np.ones(len(needle)), "valid")
    return float(np.max(products / np.sqrt(power * np.sum(needle**2) + 1)))


def _talk(sides: tuple[Side, Side], tmp_path: Path) -> tuple[Answered, list[float], LegStats]:
    """Call and play both ways; return what was agreed, how like both heard it, and the caller's figures."""
    caller, called = sides
    words = _speech(tmp_path / "words.wav")
    ours, theirs, answered = _answer(sides)
    for side, leg in ((caller, ours), (called, theirs)):
        side.engine.record(leg, str(tmp_path / f"{leg}.wav"))
    played = [
        (side, side.engine.play(leg, [str(tmp_path / "words.wav")])) for side, leg in ((caller, ours), (called, theirs))
    ]
    for side, op in played:
        assert side.wait(OpDone, lambda done, op=op: done.op == op).result == "done"
    caller.engine.hangup(ours)
    stats = caller.wait(LegStats)
    caller.wait(Ended)
    called.wait(Ended)
    return answered, [_likeness(words, tmp_path / f"{leg}.wav") for leg in (ours, theirs)], stats


@pytest.mark.parametrize(("codec", "least"), [("PCMA", 0.98), ("PCMU", 0.98), ("G722", 0.9), ("OPUS", 0.75)])
def test_every_codec_is_agreed_and_heard_both_ways(
    sides: tuple[Side, Side], tmp_path: Path, codec: str, least: float
) -> None:
    _give(sides[0], codecs=["PCMU", codec] if codec != "PCMU" else ["PCMA", "PCMU"])
    _give(sides[1], codecs=[codec])

    answered, alike, stats = _talk(sides, tmp_path)

    assert (answered.codec, stats.codec) == (codec, codec)
    assert min(alike) > least, alike
    assert stats.packets_received > 50
    assert stats.mos > 4.0
    assert stats.loss_percent < 2


@pytest.mark.parametrize("srtp", ["optional", "required"])
def test_encrypted_media_is_heard_and_its_keys_stay_secret(sides: tuple[Side, Side], tmp_path: Path, srtp: str) -> None:
    for side in sides:
        _give(side, srtp=srtp, srtp_over_clear=True)

    _, alike, stats = _talk(sides, tmp_path)

    assert min(alike) > 0.98, alike
    assert stats.packets_received > 50
    traces = b"".join(event.message for side in sides for event in side.seen if isinstance(event, Trace))
    assert (b"RTP/SAVP" in traces) == (srtp == "required")
    assert traces.count(b"inline:***") == traces.count(b"inline:") > 0
    assert all(side.engine.stats()["dropped_srtp_forged"] == 0 for side in sides)


def test_optional_encryption_falls_back_to_the_clear(sides: tuple[Side, Side], tmp_path: Path) -> None:
    _give(sides[0], srtp="optional", srtp_over_clear=True)

    _, alike, _ = _talk(sides, tmp_path)

    assert min(alike) > 0.98, alike


def test_required_encryption_refuses_who_has_none(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    _give(called, srtp="required", srtp_over_clear=True)

    caller.dial(called)
    called.engine.answer(called.wait(Incoming).leg)

    assert called.wait(Ended).cause == "no_srtp"
    assert caller.wait(Ended).code == 488


def test_required_encryption_ends_an_answer_in_the_clear(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    _give(caller, srtp="required", srtp_over_clear=True)

    caller.dial(called)
    called.engine.answer(called.wait(Incoming).leg)

    assert called.wait(Ended).cause == "no_srtp"
    assert caller.wait(Ended).code == 488


def test_keys_do_not_go_over_signaling_in_the_clear(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    _give(caller, srtp="required")

    caller.dial(called)

    ended = caller.wait(Ended)
    assert (ended.cause, ended.side) == ("no_srtp", "local")
    assert not any(isinstance(event, Incoming) for event in called.seen)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="codecs"):
        TrunkConfig(id=1, codecs=["G729"])
    with pytest.raises(InvalidArgument, match="srtp"):
        TrunkConfig(id=1, srtp="maybe")
