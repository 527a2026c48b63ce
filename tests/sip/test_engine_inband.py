"""Digits within the audio between two real engines whose trunks ask for it."""

from collections.abc import Iterator

import pytest
from tests.sip.test_engine_smoke import Side

from ringback._engine import AccessRule, Answered, Dtmf, GatherDone, Incoming, InvalidArgument, OpDone, TrunkConfig

pytestmark = pytest.mark.calls


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    """Caller and called."""
    pair = (Side(), Side())
    for side in pair:
        side.engine.set_trunks([TrunkConfig(id=1, dtmf="inband")])
        side.engine.set_access([AccessRule(network="127.0.0.1", trunk=1)])
    yield pair
    for side in pair:
        side.engine.stop(grace_ms=3000)


def test_digits_of_an_inband_trunk_are_heard_within_the_audio(sides: tuple[Side, Side]) -> None:
    caller, called = sides
    ours = caller.dial(called)
    theirs = called.wait(Incoming).leg
    called.engine.answer(theirs)
    caller.wait(Answered)

    called.engine.gather(theirs, max_digits=4, first_timeout_ms=8000)
    caller.engine.send_dtmf(ours, "19*D")
    heard = [called.wait(Dtmf) for _ in range(4)]

    assert [(event.digit, event.how) for event in heard] == [(digit, "inband") for digit in "19*D"]
    assert called.wait(GatherDone).digits == "19*D"
    assert caller.wait(OpDone).result == "done"


def test_other_ways_of_digits_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="dtmf"):
        TrunkConfig(id=1, dtmf="smoke")
