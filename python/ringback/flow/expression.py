"""Templates and expressions: minijinja, strict about undefined names, with fuel, on plain data that it cannot change.

minijinja calls methods of Python objects (`{{ d.pop('a') }}`, `{{ l.append(l) }}`), and parses and runs nested
expressions recursively in C stack. So values go in wrapped in objects that have no methods, and the number of
operators in one template is bounded.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from minijinja import Environment, TemplateError

from ringback.flow import limits
from ringback.flow.values import plain, show

_OPERATORS = re.compile(r"[-+*/~|.,:\[({<>=!%]")
_KEYWORDS = re.compile(r"\b(?:not|and|or|if|else|elif|is|in|for)\b")
_CODE = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_FILTER = re.compile(r"\|\s*([A-Za-z_]\w*)")
_ERRORS = (TemplateError, RecursionError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError)

GLOBALS = frozenset({"range", "dict"})
"""Names that minijinja itself brings along."""


class ExpressionError(ValueError):
    """A template or expression cannot be read or worked out; the message is for the flow's author."""


class Record(dict[str, Any]):
    """A record as templates see it: keys and values, no methods. minijinja wants a real dictionary for a mapping."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        return wrap(dict.__getitem__(self, key))

    def __str__(self) -> str:
        return msgspec.json.encode(unwrap(self)).decode()

    # null instead of a method: calling it is an error, and minijinja still finds the mapping's protocol
    clear = copy = fromkeys = get = items = keys = None  # type: ignore[assignment]
    pop = popitem = setdefault = update = values = None  # type: ignore[assignment]


class Items:
    """A list as templates see it."""

    __slots__ = ("_data",)

    def __init__(self, data: Sequence[Any]) -> None:
        self._data = data

    def __getitem__(self, index: int) -> Any:
        return wrap(self._data[index])

    def __iter__(self) -> Iterator[Any]:
        return iter([wrap(item) for item in self._data])

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, item: object) -> bool:
        return unwrap(item) in self._data

    def __str__(self) -> str:
        return msgspec.json.encode(unwrap(self)).decode()

    def __eq__(self, other: object) -> bool:
        return bool(unwrap(self) == unwrap(other))

    __hash__ = None  # type: ignore[assignment]


Sequence.register(Items)


def wrap(value: Any) -> Any:
    """Hide the methods of a plain value."""
    if type(value) is dict:
        return Record(value)
    if isinstance(value, list | tuple):
        return Items(value)
    return value


def unwrap(value: Any) -> Any:
    """Make plain data again out of what minijinja returned."""
    if isinstance(value, dict):
        return {str(key): unwrap(item) for key, item in dict.items(value)}
    if isinstance(value, Items | list | tuple):
        return [unwrap(item) for item in value]
    return value


def _finalize(value: Any) -> str:
    if isinstance(value, dict | list | tuple | Items):
        return msgspec.json.encode(unwrap(value)).decode()
    return show(value)


def _environment() -> Environment:
    env = Environment(
        undefined_behavior="strict", fuel=limits.FUEL, debug=False, pycompat=False, keep_trailing_newline=True
    )
    env.remove_global("debug")
    env.remove_global("namespace")  # one that holds itself ends the process when it is printed
    env.finalizer = _finalize
    return env


_ENV = _environment()


def has_code(template: str) -> bool:
    """Say whether a template has anything to fill in."""
    return "{{" in template or "{%" in template or "{#" in template


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill in a template.

    Args:
        template: At most `limits.TEXT_CHARS` characters.
        values: Plain data by name.

    Returns:
        At most `limits.TEXT_CHARS` characters.

    Raises:
        ExpressionError: a name is undefined, the result too long, or the work too much.
    """
    if not has_code(template):
        return template
    _refuse_heavy(template)
    try:
        text = _ENV.render_str(template, **_context(values))
    except _ERRORS as error:
        raise ExpressionError(_wording(error)) from None
    if len(text) > limits.TEXT_CHARS:
        raise ExpressionError(f"the text is {len(text)} characters long once filled in, at most {limits.TEXT_CHARS}")
    return text


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """Work out an expression; return plain data.

    Raises:
        ExpressionError: a name is undefined, a value does not fit, the result too large, or the work too much.
    """
    _refuse_heavy(expression)
    context = _context(values)
    try:
        value = _ENV.eval_expr(expression, **context)
        is_defined = value is not None or _ENV.eval_expr(f"({expression}) is defined", **context)
        value = plain(unwrap(value))
    except _ERRORS as error:
        raise ExpressionError(_wording(error)) from None
    if not is_defined:
        raise ExpressionError("it uses a value that does not exist")
    return value


def is_true(expression: str, values: Mapping[str, Any]) -> bool:
    """Work out a condition: false, null, 0, "" and empty lists are no, everything else is yes.

    Raises:
        ExpressionError: as `evaluate`.
    """
    return bool(evaluate(expression, values))


def names_in_template(template: str) -> set[str]:
    """List the names a template uses, dotted as far as they are plain (`call.from`).

    Raises:
        ExpressionError: the template cannot be read, is too heavy, or uses an unknown filter.
    """
    if not has_code(template):
        return set()
    _refuse_heavy(template)
    try:
        names = _ENV.undeclared_variables_in_str(template, nested=True)
    except _ERRORS as error:
        raise ExpressionError(_wording(error)) from None
    for code in _CODE.finditer(template):
        _refuse_unknown_filters(code.group(1) or code.group(2) or "")
    return names


def names_in_expression(expression: str) -> set[str]:
    """List the names an expression uses.

    Raises:
        ExpressionError: as `names_in_template`.
    """
    _refuse_heavy(expression)
    try:
        _ENV.eval_expr(expression)
    except TemplateError as error:
        if error.kind == "SyntaxError":
            raise ExpressionError(_wording(error)) from None
    except _ERRORS:
        pass  # it was run without its variables: only its form matters here
    _refuse_unknown_filters(expression)
    try:
        return set(_ENV.undeclared_variables_in_str("{{ " + expression + " }}", nested=True))
    except _ERRORS as error:
        raise ExpressionError(_wording(error)) from None


def _context(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wrap(value) for name, value in values.items()}


def _refuse_heavy(source: str) -> None:
    if len(source) > limits.TEXT_CHARS:
        raise ExpressionError(f"it is {len(source)} characters long, at most {limits.TEXT_CHARS}")
    operators = len(_OPERATORS.findall(source)) + len(_KEYWORDS.findall(source))
    if operators > limits.TEMPLATE_OPERATORS:
        raise ExpressionError(
            f"it has {operators} operators, brackets and marks of punctuation, at most {limits.TEMPLATE_OPERATORS} "
            "where variables are filled in; split it"
        )


def _refuse_unknown_filters(code: str) -> None:
    for name in set(_FILTER.findall(_STRING.sub("''", code))):
        try:
            _ENV.eval_expr(f"''|{name}")
        except TemplateError as error:
            if error.kind == "UnknownFilter":
                raise ExpressionError(f"there is no filter `{name}`") from None
        except _ERRORS:
            continue


def _wording(error: Exception) -> str:
    if not isinstance(error, TemplateError):
        return f"it cannot be worked out: {error}"
    if error.kind == "OutOfFuel":
        return "it takes too much work; simplify it"
    what = {"SyntaxError": "it is not well-formed", "UndefinedError": "it uses a value that does not exist"}
    detail = (error.detail or "").strip()
    line = f" (line {error.line})" if (error.line or 1) > 1 else ""
    return (what.get(error.kind, "it cannot be worked out") + (f": {detail}" if detail else "")) + line
