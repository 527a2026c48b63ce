"""Plain data: bounds, types, paths."""

import math

import pytest

from ringback.flow import limits
from ringback.flow.values import ValueType, convert, follow, parse_path, plain, show


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2**70, float(2**70)),
        ("x", "x"),
        ((1, [2]), [1, [2]]),
        ({"a": {"b": 1.5}}, {"a": {"b": 1.5}}),
    ],
)
def test_plain_data_stays_what_it_is(value, wanted):
    assert plain(value) == wanted


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "too large"),
        (10**400, "too large"),
        (object(), "not plain data"),
        ({1: 2}, "keys of a record must be text"),
        ("x" * (limits.VALUE_CHARS + 1), "characters"),
        ([0] * (limits.VALUE_ITEMS + 1), "items"),
        ([[0] * 1000, [0] * 1000, [0]], "items"),
    ],
)
def test_what_is_no_plain_data_is_refused(value, message):
    with pytest.raises(ValueError, match=message):
        plain(value)


def test_deep_nesting_is_refused():
    value: list = []
    for _ in range(limits.VALUE_DEPTH + 1):
        value = [value]

    with pytest.raises(ValueError, match="nested deeper"):
        plain(value)


@pytest.mark.parametrize(
    ("value", "to", "wanted"),
    [
        ("42", ValueType.NUMBER, 42),
        (" -4.5 ", ValueType.NUMBER, -4.5),
        (7, ValueType.TEXT, "7"),
        (7.0, ValueType.TEXT, "7"),
        (True, ValueType.TEXT, "true"),
        ("Yes", ValueType.BOOLEAN, True),
        ("0", ValueType.BOOLEAN, False),
        (1, ValueType.BOOLEAN, True),
        ([1, "a"], ValueType.LIST, ["1", "a"]),
        ({"a": 1}, ValueType.RECORD, {"a": 1}),
        *[(None, to, None) for to in ValueType],
    ],
)
def test_values_are_read_as_the_declared_type(value, to, wanted):
    converted = convert(value, to)

    assert converted == wanted
    assert type(converted) is type(wanted)


@pytest.mark.parametrize(
    ("value", "to"),
    [
        ("four", ValueType.NUMBER),
        ("inf", ValueType.NUMBER),
        (True, ValueType.NUMBER),
        ([1], ValueType.TEXT),
        ("perhaps", ValueType.BOOLEAN),
        (2, ValueType.BOOLEAN),
        ("a", ValueType.LIST),
        ([[1]], ValueType.LIST),
        ([], ValueType.RECORD),
    ],
)
def test_values_that_do_not_fit_the_type_are_refused(value, to):
    with pytest.raises(ValueError, match=r"expected|too large"):
        convert(value, to)


def test_numbers_are_shown_as_people_say_them():
    assert [show(value) for value in (4.0, 4.5, None, True, "x")] == ["4", "4.5", "", "true", "x"]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("body", (True, {"items": [{"first name": "Ada"}], "n": None})),
        ("body.items[0]", (True, {"first name": "Ada"})),
        ('body.items[0]["first name"]', (True, "Ada")),
        ("body.n", (True, None)),
        ("body.items[1]", (False, None)),
        ("body.items.x", (False, None)),
        ("body.missing.deeper", (False, None)),
        ("body[0]", (False, None)),
    ],
)
def test_paths_are_followed(path, wanted):
    reply = {"body": {"items": [{"first name": "Ada"}], "n": None}}

    assert follow(parse_path(path), reply) == wanted


@pytest.mark.parametrize("path", ["", ".a", "[0]", "a..b", "a[x]", "a b", "a[-1]", "a.", "a[1", "ä"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match=r"path"):
        parse_path(path)


def test_no_number_of_plain_data_is_infinite():
    with pytest.raises(ValueError, match="too large"):
        plain({"deep": [math.inf]})
