"""Inside a call: hold, and what a trunk asks of its dialogs. One suite for the fake and the real engine."""

import pytest
from tests.contract.pair import Pair

from ringback import _engine as en


async def test_hold_and_resume_are_felt_by_the_far_end_and_reported(pair: Pair) -> None:
    ours, theirs = await pair.talk()

    for on in (True, False):
        pair.a.engine.hold(ours, on)
        done = await pair.a.next(en.HoldDone, leg=ours)
        held = await pair.b.next(en.Held, leg=theirs)

        assert (done.on, done.code, held.on) == (on, 200, on)


async def test_hold_of_a_leg_that_is_over_does_nothing_and_is_counted(pair: Pair) -> None:
    ours, theirs = await pair.talk()
    pair.b.engine.hangup(theirs)
    await pair.a.next(en.Ended, leg=ours)

    pair.a.engine.hold(ours, True)
    await pair.talk()

    assert pair.a.engine.stats()["stale_commands"] == 1
    assert pair.a.of(en.HoldDone) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"reliable": "often"}, "reliable"),
        ({"session_expires_s": 89}, "session_expires_s"),
        ({"session_expires_s": 7201}, "session_expires_s"),
    ],
)
def test_a_policy_names_what_is_wrong_with_it(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(en.InvalidArgument, match=named):
        en.DialogPolicy(**wrong)  # type: ignore[arg-type]
