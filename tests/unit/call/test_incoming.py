"""Incoming calls through the machine, from the INVITE to the final record."""

import pytest

from ringback.call.effects import Answer, Hangup, Record, Reject, Ring, StartFlow, StopFlow, TellFlow
from ringback.call.events import TimerName
from ringback.call.states import IllegalEvent, State
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, Status
from ringback.testing.script import Script


def ringing() -> Script:
    return Script.incoming().let_in()


def answering() -> Script:
    return ringing().flow_needs_answer()


def talking() -> Script:
    return answering().confirmed()


@pytest.mark.parametrize(
    ("check", "code", "status"),
    [
        ("no_called_number", 484, Status.NO_INCOMING_CLI),
        ("number_unknown", 404, Status.NOROUTE),
        ("no_calling_number", 433, Status.NO_INCOMING_CLI),
        ("bridge_inactive", 480, Status.BRIDGE_UNAVAILABLE),
        ("blocked", 603, Status.INCOMING_DISCONNECTED),
        ("no_channel", 486, Status.MAXUSE),
        ("flow_missing", 480, Status.INCOMING_DISCONNECTED),
        ("flow_paused", 480, Status.INCOMING_DISCONNECTED),
        ("flow_not_published", 480, Status.INCOMING_DISCONNECTED),
        ("flow_unreachable", 480, Status.INCOMING_DISCONNECTED),
        ("no_common_codec", 488, Status.INCOMING_DISCONNECTED),
    ],
)
def test_refused_by_admission(check: str, code: int, status: Status) -> None:
    call = Script.incoming().refuse(check, code)

    assert Reject(code=code) in call.last
    assert call.state.state is State.ENDING
    call.ends("response", "local", code=code)
    assert (call.final.status, call.final.reason) == (status, check)
    assert call.announced == []


def test_admitted_rings_and_runs_the_flow() -> None:
    call = ringing()

    assert Ring() in call.last
    assert StartFlow(answered=False) in call.last
    assert call.announced == ["call_start"]


def test_answers_when_the_flow_needs_it_and_journals_first() -> None:
    call = answering()

    record = next(e for e in call.last if isinstance(e, Record))
    assert (record.kind, record.durable) == (EntryKind.ANSWERING, True)
    assert call.last.index(record) < call.last.index(Answer())
    assert call.state.verdict is None


@pytest.mark.parametrize("how", ["ack", "request", "rtp"])
def test_confirmation_decides_flow_answer(how: str) -> None:
    call = answering().confirmed(how)

    assert TellFlow(what="answered") in call.last
    assert call.announced == ["call_start", "call_answer"]
    call.hung_up()
    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.FLOW_ANSWER,
        "caller_hung_up",
        HangupBy.CALLER,
    )


def test_bye_before_the_confirmation_is_the_confirmation() -> None:
    call = answering().hung_up()

    assert (call.final.status, call.final.hangup_by) == (Status.FLOW_ANSWER, HangupBy.CALLER)
    assert call.announced == ["call_start", "call_answer"]


def test_answer_never_confirmed_is_no_ack() -> None:
    call = answering().ends("no_ack", "network")

    assert (call.final.status, call.final.reason) == (Status.INCOMING_DISCONNECTED, "no_ack")
    assert call.announced == ["call_start"]


def test_cancel_that_overtook_our_200_is_the_callers() -> None:
    call = answering().ends("cancelled", "remote", code=487)

    assert (call.final.status, call.final.reason) == (Status.INCOMING_DISCONNECTED, "caller_cancelled")


@pytest.mark.parametrize(("outcome", "code"), [("end", None), ("hangup", 486), ("hangup", None)])
def test_flow_that_ends_unanswered_is_flow_executed(outcome: str, code: int | None) -> None:
    call = ringing().flow_ends(outcome, sip_code=code)

    assert Reject(code=code or 480) in call.last
    assert call.ends("response", "local", code=code or 480).final.status is Status.FLOW_EXECUTED


def test_flow_error_before_the_answer() -> None:
    call = ringing().flow_ends("failed")

    assert Reject(code=480) in call.last
    call.all_gone()
    assert (call.final.status, call.final.reason) == (Status.INCOMING_DISCONNECTED, "flow_error")


def test_incoming_ring_time_is_up() -> None:
    call = ringing().timer(TimerName.INCOMING_RING)

    assert Reject(code=480) in call.last
    assert StopFlow() in call.last
    assert call.all_gone().final.status is Status.RING_TIMEOUT


@pytest.mark.parametrize("name", [TimerName.MISS_CALL, TimerName.WIND_DOWN, TimerName.RING])
def test_timer_that_does_not_run_has_no_effect(name: TimerName) -> None:
    call = ringing().timer(name)

    assert call.last == ()
    assert call.state.state is State.RINGING


def test_ring_time_in_the_moment_of_answering_has_no_effect() -> None:
    call = answering().timer(TimerName.INCOMING_RING)

    assert call.last == ()
    assert call.confirmed().hung_up().final.status is Status.FLOW_ANSWER


@pytest.mark.parametrize(
    ("cause", "side", "by"),
    [
        ("cancelled", "remote", HangupBy.CALLER),
        ("transport", "network", HangupBy.NETWORK),
        ("timeout", "network", HangupBy.NETWORK),
    ],
)
def test_caller_leaving_before_the_answer(cause: str, side: str, by: HangupBy) -> None:
    call = ringing().ends(cause, side)

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.INCOMING_DISCONNECTED,
        "caller_cancelled",
        by,
    )


def test_caller_leaving_during_admission() -> None:
    call = Script.incoming().ends("cancelled", "remote")

    assert call.final.status is Status.INCOMING_DISCONNECTED
    assert call.let_in().kinds[-1] is EntryKind.AFTER_FINAL
    assert call.announced == []


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("overload", "overload"),
        ("no_media_port", "no_media_port"),
        ("no_common_codec", "no_common_codec"),
        ("stopped", "shutdown"),
        ("fault", "internal_error"),
    ],
)
def test_our_own_doing_before_the_answer(cause: str, reason: str) -> None:
    call = Script.incoming().ends(cause, "local")

    assert (call.final.status, call.final.reason) == (Status.INCOMING_DISCONNECTED, reason)


def test_miss_call_rings_for_its_seconds_and_is_never_answered() -> None:
    call = Script.incoming().let_in(miss_call_ms=5000)
    assert Ring() in call.last
    assert not any(isinstance(effect, StartFlow) for effect in call.effects)

    call.timer(TimerName.MISS_CALL)
    assert Reject(code=480) in call.last
    assert (call.all_gone().final.status, call.final.reason) == (Status.MISS_CALL, "rung_out")


def test_miss_call_whose_caller_gives_up_earlier() -> None:
    call = Script.incoming().let_in(miss_call_ms=5000).ends("cancelled", "remote")

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.MISS_CALL,
        "caller_gave_up",
        HangupBy.CALLER,
    )


def test_api_hangup_of_a_miss_call() -> None:
    call = Script.incoming().let_in(miss_call_ms=5000).api_hangup().all_gone()

    assert (call.final.status, call.final.reason) == (Status.INCOMING_DISCONNECTED, "api_hangup")


@pytest.mark.parametrize("when", [Script.incoming, ringing, answering])
def test_api_hangup_before_the_answer(when: object) -> None:
    call = when().api_hangup()  # type: ignore[operator]

    assert call.state.state is State.ENDING
    call.all_gone()
    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.INCOMING_DISCONNECTED,
        "api_hangup",
        HangupBy.API,
    )


def test_api_hangup_while_answering_sends_bye_and_a_late_ack_changes_nothing() -> None:
    call = answering().api_hangup()
    assert Hangup(leg=1, try_=0) in call.last

    call.confirmed().ends("bye", "local")
    assert call.final.status is Status.INCOMING_DISCONNECTED
    assert "call_answer" not in call.announced


def test_api_hangup_after_the_answer() -> None:
    call = talking().api_hangup().all_gone()

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.FLOW_ANSWER,
        "api_hangup",
        HangupBy.API,
    )


@pytest.mark.parametrize("outcome", ["end", "hangup", "failed"])
def test_flow_end_after_the_answer_stays_flow_answer(outcome: str) -> None:
    call = talking().flow_ends(outcome)

    assert Hangup(leg=1, try_=0) in call.last
    assert call.all_gone().final.status is Status.FLOW_ANSWER


def test_flow_failing_while_answering_waits_for_the_confirmation() -> None:
    call = answering().flow_ends("failed")
    assert call.state.state is State.ANSWERING

    call.confirmed()
    assert Hangup(leg=1, try_=0) in call.last
    assert (call.all_gone().final.status, call.final.reason) == (Status.FLOW_ANSWER, "flow_error")


def test_max_duration_after_the_answer() -> None:
    call = talking().timer(TimerName.MAX_DURATION).all_gone()

    assert (call.final.status, call.final.reason) == (Status.FLOW_ANSWER, "max_duration")


def test_media_lost_after_the_answer() -> None:
    assert talking().media_lost().all_gone().final.hangup_by is HangupBy.NETWORK


def test_confirmation_without_answer_is_illegal() -> None:
    with pytest.raises(IllegalEvent):
        ringing().confirmed()


def test_a_miss_call_has_no_flow_that_could_answer_or_end() -> None:
    call = Script.incoming().let_in(miss_call_ms=5000)

    with pytest.raises(IllegalEvent, match="without a flow"):
        call.flow_needs_answer()
    with pytest.raises(IllegalEvent, match="without a flow"):
        call.flow_ends()
    assert call.timer(TimerName.MISS_CALL).all_gone().final.status is Status.MISS_CALL


def test_a_flow_ends_once() -> None:
    call = answering().flow_ends()

    with pytest.raises(IllegalEvent, match="without a flow"):
        call.flow_ends()


def test_an_answer_of_the_caller_is_illegal() -> None:
    with pytest.raises(IllegalEvent, match="of the caller"):
        talking().answered(try_=0)
