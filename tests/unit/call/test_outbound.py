"""Outbound calls through the machine, from admission to the final record."""

import pytest

from ringback.call.effects import Dial, Hangup, Record, StartFlow, StartTimer
from ringback.call.events import Queued, QueueTimedOut, TimerName
from ringback.call.states import IllegalEvent, State
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, LegResult, Status
from ringback.model.trunk import OutcomeOverride
from ringback.testing.script import Script, make_leg


@pytest.mark.parametrize(
    ("check", "status"),
    [
        ("bridge_unknown", Status.BRIDGE_UNAVAILABLE),
        ("bridge_inactive", Status.BRIDGE_UNAVAILABLE),
        ("no_voice_out", Status.OUTGOING_RESTRICTED),
        ("do_not_disturb", Status.OUTGOING_RESTRICTED),
        ("blocked", Status.OUTGOING_RESTRICTED),
        ("outside_calling_hours", Status.OUTGOING_RESTRICTED),
        ("flow_unknown", Status.FLOW_UNREACHABLE),
        ("flow_deleted", Status.FLOW_UNREACHABLE),
        ("flow_unreachable", Status.FLOW_UNREACHABLE),
        ("flow_not_published", Status.FLOW_NOT_PUBLISHED),
        ("flow_paused", Status.FLOW_PAUSED),
        ("flow_unassigned", Status.FLOW_UNASSIGNED),
        ("no_route", Status.NOROUTE),
        ("no_channel", Status.MAXUSE),
        ("queue_full", Status.MAXUSE),
    ],
)
def test_refused_by_admission_sends_no_invite(check: str, status: Status) -> None:
    call = Script.outbound().refuse(check)

    assert (call.final.status, call.final.reason) == (status, check)
    assert call.dialed == []
    assert call.announced == []


@pytest.mark.parametrize(
    ("code", "q850", "status"),
    [
        (486, None, Status.BUSY),
        (600, None, Status.BUSY),
        (503, 17, Status.BUSY),
        (603, None, Status.REJECTED),
        (403, 21, Status.REJECTED),
        (480, None, Status.NOANSWER),
        (487, None, Status.NOANSWER),
        (403, 52, Status.OUTGOING_RESTRICTED),
        (404, 3, Status.NOROUTE),
        (404, None, Status.FAILED),
        (503, None, Status.FAILED),
        (302, None, Status.FAILED),
    ],
)
def test_final_response_decides(code: int, q850: int | None, status: Status) -> None:
    call = Script.outbound().admit().refused(code, q850=q850)

    assert call.final.status is status
    assert call.announced == ["call_start"]


def test_carrier_naming_our_limit_is_maxuse() -> None:
    call = Script.outbound().admit().refused(503, "Channel limit exceeded")

    assert (call.final.status, call.final.reason) == (Status.MAXUSE, "carrier_limit")


def test_no_slot_on_any_trunk_is_maxuse_without_invite() -> None:
    call = Script.outbound().admit(tries=0, blocked=("trunk_9",))

    assert (call.final.status, call.final.reason) == (Status.MAXUSE, "trunk_slots_taken")
    assert call.dialed == []


def test_408_is_no_answer_only_after_ringing() -> None:
    assert Script.outbound().admit().rings().refused(408).final.status is Status.NOANSWER
    assert Script.outbound().admit().progress(100).refused(408).final.status is Status.FAILED


def test_it_rang_even_if_another_provisional_came_after() -> None:
    assert Script.outbound().admit().rings().progress(199).refused(408).final.status is Status.NOANSWER


def test_each_try_needs_a_provisional_of_its_own() -> None:
    call = Script.outbound().admit(tries=3).progress(100).refused(503).timer(TimerName.FIRST_RESPONSE, leg=1, try_=2)

    assert call.dialed == [(1, 1), (1, 2), (1, 3)]


def test_answer_is_fixed_at_the_2xx_and_final_at_the_end() -> None:
    call = Script.outbound().admit().rings().answered()

    assert call.state.state is State.TALKING
    assert call.state.verdict is not None
    assert call.state.verdict.status is Status.ANSWER
    assert StartFlow(answered=True) in call.last
    assert call.announced == ["call_start", "call_answer"]

    call.hung_up()
    assert (call.final.status, call.final.reason, call.final.hangup_by) == (
        Status.ANSWER,
        "callee_hung_up",
        HangupBy.CALLEE,
    )


@pytest.mark.parametrize("outcome", ["end", "hangup", "failed"])
def test_whatever_the_flow_does_after_the_answer_stays_answer(outcome: str) -> None:
    call = Script.outbound().admit().answered().flow_ends(outcome)

    assert Hangup(leg=1, try_=1) in call.last
    assert call.state.state is State.ENDING
    call.ends("bye", "local")
    assert call.final.status is Status.ANSWER
    assert call.final.reason == ("flow_error" if outcome == "failed" else "flow_ended")
    assert call.final.hangup_by is HangupBy.PLATFORM


def test_max_duration_ends_an_answered_call() -> None:
    call = Script.outbound().admit().answered().timer(TimerName.MAX_DURATION).all_gone()

    assert (call.final.status, call.final.reason) == (Status.ANSWER, "max_duration")


def test_media_lost_ends_an_answered_call() -> None:
    call = Script.outbound().admit().answered().media_lost().all_gone()

    assert (call.final.reason, call.final.hangup_by) == ("media_lost", HangupBy.NETWORK)


def test_default_ring_time_is_noanswer() -> None:
    call = Script.outbound().admit().rings().ring_time_is_up()

    assert any(isinstance(effect, Hangup) for effect in call.last)
    assert call.ends("cancelled", "local", code=487).final.status is Status.NOANSWER


def test_timeout_of_the_request_is_obd_timeout() -> None:
    call = Script.outbound().admit(from_request=True).rings().ring_time_is_up().all_gone()

    assert (call.final.status, call.final.reason) == (Status.OBD_TIMEOUT, "request_timeout")


@pytest.mark.parametrize("code", [486, 603, 480, 200])
def test_what_crosses_our_cancel_changes_nothing(code: int) -> None:
    call = Script.outbound().admit().rings().ring_time_is_up().refused(code)

    assert call.final.status is Status.NOANSWER


def test_2xx_that_crosses_our_cancel_gets_a_bye_and_never_wins() -> None:
    call = Script.outbound().admit().rings().ring_time_is_up().answered()

    assert Hangup(leg=1, try_=1) in call.last
    assert EntryKind.LATE_ANSWER in call.kinds
    call.ends("bye", "local")
    assert call.final.status is Status.NOANSWER


def test_api_cancel_while_ringing_is_cancel_and_committed_first() -> None:
    call = Script.outbound().admit().rings().api_hangup()

    first = call.last[0]
    assert isinstance(first, Record)
    assert (first.kind, first.durable) == (EntryKind.CANCEL_ACCEPTED, True)
    call.ends("cancelled", "local", code=487)
    assert (call.final.status, call.final.hangup_by) == (Status.CANCEL, HangupBy.API)
    assert call.entry(EntryKind.LEG_RESULT).data["result"] == LegResult.CANCELLED


def test_api_cancel_before_admission_is_cancel_without_invite() -> None:
    call = Script.outbound().api_hangup()

    assert call.final.status is Status.CANCEL
    assert call.dialed == []


def test_repeated_cancel_changes_nothing() -> None:
    call = Script.outbound().admit().rings().api_hangup().api_hangup()

    assert call.last == ()
    call.all_gone().api_hangup()
    assert call.last == ()
    assert call.final.status is Status.CANCEL


def test_cancel_after_the_end_keeps_a_call_from_being_tried_again() -> None:
    call = Script.outbound(retries_left=2).admit().rings().ring_time_is_up().api_hangup()

    assert [effect.kind for effect in call.last if isinstance(effect, Record)] == [EntryKind.CANCEL_ACCEPTED]
    assert call.all_gone().final.status is Status.NOANSWER


def test_api_hangup_of_an_answered_call_is_answer_by_api() -> None:
    call = Script.outbound().admit().answered().api_hangup().all_gone()

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (Status.ANSWER, "api_hangup", HangupBy.API)


def test_waits_in_the_queue_then_dials() -> None:
    call = Script.outbound()
    call.feed(Queued(at=call.now(), until=call.now()))
    assert call.state.state is State.QUEUED

    assert call.admit().dialed == [(1, 1)]


def test_queue_time_is_up() -> None:
    call = Script.outbound()
    call.feed(Queued(at=call.now(), until=call.now())).feed(QueueTimedOut(at=call.now()))

    assert (call.final.status, call.final.reason) == (Status.QUEUE_TIMEOUT, "waited")


def test_missed_schedule_is_queue_timeout() -> None:
    call = Script.outbound()
    call.feed(QueueTimedOut(at=call.now(), why="missed_schedule"))

    assert (call.final.status, call.final.reason) == (Status.QUEUE_TIMEOUT, "missed_schedule")


def test_queue_timer_after_leaving_the_queue_is_expected_and_without_effect() -> None:
    call = Script.outbound().admit()

    assert call.feed(QueueTimedOut(at=call.now())).last == ()


def test_invite_is_journalled_before_it_is_sent() -> None:
    call = Script.outbound().admit()

    record = next(e for e in call.last if isinstance(e, Record) and e.kind is EntryKind.DIALING)
    dial = next(e for e in call.last if isinstance(e, Dial))
    assert record.durable
    assert call.last.index(record) < call.last.index(dial)
    assert (record.data["call_id"], record.data["local_tag"]) == (dial.sip_call_id, dial.local_tag)


def test_fails_over_to_the_next_trunk_after_5xx() -> None:
    call = Script.outbound().admit(tries=2).refused(503)

    assert call.dialed == [(1, 1), (1, 2)]
    assert call.refused(486, try_=2).final.status is Status.BUSY


def test_ring_timer_runs_once_over_all_tries() -> None:
    call = Script.outbound().admit(tries=3).refused(503).refused(500, try_=2)

    rings = [effect for effect in call.effects if isinstance(effect, StartTimer) and effect.name is TimerName.RING]
    assert len(rings) == 1
    assert len(call.dialed) == 3


def test_no_failover_once_it_rang() -> None:
    call = Script.outbound().admit(tries=2).rings().refused(503)

    assert call.dialed == [(1, 1)]
    assert call.final.status is Status.FAILED


def test_no_failover_after_a_4xx() -> None:
    assert Script.outbound().admit(tries=2).refused(404).final.status is Status.FAILED


def test_no_provisional_in_time_fails_over_and_hangs_up_the_first() -> None:
    call = Script.outbound().admit(tries=2).timer(TimerName.FIRST_RESPONSE, leg=1, try_=1)

    assert call.last[0] == Hangup(leg=1, try_=1, q850=None)
    assert call.dialed == [(1, 1), (1, 2)]


def test_no_provisional_in_time_on_the_last_trunk_is_failed() -> None:
    call = Script.outbound().admit().timer(TimerName.FIRST_RESPONSE, leg=1, try_=1).all_gone()

    assert (call.final.status, call.final.reason) == (Status.FAILED, "no_response")


def test_100_is_a_provisional() -> None:
    call = Script.outbound().admit(tries=2).progress(100).timer(TimerName.FIRST_RESPONSE, leg=1, try_=1)

    assert call.dialed == [(1, 1)]


def test_late_answer_of_an_abandoned_try_never_wins() -> None:
    call = Script.outbound().admit(tries=2).timer(TimerName.FIRST_RESPONSE, leg=1, try_=1).answered(try_=1)

    assert call.state.state is State.DIALING
    assert Hangup(leg=1, try_=1) in call.last
    assert call.entry(EntryKind.LATE_ANSWER).data["why"] == "late_answer_on_abandoned_try"
    call.ends("bye", "local", try_=1).refused(486, try_=2)
    assert call.final.status is Status.BUSY


def test_leg_result_is_the_last_tries() -> None:
    call = Script.outbound().admit(tries=2).refused(503, "Channel limit exceeded").refused(404, try_=2)

    assert (call.final.status, call.final.reason) == (Status.FAILED, "not_found")


def test_limit_at_every_trunk_tried_is_maxuse() -> None:
    call = Script.outbound().admit(tries=2).refused(503, "CPS limit").refused(503, "Channel limit exceeded", try_=2)

    assert call.final.status is Status.MAXUSE


def test_limit_at_one_trunk_and_a_plain_503_at_the_last_is_failed() -> None:
    call = Script.outbound().admit(tries=2).refused(503, "CPS limit").refused(503, "Service Unavailable", try_=2)

    assert call.final.status is Status.FAILED


def test_row_of_the_trunk_reads_its_answer() -> None:
    row = OutcomeOverride(id="busy-says-480", sip=480, result=LegResult.BUSY)
    call = Script.outbound().admit(overrides=(row,)).refused(480)

    assert call.final.status is Status.BUSY
    assert call.entry(EntryKind.LEG_RESULT).data["rule"] == "trunk:busy-says-480"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("dns", "dns"),
        ("transport", "transport"),
        ("timeout", "no_response"),
        ("no_common_codec", "no_common_codec"),
        ("no_media_port", "no_media_port"),
        ("fault", "internal_error"),
        ("stopped", "shutdown"),
    ],
)
def test_reasons_of_failed(cause: str, reason: str) -> None:
    call = Script.outbound().admit().ends(cause)

    assert (call.final.status, call.final.reason) == (Status.FAILED, reason)


def test_trunk_without_slot_when_its_turn_comes_is_maxuse() -> None:
    call = Script.outbound().admit(tries=2).ends("no_channel", "local").ends("no_channel", "local", try_=2)

    assert (call.final.status, call.final.reason) == (Status.MAXUSE, "trunk_slots_taken")


def test_storm_of_provisionals_fills_no_journal() -> None:
    call = Script.outbound().admit()
    for number in range(200):
        call.progress(180 + number % 2)

    assert call.kinds.count(EntryKind.PROGRESS) <= 20
    call.refused(486)
    assert call.entry(EntryKind.LEG_RESULT).data["repeats"] >= 180


def test_first_18x_is_journalled_even_after_a_storm() -> None:
    call = Script.outbound().admit()
    for number in range(50):
        call.progress(190 + number % 9)
    call.rings()

    assert call.entries[-1].data["code"] == 180
    assert call.refused(408).final.status is Status.NOANSWER


def test_admission_with_the_wrong_number_of_legs_is_illegal() -> None:
    call = Script.outbound()

    with pytest.raises(IllegalEvent):
        call.admit(make_leg(), make_leg())
    assert call.state.state is State.NEW


def test_unlisted_event_is_illegal_and_leaves_the_state() -> None:
    call = Script.outbound().admit()
    before = call.state

    with pytest.raises(IllegalEvent, match="FlowNeededAnswer cannot happen in state dialing"):
        call.flow_needs_answer()
    assert call.state == before


def test_event_of_a_leg_that_does_not_exist_is_illegal() -> None:
    with pytest.raises(IllegalEvent, match="leg 3"):
        Script.outbound().admit().rings(leg=3)
