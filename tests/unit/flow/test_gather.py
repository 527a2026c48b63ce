"""gather: retries, validation, exits."""

from datetime import UTC, datetime

import pytest

from ringback.flow.document import parse
from ringback.flow.effects import DigitsGathered, Gather, Started, Trail
from ringback.flow.run import begin, run
from ringback.testing.flows import FlowCall

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def ask(**settings):
    """A flow that gathers once; every exit given leads to a node of its own."""
    exits = settings.pop("exits", ["no_input", "invalid", "match"])
    variables = settings.pop("variables", {"v": {"type": "text"}})
    gather = {"type": "gather", "prompt": "Digits, please.", **settings, "exits": dict.fromkeys(exits, "end")}
    return {"name": "x", "start": "ask", "variables": variables, "nodes": {"ask": gather, "end": {"type": "hangup"}}}


@pytest.mark.parametrize(
    ("exits", "settings", "keys", "exit_"),
    [
        (["1", "2"], {}, "2", "2"),
        (["1", "match"], {}, "3", "match"),
        (["1", "invalid"], {}, "3", "invalid"),
        (["no_input"], {}, "3", "match"),
        (["12", "1"], {"max_digits": 2}, "12", "12"),
        (["12", "1"], {"max_digits": 2}, "1#", "1"),
        (["10-20", "match"], {"max_digits": 2}, "15", "10-20"),
        (["10-20", "match"], {"max_digits": 2}, "21", "match"),
        (["1-20", "match"], {"max_digits": 2}, "7#", "1-20"),
        (["1-20", "match"], {"max_digits": 3}, "007", "match"),
        (["match", "invalid"], {"max_digits": 4, "pattern": r"\d{4}"}, "1234", "match"),
        (["match", "invalid"], {"max_digits": 4, "pattern": r"\d{4}"}, "123#", "invalid"),
        (["match", "invalid"], {"max_digits": 3, "range": {"min": 100, "max": 200}}, "200", "match"),
        (["match", "invalid"], {"max_digits": 3, "range": {"min": 100, "max": 200}}, "201", "invalid"),
        (["match", "invalid"], {"max_digits": 3, "range": {"min": 100}}, "099", "invalid"),
        (["match", "invalid"], {"max_digits": 2, "range": {"min": 0}}, "1*", "invalid"),
        (["9", "match", "invalid"], {"pattern": "[1-5]"}, "9", "9"),
        (["match", "invalid"], {"min_digits": 3, "max_digits": 5}, "12#", "invalid"),
        (["#", "no_input"], {}, "#", "#"),
        (["no_input"], {}, "#", "no_input"),
        (["*"], {"terminator": ""}, "*", "*"),
    ],
)
def test_the_exit_is_chosen_by_key_range_and_validity(exits, settings, keys, exit_):
    call = FlowCall(ask(exits=exits, **settings)).presses(keys)

    assert call.trail[0] == f"ask:{exit_}"


@pytest.mark.parametrize(
    ("detail", "note"),
    [
        ("menu.wav: no such file", "the digits could not be collected: menu.wav: no such file"),
        ("", "the digits could not be collected"),
    ],
)
def test_a_gather_that_fails_says_why_in_the_trail(detail, note):
    document = parse(ask(exits=["no_input"]))
    state, _ = run(document, begin(document), Started(at=AT, answered=True))

    _, effects = run(document, state, DigitsGathered(at=AT, number=1, digits="", result="failed", detail=detail))

    (left,) = [effect for effect in effects if isinstance(effect, Trail) and effect.node == "ask"]
    assert (left.exit, left.note) == ("no_input", note)


def test_digits_go_to_the_variable_in_its_type():
    call = FlowCall(ask(variable="n", variables={"n": {"type": "number"}}, max_digits=3)).presses("042")

    assert call.variables == {"n": 42}
    assert call.steps[0].changed == {"n": 42}


def test_invalid_digits_do_not_reach_the_variable():
    call = FlowCall(ask(variable="v", pattern="1")).presses("2")

    assert call.variables == {"v": None}


def test_digits_that_the_variable_cannot_hold_fail_the_flow():
    call = FlowCall(ask(variable="n", variables={"n": {"type": "number"}}, terminator="")).presses("*")

    assert call.ended == "failed"
    assert "`n` cannot hold the digits" in call.error


def test_a_question_is_repeated_with_its_own_prompts():
    again = {"no_input": "I heard nothing.", "invalid": {"sound": "wrong"}}
    call = FlowCall(ask(retries=2, retry_prompts=again, pattern="1"))

    call.hears("Digits, please.").stays_silent().hears("I heard nothing.", "Digits, please.")
    call.presses("7").hears("wrong", "Digits, please.")
    call.presses("1")

    assert call.trail[0] == "ask:match"
    assert call.notes == ["asked 3 times"]


def test_after_the_last_retry_the_last_reason_is_the_exit():
    call = FlowCall(ask(retries=1)).stays_silent().stays_silent()

    assert call.trail == ["ask:no_input", "end:hangup"]


def test_each_question_has_a_number_of_its_own():
    call = FlowCall(ask(retries=1))
    first = call._expect(Gather).number

    call.stays_silent()

    assert call._expect(Gather).number == first + 1


def test_settings_reach_the_engine_in_its_units():
    call = FlowCall(
        ask(min_digits=2, max_digits=5, terminator="*#", first_timeout_s=7.5, inter_timeout_s=0.5, barge_in=False)
    )

    effect = call._expect(Gather)

    assert (effect.min_digits, effect.max_digits, effect.terminators) == (2, 5, "*#")
    assert (effect.first_timeout_ms, effect.inter_timeout_ms, effect.barge_in) == (7500, 500, False)


def test_results_are_there_for_later_nodes():
    document = ask(max_digits=2)
    document["nodes"]["end"] = {
        "type": "hangup",
        "prompt": "{{ nodes.ask.digits }} {{ nodes.ask.result }} {{ nodes.ask.tries }}",
    }

    FlowCall(document).presses("42").hears("42 match 1")
