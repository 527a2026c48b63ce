"""Which calls are tried again, and when."""

from datetime import timedelta

import msgspec
import pytest

from ringback.call.crash import recover
from ringback.call.record import final_record
from ringback.call.retry import RETRIED, next_attempt, with_retry
from ringback.model.call import CallRequest
from ringback.model.ids import CallId
from ringback.model.journal import EntryKind
from ringback.model.status import Status
from ringback.testing.script import START, Script

NEW_ID = CallId("call_2")


def retry_of(call: Script) -> CallRequest | None:
    record = final_record(call.request, call.entries, call.final)
    return next_attempt(record, call.request, call.entries, now=call.at, new_id=NEW_ID)


def busy(**fields: object) -> Script:
    return Script.outbound(**{"retries_left": 2, "interval_s": 60, **fields}).admit().refused(486)


def test_next_attempt_is_linked_to_attempt_1() -> None:
    first = busy()
    second = retry_of(first)
    assert second is not None
    assert (second.id, second.attempt, second.parent_id, second.retries_left) == (NEW_ID, 2, first.request.id, 1)
    assert second.not_before == first.entry(EntryKind.LEG_RESULT).at + timedelta(seconds=60)

    third = retry_of(Script(second).admit().refused(486))
    assert third is not None
    assert (third.attempt, third.parent_id, third.retries_left) == (3, first.request.id, 0)
    assert retry_of(Script(third).admit().refused(486)) is None


def test_what_was_asked_for_stays() -> None:
    retry = retry_of(busy(custom="order 7", ring_ms=9000))

    assert retry is not None
    assert (retry.to, retry.custom, retry.ring_ms, retry.target) == (busy().request.to, "order 7", 9000, None)


def test_interval_is_at_least_five_seconds() -> None:
    call = busy(interval_s=0)
    retry = retry_of(call)

    assert retry is not None
    assert retry.not_before == call.entry(EntryKind.LEG_RESULT).at + timedelta(seconds=5)


def test_statuses_tried_again_are_those_of_the_contract() -> None:
    assert {
        *("BUSY", "BUSY_CHANNEL1", "BUSY_CHANNEL2", "NOANSWER", "NOANSWER_CHANNEL1", "NOANSWER_CHANNEL2"),
        *("FAILED", "FAILED_CHANNEL1", "FAILED_CHANNEL2", "OBD_TIMEOUT", "MAXUSE", "QUEUE_TIMEOUT"),
    } == RETRIED


@pytest.mark.parametrize("status", sorted(set(Status) - RETRIED))
def test_nothing_else_is_tried_again(status: Status) -> None:
    call = busy()
    record = final_record(call.request, call.entries, msgspec.structs.replace(call.final, status=status))

    assert next_attempt(record, call.request, call.entries, now=call.at, new_id=NEW_ID) is None


def test_no_attempt_after_a_crash() -> None:
    call = Script.outbound(retries_left=2).admit()
    recovery = recover(call.request, call.entries, why="recovered_after_crash", at=START)
    assert recovery is not None
    entries = [*call.entries, *recovery.entries]
    record = final_record(call.request, entries, recovery.verdict)

    assert record.verdict.status is Status.FAILED
    assert next_attempt(record, call.request, entries, now=START, new_id=NEW_ID) is None


def test_no_attempt_after_a_cancel_that_came_too_late_to_decide() -> None:
    call = Script.outbound(retries_left=2).admit().rings().ring_time_is_up().api_hangup().all_gone()

    assert call.final.status is Status.NOANSWER
    assert retry_of(call) is None


def test_record_says_what_comes() -> None:
    call = busy()
    record = final_record(call.request, call.entries, call.final)
    retry = retry_of(call)
    assert retry is not None

    assert (with_retry(record, retry).retries_left, with_retry(record, retry).next_attempt_at) == (2, retry.not_before)
    assert (with_retry(record, None).retries_left, with_retry(record, None).next_attempt_at) == (0, None)
