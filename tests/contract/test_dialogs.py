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


async def test_a_transfer_is_asked_for_decided_and_told_to_the_end(pair: Pair) -> None:
    pair.allow_transfers()
    ours, theirs = await pair.talk()

    pair.a.engine.refer(ours, "sip:+49303@elsewhere", referred_by="sip:+49302@here")
    asked = await pair.b.next(en.TransferRequested, leg=theirs)
    pair.b.engine.accept_transfer(theirs)
    accepted = await pair.a.next(en.TransferProgress, leg=ours, code=202)
    pair.b.engine.notify_transfer(theirs, 180)
    await pair.a.next(en.TransferProgress, leg=ours, code=180)
    pair.b.engine.notify_transfer(theirs, 200)
    last = await pair.a.next(en.TransferProgress, leg=ours, code=200)

    assert (asked.target, asked.replaces, asked.has_replaces) == ("sip:+49303@elsewhere", None, False)
    assert asked.referred_by == "sip:+49302@here"
    assert (accepted.is_final, last.is_final) == (False, True)


async def test_a_declined_transfer_ends_with_its_code_and_the_call_goes_on(pair: Pair) -> None:
    pair.allow_transfers()
    ours, theirs = await pair.talk()

    pair.a.engine.refer(ours, "sip:+49303@elsewhere")
    await pair.b.next(en.TransferRequested, leg=theirs)
    pair.b.engine.reject_transfer(theirs, 488)
    told = await pair.a.next(en.TransferProgress, leg=ours)

    assert (told.code, told.is_final) == (488, True)
    assert pair.a.of(en.Ended) == []


async def test_a_transfer_to_a_leg_that_is_not_there_is_refused_at_once(pair: Pair) -> None:
    ours, _ = await pair.talk()

    pair.a.engine.refer(ours, "sip:+49303@elsewhere", replaces=4711)
    told = await pair.a.next(en.TransferProgress, leg=ours)

    assert (told.code, told.is_final) == (481, True)


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
