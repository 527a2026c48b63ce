"""The audit finds what is broken, and nothing where nothing is."""

from collections.abc import Sequence

import msgspec
import pytest

from ringback.call.audit import audit_call
from ringback.call.record import final_record
from ringback.call.status import tables_json
from ringback.model.final import FinalRecord
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import LegResult, Status
from ringback.model.trunk import OutcomeOverride
from ringback.testing.script import Script, make_leg

CALLS = [
    lambda: Script.outbound().refuse("no_route"),
    lambda: Script.outbound().api_hangup(),
    lambda: Script.outbound().admit(tries=3).refused(503).refused(500, try_=2).rings(try_=3).refused(408, try_=3),
    lambda: Script.outbound().admit(overrides=(OutcomeOverride(id="r", sip=480, result=LegResult.BUSY),)).refused(480),
    lambda: Script.outbound().admit().refused(503, "CPS limit"),
    lambda: Script.outbound().admit().refused(404, q850=3),
    lambda: Script.outbound().admit(tries=0, blocked=("t",)),
    lambda: Script.outbound().admit(from_request=True).rings().ring_time_is_up().answered().all_gone(),
    lambda: Script.outbound().admit().answered().hung_up(),
    lambda: Script.click_to_call().admit().refused(486),
    lambda: Script.click_to_call().admit().answered().rings(leg=2).refused(486, leg=2).all_gone(),
    lambda: Script.click_to_call().admit().answered().hung_up().all_gone(),
    lambda: Script.click_to_call().admit().answered().answered(leg=2).hung_up().all_gone(),
    lambda: Script.incoming().refuse("blocked", 603).all_gone(),
    lambda: Script.incoming().let_in().flow_ends().all_gone(),
    lambda: (
        Script.incoming()
        .let_in()
        .flow_needs_answer()
        .confirmed()
        .connect(make_leg(), make_leg(), at_once=True)
        .answered(leg=2)
        .hung_up()
        .all_gone()
    ),
]


def found(
    call: Script, *, record: FinalRecord | None = None, entries: Sequence[Entry] | None = None, events: object = None
) -> list[int]:
    record = record or final_record(call.request, call.entries, call.final)
    names = [*call.announced, "call_end"] if events is None else events
    return [v.invariant for v in audit_call(call.request, entries or call.entries, record, names)]  # type: ignore[arg-type]


@pytest.mark.parametrize("make", CALLS)
def test_sound_calls_pass(make: object) -> None:
    call = make()  # type: ignore[operator]
    record = final_record(call.request, call.entries, call.final)

    assert audit_call(call.request, call.entries, record, [*call.announced, "call_end"]) == []
    assert audit_call(call.request, call.entries, record, [], tables=tables_json()) == []


def busy() -> Script:
    return Script.outbound().admit().rings().refused(486)


def changed(entries: Sequence[Entry], kind: EntryKind, **data: object) -> list[Entry]:
    return [
        msgspec.structs.replace(entry, data={**entry.data, **data}) if entry.kind is kind else entry
        for entry in entries
    ]


def test_status_that_the_journal_does_not_give() -> None:
    call = busy()
    wrong = msgspec.structs.replace(call.final, status=Status.REJECTED)

    assert found(call, record=final_record(call.request, call.entries, wrong)) == [1, 5]


def test_second_final_entry() -> None:
    call = busy()
    again = msgspec.structs.replace(call.entries[-1], seq=len(call.entries) + 1)

    assert 1 in found(call, entries=[*call.entries, again])


def test_missing_final_entry() -> None:
    assert 1 in found(busy(), entries=busy().entries[:-1])


def test_entry_after_the_final_one_that_is_not_marked() -> None:
    call = busy()
    late = Entry(
        call_id=call.request.id, seq=len(call.entries) + 1, at=call.at, kind=EntryKind.LATE_ANSWER, data={"leg": 1}
    )

    assert 1 in found(call, entries=[*call.entries, late])


def test_gap_in_the_journal() -> None:
    call = busy()

    assert 1 in found(call, entries=call.entries[:2] + call.entries[3:])


def test_invite_for_a_call_that_was_not_placed() -> None:
    call = Script.outbound().refuse("no_route")
    dialing = busy().entry(EntryKind.DIALING)

    assert 3 in found(call, entries=[call.entries[0], dialing, *call.entries[1:]])


def test_second_invite_for_a_channel1_status() -> None:
    call = Script.click_to_call().admit().refused(486)
    second = msgspec.structs.replace(call.entry(EntryKind.DIALING), data={"leg": 2, "party": ""})

    assert 3 in found(call, entries=[*call.entries, second])


def test_channel2_status_without_an_answer_on_leg_1() -> None:
    call = Script.click_to_call().admit().answered().refused(486, leg=2).all_gone()
    entries = [e for e in call.entries if not (e.kind is EntryKind.LEG_RESULT and e.data["leg"] == 1)]

    assert 3 in found(call, entries=entries)


@pytest.mark.parametrize(
    "events",
    [
        ["call_end"],
        ["call_start"],
        ["call_start", "call_answer", "call_end"],
        ["call_start", "call_end", "call_end"],
        ["call_end", "call_start"],
    ],
)
def test_webhook_events_that_do_not_fit(events: list[str]) -> None:
    assert set(found(busy(), events=events)) == {4}


PAIR_EVENTS = ["call_start", "from_call_start", "from_call_answer", "to_call_start", "to_call_answer", "call_answer"]


@pytest.mark.parametrize("event", PAIR_EVENTS)
def test_each_event_of_a_pair_must_be_there_in_its_place(event: str) -> None:
    call = Script.click_to_call().admit().answered().answered(leg=2).hung_up(leg=2).all_gone()
    others = [name for name in PAIR_EVENTS if name != event]

    assert found(call, events=[*PAIR_EVENTS, "call_end"]) == []
    assert found(call, events=[*others, "call_end"]) == [4]
    assert found(call, events=[event, event, *others, "call_end"]) == [4]
    if event != "call_answer":
        assert found(call, events=[*others, event, "call_end"]) == [4]


def test_events_of_a_pair_whose_second_party_was_never_called() -> None:
    call = Script.click_to_call().admit().refused(486)

    assert found(call, events=["call_start", "from_call_start", "call_end"]) == []
    assert found(call, events=["call_start", "from_call_start", "to_call_start", "call_end"]) == [4]


def test_evidence_that_is_not_in_the_journal() -> None:
    call = busy()
    wrong = msgspec.structs.replace(call.final, evidence=(99,))

    assert found(call, record=final_record(call.request, call.entries, wrong)) == [5]


def test_leg_result_that_its_evidence_does_not_give() -> None:
    call = busy()
    entries = changed(call.entries, EntryKind.TRY_FAILED, cause={"cause": "response", "side": "remote", "code": 603})

    assert found(call, entries=entries) == [5]


def test_leg_result_without_evidence() -> None:
    call = busy()
    entries = changed(call.entries, EntryKind.TRY_FAILED, next=2)

    assert found(call, entries=entries) == [5]


def test_two_results_of_a_leg() -> None:
    call = busy()
    result = call.entry(EntryKind.LEG_RESULT)
    entries = [*call.entries[:-1], result, call.entries[-1]]

    assert 5 in found(call, entries=entries)


def test_dialed_leg_without_result() -> None:
    call = busy()
    entries = [e for e in call.entries if e.kind is not EntryKind.LEG_RESULT]

    assert 5 in found(call, entries=entries)


def test_tables_that_are_not_the_recorded_ones() -> None:
    call = busy()
    record = final_record(call.request, call.entries, call.final)

    violations = audit_call(call.request, call.entries, record, [], tables=tables_json().replace("BUSY", "REJECTED"))

    assert [v.invariant for v in violations] == [5]
