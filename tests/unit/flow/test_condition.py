"""condition: operators, expressions, the first rule that holds."""

import pytest

from ringback.testing.flows import FlowCall

VARIABLES = {
    "n": {"type": "number", "default": 10},
    "t": {"type": "text", "default": "Berlin"},
    "digits": {"type": "text", "default": "042"},
    "b": {"type": "boolean", "default": True},
    "l": {"type": "list", "default": ["a", "b"]},
    "r": {"type": "record", "default": {"k": {"deep": 5}}},
    "empty": {"type": "text", "default": ""},
    "unset": {"type": "text"},
}


def branch(*rules):
    node = {"type": "condition", "rules": list(rules)}
    return {"name": "x", "start": "c", "variables": VARIABLES, "nodes": {"c": node}}


@pytest.mark.parametrize(
    ("field", "operator", "value", "holds"),
    [
        ("n", "equals", 10, True),
        ("n", "equals", "10", True),
        ("n", "equals", 11, False),
        ("digits", "equals", "42", False),
        ("digits", "equals", 42, True),
        ("t", "equals", "Berlin", True),
        ("t", "equals", "berlin", False),
        ("t", "equals", "{{ t }}", True),
        ("b", "equals", True, True),
        ("b", "equals", "true", True),
        ("b", "equals", 1, False),
        ("unset", "equals", None, True),
        ("unset", "equals", "", False),
        ("t", "not_equals", "Bonn", True),
        ("n", "less", 11, True),
        ("n", "less", 10, False),
        ("n", "at_most", 10, True),
        ("n", "greater", "9.5", True),
        ("n", "at_least", 11, False),
        ("digits", "less", 100, True),
        ("t", "less", 100, False),
        ("t", "greater", 100, False),
        ("unset", "less", 1, False),
        ("t", "starts_with", "Ber", True),
        ("t", "ends_with", "lin", True),
        ("t", "contains", "erl", True),
        ("t", "not_contains", "erl", False),
        ("l", "contains", "a", True),
        ("l", "contains", "c", False),
        ("r", "contains", "k", True),
        ("r.k.deep", "equals", 5, True),
        ("r.k.missing", "is_empty", None, True),
        ("t", "one_of", ["Bonn", "Berlin"], True),
        ("n", "one_of", [1, 10], True),
        ("t", "not_one_of", ["Bonn"], True),
        ("empty", "is_empty", None, True),
        ("unset", "is_empty", None, True),
        ("t", "is_empty", None, False),
        ("t", "is_not_empty", None, True),
        ("unset", "is_not_empty", None, False),
        ("caller.number", "starts_with", "+49", True),
        ("now.weekday", "equals", "monday", True),
    ],
)
def test_operators(field, operator, value, holds):
    call = FlowCall(branch({"field": field, "operator": operator, "value": value, "exit": "yes"}))

    assert call.trail == ["c:yes" if holds else "c:else"]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("n > 5 and t == 'Berlin'", True),
        ("n < 5", False),
        ("unset", False),
        ("l|length == 2", True),
        ("'a' in l", True),
    ],
)
def test_expressions(expression, holds):
    call = FlowCall(branch({"expression": expression, "exit": "yes"}))

    assert call.trail == ["c:yes" if holds else "c:else"]


def test_the_first_rule_that_holds_wins():
    call = FlowCall(
        branch(
            {"field": "n", "value": 1, "exit": "one"},
            {"field": "n", "value": 10, "exit": "ten"},
            {"expression": "true", "exit": "any"},
        )
    )

    assert call.trail == ["c:ten"]
    assert call.notes == ["rule 2"]


def test_an_expression_that_cannot_be_worked_out_fails_the_flow_with_the_node():
    call = FlowCall(branch({"expression": "r.k.nope > 1", "exit": "yes"}))

    assert call.ended == "failed"
    assert call.error == "node `c`: it uses a value that does not exist"
    assert call.status == "INCOMING_DISCONNECTED"
