"""Click-to-call through the machine: leg 1, then leg 2."""

import pytest

from ringback.call.effects import Hangup, JoinLegs, PlayRingback, StartFlow
from ringback.call.events import TimerName
from ringback.call.states import State
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, LegResult, Status
from ringback.testing.script import CALLER, Script, make_leg


def second_dialed(**leg: object) -> Script:
    """Leg 1 has answered, leg 2 is being called."""
    return Script.click_to_call().admit(**leg).rings().answered()


@pytest.mark.parametrize(
    ("check", "status", "reason"),
    [
        ("bridge_inactive", Status.BRIDGE_UNAVAILABLE, "bridge_inactive"),
        ("no_voice_out", Status.OUTGOING_RESTRICTED, "no_voice_out"),
        ("no_route", Status.NOROUTE, "no_route"),
        ("no_route_from", Status.FAILED_CHANNEL1, "no_route"),
        ("no_channel", Status.MAXUSE, "no_channel"),
    ],
)
def test_refused_by_admission(check: str, status: Status, reason: str) -> None:
    call = Script.click_to_call().refuse(check)

    assert (call.final.status, call.final.reason) == (status, reason)
    assert call.dialed == []


@pytest.mark.parametrize(
    ("code", "q850", "status"),
    [
        (486, None, Status.BUSY_CHANNEL1),
        (480, None, Status.NOANSWER_CHANNEL1),
        (603, None, Status.REJECTED),
        (404, None, Status.FAILED_CHANNEL1),
        (403, 57, Status.FAILED_CHANNEL1),
        (404, 3, Status.FAILED_CHANNEL1),
        (503, None, Status.FAILED_CHANNEL1),
    ],
)
def test_first_number_not_reached(code: int, q850: int | None, status: Status) -> None:
    call = Script.click_to_call().admit().refused(code, q850=q850)

    assert call.final.status is status
    assert call.dialed == [(1, 1)]
    assert call.announced == ["call_start", "from_call_start"]


@pytest.mark.parametrize("from_request", [False, True])
def test_ring_time_of_the_first_number(*, from_request: bool) -> None:
    first = make_leg(CALLER, from_request=from_request)
    call = Script.click_to_call().admit(first, make_leg()).rings().ring_time_is_up().all_gone()

    assert call.final.status is Status.NOANSWER_CHANNEL1


@pytest.mark.parametrize("code", [486, 603])
def test_first_party_is_the_caller(code: int) -> None:
    assert Script.click_to_call().admit().refused(code).final.hangup_by is HangupBy.CALLER


def test_channel_limit_on_leg_1_is_failed_channel1() -> None:
    call = Script.click_to_call().admit().refused(503, "Channel limit exceeded")

    assert (call.final.status, call.final.reason) == (Status.FAILED_CHANNEL1, "carrier_limit")


def test_second_number_is_dialed_only_after_the_first_answered() -> None:
    call = Script.click_to_call().admit().rings()
    assert call.dialed == [(1, 1)]

    call.answered()
    assert call.dialed == [(1, 1), (2, 1)]
    assert call.state.state is State.DIALING_SECOND
    assert PlayRingback(leg=1) in call.last
    assert call.announced == ["call_start", "from_call_start", "from_call_answer", "to_call_start"]


@pytest.mark.parametrize(
    ("code", "q850", "status"),
    [
        (486, None, Status.BUSY_CHANNEL2),
        (480, None, Status.NOANSWER_CHANNEL2),
        (603, None, Status.REJECTED),
        (404, None, Status.FAILED_CHANNEL2),
        (403, 57, Status.FAILED_CHANNEL2),
        (404, 2, Status.FAILED_CHANNEL2),
        (503, None, Status.FAILED_CHANNEL2),
    ],
)
def test_second_number_not_reached(code: int, q850: int | None, status: Status) -> None:
    call = second_dialed().refused(code, q850=q850, leg=2)

    assert Hangup(leg=1, try_=1) in call.last
    call.ends("bye", "local", leg=1)
    assert call.final.status is status
    assert "call_answer" not in call.announced


@pytest.mark.parametrize("from_request", [False, True])
def test_ring_time_of_the_second_number(*, from_request: bool) -> None:
    call = second_dialed(from_request=from_request).rings(leg=2).ring_time_is_up(leg=2).all_gone()

    assert call.final.status is Status.NOANSWER_CHANNEL2


def test_no_slot_for_the_second_number_is_failed_channel2() -> None:
    call = second_dialed(tries=0, blocked=("trunk_1",)).all_gone()

    assert (call.final.status, call.final.reason) == (Status.FAILED_CHANNEL2, "trunk_slots_taken")


def test_both_answered_is_answer_and_joined() -> None:
    call = second_dialed().rings(leg=2).answered(leg=2)

    assert JoinLegs(a=1, b=2) in call.last
    assert not any(isinstance(effect, StartFlow) for effect in call.effects)
    assert call.announced[-2:] == ["to_call_answer", "call_answer"]
    assert call.state.state is State.TALKING


def test_leg_1_hears_early_media_of_leg_2_once() -> None:
    call = second_dialed().progress(183, leg=2, early_media=True)
    assert JoinLegs(a=1, b=2) in call.last

    call.progress(180, leg=2, early_media=True).answered(leg=2)
    assert call.effects.count(JoinLegs(a=1, b=2)) == 1


@pytest.mark.parametrize(("leg", "by"), [(1, HangupBy.CALLER), (2, HangupBy.CALLEE)])
def test_bye_of_either_hangs_up_the_other(leg: int, by: HangupBy) -> None:
    call = second_dialed().answered(leg=2).hung_up(leg=leg)

    assert Hangup(leg=3 - leg, try_=1) in call.last
    call.all_gone()
    assert (call.final.status, call.final.hangup_by) == (Status.ANSWER, by)


@pytest.mark.parametrize("leg", [1, 2])
def test_media_lost_of_either_ends_an_answered_call(leg: int) -> None:
    call = second_dialed().answered(leg=2).media_lost(leg=leg).all_gone()

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.ANSWER,
        "media_lost",
        HangupBy.NETWORK,
    )


def test_first_party_hanging_up_before_the_second_answers_is_cancel() -> None:
    call = second_dialed().rings(leg=2).hung_up(leg=1)

    assert Hangup(leg=2, try_=1) in call.last
    call.ends("cancelled", "local", leg=2, code=487)
    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.CANCEL,
        "caller_left",
        HangupBy.CALLER,
    )
    results = [e.data["result"] for e in call.entries if e.kind is EntryKind.LEG_RESULT]
    assert results == [LegResult.ANSWERED, LegResult.CANCELLED]


def test_media_lost_on_leg_1_before_the_second_answers_is_cancel() -> None:
    call = second_dialed().media_lost(leg=1).all_gone()

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.CANCEL,
        "media_lost",
        HangupBy.NETWORK,
    )


def test_losing_the_first_connection_before_the_second_answers_is_cancel() -> None:
    call = second_dialed().ends("transport", "network", leg=1).all_gone()

    assert (call.final.status, call.final.hangup_by) == (Status.CANCEL, HangupBy.NETWORK)


def test_our_own_fault_on_leg_1_is_none_of_the_callers_doing() -> None:
    call = second_dialed().ends("fault", "local", leg=1).all_gone()

    assert (call.final.status, call.final.reason) == (Status.FAILED_CHANNEL2, "internal_error")


def test_2xx_of_leg_2_after_leg_1_left_never_wins() -> None:
    call = second_dialed().hung_up(leg=1).answered(leg=2)

    assert Hangup(leg=2, try_=1) in call.last
    assert call.all_gone().final.status is Status.CANCEL


def test_leg_1_leaving_after_the_2xx_of_leg_2_stays_answer() -> None:
    assert second_dialed().answered(leg=2).hung_up(leg=1).all_gone().final.status is Status.ANSWER


@pytest.mark.parametrize("second", [False, True])
def test_api_cancel_before_the_second_answers_is_cancel(*, second: bool) -> None:
    call = second_dialed() if second else Script.click_to_call().admit().rings()
    call.api_hangup().all_gone()

    assert (call.final.status, call.final.hangup_by) == (Status.CANCEL, HangupBy.API)


def test_api_hangup_after_both_answered_is_answer() -> None:
    call = second_dialed().answered(leg=2).api_hangup().all_gone()

    assert (call.final.status, call.final.reason) == (Status.ANSWER, "api_hangup")


def test_leg_2_fails_over_too() -> None:
    call = second_dialed(tries=2).refused(503, leg=2).answered(leg=2, try_=2)

    assert call.dialed == [(1, 1), (2, 1), (2, 2)]
    assert call.hung_up(leg=2, try_=2).all_gone().final.status is Status.ANSWER


def test_ring_timer_of_leg_1_firing_late_has_no_effect() -> None:
    call = second_dialed().ring_time_is_up(leg=1)

    assert call.last == ()
    assert call.timer(TimerName.FIRST_RESPONSE, leg=1, try_=1).last == ()
