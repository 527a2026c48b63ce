"""The connect node: other parties on the line, none of which decides the status."""

import pytest

from ringback.call.effects import Hangup, JoinLegs, PlayRingback, StopRingback, TellFlow
from ringback.call.events import LegPlan, TimerName
from ringback.call.machine.connecting import MOST_LEGS
from ringback.call.states import IllegalEvent, State
from ringback.model.journal import EntryKind
from ringback.model.sip.reason import ELSEWHERE
from ringback.model.status import LegResult, Status
from ringback.testing.script import Script, make_leg

A, B = "+4930901", "+4930902"


def talking() -> Script:
    return Script.incoming().let_in().flow_needs_answer().confirmed()


def told(call: Script) -> dict[str, object]:
    """What the flow was told last."""
    return [effect for effect in call.effects if isinstance(effect, TellFlow)][-1].data


def results(call: Script) -> dict[int, str]:
    return {e.data["leg"]: e.data["result"] for e in call.entries if e.kind is EntryKind.LEG_RESULT}


def test_first_party_answers_and_is_joined() -> None:
    call = talking().connect(make_leg(A))
    assert PlayRingback(leg=1) in call.last
    assert call.dialed == [(2, 1)]

    call.rings(leg=2).answered(leg=2)
    assert JoinLegs(a=1, b=2) in call.last
    assert call.entry(EntryKind.JOINED).data == {"legs": [1, 2]}


def test_connected_party_hanging_up_lets_the_flow_go_on() -> None:
    call = talking().connect(make_leg(A)).answered(leg=2).hung_up(leg=2)

    assert told(call) == {"result": "answered", "leg": 2, "party": A}
    assert call.state.state is State.TALKING
    assert call.flow_ends().all_gone().final.status is Status.FLOW_ANSWER


def test_parties_are_called_in_turn() -> None:
    call = talking().connect(make_leg(A), make_leg(B))
    assert call.dialed == [(2, 1)]

    call.refused(486, leg=2)
    assert call.dialed == [(2, 1), (3, 1)]
    call.answered(leg=3)
    assert JoinLegs(a=1, b=3) in call.last


@pytest.mark.parametrize(
    ("codes", "result"),
    [
        ((486,), "busy"),
        ((603,), "rejected"),
        ((480,), "no_answer"),
        ((404,), "failed"),
        ((486, 480), "no_answer"),
        ((486, 404), "busy"),
        ((404, 603), "rejected"),
        ((404, 503), "failed"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_nobody_reached_tells_the_nearest_result(codes: tuple[int, ...], result: str, *, at_once: bool) -> None:
    call = talking().connect(*(make_leg(A) for _ in codes), at_once=at_once)
    for leg, code in enumerate(codes, start=2):
        call.refused(code, leg=leg)

    assert told(call)["result"] == result
    assert StopRingback(leg=1) in call.last
    assert call.state.state is State.TALKING


def test_ring_time_of_each_party() -> None:
    call = talking().connect(make_leg(A, from_request=True), make_leg(B)).rings(leg=2).ring_time_is_up(leg=2)
    assert call.dialed == [(2, 1), (3, 1)]

    call.ends("cancelled", "local", leg=2).ring_time_is_up(leg=3)
    assert told(call)["result"] == "no_answer"


def test_all_at_once_joins_the_first_and_withdraws_the_others() -> None:
    call = talking().connect(make_leg(A), make_leg(B), make_leg(A), at_once=True)
    assert call.dialed == [(2, 1), (3, 1), (4, 1)]

    call.answered(leg=3)
    assert JoinLegs(a=1, b=3) in call.last
    withdrawn = [effect for effect in call.last if isinstance(effect, Hangup)]
    assert withdrawn == [Hangup(leg=leg, try_=1, q850=26, reason=ELSEWHERE) for leg in (2, 4)]
    assert results(call) == {3: LegResult.ANSWERED, 2: LegResult.CANCELLED, 4: LegResult.CANCELLED}


def test_second_answer_at_the_same_moment_loses() -> None:
    call = talking().connect(make_leg(A), make_leg(B), at_once=True).answered(leg=2).answered(leg=3)

    assert Hangup(leg=3, try_=1) in call.last
    assert not any(isinstance(effect, JoinLegs) and effect.b == 3 for effect in call.effects)


def test_caller_hears_early_media_only_when_one_party_is_called() -> None:
    one = talking().connect(make_leg(A)).progress(183, leg=2, early_media=True)
    assert JoinLegs(a=1, b=2) in one.last
    one.answered(leg=2)
    assert one.effects.count(JoinLegs(a=1, b=2)) == 1

    two = talking().connect(make_leg(A), make_leg(B), at_once=True).progress(183, leg=2, early_media=True)
    assert not any(isinstance(effect, JoinLegs) for effect in two.effects)


def test_ringback_comes_back_after_early_media_of_a_party_that_failed() -> None:
    call = talking().connect(make_leg(A), make_leg(B)).progress(183, leg=2, early_media=True).refused(486, leg=2)

    assert PlayRingback(leg=1) in call.last


def test_caller_leaving_withdraws_the_parties() -> None:
    call = talking().connect(make_leg(A), make_leg(B), at_once=True).hung_up(leg=1)

    assert [e.leg for e in call.last if isinstance(e, Hangup)] == [2, 3]
    assert results(call) == {2: LegResult.CANCELLED, 3: LegResult.CANCELLED}
    assert call.all_gone().final.status is Status.FLOW_ANSWER
    assert not any(isinstance(e, TellFlow) and e.what == "connect_done" for e in call.effects)


def test_caller_leaving_hangs_up_the_connected_party() -> None:
    call = talking().connect(make_leg(A)).answered(leg=2).hung_up(leg=1)

    assert Hangup(leg=2, try_=1) in call.last


def test_parties_without_tries_count_as_failed() -> None:
    call = talking().connect(make_leg(A, tries=0), make_leg(B, tries=0, blocked=("t",)))

    assert told(call) == {"result": "failed", "leg": 3, "party": B}
    assert results(call) == {2: LegResult.FAILED, 3: LegResult.NO_CHANNEL}


def test_at_once_with_some_parties_that_cannot_be_called() -> None:
    call = talking().connect(make_leg(A, tries=0), make_leg(B), at_once=True).refused(486, leg=3)

    assert told(call)["result"] == "busy"


def test_party_fails_over_too() -> None:
    call = talking().connect(make_leg(A, tries=2)).refused(503, leg=2)

    assert call.dialed == [(2, 1), (2, 2)]


def test_media_lost_of_the_connected_party_ends_only_its_leg() -> None:
    call = talking().connect(make_leg(A)).answered(leg=2).media_lost(leg=2)

    assert Hangup(leg=2, try_=1) in call.last
    assert told(call)["result"] == "answered"
    call.ends("bye", "local", leg=2)
    assert call.state.state is State.TALKING


def test_media_lost_of_a_party_still_called_is_only_a_note() -> None:
    call = talking().connect(make_leg(A)).media_lost(leg=2)

    assert not any(isinstance(effect, Hangup) for effect in call.last)
    assert call.answered(leg=2).state.connecting is not None


def test_connecting_twice_one_after_another() -> None:
    call = talking().connect(make_leg(A)).refused(486, leg=2).connect(make_leg(B)).answered(leg=3)

    assert JoinLegs(a=1, b=3) in call.last


def test_connecting_while_connecting_is_illegal() -> None:
    call = talking().connect(make_leg(A))

    with pytest.raises(IllegalEvent):
        call.connect(make_leg(B))


def test_connecting_nobody_is_told_as_failed() -> None:
    assert told(talking().connect())["result"] == "failed"


def test_a_flow_that_connects_for_ever_is_bounded() -> None:
    many: tuple[LegPlan, ...] = tuple(make_leg(A) for _ in range(150))
    call = talking().connect(*many, at_once=True)

    assert len(call.state.legs) == MOST_LEGS
    for leg in range(2, MOST_LEGS + 1):
        call.refused(486, leg=leg)
    assert told(call.connect(make_leg(B)))["result"] == "failed"


def test_outbound_flow_connects_too_and_the_status_stays_answer() -> None:
    call = Script.outbound().admit().answered().connect(make_leg(A)).answered(leg=2).hung_up(leg=1).all_gone()

    assert call.final.status is Status.ANSWER


def test_click_to_call_has_no_connect_node() -> None:
    call = Script.click_to_call().admit().answered().answered(leg=2)

    with pytest.raises(IllegalEvent):
        call.connect(make_leg(A))


def test_ring_timer_of_a_party_that_answered_has_no_effect() -> None:
    call = talking().connect(make_leg(A)).answered(leg=2)

    assert call.timer(TimerName.RING, leg=2).last == ()


def test_media_lost_again_of_a_party_that_is_going_tells_nothing_about_the_next() -> None:
    call = talking().connect(make_leg(A)).answered(leg=2).media_lost(leg=2).connect(make_leg(B)).media_lost(leg=2)

    assert not any(isinstance(effect, TellFlow) for effect in call.last)
    assert JoinLegs(a=1, b=3) in call.answered(leg=3).last
