"""start, play, answer, hangup, set, jump, log."""

import pytest

from ringback.flow.effects import HangUp, Play, PlayDone, Prompt
from ringback.flow.run import run
from ringback.testing.flows import FlowCall


def flow(nodes, **more):
    return {"name": "x", "start": next(iter(nodes)), "nodes": nodes, **more}


def test_prompts_take_the_documents_voice_and_their_own():
    prompts = ["Hello", {"text": "Hallo", "language": "de-DE", "rate": 120}, {"text": "Hi", "voice": "en-us+f3"}]
    call = FlowCall(
        flow({"p": {"type": "play", "prompt": prompts, "loop": 0}}, language="en-GB", rate=140, voice="en-gb")
    )

    assert call._expect(Play).prompts == (
        Prompt(text="Hello", language="en-GB", rate=140, voice="en-gb"),
        Prompt(text="Hallo", language="de-DE", rate=120, voice=None),
        Prompt(text="Hi", language="en-GB", rate=140, voice="en-us+f3"),
    )


def test_prompts_that_come_out_empty_are_left_out():
    call = FlowCall(flow({"p": {"type": "play", "prompt": ["{{ caller.name }}", {"sound": "s"}, "  "], "loop": 0}}))

    assert call.heard == ["s"]


def test_nothing_to_play_is_not_waited_for():
    nodes = {
        "p": {"type": "play", "prompt": "{{ caller.name }}", "loop": 0, "exits": {"next": "h"}},
        "h": {"type": "hangup", "prompt": " {{ caller.name }} "},
    }
    call = FlowCall(flow(nodes))

    assert (call.ended, call.trail) == ("hangup", ["p:next", "h:hangup"])
    assert call.notes == ["nothing to play: every text is empty"] * 2


def test_a_prompt_that_cannot_be_played_does_not_cost_the_call():
    call = FlowCall(
        flow({"p": {"type": "play", "prompt": "x", "loop": 0, "exits": {"next": "h"}}, "h": {"type": "hangup"}})
    )

    call._give(PlayDone(at=call.now, number=1, result="failed", detail="no voice"))

    assert call.trail == ["p:next", "h:hangup"]
    assert call.notes == ["the prompt could not be played: no voice"]


def test_hangup_sends_its_code_to_a_caller_who_was_not_answered():
    call = FlowCall(flow({"h": {"type": "hangup", "sip_code": 486}}))

    assert (call.ended, call.sip_code, call.is_answered) == ("hangup", 486, False)
    assert call.status == "FLOW_EXECUTED"


def test_hangup_with_a_goodbye_answers_first():
    call = FlowCall(flow({"h": {"type": "hangup", "prompt": "Bye."}}))

    assert (call.ended, call.heard, call.is_answered) == ("hangup", ["Bye."], True)
    assert call.status == "FLOW_ANSWER"


def test_hangup_of_an_answered_call_carries_no_sip_code():
    call = FlowCall(flow({"a": {"type": "answer", "exits": {"next": "h"}}, "h": {"type": "hangup", "sip_code": 486}}))

    assert call.sip_code is None


def test_hangup_names_its_node():
    call = FlowCall(flow({"h": {"type": "hangup", "prompt": "x"}}))
    state, effects = run(call.document, call._state, PlayDone(at=call.now, number=1, result="done"))

    assert effects == ()  # it is over
    assert state.waiting == "over"
    assert HangUp(node="h") == HangUp(sip_code=None, node="h")


SET_VARIABLES = {
    "n": {"type": "number", "default": 1},
    "t": {"type": "text"},
    "b": {"type": "boolean"},
    "l": {"type": "list"},
    "r": {"type": "record"},
}


def test_set_works_values_out_in_order_and_in_their_types():
    node = {
        "type": "set",
        "values": {"n": "{{ n + 1 }}", "t": "n is {{ n }}", "b": True, "l": ["a", 1], "r": {"k": "{{ n }}"}},
        "expressions": {"n": "n * 10"},
    }
    call = FlowCall(flow({"s": node}, variables=SET_VARIABLES))

    assert call.variables == {"n": 20, "t": "n is 2", "b": True, "l": ["a", "1"], "r": {"k": "{{ n }}"}}
    assert call.steps[0].changed == call.variables


def test_set_can_unset():
    assert FlowCall(flow({"s": {"type": "set", "values": {"n": None}}}, variables=SET_VARIABLES)).variables["n"] is None


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ({"values": {"n": "many"}}, "`n` cannot be set: expected a number"),
        ({"values": {"t": ["a"]}}, "`t` cannot be set: expected text, got a list"),
        ({"expressions": {"t": "r.k"}}, "uses a value that does not exist"),
        ({"values": {"t": "{{ r.k }}"}}, "uses a value that does not exist|cannot be worked out"),
    ],
)
def test_set_that_fails_says_which_variable(node, error):
    call = FlowCall(
        flow({"s": {"type": "set", **node}}, variables=SET_VARIABLES | {"r": {"type": "record", "default": {}}})
    )

    assert call.ended == "failed"
    assert any(part in call.error for part in error.split("|")), call.error


def test_jump_goes_on_elsewhere_and_is_in_the_trail():
    call = FlowCall(flow({"j": {"type": "jump", "to": "l"}, "l": {"type": "log", "message": "there"}}))

    assert call.trail == ["j:jump", "l:next"]
    assert call.notes == ["to l", "there"]


def test_log_masks_secrets_and_survives_its_own_errors():
    nodes = {
        "a": {
            "type": "log",
            "message": "{{ pin }}/{{ call.variables.pin }}/{{ caller.number }}",
            "exits": {"next": "b"},
        },
        "b": {"type": "log", "message": "{{ pin + 1 }}", "exits": {"next": "c"}},
        "c": {"type": "log", "message": "on"},
    }
    call = FlowCall(flow(nodes, variables={"pin": {"type": "number", "secret": True}}), variables={"pin": 4711})

    assert call.notes[0] == "***/***/+4915112345678"
    assert call.notes[1].startswith("the message could not be filled in")
    assert call.notes[2] == "on"
    assert call.variables == {"pin": 4711}


def test_start_leads_on():
    call = FlowCall(
        {"name": "x", "nodes": {"s": {"type": "start", "exits": {"next": "l"}}, "l": {"type": "log", "message": "m"}}}
    )

    assert call.trail == ["s:next", "l:next"]
