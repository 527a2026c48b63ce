"""Values of variables: plain data only (what JSON can say), bounded, of the declared type.

Whatever comes from outside (API replies, digits, a request's own variables) passes through `plain` before anything
else sees it.
"""

import math
import re
from enum import StrEnum
from typing import Any

from ringback.flow import limits

_INT_LIMIT = 2**63
_PATH_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d{1,6})\]|\[\"([^\"\]]{1,64})\"\]")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


class BadValue(ValueError):  # noqa: N818 - it says what is wrong, not that something is
    """The value is too large or of another kind than wanted; the message is for people."""


class ValueType(StrEnum):
    """What a declared variable may hold. An unset variable is null whatever its type."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    RECORD = "record"


class _Budget:
    """Counts what is left of one value's bounds."""

    def __init__(self) -> None:
        self.items = limits.VALUE_ITEMS
        self.chars = limits.VALUE_CHARS

    def take(self, *, items: int = 0, chars: int = 0) -> None:
        self.items -= items
        self.chars -= chars
        if self.items < 0:
            raise BadValue(f"the value has more than {limits.VALUE_ITEMS} items")
        if self.chars < 0:
            raise BadValue(f"the value has more than {limits.VALUE_CHARS} characters of text")


def plain(value: Any) -> Any:
    """Copy a value as plain data: null, booleans, numbers, text, lists, records with text keys.

    Raises:
        BadValue: it is deeper, larger or of another kind than `limits` allows. The message is for people.
    """
    return _plain(value, depth=0, budget=_Budget())


def _plain(value: Any, *, depth: int, budget: _Budget) -> Any:
    if depth > limits.VALUE_DEPTH:
        raise BadValue(f"the value is nested deeper than {limits.VALUE_DEPTH} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _plain_number(value)
    if isinstance(value, str):
        budget.take(chars=len(value))
        return str(value)
    if isinstance(value, list | tuple):
        budget.take(items=len(value))
        return [_plain(item, depth=depth + 1, budget=budget) for item in value]
    if isinstance(value, dict):
        budget.take(items=len(value))
        return {_key(key, budget): _plain(item, depth=depth + 1, budget=budget) for key, item in value.items()}
    raise BadValue(f"a {type(value).__name__} is not plain data")


def _plain_number(value: float) -> float:
    if isinstance(value, int) and abs(value) < _INT_LIMIT:
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadValue("the value has a number that is too large")
    return number


def _key(key: Any, budget: _Budget) -> str:
    if not isinstance(key, str):
        raise BadValue("the keys of a record must be text")
    budget.take(chars=len(key))
    return key


def size(value: Any) -> int:
    """Estimate how many characters a plain value takes."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, list):
        return 2 + sum(size(item) + 1 for item in value)
    if isinstance(value, dict):
        return 2 + sum(len(key) + 4 + size(item) for key, item in value.items())
    return 8


def convert(value: Any, to: ValueType) -> Any:
    """Turn a plain value into one of the declared type, or null.

    Text that reads as a number becomes one for `number`; true/false, yes/no, on/off and 1/0 become booleans; numbers
    and booleans become text. A list holds texts.

    Raises:
        BadValue: the value cannot be read as that type.
    """
    if value is None:
        return None
    return _CONVERTERS[to](value)


def _to_text(value: Any) -> str:
    text = show(value)
    if isinstance(value, list | dict):
        raise BadValue(f"expected text, got {describe(value)}")
    return text


def _to_number(value: Any) -> float:
    if isinstance(value, str):
        try:
            return _plain_number(int(value) if re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value, re.ASCII) else float(value))
        except ValueError:
            raise BadValue("expected a number, got text that does not read as one") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"expected a number, got {describe(value)}")
    return value


def _to_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    if isinstance(value, int | float) and value in {0, 1}:
        return value == 1
    raise BadValue(f"expected true or false, got {describe(value)}")


def _to_list(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise BadValue(f"expected a list, got {describe(value)}")
    return [_to_text(item) for item in value]


def _to_record(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadValue(f"expected a record, got {describe(value)}")
    return value


_CONVERTERS = {
    ValueType.TEXT: _to_text,
    ValueType.NUMBER: _to_number,
    ValueType.BOOLEAN: _to_boolean,
    ValueType.LIST: _to_list,
    ValueType.RECORD: _to_record,
}


def describe(value: Any) -> str:
    """Name the kind of a plain value for people."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a record"


def show(value: Any) -> str:
    """Write a scalar as people say it: null as nothing, 4.0 as 4, booleans as true and false."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _INT_LIMIT:
        return str(int(value))
    return str(value)


Path = tuple[str | int, ...]


def parse_path(text: str) -> Path:
    """Read a path into a reply, such as `body.items[0].name` or `body["first name"]`.

    Raises:
        BadValue: it is not a path; the message says from where.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        found = _PATH_STEP.match(text, position)
        if not found or (not steps and found.group(0).startswith((".", "["))):
            raise BadValue(f"`{text[position:][:40]}` is not a step of a path; write it like body.items[0].name")
        name, index, quoted = found.groups()
        steps.append(int(index) if index is not None else name or quoted)
        position = found.end()
    if not steps:
        raise BadValue("the path is empty; write it like body.items[0].name")
    return tuple(steps)


def follow(path: Path, data: Any) -> tuple[bool, Any]:
    """Walk a path; say whether there was something, and what."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(data, list) or step >= len(data):
                return False, None
            data = data[step]
        else:
            if not isinstance(data, dict) or step not in data:
                return False, None
            data = data[step]
    return True, data
