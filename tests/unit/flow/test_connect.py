"""connect: who is called, and which exit is taken."""

import pytest

from ringback.flow.effects import Connect
from ringback.testing.flows import FlowCall


def to(*parties, exits=("answered", "failed"), **settings):
    connect = {"type": "connect", "to": list(parties), "exits": dict.fromkeys(exits, "end"), **settings}
    return {
        "name": "x",
        "start": "sales",
        "variables": {"agents": {"type": "list", "default": ["+491", "+492", "+4933"]}},
        "nodes": {"sales": connect, "end": {"type": "hangup"}},
    }


@pytest.mark.parametrize(
    ("exits", "result", "exit_"),
    [
        (["answered", "busy"], "answered", "answered"),
        (["busy", "failed"], "busy", "busy"),
        (["failed"], "busy", "failed"),
        (["failed"], "no_answer", "failed"),
        (["failed"], "rejected", "failed"),
        (["failed"], "nonsense", "failed"),
        ([], "busy", "busy"),
    ],
)
def test_the_exit_follows_the_result(exits, result, exit_):
    call = FlowCall(to("+4930123456", exits=exits)).connects(result)

    assert call.trail[0] == f"sales:{exit_}"


def test_parties_are_read_out_of_templates():
    call = FlowCall(
        to("{{ agents|join(', ') }}", "sip:desk@10.0.0.1", "+49 (30) 12-34"),
        variables={"agents": ["+4930111", "+4930222"]},
    )

    assert call.connected == [("+4930111", "+4930222", "sip:desk@10.0.0.1", "+49301234")]


@pytest.mark.parametrize(
    "party", ["", "nobody", "+", "sip:", "sip:a b@x", "+49301234567890123456789", "sip:x@y;transport=tcp>"]
)
def test_without_a_usable_party_it_fails_at_once(party):
    call = FlowCall(to(party))

    assert call.trail[0] == "sales:failed"
    assert call.connected == []
    assert call.notes


def test_unusable_parties_are_left_out_with_a_note():
    call = FlowCall(to("nobody", "+4930123456")).connects("busy")

    assert call.connected == [("+4930123456",)]
    assert call.notes == ["1 of 2 are no numbers and no SIP URIs"]


def test_more_parties_than_allowed_are_left_out_with_a_note():
    call = FlowCall(to("{{ agents|join(',') }}"), variables={"agents": [f"+4930{i:04}" for i in range(30)]}).connects(
        "busy"
    )

    assert len(call.connected[0]) == 20
    assert call.notes == ["only the first 20 of 30 parties are called"]


def test_settings_reach_the_effect():
    call = FlowCall(to("+4930123456", order="at_once", ring_s=30, caller_id="{{ caller.number }}"), caller="+49151999")

    effect = call._expect(Connect)

    assert (effect.at_once, effect.ring_ms, effect.caller_id) == (True, 30_000, "+49151999")


def test_by_default_the_parties_are_called_in_turn_under_the_flows_number():
    effect = FlowCall(to("+4930123456"))._expect(Connect)

    assert (effect.at_once, effect.caller_id) == (False, None)


def test_who_was_reached_is_there_for_later_nodes():
    document = to("+4930123456")
    document["nodes"]["end"] = {"type": "hangup", "prompt": "{{ nodes.sales.party }} {{ nodes.sales.result }}"}

    FlowCall(document).connects("answered").hears("+4930123456 answered")
