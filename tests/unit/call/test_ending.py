"""The end of calls: waiting for legs, late news, notes, faults of our own."""

import pytest

from ringback.call.effects import Finish, Hangup, Record, Reject, StartTimer, StopTimer
from ringback.call.events import FaultHappened, LateAnswered, Noted, ShutDown, StatsReported, TimerName
from ringback.call.machine.ending import WIND_DOWN_MS
from ringback.call.states import IllegalEvent, State
from ringback.model.journal import EntryKind
from ringback.model.status import HangupBy, Status
from ringback.testing.script import Script


def test_final_waits_for_the_legs_at_most_wind_down() -> None:
    call = Script.outbound().admit().rings().ring_time_is_up()
    assert StartTimer(name=TimerName.WIND_DOWN, after_ms=WIND_DOWN_MS) in call.last
    assert call.state.state is State.ENDING

    call.timer(TimerName.WIND_DOWN)
    assert call.final.status is Status.NOANSWER


def test_final_comes_with_the_last_leg_and_stops_the_timer() -> None:
    call = Script.click_to_call().admit().answered().rings(leg=2).api_hangup()
    call.ends("cancelled", "local", leg=2)
    assert call.state.state is State.ENDING

    call.ends("bye", "local", leg=1)
    assert StopTimer(name=TimerName.WIND_DOWN) in call.last
    assert isinstance(call.last[-1], Finish)


def test_abandoned_try_is_waited_for_too() -> None:
    call = Script.outbound().admit(tries=2).timer(TimerName.FIRST_RESPONSE, leg=1, try_=1).refused(486, try_=2)
    assert call.state.state is State.ENDING

    assert call.ends("cancelled", "local", try_=1).final.status is Status.BUSY


def test_final_entry_stands_just_before_finish() -> None:
    call = Script.outbound().admit().refused(486)

    entry, finish = call.last[-2:]
    assert isinstance(entry, Record)
    assert isinstance(finish, Finish)
    assert entry.kind is EntryKind.FINAL
    assert entry.data["status"] == finish.verdict.status
    assert entry.data["evidence"] == list(finish.verdict.evidence)


def test_journal_is_numbered_without_gaps() -> None:
    call = Script.click_to_call().admit().rings().answered().rings(leg=2).answered(leg=2).hung_up(leg=1).all_gone()

    assert [entry.seq for entry in call.entries] == list(range(1, len(call.entries) + 1))


def test_news_after_the_final_record_is_journalled_and_decides_nothing() -> None:
    call = Script.outbound().admit().rings().ring_time_is_up().timer(TimerName.WIND_DOWN)
    call.feed(LateAnswered(at=call.now(), leg=1, try_=1, code=200)).ends("cancelled", "local")

    assert call.kinds[-2:] == [EntryKind.AFTER_FINAL, EntryKind.AFTER_FINAL]
    assert call.entries[-2].data == {"kind": "LateAnswered", "data": {"leg": 1, "try": 1, "code": 200}}
    assert call.final.status is Status.NOANSWER


def test_far_end_that_rings_on_after_the_final_record_fills_no_journal() -> None:
    call = Script.outbound().admit().rings().api_hangup().timer(TimerName.WIND_DOWN)
    count = len(call.entries)

    for _ in range(100):
        call.rings().progress(183, early_media=True)

    assert call.state.is_final
    assert len(call.entries) == count


def test_2xx_after_the_final_record_gets_its_bye() -> None:
    call = Script.outbound().admit().rings().ring_time_is_up().timer(TimerName.WIND_DOWN).answered()

    assert Hangup(leg=1, try_=1) in call.last
    assert call.final.status is Status.NOANSWER


def test_notes_take_their_place_in_the_journal() -> None:
    call = Script.incoming().let_in()
    call.feed(Noted(at=call.now(), kind=EntryKind.FLOW_STEP, data={"node": "a"}))

    assert call.entries[-1].kind is EntryKind.FLOW_STEP
    assert call.entries[-1].seq == len(call.entries)


@pytest.mark.parametrize("kind", [EntryKind.LEG_RESULT, EntryKind.CANCEL_ACCEPTED, EntryKind.FINAL])
def test_notes_cannot_decide(kind: EntryKind) -> None:
    call = Script.incoming().let_in()

    with pytest.raises(IllegalEvent):
        call.feed(Noted(at=call.now(), kind=kind))


def test_stats_are_journalled() -> None:
    call = Script.outbound().admit().answered()
    call.feed(
        StatsReported(
            at=call.now(), leg=1, codec="PCMA", packets_sent=5, packets_received=4, packets_lost=1, jitter_ms=2.5
        )
    )

    assert call.entries[-1].kind is EntryKind.LEG_STATS
    assert call.entries[-1].data["packets_lost"] == 1


def fault(call: Script) -> Script:
    return call.feed(FaultHappened(at=call.now(), detail="a bug"))


def stop(call: Script) -> Script:
    return call.feed(ShutDown(at=call.now()))


@pytest.mark.parametrize(("happens", "reason"), [(fault, "internal_error"), (stop, "shutdown")])
@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda: Script.outbound().admit().rings(), Status.FAILED),
        (lambda: Script.outbound().admit().answered(), Status.ANSWER),
        (lambda: Script.click_to_call().admit().rings(), Status.FAILED_CHANNEL1),
        (lambda: Script.click_to_call().admit().answered(), Status.FAILED_CHANNEL2),
        (lambda: Script.click_to_call().admit().answered().answered(leg=2), Status.ANSWER),
        (Script.incoming, Status.INCOMING_DISCONNECTED),
        (lambda: Script.incoming().let_in(), Status.INCOMING_DISCONNECTED),
        (lambda: Script.incoming().let_in(miss_call_ms=5000), Status.MISS_CALL),
        (lambda: Script.incoming().let_in().flow_needs_answer(), Status.INCOMING_DISCONNECTED),
        (lambda: Script.incoming().let_in().flow_needs_answer().confirmed(), Status.FLOW_ANSWER),
    ],
)
def test_crash_rule_by_what_was_going_on(make: object, status: Status, happens: object, reason: str) -> None:
    call = happens(make()).all_gone()  # type: ignore[operator]

    assert (call.final.status, call.final.reason, call.final.hangup_by) == (status, reason, HangupBy.PLATFORM)


@pytest.mark.parametrize("happens", [fault, stop])
def test_what_was_decided_before_a_fault_stays(happens: object) -> None:
    call = happens(Script.outbound().admit().rings().ring_time_is_up())  # type: ignore[operator]

    assert (call.final.status, call.final.reason) == (Status.NOANSWER, "ring_timeout")


def test_caller_gets_503_when_we_stop_and_500_for_a_fault() -> None:
    assert Reject(code=503) in stop(Script.incoming().let_in()).last
    assert Reject(code=500) in fault(Script.incoming().let_in()).last


def test_timers_of_a_leg_are_stopped_with_its_result() -> None:
    call = Script.outbound().admit().refused(486)

    assert StopTimer(name=TimerName.RING, leg=1) in call.last
    assert StopTimer(name=TimerName.FIRST_RESPONSE, leg=1, try_=1) in call.last
