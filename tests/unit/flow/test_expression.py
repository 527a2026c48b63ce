"""Templates and expressions: what they give, and that they can neither change data nor take the process down."""

import pytest

from ringback.flow import limits
from ringback.flow.expression import (
    ExpressionError,
    evaluate,
    names_in_expression,
    names_in_template,
    render,
)

VALUES = {
    "d": {"a": 1, "items": [1, 2], "in": {"z": "deep"}},
    "none": None,
    "s": "x",
    "yes": True,
    "half": 4.0,
    "l": [3, 1],
}


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("no braces at all, {just} one", "no braces at all, {just} one"),
        ("{{ s }}-{{ none }}-{{ yes }}-{{ half }}", "x--true-4"),
        ("{{ d.a + 1 }} {{ 7 // 2 }} {{ 4 / 2 }}", "2 3 2"),
        ("{{ d.items[1] }}{{ d['in'].z }}", "2deep"),
        ("{% for k, v in d|items %}{{ k }} {% endfor %}", "a items in "),
        ("{% if none is none %}unset{% endif %}", "unset"),
        ("{{ l|sort|join(',') }}", "1,3"),
        ("{{ d.in }}", '{"z":"deep"}'),
        ("{{ l }}", "[3,1]"),
        ("{{ 3 in l }} {{ 'a' in d }}", "true true"),
        ("{{ '<b>' }}", "<b>"),
        ("{{ missing|default('-') }}", "-"),
    ],
)
def test_templates_are_filled_in(template, wanted):
    assert render(template, VALUES) == wanted


@pytest.mark.parametrize(
    "template",
    [
        "{{ d.pop('a') }}",
        "{{ d.update({'x': 1}) }}",
        "{{ d.clear() }}",
        "{{ d['in'].setdefault('y', 1) }}",
        "{{ l.append(1) }}",
        "{{ d.items.append(1) }}",
        "{{ (d|items)[2][1].pop('z') }}",
        "{{ d.__class__ }}",
        "{{ d.__init__() }}",
        "{{ l._data }}",
        "{{ debug() }}",
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
        "{% include 'x' %}",
    ],
)
def test_templates_cannot_reach_methods_or_the_inside_of_values(template):
    with pytest.raises(ExpressionError):
        render(template, VALUES)

    assert VALUES["d"] == {"a": 1, "items": [1, 2], "in": {"z": "deep"}}
    assert VALUES["l"] == [3, 1]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ nope }}", "does not exist"),
        ("{{ d.nope }}", "does not exist"),
        ("{{ 'x' * 100000000 }}", "too much work"),
        ("{% for i in range(20000) %}{{ i }}{% endfor %}", "too much work"),
        ("{{ 'a' * 5000 }}", "characters long|too much work"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "cannot be worked out"),
        ("{{ 1 / 0 }}", "cannot be worked out"),
        ("{{ s + 1 }}", "cannot be worked out"),
        ("{{ 1 + }}", "not well-formed"),
    ],
)
def test_templates_that_fail_say_why(template, message):
    with pytest.raises(ExpressionError, match=message):
        render(template, VALUES)


def test_text_that_grows_beyond_the_bound_is_refused():
    with pytest.raises(ExpressionError, match="4001 characters long"):
        render("{{ s }}" + "y", {"s": "x" * 4000})


@pytest.mark.parametrize("sign", ["-", "not ", "1+", "1~", "1**", "a.", "a()", "a[0]", "[", "(", "1 if 1 else ", "a|f"])
def test_long_chains_of_operators_are_refused_before_minijinja_sees_them(sign):
    chain = (sign * 4000)[:3900]

    for look in (names_in_expression, lambda source: evaluate(source, {})):
        with pytest.raises(ExpressionError, match="at most"):
            look(chain)
    with pytest.raises(ExpressionError, match="at most"):
        render("{{ " + chain + " }}", {})


def test_the_longest_allowed_chain_runs():
    chain = "1" + "+1" * (limits.TEMPLATE_OPERATORS - 10)

    assert evaluate(chain, {}) == limits.TEMPLATE_OPERATORS - 9


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("d.a + half", 5.0),
        ("s == 'x' and yes", True),
        ("none > 3", False),
        ("none", None),
        ("d", {"a": 1, "items": [1, 2], "in": {"z": "deep"}}),
        ("l|sort", [1, 3]),
        ("{'k': d.in}", {"k": {"z": "deep"}}),
        ("missing is defined", False),
        ("d.items|sum", 3),
        ("10 ** 30", 1e30),
    ],
)
def test_expressions_give_plain_data(expression, wanted):
    assert evaluate(expression, VALUES) == wanted


@pytest.mark.parametrize(
    "expression", ["missing", "d.missing", "d.missing > 1", "1 }} {{ 2", "", "1 +", "'a'|nofilter"]
)
def test_expressions_that_fail_say_so(expression):
    with pytest.raises(ExpressionError):
        evaluate(expression, VALUES)


def test_names_are_listed_with_their_dots():
    assert names_in_template("{{ call.from }} {% for i in items %}{{ i.x }}{% endfor %}") == {"call.from", "items"}
    assert names_in_expression("nodes.menu.digits == pin and true") == {"nodes.menu.digits", "pin"}


@pytest.mark.parametrize("template", ["{{ x|uper }}", "{% if x|nope %}{% endif %}"])
def test_unknown_filters_are_found_without_running(template):
    with pytest.raises(ExpressionError, match="there is no filter"):
        names_in_template(template)


def test_a_bar_inside_a_string_is_no_filter():
    assert names_in_template("{{ 'a|b' ~ x|upper }}") == {"x"}


def test_an_expression_cannot_break_out_of_its_braces():
    with pytest.raises(ExpressionError, match="not well-formed"):
        names_in_expression("1 }} {{ 2")
