"""Calls without a task: the crash rule, at every point of a call's life."""

from datetime import timedelta

import msgspec
import pytest

from ringback.call.crash import AlreadyFinalError, open_dialogs, recover
from ringback.call.events import TimerName
from ringback.call.record import final_record
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import LegResult, Status
from ringback.model.trunk import OutcomeOverride
from ringback.testing.script import START, Script, make_request

LATER = START + timedelta(hours=3)


def cut(call: Script, last: EntryKind) -> list[Entry]:
    """Return the journal up to the first entry of a kind."""
    return call.entries[: call.entry(last).seq]


def crashed(call: Script, last: EntryKind) -> tuple[Status, str]:
    recovery = recover(call.request, cut(call, last), why="recovered_after_crash", at=LATER)
    assert recovery is not None
    return recovery.verdict.status, recovery.verdict.reason


def test_a_call_that_was_never_dialed_goes_on() -> None:
    call = Script.outbound().admit()

    assert recover(call.request, cut(call, EntryKind.ACCEPTED), why="recovered_after_crash", at=LATER) is None
    assert recover(call.request, cut(call, EntryKind.ADMITTED), why="recovered_after_crash", at=LATER) is None


def test_a_cancel_in_the_journal_decides_even_without_invite() -> None:
    assert crashed(Script.outbound().api_hangup(), EntryKind.CANCEL_ACCEPTED) == (Status.CANCEL, "api_hangup")


@pytest.mark.parametrize(
    ("call", "last", "expected"),
    [
        (Script.outbound().admit(), EntryKind.DIALING, (Status.FAILED, "recovered_after_crash")),
        (Script.outbound().admit().rings(), EntryKind.PROGRESS, (Status.FAILED, "recovered_after_crash")),
        (Script.outbound().admit().refused(486), EntryKind.TRY_FAILED, (Status.BUSY, "busy")),
        (Script.outbound().admit().refused(486), EntryKind.LEG_RESULT, (Status.BUSY, "busy")),
        (
            Script.outbound().admit(tries=2).refused(503),
            EntryKind.TRY_FAILED,
            (Status.FAILED, "recovered_after_crash"),
        ),
        (
            Script.outbound().admit(from_request=True).ring_time_is_up(),
            EntryKind.RING_TIMED_OUT,
            (Status.OBD_TIMEOUT, "request_timeout"),
        ),
        (
            Script.outbound().admit().answered(),
            EntryKind.LEG_ANSWERED,
            (Status.ANSWER, "recovered_after_crash"),
        ),
        (Script.outbound().admit().answered().flow_ends(), EntryKind.HANGUP, (Status.ANSWER, "flow_ended")),
        (
            Script.click_to_call().admit(),
            EntryKind.DIALING,
            (Status.FAILED_CHANNEL1, "recovered_after_crash"),
        ),
        (
            Script.click_to_call().admit().answered(),
            EntryKind.LEG_ANSWERED,
            (Status.FAILED_CHANNEL2, "recovered_after_crash"),
        ),
        (
            Script.click_to_call().admit().answered().hung_up(),
            EntryKind.CALLER_LEFT,
            (Status.CANCEL, "caller_left"),
        ),
        (Script.incoming(), EntryKind.ACCEPTED, (Status.INCOMING_DISCONNECTED, "recovered_after_crash")),
        (Script.incoming().let_in(), EntryKind.RINGING, (Status.INCOMING_DISCONNECTED, "recovered_after_crash")),
        (
            Script.incoming().let_in(miss_call_ms=1),
            EntryKind.RINGING,
            (Status.MISS_CALL, "recovered_after_crash"),
        ),
        (
            Script.incoming().let_in().flow_needs_answer(),
            EntryKind.ANSWERING,
            (Status.INCOMING_DISCONNECTED, "recovered_after_crash"),
        ),
        (
            Script.incoming().let_in().flow_needs_answer().confirmed(),
            EntryKind.ANSWER_CONFIRMED,
            (Status.FLOW_ANSWER, "recovered_after_crash"),
        ),
        (Script.incoming().let_in().flow_ends(), EntryKind.FLOW_ENDED, (Status.FLOW_EXECUTED, "flow_ended")),
        (Script.incoming().refuse("no_channel", 486), EntryKind.REFUSED, (Status.MAXUSE, "no_channel")),
    ],
)
def test_crash_after(call: Script, last: EntryKind, expected: tuple[Status, str]) -> None:
    assert crashed(call, last) == expected


def test_second_party_answered_without_its_result() -> None:
    call = Script.click_to_call().admit().answered().answered(leg=2)
    answers = [e.seq for e in call.entries if e.kind is EntryKind.LEG_ANSWERED]

    recovery = recover(call.request, call.entries[: answers[1]], why="recovered_after_crash", at=LATER)

    assert recovery is not None
    assert recovery.verdict.status is Status.ANSWER


def test_added_entries_follow_the_journal_and_end_with_final() -> None:
    call = Script.outbound().admit().answered()
    journal = cut(call, EntryKind.LEG_ANSWERED)

    recovery = recover(call.request, journal, why="recovered_after_crash", at=LATER, detail="node a")

    assert recovery is not None
    assert [e.kind for e in recovery.entries] == [EntryKind.LEG_RESULT, EntryKind.CRASH_RULE, EntryKind.FINAL]
    assert [e.seq for e in recovery.entries] == [len(journal) + 1, len(journal) + 2, len(journal) + 3]
    assert recovery.entries[1].data == {"why": "recovered_after_crash", "detail": "node a"}


def test_times_of_a_recovered_call_end_with_what_was_known() -> None:
    call = Script.outbound().admit().answered()
    journal = cut(call, EntryKind.LEG_ANSWERED)
    recovery = recover(call.request, journal, why="recovered_after_crash", at=LATER)
    assert recovery is not None

    record = final_record(call.request, [*journal, *recovery.entries], recovery.verdict)

    assert record.answered_at == journal[-1].at
    assert record.ended_at == journal[-1].at
    assert record.talk_s == 0.0


def test_a_final_call_is_never_decided_again() -> None:
    call = Script.outbound().admit().refused(486)

    with pytest.raises(AlreadyFinalError):
        recover(call.request, call.entries, why="recovered_after_crash", at=LATER)


def test_a_row_of_the_trunk_is_read_out_of_the_journal_too() -> None:
    row = OutcomeOverride(id="r", sip=480, result=LegResult.BUSY)
    call = Script.outbound().admit(overrides=(row,)).refused(480)

    assert crashed(call, EntryKind.TRY_FAILED)[0] is Status.BUSY


def test_dialogs_to_be_ended_after_a_crash() -> None:
    call = Script.outbound().admit(tries=2)
    early = open_dialogs(call.entries)
    assert len(early) == 1
    assert msgspec.json.decode(early[0]) == {
        "role": "uac",
        "call_id": f"{call.request.id}-1-1",
        "local_tag": call.entry(EntryKind.DIALING).data["local_tag"],
        "local_uri": "sip:+4930333@192.0.2.1",
        "remote_uri": "sip:+4930222@192.0.2.1",
        "remote_target": "sip:+4930222@192.0.2.1",
        "peer": "192.0.2.1:5060",
        "transport": "udp",
    }

    call.timer(TimerName.FIRST_RESPONSE, leg=1, try_=1)
    assert len(open_dialogs(call.entries)) == 2
    call.ends("cancelled", "local", try_=1).answered(try_=2)
    assert open_dialogs(call.entries) == ("{}",)
    call.hung_up(try_=2)
    assert open_dialogs(call.entries) == ()


def test_dialog_of_an_incoming_call() -> None:
    call = Script(make_request(Script.incoming().request.kind))
    call.entries[0] = msgspec.structs.replace(call.entries[0], data={"dialog": "theirs"})

    assert open_dialogs(call.entries) == ("theirs",)
    call.ends("cancelled", "remote")
    assert open_dialogs(call.entries) == ()
