"""condition: branch on values."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.settings import Exits, Expression, Label, Position
from ringback.flow.step import Leave, Turn
from ringback.flow.uses import IsWrong, Use, UsesExpression, UsesField, UsesText
from ringback.flow.values import ValueType, convert, parse_path, show

ELSE = "else"


class Operator(StrEnum):
    """How a field is compared with a value."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    LESS = "less"
    AT_MOST = "at_most"
    GREATER = "greater"
    AT_LEAST = "at_least"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    ONE_OF = "one_of"
    NOT_ONE_OF = "not_one_of"
    IS_EMPTY = "is_empty"
    IS_NOT_EMPTY = "is_not_empty"


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row: either `field`, `operator` and `value`, or `expression`; and the exit to take if it holds.

    Attributes:
        exit: Name of the exit.
        field: Dotted name, such as `nodes.menu.digits`. One that does not exist counts as empty.
        value: A text is a template. Numbers are compared as numbers, texts as texts; for `one_of` a list.
        expression: minijinja, such as `balance > 100 and caller.number`.
    """

    exit: Annotated[str, Meta(min_length=1, max_length=limits.ID_CHARS)]
    field: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    operator: Operator = Operator.EQUALS
    value: Any = None
    expression: Expression | None = None


class Condition(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="condition"
):
    """Take the exit of the first rule that holds, else `else`."""

    rules: Annotated[list[Rule], Meta(min_length=1, max_length=limits.ROWS)]
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def exits(node: Condition) -> frozenset[str]:
    """List the exits: those of the rules, and `else`."""
    return frozenset({rule.exit for rule in node.rules} | {ELSE})


def uses(node: Condition) -> Iterator[Use]:
    """List what the settings refer to, and what is wrong with them."""
    for index, rule in enumerate(node.rules):
        path = f"rules[{index}]"
        if (rule.field is None) == (rule.expression is None):
            yield IsWrong(path, "set one of `field` (with `operator` and `value`) and `expression`")
        if rule.expression is not None:
            yield UsesExpression(f"{path}.expression", rule.expression)
        if rule.field is not None:
            yield from _field_uses(path, rule.field)
        yield from _value_uses(path, rule)


def _field_uses(path: str, name: str) -> Iterator[Use]:
    try:
        parse_path(name)
    except ValueError as error:
        yield IsWrong(f"{path}.field", str(error))
    else:
        yield UsesField(f"{path}.field", name)


def _value_uses(path: str, rule: Rule) -> Iterator[Use]:
    values = rule.value if isinstance(rule.value, list) else [rule.value]
    for index, value in enumerate(values):
        where = f"{path}.value[{index}]" if isinstance(rule.value, list) else f"{path}.value"
        if isinstance(value, str):
            yield UsesText(where, value)
        elif isinstance(value, dict | list):
            yield IsWrong(where, "compare with a text, a number, true, false or null")
    if rule.operator in _LISTS and not isinstance(rule.value, list):
        yield IsWrong(f"{path}.value", f"`{rule.operator}` needs a list")
    if rule.operator not in _LISTS and isinstance(rule.value, list):
        yield IsWrong(f"{path}.value", f"`{rule.operator}` compares with one value; use `one_of` for a list")


def enter(node: Condition, turn: Turn) -> Leave:
    """Look at the rules in order."""
    for index, rule in enumerate(node.rules):
        if _holds(rule, turn):
            return Leave(exit=rule.exit, result={"rule": index}, note=f"rule {index + 1}")
    return Leave(exit=ELSE, result={"rule": None}, note="no rule holds")


def _holds(rule: Rule, turn: Turn) -> bool:
    if rule.expression is not None:
        return bool(turn.scope.evaluate(rule.expression))
    actual = turn.scope.look_up(parse_path(rule.field or ""))
    if rule.operator in {Operator.IS_EMPTY, Operator.IS_NOT_EMPTY}:
        return (actual in (None, "", [], {})) is (rule.operator is Operator.IS_EMPTY)
    if rule.operator in _LISTS:
        found = any(_equal(actual, _filled(item, turn)) for item in rule.value)
        return found is (rule.operator is Operator.ONE_OF)
    return _COMPARE[rule.operator](actual, _filled(rule.value, turn))


def _filled(value: Any, turn: Turn) -> Any:
    return turn.scope.fill(value) if isinstance(value, str) else value


def _equal(actual: Any, wanted: Any) -> bool:
    """Compare as the wanted value's kind: a number with a number, true with true, a text with what is shown."""
    if wanted is None or actual is None:
        return actual is None and wanted is None
    kind = (
        ValueType.BOOLEAN
        if isinstance(wanted, bool)
        else ValueType.NUMBER
        if isinstance(wanted, int | float)
        else ValueType.TEXT
    )
    try:
        return bool(convert(actual, kind) == wanted)
    except ValueError:
        return False


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    """Compare as numbers; what does not read as a number is neither less nor greater."""

    def compared(actual: Any, wanted: Any) -> bool:
        try:
            left, right = convert(actual, ValueType.NUMBER), convert(wanted, ValueType.NUMBER)
        except ValueError:
            return False
        return left is not None and right is not None and compare(left, right)

    return compared


def _contains(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, list):
        return any(_equal(item, wanted) for item in actual)
    if isinstance(actual, dict):
        return show(wanted) in actual
    return show(wanted) in show(actual)


_LISTS = frozenset({Operator.ONE_OF, Operator.NOT_ONE_OF})
_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUALS: _equal,
    Operator.NOT_EQUALS: lambda actual, wanted: not _equal(actual, wanted),
    Operator.LESS: _ordered(lambda left, right: left < right),
    Operator.AT_MOST: _ordered(lambda left, right: left <= right),
    Operator.GREATER: _ordered(lambda left, right: left > right),
    Operator.AT_LEAST: _ordered(lambda left, right: left >= right),
    Operator.STARTS_WITH: lambda actual, wanted: show(actual).startswith(show(wanted)),
    Operator.ENDS_WITH: lambda actual, wanted: show(actual).endswith(show(wanted)),
    Operator.CONTAINS: _contains,
    Operator.NOT_CONTAINS: lambda actual, wanted: not _contains(actual, wanted),
}
