"""The interpreter: waiting, ignored inputs, bounds, secrets, runs without a call."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ringback.flow import limits
from ringback.flow.document import has_telephony, needs_speech, parse, sounds, start_node
from ringback.flow.effects import (
    AnswerCall,
    CallAnswered,
    CallHttp,
    ConnectDone,
    DigitsGathered,
    End,
    Fail,
    Gather,
    HttpDone,
    Play,
    PlayDone,
    Started,
    Trail,
)
from ringback.flow.run import begin, is_secret, run
from ringback.flow.state import FlowState, Waiting
from ringback.testing.flows import FlowCall, load

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def flow(nodes, **more):
    return load({"name": "x", "start": next(iter(nodes)), "nodes": nodes, **more})


TALK = {
    "l": {"type": "log", "message": "hi", "exits": {"next": "p"}},
    "p": {"type": "play", "prompt": "Hello", "exits": {"next": "g"}},
    "g": {"type": "gather", "prompt": "Digit?", "variable": "d", "exits": {"no_input": "p"}},
}
VARIABLES = {"d": {"type": "text", "secret": True}}


def started(document, *, answered=False, **more):
    return run(document, begin(document), Started(at=AT, answered=answered, **more))


def test_a_telephony_node_asks_for_the_answer_first():
    document = flow(TALK, variables=VARIABLES)

    state, effects = started(document)

    assert effects == (Trail(node="l", type="log", exit="next", note="hi"), AnswerCall(node="p"))
    assert state.waiting is Waiting.ANSWER


def test_it_goes_on_when_the_call_is_answered():
    document = flow(TALK, variables=VARIABLES)
    state, _ = started(document)

    state, effects = run(document, state, CallAnswered(at=AT))

    assert [type(effect) for effect in effects] == [Play]
    assert state.waiting is Waiting.PLAY
    assert state.answered


def test_an_answered_call_is_not_asked_for_again():
    _, effects = started(flow(TALK, variables=VARIABLES), answered=True)

    assert [type(effect) for effect in effects] == [Trail, Play]


def test_inputs_that_are_not_waited_for_change_nothing():
    document = flow(TALK, variables=VARIABLES)
    state, _ = started(document, answered=True)

    for given in (
        Started(at=AT, answered=True),
        PlayDone(at=AT, number=0, result="done"),
        PlayDone(at=AT, number=2, result="done"),
        DigitsGathered(at=AT, number=1, digits="1", result="match"),
        ConnectDone(at=AT, number=1, result="busy"),
        HttpDone(at=AT, number=1, status_code=200),
        CallAnswered(at=AT),
    ):
        assert run(document, state, given) == (state, ())


def test_nothing_happens_after_the_end():
    document = flow({"l": {"type": "log", "message": ""}})
    state, effects = started(document)
    assert effects[-1] == End()

    for given in (Started(at=AT, answered=True), CallAnswered(at=AT), PlayDone(at=AT, number=1, result="done")):
        assert run(document, state, given) == (state, ())


def test_a_call_answered_by_other_means_is_remembered():
    document = flow(
        {
            "a": {"type": "api", "url": "https://x", "exits": {"success": "p", "failure": "p"}},
            "p": TALK["p"] | {"exits": {}},
        }
    )
    state, _ = started(document)

    state, effects = run(document, state, CallAnswered(at=AT))
    assert (effects, state.waiting) == ((), Waiting.HTTP)

    _, effects = run(document, state, HttpDone(at=AT, number=1, status_code=200))
    assert [type(effect) for effect in effects] == [Trail, Play]


def test_the_state_survives_json():
    document = flow(TALK, variables=VARIABLES)
    state, _ = started(document, answered=True)
    state, _ = run(document, state, PlayDone(at=AT, number=1, result="done"))

    again = msgspec.json.decode(msgspec.json.encode(state), type=FlowState)

    assert again == state
    answer = DigitsGathered(at=AT, number=2, digits="5", result="match")
    assert run(document, again, answer) == run(document, state, answer)


def test_documents_survive_json():
    document = flow(TALK, variables=VARIABLES)

    assert parse(msgspec.json.encode(document)) == document
    assert parse(msgspec.to_builtins(document)) == document


def test_a_circle_of_nodes_ends_as_a_failure():
    document = flow({"a": {"type": "log", "message": "", "exits": {"next": "a"}}})

    _, effects = started(document)

    assert isinstance(effects[-1], Fail)
    assert "circle" in effects[-1].error
    assert len(effects) <= limits.STEPS + 1


def test_a_circle_of_jumps_ends_as_a_failure():
    _, effects = started(flow({"a": {"type": "jump", "to": "a"}}))

    assert effects[-1] == Fail(node="a", error="the flow has jumped 100 times; it seems to go in a circle")


def test_a_circle_over_waits_ends_too():
    document = flow({"p": {"type": "play", "prompt": "x", "exits": {"next": "p"}}})
    state, effects = started(document, answered=True)
    for _ in range(limits.STEPS + 1):
        if isinstance(effects[-1], Fail):
            break
        state, effects = run(document, state, PlayDone(at=AT, number=state.number, result="done"))

    assert isinstance(effects[-1], Fail)
    assert state.steps == limits.STEPS


@pytest.mark.timeout(10)
def test_the_work_of_templates_between_two_waits_is_bounded():
    rules = [{"expression": "range(200)|sum < 0", "exit": "never"}] * 100
    document = flow({"a": {"type": "condition", "rules": rules, "exits": {"else": "a"}}})

    _, effects = started(document)

    assert isinstance(effects[-1], Fail)
    assert "is this a loop" in effects[-1].error


def test_what_a_run_keeps_is_bounded():
    nodes = {
        f"a{i}": {"type": "api", "url": "https://x", "exits": {"success": f"a{i + 1}", "failure": f"a{i + 1}"}}
        for i in range(20)
    }
    nodes["a20"] = {"type": "hangup"}
    document = flow(nodes)
    state, effects = started(document)
    while isinstance(effects[-1], CallHttp):
        state, effects = run(document, state, HttpDone(at=AT, number=state.number, status_code=200, body="x" * 60_000))

    assert isinstance(effects[-1], Fail)
    assert "keeps more than" in effects[-1].error


def test_values_that_are_replaced_do_not_count_twice():
    nodes = {"a": {"type": "api", "url": "https://x", "exits": {"success": "a", "failure": "a"}}}
    document = flow(nodes)
    state, effects = started(document)
    for _ in range(50):
        state, effects = run(document, state, HttpDone(at=AT, number=state.number, status_code=200, body="x" * 60_000))

    assert isinstance(effects[-1], CallHttp)


def test_variables_of_the_request_are_taken_over_in_their_types():
    variables = {
        "n": {"type": "number", "default": 5},
        "t": {"type": "text", "default": "kept"},
        "x": {"type": "number"},
    }
    document = flow(
        {"l": {"type": "log", "message": "{{ call.variables.other }} {{ call.id }} {{ caller.number }}"}},
        variables=variables,
    )
    given = {"call.id": "call_1", "caller": {"number": "+49"}, "n": "42", "x": "nope", "other": "more"}

    state, effects = started(document, variables=given)

    assert state.variables == {"n": 42, "t": "kept", "x": None}
    assert (
        effects[0].note == "the request's `x` is not taken over: expected a number, got text that does not read as one"
    )
    assert effects[1].note == "more call_1 +49"


def test_variables_that_are_no_plain_data_fail_the_run():
    document = flow({"l": {"type": "log", "message": ""}})

    _, effects = started(document, variables={"x": object()})

    assert isinstance(effects[-1], Fail)
    assert "cannot be used" in effects[-1].error


def test_now_is_the_time_of_the_input_in_the_documents_zone():
    nodes = {
        "a": {"type": "api", "url": "https://x", "exits": {"success": "l", "failure": "l"}},
        "l": {"type": "log", "message": "{{ now.date }} {{ now.time }} {{ now.weekday }} {{ now.hour }} {{ now.iso }}"},
    }
    document = flow(nodes, time_zone="Asia/Kolkata")
    state, _ = started(document)

    later = AT + timedelta(hours=10)
    _, effects = run(document, state, HttpDone(at=later, number=1, status_code=200))

    assert effects[1].note == "2026-01-06 01:30 tuesday 1 2026-01-06T01:30:00+05:30"


def test_a_run_without_a_call_skips_what_needs_one():
    nodes = {
        "p": {"type": "play", "prompt": "x", "exits": {"next": "g"}},
        "g": {"type": "gather", "exits": {"no_input": "c"}},
        "c": {"type": "connect", "to": "+4930123456", "exits": {"failed": "l"}},
        "l": {"type": "log", "message": "reached", "exits": {"next": "h"}},
        "h": {"type": "hangup"},
    }

    state, effects = started(flow(nodes), without_call=True)

    assert [(effect.node, effect.exit) for effect in effects[:-1]] == [
        ("p", "next"),
        ("g", "no_input"),
        ("c", "failed"),
        ("l", "next"),
        ("h", "hangup"),
    ]
    assert effects[0].note == "skipped: the flow was started without a call"
    assert effects[-1] == End()
    assert state.waiting is Waiting.OVER


def test_a_goodbye_without_a_call_ends_the_run():
    _, effects = started(flow({"h": {"type": "hangup", "prompt": "Bye"}}), without_call=True)

    assert effects[-1] == End()


def test_secret_inputs_are_known_before_they_are_kept():
    document = flow(TALK, variables=VARIABLES)
    state, _ = started(document, answered=True)
    digits = DigitsGathered(at=AT, number=2, digits="4711", result="match")
    assert not is_secret(document, state, digits)  # it stands on the play node

    state, _ = run(document, state, PlayDone(at=AT, number=1, result="done"))

    assert is_secret(document, state, digits)
    assert not is_secret(document, state, PlayDone(at=AT, number=2, result="done"))
    assert is_secret(document, begin(document), Started(at=AT, answered=False, variables={"d": "x"}))
    assert not is_secret(document, begin(document), Started(at=AT, answered=False, variables={"call": {}}))


def test_the_digits_of_a_secret_variable_are_masked_in_the_trail_and_in_logs():
    nodes = {
        "g": {"type": "gather", "max_digits": 4, "variable": "d", "exits": {"match": "l", "no_input": "l"}},
        "l": {"type": "log", "message": "{{ d }} {{ nodes.g.digits }}"},
    }
    call = FlowCall(flow(nodes, variables=VARIABLES)).presses("4711")

    assert call.variables == {"d": "4711"}
    assert call.steps[0].changed == {"d": "***"}
    assert call.notes == ["*** ***"]


def test_facts_of_documents():
    silent = flow(
        {"s": {"type": "start", "miss_call_s": 5, "record": True, "exits": {"next": "h"}}, "h": {"type": "hangup"}}
    )
    talking = flow(
        {"g": {"type": "gather", "prompt": {"sound": "a"}, "retries": 1, "retry_prompts": {"invalid": "No"}}}
    )

    assert (needs_speech(silent), has_telephony(silent), start_node(silent).miss_call_s) == (False, False, 5)
    assert (needs_speech(talking), has_telephony(talking), start_node(talking).record) == (True, True, False)
    assert sounds(talking) == {"a"}


def test_each_wait_carries_a_higher_number():
    document = flow({"p": {"type": "play", "prompt": "x", "exits": {"next": "g"}}, "g": {"type": "gather"}})
    state, effects = started(document, answered=True)
    first = effects[-1].number

    _, effects = run(document, state, PlayDone(at=AT, number=first, result="done"))

    assert isinstance(effects[-1], Gather)
    assert effects[-1].number == first + 1
