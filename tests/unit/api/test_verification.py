"""What an audit adds to the checks of one journal: state, channels, webhook events by endpoint."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.api.verification import audit
from ringback.call.record import final_record
from ringback.call.status import decide
from ringback.model.call import CallbackUrl, CallRequest
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Kind
from ringback.store.audit import AuditedCall
from ringback.store.writes import OutboxEvent

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ALL = frozenset({"call_start", "call_answer", "call_end"})


def entry(seq: int, kind: EntryKind, **data: Any) -> Entry:
    return Entry(call_id=CallId("call_1"), seq=seq, at=AT, kind=kind, data=data)


def event(name: str, endpoint: str, sequence: int = 1) -> OutboxEvent:
    return OutboxEvent(
        id=f"evt_{endpoint}_{name}_{sequence}",
        call_id=CallId("call_1"),
        account=AccountSid("AC1"),
        sequence=sequence,
        event=name,
        endpoint=endpoint,
        method="POST",
        url=endpoint,
        payload="{}",
        created_at=AT,
    )


def refused_call(*, callbacks: tuple[CallbackUrl, ...] = (), events: tuple[OutboxEvent, ...] = ()) -> AuditedCall:
    """Return a sound call that ended as NOROUTE without an INVITE."""
    request = CallRequest(
        id=CallId("call_1"),
        account=AccountSid("AC1"),
        kind=Kind.OUTBOUND,
        from_="+4930901820",
        to="+4930901821",
        bridge="+4930901820",
        accepted_at=AT,
        callbacks=callbacks,
    )
    before = (entry(1, EntryKind.ACCEPTED), entry(2, EntryKind.REFUSED, check="no_route", detail=""))
    verdict = decide(request.kind, before)
    entries = (*before, entry(3, EntryKind.FINAL, status=verdict.status.value))
    record = final_record(request, entries, verdict)
    return AuditedCall(request=request, state="final", channels=0, entries=entries, record=record, events=events)


def found(call: AuditedCall) -> list[tuple[int, str]]:
    return [(violation.invariant, violation.detail) for violation in audit(call, {})]


def test_sound_call_passes() -> None:
    assert found(refused_call()) == []


def test_open_call_is_not_judged() -> None:
    assert found(replace(refused_call(), state="queued", record=None, channels=1)) == []


@pytest.mark.parametrize(
    ("change", "invariant"),
    [({"channels": 1}, 6), ({"state": "ringing"}, 1), ({"record": None}, 1)],
)
def test_rows_that_contradict_the_record_are_found(change: dict[str, Any], invariant: int) -> None:
    assert [number for number, _ in found(replace(refused_call(), **change))] == [invariant]


def test_endpoint_for_all_events_must_have_them_right() -> None:
    sound = refused_call(events=(event("call_end", "https://account"),))
    doubled = refused_call(events=(event("call_end", "https://account"), event("call_end", "https://account", 2)))
    wrong = refused_call(events=(event("call_start", "https://account"), event("call_end", "https://account", 2)))

    assert found(sound) == []
    assert {number for number, _ in found(doubled)} == {4}
    assert {number for number, _ in found(wrong)} == {4}  # nothing was dialed, so nothing started


def test_endpoint_for_some_events_is_judged_by_those() -> None:
    only_end = CallbackUrl(url="https://a", events=frozenset({"call_end"}))
    only_answer = CallbackUrl(url="https://b", events=frozenset({"call_answer"}))
    call = refused_call(callbacks=(only_end, only_answer), events=(event("call_end", "https://a"),))
    after_end = replace(call, events=(event("call_end", "https://a"), event("call_start", "https://a", 2)))

    assert found(call) == []
    assert {number for number, _ in found(after_end)} == {4}


def test_account_webhook_that_moved_during_the_call_is_one_receiver() -> None:
    request = replace(refused_call().request, to="+4930901821")
    before = (
        entry(1, EntryKind.ACCEPTED),
        entry(2, EntryKind.DIALING, leg=1, trunk="t", call_id="a", **{"try": 1}),
        entry(3, EntryKind.CRASH_RULE, reason="recovered_after_crash", was_answered=False),
    )
    verdict = decide(request.kind, before)
    entries = (*before, entry(4, EntryKind.FINAL, status=verdict.status.value))
    record = final_record(request, entries, verdict)
    told = (event("call_start", "https://old"), event("call_end", "https://new", 2))
    call = replace(refused_call(), entries=entries, record=record, events=told)

    assert found(call) == []
    assert {number for number, _ in found(replace(call, events=told[:1]))} == {4}
