"""set: give variables new values."""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.settings import Exits, Expression, Label, Name, Position
from ringback.flow.step import Leave, RunError, Turn
from ringback.flow.uses import IsWrong, SetsVariable, Use, UsesExpression, UsesText
from ringback.flow.values import convert


class Set(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="set"
):
    """Set variables, first `values`, then `expressions`, in the order written; each sees those before it.

    Attributes:
        values: Variable to value. Texts are templates; what they give is read as the variable's type.
        expressions: Variable to expression.
    """

    values: Annotated[dict[Name, Any], Meta(max_length=limits.ROWS)] = field(default_factory=dict)
    expressions: Annotated[dict[Name, Expression], Meta(max_length=limits.ROWS)] = field(default_factory=dict)
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def uses(node: Set) -> Iterator[Use]:
    """List what the settings refer to."""
    for name, value in node.values.items():
        yield SetsVariable(f"values.{name}", name)
        if isinstance(value, str):
            yield UsesText(f"values.{name}", value)
    for name, expression in node.expressions.items():
        yield SetsVariable(f"expressions.{name}", name)
        yield UsesExpression(f"expressions.{name}", expression)
    if not node.values and not node.expressions:
        yield IsWrong("", "it sets nothing: give `values` or `expressions`")


def enter(node: Set, turn: Turn) -> Leave:
    """Work the values out one after another."""
    changed: dict[str, Any] = {}
    scope = turn.scope
    for name, value in node.values.items():
        changed[name] = _typed(name, scope.fill(value) if isinstance(value, str) else value, turn)
        scope = scope.with_values({name: changed[name]})
    for name, expression in node.expressions.items():
        changed[name] = _typed(name, scope.evaluate(expression), turn)
        scope = scope.with_values({name: changed[name]})
    return Leave(exit="next", changed=changed)


def _typed(name: str, value: Any, turn: Turn) -> Any:
    try:
        return convert(value, turn.scope.declared[name].type)
    except ValueError as error:
        raise RunError(f"`{name}` cannot be set: {error}") from None
