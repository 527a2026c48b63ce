"""Explanations for people."""

import itertools

import msgspec
import pytest

from ringback.call.advice import ADVICE, advise
from ringback.call.catalogue import CATALOGUE, StatusInfo
from ringback.call.events import FaultHappened, QueueTimedOut
from ringback.call.explain import explain, words
from ringback.call.outcome_table import OUTCOME_ROWS
from ringback.call.reasons import REASONS
from ringback.model.journal import EntryKind
from ringback.model.status import Family, Kind, Status
from ringback.testing.script import Script


def test_says_why_what_shows_it_why_not_another_and_what_next() -> None:
    call = Script.outbound().admit().rings().refused(486, "Busy Here", q850=17)

    explanation = explain(Kind.OUTBOUND, call.entries, call.final)

    assert explanation.why == "The callee was busy."
    assert explanation.reason == "The network said user busy (Q.850 cause 17)."
    assert "leg 1, try 1 over trunk_1 ended: 486 Busy Here with Q.850 cause 17 (entry 5)" in explanation.evidence
    assert explanation.not_instead.startswith("Not REJECTED")
    assert explanation.next_step.startswith("Try again")
    for part in (explanation.why, explanation.reason, explanation.not_instead, explanation.next_step):
        assert part in explanation.text


def test_foreign_text_is_cut() -> None:
    call = Script.outbound().admit().refused(500, "x" * 5000)

    assert len(explain(Kind.OUTBOUND, call.entries, call.final).text) < 2000


def test_answered_calls_are_explained_by_their_ending() -> None:
    call = Script.outbound().admit().answered().hung_up()

    assert explain(Kind.OUTBOUND, call.entries, call.final).reason == "The callee hung up."


def test_entry_without_words_is_still_named() -> None:
    call = Script.outbound()

    assert words(call.entries[0]) == "accepted (entry 1)"


def test_recorded_rule_that_is_gone_is_explained_by_its_status() -> None:
    call = Script.outbound().admit().refused(486)
    verdict = msgspec.structs.replace(call.final, rule="a-row-of-the-past")

    assert explain(Kind.OUTBOUND, call.entries, verdict).why == "The call ended as BUSY: the callee was busy."


@pytest.mark.parametrize("info", CATALOGUE, ids=lambda info: info.status)
def test_each_status_is_described_in_full(info: StatusInfo) -> None:
    assert info.kinds
    assert info.rules
    assert info.not_instead.endswith(".")
    assert info.next_step.endswith(".")


def test_families_are_those_of_the_contract() -> None:
    reached = {"ANSWER", "FLOW_ANSWER", "FLOW_EXECUTED", "MISS_CALL"}
    not_placed = {
        *("NOROUTE", "MAXUSE", "FLOW_UNASSIGNED", "FLOW_PAUSED", "FLOW_NOT_PUBLISHED", "FLOW_UNREACHABLE"),
        *("QUEUE_TIMEOUT", "BRIDGE_UNAVAILABLE", "OUTGOING_RESTRICTED", "NO_INCOMING_CLI"),
    }
    families = {info.status: info.family for info in CATALOGUE}

    assert {status for status in Status if families[status] is Family.REACHED} == reached
    assert {status for status in Status if families[status] is Family.NOT_PLACED} == not_placed
    assert {status for status in Status if families[status] is Family.FAILED} == {
        status for status in Status if status.startswith("FAILED")
    }


def test_reasons_of_leg_results_are_in_the_closed_set() -> None:
    assert {row.reason for row in OUTCOME_ROWS} <= set(REASONS)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


def test_every_kind_of_evidence_has_words() -> None:
    call = Script.incoming().let_in().flow_needs_answer().confirmed().hung_up()

    shown = explain(Kind.INCOMING, call.entries, call.final).evidence
    assert len(shown) == len(call.final.evidence)
    assert EntryKind.ANSWER_CONFIRMED in call.kinds


def test_advice_names_only_reasons_that_exist() -> None:
    assert {reason for row in ADVICE for reason in row.reasons} <= set(REASONS)


def test_every_row_of_advice_is_reached() -> None:
    """A row that another one covers in front of it would never be read."""
    words = [advise(*case) for case in itertools.product(Status, Kind, REASONS)]

    for row in ADVICE:
        assert not row.not_instead or any(row.not_instead == not_instead for not_instead, _ in words), row
        assert not row.next_step or any(row.next_step == next_step for _, next_step in words), row


def _not_let_in(check: str, sip_code: int) -> Script:
    return Script.incoming().refuse(check, sip_code).all_gone()


def _queue_is_over(why: str) -> Script:
    call = Script.outbound()
    return call.feed(QueueTimedOut(at=call.now(), why=why))


def _faulty() -> Script:
    call = Script.outbound().admit()
    return call.feed(FaultHappened(at=call.now(), detail="bug")).all_gone()


@pytest.mark.parametrize(
    ("call", "why", "not_instead", "next_step"),
    [
        (_not_let_in("number_unknown", 404), "not one of this", "INCOMING_DISCONNECTED", "Add the number"),
        (_not_let_in("no_channel", 486), "Every channel", "only a free channel", "Raise the limit"),
        (_queue_is_over("missed_schedule"), "long after the time", "not tried at all", "Place the call again"),
        (_queue_is_over("waited"), "waiting time was up", "waited for a channel", "Raise the channel limit"),
        (Script.click_to_call().refuse("no_route_from"), "first number", "Not NOROUTE", "Add a route"),
        (Script.outbound().admit().refused(404), "could not be set up", "Not NOANSWER", "Correct the number"),
        (_faulty(), "stopped or failed", "Not NOANSWER", "Report it"),
    ],
)  # fmt: skip
def test_words_are_about_this_call_and_not_only_its_status(
    call: Script, why: str, not_instead: str, next_step: str
) -> None:
    explanation = explain(call.request.kind, call.entries, call.final)

    assert why in explanation.why
    assert not_instead in explanation.not_instead
    assert explanation.next_step.startswith(next_step)
