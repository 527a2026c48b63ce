"""Checks on what a node's settings refer to: templates, expressions, variables, prompts."""

from typing import Any, Protocol, assert_never

from msgspec import Struct

from ringback.flow.decode import did_you_mean, join, one_of
from ringback.flow.expression import GLOBALS, ExpressionError, names_in_expression, names_in_template
from ringback.flow.nodes import KINDS, Node, kind_of
from ringback.flow.problems import Problems, Severity
from ringback.flow.scope import CALL_FIELDS, CALLER_FIELDS, FLOW_FIELDS, NOW_FIELDS, RESERVED
from ringback.flow.settings import PromptSpec, Variable
from ringback.flow.uses import (
    GoesTo,
    IsOdd,
    IsWrong,
    PlaysPrompt,
    SetsVariable,
    Use,
    UsesExpression,
    UsesField,
    UsesText,
)
from ringback.flow.values import convert, plain

_FIELDS = {"call": CALL_FIELDS, "caller": CALLER_FIELDS, "now": NOW_FIELDS, "flow": FLOW_FIELDS}


class WorldFacts(Protocol):
    """What is known about sounds and speech."""

    @property
    def has_speech(self) -> bool:
        """Whether there is a voice engine."""

    @property
    def speech_advice(self) -> str:
        """What to do when there is none."""

    @property
    def sounds(self) -> frozenset[str] | None:
        """Ids of the account's sounds, None if not known."""


class Known(Struct, frozen=True, kw_only=True):
    """What names may refer to."""

    nodes: dict[str, Any]
    variables: dict[str, Variable | None]
    facts: WorldFacts


def check_variables(variables: dict[str, Variable | None], problems: Problems) -> None:
    """Check the declarations."""
    for name, variable in variables.items():
        path = join("$.variables", name)
        if name in RESERVED or name in GLOBALS:
            problems.add("reserved-name", path, f"`{name}` is the name of something built in; choose another")
        if variable is None:
            continue
        try:
            convert(plain(variable.default), variable.type)
        except ValueError as error:
            problems.add("bad-setting", join(path, "default"), str(error))


def check_node(node_id: str, node: Node, known: Known, problems: Problems) -> None:
    """Check everything that a node refers to besides its exits."""
    path = join("$.nodes", node_id)
    with problems.in_node(node_id):
        for use in kind_of(node).uses(node):
            _check_use(path, use, known, problems)


def _check_use(path: str, use: Use, known: Known, problems: Problems) -> None:
    where = f"{path}.{use.path}" if use.path else path
    match use:
        case UsesText():
            _check_template(where, use.template, known, problems)
        case UsesExpression():
            _check_expression(where, use.expression, known, problems)
        case UsesField():
            _check_name(where, use.field, known, problems)
        case SetsVariable():
            if use.name not in known.variables:
                _undeclared(where, use.name, known, problems)
        case PlaysPrompt():
            _check_prompt(where, use.prompt, known, problems)
        case IsWrong():
            problems.add("bad-setting", where, use.message)
        case IsOdd():
            problems.add("odd-setting", where, use.message, severity=Severity.WARNING)
        case GoesTo():
            pass  # the graph's matter
        case _:
            assert_never(use)


def _check_template(where: str, template: str, known: Known, problems: Problems) -> None:
    try:
        names = names_in_template(template)
    except ExpressionError as error:
        problems.add("bad-template", where, f"the template cannot be used: {error}")
        return
    for name in sorted(names):
        _check_name(where, name, known, problems)


def _check_expression(where: str, expression: str, known: Known, problems: Problems) -> None:
    try:
        names = names_in_expression(expression)
    except ExpressionError as error:
        problems.add("bad-expression", where, f"the expression cannot be used: {error}")
        return
    for name in sorted(names):
        _check_name(where, name, known, problems)


def _check_name(where: str, dotted: str, known: Known, problems: Problems) -> None:
    """Check a dotted name as far as it is known before a run."""
    first, _, rest = dotted.partition(".")
    first = first.partition("[")[0]
    step = rest.partition(".")[0].partition("[")[0]
    if first == "nodes":
        _check_result(where, rest, known, problems)
    elif first in _FIELDS:
        if step and step not in _FIELDS[first]:
            hint = did_you_mean(step, _FIELDS[first]) or f"; there are: {one_of(_FIELDS[first])}"
            problems.add("unknown-name", where, f"there is no `{first}.{step}`{hint}")
    elif first not in known.variables and first not in GLOBALS:
        _undeclared(where, first, known, problems)


def _check_result(where: str, rest: str, known: Known, problems: Problems) -> None:
    """Check `nodes.<id>.<field>`."""
    node_id, _, field = rest.partition(".")
    node_id, field = node_id.partition("[")[0], field.partition(".")[0].partition("[")[0]
    if not node_id:
        return
    raw = known.nodes.get(node_id)
    if raw is None:
        problems.add("unknown-node", where, f"there is no node `{node_id}`{did_you_mean(node_id, known.nodes)}")
        return
    kind = KINDS.get(str(raw.get("type"))) if isinstance(raw, dict) else None
    if kind is not None and field and field not in kind.results:
        there = f"it has: {one_of(kind.results)}" if kind.results else "a node of this type has none"
        problems.add("unknown-name", where, f"the node `{node_id}` has no result `{field}`; {there}")


def _undeclared(where: str, name: str, known: Known, problems: Problems) -> None:
    names = [*known.variables, *RESERVED]
    hint = did_you_mean(name, names) or f'; declare it: "variables": {{"{name[:64]}": {{"type": "text"}}}}'
    problems.add("undeclared-variable", where, f"there is no variable `{name[:64]}`{hint}")


def _check_prompt(where: str, prompt: PromptSpec, known: Known, problems: Problems) -> None:
    given = [name for name in ("text", "sound", "url") if getattr(prompt, name) is not None]
    if len(given) != 1:
        what = " and ".join(given) or "none of them"
        problems.add("bad-prompt", where, f"a prompt has exactly one of `text`, `sound` and `url`; this has {what}")
    if prompt.text is not None:
        _check_template(where, prompt.text, known, problems)
        if not known.facts.has_speech:
            problems.add(
                "no-speech", where, f"there is no voice engine to speak this text: {known.facts.speech_advice}"
            )
    sounds = known.facts.sounds
    if prompt.sound is not None and sounds is not None and prompt.sound not in sounds:
        hint = did_you_mean(prompt.sound, sounds) or "; upload it first"
        problems.add("unknown-sound", where, f"the account has no sound `{prompt.sound}`{hint}")
    if prompt.url is not None:
        _check_template(where, prompt.url, known, problems)
        if not prompt.url.lower().startswith(("http://", "https://", "{{")):
            problems.add("bad-prompt", where, "the address must begin with https:// or http://")
