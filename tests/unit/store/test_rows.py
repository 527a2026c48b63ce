"""Writes as rows, and rows as statements."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.model.call import CallRequest
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Kind
from ringback.store.backend.columns import from_micros, to_micros
from ringback.store.backend.rows import origin_of, prepare
from ringback.store.backend.statements import MOST_ROWS, Op, chunks, parameters, sql, width
from ringback.store.writes import AcceptCalls, Append

AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_request(call_id: str = "call_1") -> CallRequest:
    return CallRequest(
        id=CallId(call_id),
        account=AccountSid("acc"),
        kind=Kind.OUTBOUND,
        from_="+491",
        to="+492",
        bridge="+491",
        accepted_at=AT,
    )


def an_entry(call_id: str = "call_1", **data: object) -> Entry:
    return Entry(call_id=CallId(call_id), seq=1, at=AT, kind=EntryKind.ACCEPTED, data=data)


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_are_kept_exactly(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at


def test_moment_of_another_zone_is_the_same_moment_and_one_without_zone_is_refused() -> None:
    assert to_micros(AT.astimezone(timezone(timedelta(hours=5)))) == to_micros(AT)
    with pytest.raises(TypeError):
        to_micros(AT.replace(tzinfo=None))


def test_requests_and_entries_must_belong_together() -> None:
    for requests, entries in (
        ((), ()),
        ((a_request(),), ()),
        ((a_request(),), (an_entry("call_2"),)),
        ((a_request(), a_request("call_2")), (an_entry("call_2"), an_entry())),
    ):
        with pytest.raises(ValueError, match="same order"):
            prepare(AcceptCalls(requests=requests, entries=entries), "n")


def test_data_is_taken_as_it_is_at_submission() -> None:
    variables = {"digits": "1"}
    prepared = prepare(Append(call_id=CallId("call_1"), entries=(an_entry(variables=variables),)), "n")

    variables["digits"] = "2"

    ((op, row),) = prepared.rows
    assert op is Op.JOURNAL
    assert row[-1] == '{"variables":{"digits":"1"}}'


def test_append_without_changes_leaves_the_row_alone() -> None:
    assert prepare(Append(call_id=CallId("call_1"), entries=(an_entry(),)), "n").progress is None
    assert prepare(Append(call_id=CallId("call_1"), channels=0), "n").progress == ("call_1", None, 0, None)


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("count", [1, 2, 3, 200, MOST_ROWS])
def test_statement_takes_exactly_the_values_it_is_given(op: Op, count: int) -> None:
    padded, values = parameters(op, [tuple(range(width(op)))] * count)

    statement = sql(op, padded, "?")

    assert statement.count("?") == len(values) == padded * width(op)
    assert count <= padded < 2 * count
    assert len(values) < 32_766


def test_long_lists_are_cut() -> None:
    assert [len(piece) for piece in chunks([(1,)] * (2 * MOST_ROWS + 1))] == [MOST_ROWS, MOST_ROWS, 1]
    assert list(chunks([])) == []


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Example.com/x?y", "https://example.com"),
        ("http://user:pw@h:8080/x", "http://h:8080"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin
