"""Every row of the status table and of the endings, by id, on a journal of its own."""

from typing import Any

import pytest

from ringback.call.catalogue import CATALOGUE
from ringback.call.reasons import REASONS
from ringback.call.status import decide
from ringback.call.status_table import ENDING_ROWS, STATUS_ROWS
from ringback.model.ids import CallId
from ringback.model.journal import Entry, EntryKind
from ringback.model.status import Kind, LegResult, Status
from ringback.testing.script import START

OB, C2C, IN = Kind.OUTBOUND, Kind.CLICK_TO_CALL, Kind.INCOMING
Facts = list[tuple[str, dict[str, Any]]]

ADMITTED = ("admitted", {})
DIALING = ("dialing", {"leg": 1})
FIRST_ANSWERED = ("leg_result", {"leg": 1, "result": "answered"})
MISS_CALL = ("admitted", {"miss_call_ms": 5000})


def refused(check: str) -> Facts:
    return [("refused", {"check": check})]


def leg(number: int, result: str) -> Facts:
    before = [FIRST_ANSWERED] if number == 2 else []
    return [DIALING, *before, ("leg_result", {"leg": number, "result": result, "reason": "unknown", "by": "callee"})]


def ended(cause: str, *before: tuple[str, dict[str, Any]], side: str = "local", number: int = 1) -> Facts:
    return [*before, ("leg_ended", {"leg": number, "try": 1, "cause": {"cause": cause, "side": side}})]


def left(how: str, *before: tuple[str, dict[str, Any]]) -> Facts:
    return [*before, ("caller_left", {"how": how})]


CRASH = ("crash_rule", {"why": "recovered_after_crash"})
CANCEL = ("cancel_accepted", {"by": "api"})

# Row id -> kind of call, journal, status.
CASES: dict[str, tuple[Kind, Facts, str]] = {
    "out-bridge": (C2C, refused("bridge_unknown"), "BRIDGE_UNAVAILABLE"),
    "out-restricted": (OB, refused("do_not_disturb"), "OUTGOING_RESTRICTED"),
    "ob-flow-unreachable": (OB, refused("flow_deleted"), "FLOW_UNREACHABLE"),
    "ob-flow-not-published": (OB, refused("flow_not_published"), "FLOW_NOT_PUBLISHED"),
    "ob-flow-paused": (OB, refused("flow_paused"), "FLOW_PAUSED"),
    "ob-flow-unassigned": (OB, refused("flow_unassigned"), "FLOW_UNASSIGNED"),
    "out-no-route": (C2C, refused("no_route"), "NOROUTE"),
    "c2c-no-route-from": (C2C, refused("no_route_from"), "FAILED_CHANNEL1"),
    "out-no-channel": (OB, refused("queue_full"), "MAXUSE"),
    "out-missed-schedule": (OB, [("queue_timed_out", {"why": "missed_schedule"})], "QUEUE_TIMEOUT"),
    "out-queue-timeout": (OB, [("queued", {}), ("queue_timed_out", {"why": "waited"})], "QUEUE_TIMEOUT"),
    "out-cancel": (OB, [DIALING, CANCEL], "CANCEL"),
    "ob-refused": (OB, refused("a check of the future"), "FAILED"),
    "c2c-refused": (C2C, refused("flow_paused"), "FAILED_CHANNEL1"),
    "ob-answer": (OB, leg(1, "answered"), "ANSWER"),
    "ob-busy": (OB, leg(1, "busy"), "BUSY"),
    "ob-rejected": (OB, leg(1, "rejected"), "REJECTED"),
    "ob-no-answer": (OB, leg(1, "no_answer"), "NOANSWER"),
    "ob-timeout": (OB, leg(1, "request_timeout"), "OBD_TIMEOUT"),
    "ob-cancelled": (OB, leg(1, "cancelled"), "CANCEL"),
    "ob-restricted": (OB, leg(1, "restricted"), "OUTGOING_RESTRICTED"),
    "ob-no-route-network": (OB, leg(1, "no_route"), "NOROUTE"),
    "ob-no-channel-network": (OB, leg(1, "no_channel"), "MAXUSE"),
    "ob-failed": (OB, leg(1, "failed"), "FAILED"),
    "c2c-1-busy": (C2C, leg(1, "busy"), "BUSY_CHANNEL1"),
    "c2c-1-no-answer": (C2C, leg(1, "request_timeout"), "NOANSWER_CHANNEL1"),
    "c2c-1-rejected": (C2C, leg(1, "rejected"), "REJECTED"),
    "c2c-1-cancelled": (C2C, leg(1, "cancelled"), "CANCEL"),
    "c2c-1-failed": (C2C, leg(1, "no_channel"), "FAILED_CHANNEL1"),
    "c2c-answer": (C2C, leg(2, "answered"), "ANSWER"),
    "c2c-2-busy": (C2C, leg(2, "busy"), "BUSY_CHANNEL2"),
    "c2c-2-no-answer": (C2C, leg(2, "request_timeout"), "NOANSWER_CHANNEL2"),
    "c2c-2-rejected": (C2C, leg(2, "rejected"), "REJECTED"),
    "c2c-2-cancelled": (C2C, leg(2, "cancelled"), "CANCEL"),
    "c2c-2-failed": (C2C, leg(2, "no_route"), "FAILED_CHANNEL2"),
    "c2c-caller-left": (C2C, left("bye", DIALING, FIRST_ANSWERED), "CANCEL"),
    "c2c-caller-lost": (C2C, left("media_lost", DIALING, FIRST_ANSWERED), "CANCEL"),
    "c2c-1-stopped": (C2C, ended("stopped", DIALING, FIRST_ANSWERED), "FAILED_CHANNEL2"),
    "c2c-1-fault": (C2C, ended("fault", DIALING, FIRST_ANSWERED), "FAILED_CHANNEL2"),
    "in-no-called-number": (IN, refused("no_called_number"), "NO_INCOMING_CLI"),
    "in-not-ours": (IN, refused("number_unknown"), "NOROUTE"),
    "in-no-calling-number": (IN, refused("no_calling_number"), "NO_INCOMING_CLI"),
    "in-number-inactive": (IN, refused("bridge_inactive"), "BRIDGE_UNAVAILABLE"),
    "in-no-channel": (IN, refused("no_channel"), "MAXUSE"),
    "in-refused": (IN, refused("blocked"), "INCOMING_DISCONNECTED"),
    "in-miss-call": (IN, [MISS_CALL, ("miss_call_over", {})], "MISS_CALL"),
    "in-miss-call-left": (IN, left("cancelled", MISS_CALL), "MISS_CALL"),
    "in-api-hangup": (IN, [ADMITTED, CANCEL], "INCOMING_DISCONNECTED"),
    "in-flow-executed": (IN, [ADMITTED, ("flow_ended", {"how": "end"})], "FLOW_EXECUTED"),
    "in-flow-error": (IN, [ADMITTED, ("flow_failed", {})], "INCOMING_DISCONNECTED"),
    "in-ring-timeout": (IN, [ADMITTED, ("ring_timed_out", {"which": "incoming"})], "RING_TIMEOUT"),
    "in-caller-left": (IN, left("cancelled", ADMITTED), "INCOMING_DISCONNECTED"),
    "in-caller-vanished": (IN, left("vanished", ADMITTED), "INCOMING_DISCONNECTED"),
    "in-flow-answer": (IN, [ADMITTED, ("answering", {}), ("answer_confirmed", {"how": "ack"})], "FLOW_ANSWER"),
    "in-no-ack": (IN, ended("no_ack", ADMITTED, ("answering", {})), "INCOMING_DISCONNECTED"),
    "in-overload": (IN, ended("overload"), "INCOMING_DISCONNECTED"),
    "in-miss-call-fault": (IN, ended("fault", MISS_CALL), "MISS_CALL"),
    "in-no-codec": (IN, ended("no_common_codec"), "INCOMING_DISCONNECTED"),
    "in-no-srtp": (IN, ended("no_srtp"), "INCOMING_DISCONNECTED"),
    "in-no-media-port": (IN, ended("no_media_port"), "INCOMING_DISCONNECTED"),
    "in-stopped": (IN, ended("stopped", ADMITTED), "INCOMING_DISCONNECTED"),
    "in-fault": (IN, ended("fault", ADMITTED), "INCOMING_DISCONNECTED"),
    "crash-ob": (OB, [DIALING, CRASH], "FAILED"),
    "crash-c2c-2": (C2C, [DIALING, FIRST_ANSWERED, CRASH], "FAILED_CHANNEL2"),
    "crash-c2c-1": (C2C, [DIALING, CRASH], "FAILED_CHANNEL1"),
    "crash-in-miss-call": (IN, [MISS_CALL, CRASH], "MISS_CALL"),
    "crash-in": (IN, [ADMITTED, ("answering", {}), CRASH], "INCOMING_DISCONNECTED"),
    "default-ob": (OB, [DIALING], "FAILED"),
    "default-c2c-2": (C2C, [DIALING, FIRST_ANSWERED], "FAILED_CHANNEL2"),
    "default-c2c-1": (C2C, [], "FAILED_CHANNEL1"),
    "default-in": (IN, [ADMITTED], "INCOMING_DISCONNECTED"),
}

ENDINGS: dict[str, tuple[Kind, Facts, str, str]] = {
    "end-hangup": (OB, [("hangup", {"by": "platform", "why": "flow_ended"})], "flow_ended", "platform"),
    "end-stopped": (IN, ended("stopped"), "shutdown", "platform"),
    "end-leg2-stopped": (C2C, ended("stopped", number=2), "shutdown", "platform"),
    "end-expired": (IN, ended("session_expired", side="network"), "session_expired", "network"),
    "end-leg2-expired": (C2C, ended("session_expired", side="network", number=2), "session_expired", "network"),
    "end-callee-left": (OB, ended("bye", side="remote"), "callee_hung_up", "callee"),
    "end-caller-left": (IN, ended("bye", side="remote"), "caller_hung_up", "caller"),
    "end-leg2-left": (C2C, ended("bye", side="remote", number=2), "callee_hung_up", "callee"),
    "end-network": (IN, ended("transport", side="network"), "connection_lost", "network"),
    "end-leg2-network": (C2C, ended("transport", side="network", number=2), "connection_lost", "network"),
    "end-local": (OB, ended("fault"), "internal_error", "platform"),
    "end-leg2-local": (C2C, ended("fault", number=2), "internal_error", "platform"),
    "end-crash": (OB, [CRASH], "recovered_after_crash", "platform"),
}
ANSWERED: dict[Kind, Facts] = {
    OB: leg(1, "answered"),
    C2C: leg(2, "answered"),
    IN: [ADMITTED, ("answering", {}), ("answer_confirmed", {"how": "ack"})],
}


def journal(facts: Facts) -> list[Entry]:
    every = [("accepted", {}), *facts]
    return [
        Entry(call_id=CallId("call_1"), seq=seq, at=START, kind=EntryKind(kind), data=data)
        for seq, (kind, data) in enumerate(every, start=1)
    ]


@pytest.mark.parametrize("row", [row.id for row in STATUS_ROWS])
def test_row_decides_its_journal(row: str) -> None:
    kind, facts, status = CASES[row]
    entries = journal(facts)

    verdict = decide(kind, entries)

    assert (verdict.rule, verdict.status) == (row, status)
    assert verdict.evidence[-1] == entries[-1].seq
    assert verdict.reason in REASONS or verdict.reason == "a check of the future"


def test_every_row_has_a_case() -> None:
    assert list(CASES) == [row.id for row in STATUS_ROWS]


@pytest.mark.parametrize("row", [row.id for row in ENDING_ROWS])
def test_ending_says_who_and_why(row: str) -> None:
    kind, facts, reason, by = ENDINGS[row]
    entries = journal(ANSWERED[kind] + facts)

    verdict = decide(kind, entries)

    assert verdict.status in (Status.ANSWER, Status.FLOW_ANSWER)
    assert (verdict.reason, verdict.hangup_by) == (reason, by)
    assert verdict.evidence[-1] == entries[-1].seq


def test_every_ending_has_a_case() -> None:
    assert list(ENDINGS) == [row.id for row in ENDING_ROWS]


@pytest.mark.parametrize("result", list(LegResult))
@pytest.mark.parametrize(("kind", "number"), [(OB, 1), (C2C, 1), (C2C, 2)])
def test_every_leg_result_of_the_calls_own_legs_decides_or_goes_on(result: LegResult, kind: Kind, number: int) -> None:
    verdict = decide(kind, journal(leg(number, result)))

    goes_on = kind is C2C and number == 1 and result is LegResult.ANSWERED
    assert verdict.rule.startswith("default-") is goes_on


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_reached_by_some_row(status: Status) -> None:
    assert any(row.status is status for row in STATUS_ROWS)


def test_every_fixed_reason_is_in_the_closed_set() -> None:
    fixed = {row.reason for row in (*STATUS_ROWS, *ENDING_ROWS) if not row.reason.startswith("$")}

    assert fixed <= set(REASONS)


def test_the_catalogue_has_each_status_once() -> None:
    assert [info.status for info in CATALOGUE] == list(Status)


def test_legs_of_a_connect_node_decide_nothing() -> None:
    facts = [ADMITTED, ("leg_result", {"leg": 2, "result": "busy"}), ("flow_ended", {"how": "end"})]

    assert decide(IN, journal(facts)).status is Status.FLOW_EXECUTED
