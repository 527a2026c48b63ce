"""Deciding out of a journal: first deciding entry, recorded tables, the conservative default."""

import msgspec
import pytest

from ringback.call.outcome_table import OUTCOME_ROWS
from ringback.call.status import (
    TABLE_VERSION,
    TABLES,
    EmptyJournalError,
    content_hash,
    decide,
    decide_with,
    load_tables,
    tables_json,
)
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import HangupBy, Kind, Status
from ringback.testing.script import START, Script, make_request

IN = make_request(Kind.INCOMING)


def entry(seq: int, kind: EntryKind, **data: object) -> Entry:
    return Entry(call_id=IN.id, seq=seq, at=START, kind=kind, data=data)


def test_the_first_deciding_entry_decides() -> None:
    first = entry(1, EntryKind.CANCEL_ACCEPTED, by="api")
    second = entry(2, EntryKind.LEG_RESULT, leg=1, result="busy", reason="busy", by="callee")

    assert decide(Kind.OUTBOUND, [first, second]).status is Status.CANCEL
    assert decide(Kind.OUTBOUND, [second, first]).status is Status.BUSY


def test_evidence_holds_what_the_leg_result_rests_on() -> None:
    call = Script.outbound().admit(tries=2).refused(503).refused(486, try_=2)

    tries = tuple(e.seq for e in call.entries if e.kind is EntryKind.TRY_FAILED)
    assert call.final.evidence == (*tries, call.entry(EntryKind.LEG_RESULT).seq)


def test_deciding_the_machines_journal_again_gives_its_verdict() -> None:
    call = Script.incoming().let_in().flow_needs_answer().confirmed().hung_up()

    assert decide(Kind.INCOMING, call.entries) == call.final


def test_a_journal_read_from_json_decides_the_same() -> None:
    call = Script.outbound().admit().rings().answered().hung_up()
    stored = msgspec.json.decode(msgspec.json.encode(call.entries), type=list[Entry])

    assert decide(Kind.OUTBOUND, stored) == call.final


def test_an_empty_journal_cannot_be_decided() -> None:
    with pytest.raises(EmptyJournalError):
        decide(Kind.OUTBOUND, [])


def test_entries_without_their_data_fall_to_the_default() -> None:
    entries = [entry(1, EntryKind.LEG_RESULT), entry(2, EntryKind.LEG_ENDED, cause="not a cause")]

    assert decide(Kind.OUTBOUND, entries).reason == "undecided"


def test_an_unknown_party_is_the_platform() -> None:
    assert decide(Kind.OUTBOUND, [entry(1, EntryKind.CANCEL_ACCEPTED)]).hangup_by is HangupBy.PLATFORM


def test_the_version_is_the_hash_of_the_tables() -> None:
    assert content_hash(tables_json()) == TABLE_VERSION
    assert load_tables(tables_json()) == TABLES


def test_recorded_tables_decide_old_calls() -> None:
    call = Script.outbound().admit().refused(486)
    assert decide_with(tables_json(), Kind.OUTBOUND, call.entries) == call.final

    old = tables_json().replace('"status":"BUSY"', '"status":"REJECTED"')
    verdict = decide_with(old, Kind.OUTBOUND, call.entries)
    assert verdict.status is Status.REJECTED
    assert verdict.table == content_hash(old) != TABLE_VERSION


def test_tables_hold_both_decisions() -> None:
    assert load_tables(tables_json()).outcome == OUTCOME_ROWS
