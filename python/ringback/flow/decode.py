"""List everything in plain data that does not fit a struct, with its path; msgspec alone stops at the first fault."""

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Struct

Report = Callable[[str, str, str], None]
"""`report(slug, path, message)`."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "date": "a date like 2026-12-24",
}
_PATTERNS = {
    r"^[A-Za-z0-9_-]+$(?!\n)": "letters, digits, _ and - only",
    r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)": "letters, digits and _ only, and not a digit first",
    r"^[A-Za-z0-9-]+$(?!\n)": "a language such as en-US",
    r"^[0-9*#A-D]*$(?!\n)": "keys only: 0-9, *, # and A-D",
    r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)": "a time of day such as 09:30",
}
_NAMES_SHOWN = 20


class Known(NamedTuple):
    """What a struct's field is called in JSON, its type, and whether it must be there."""

    name: str
    type: Any
    is_required: bool


def known_fields(struct: type[Struct]) -> list[Known]:
    """List a struct's fields as JSON has them."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return [Known(item.encode_name, hints[item.name], item.required) for item in msgspec.structs.fields(struct)]


def join(path: str, key: str | int) -> str:
    """Extend a JSON path."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{msgspec.json.encode(key[:64]).decode()}]"


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """Return ` (did you mean x?)`, or nothing if no name is close."""
    close = difflib.get_close_matches(wrong[:64], list(names), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def one_of(names: Iterable[str]) -> str:
    """List names for people."""
    listed = list(names)
    return ", ".join(listed[:_NAMES_SHOWN]) + (
        f" and {len(listed) - _NAMES_SHOWN} more" if len(listed) > _NAMES_SHOWN else ""
    )


def look_over(
    struct: type[Struct], data: dict[str, Any], *, path: str, report: Report, skip: frozenset[str] = frozenset()
) -> None:
    """Report every unknown, missing and ill-formed field of an object, at any depth.

    Args:
        struct: What it should be.
        data: What it is.
        path: Where it stands.
        report: Called for each problem.
        skip: Fields that somebody else looks at; they are known.
    """
    fields = {field.name: field for field in known_fields(struct)}
    for key, value in data.items():
        if key in skip:
            continue
        if key in fields:
            _look(fields[key].type, value, join(path, key), report)
        else:
            hint = did_you_mean(key, [*fields, *skip]) or f"; known are: {one_of(fields)}"
            report("unknown-setting", join(path, key), f"`{key[:64]}` is not known here{hint}")
    for name, field in fields.items():
        if field.is_required and name not in data and name not in skip:
            report("missing-setting", path, f"`{name}` is missing")


def _look(annotation: Any, value: Any, path: str, report: Report) -> None:
    """Report what is wrong with one value."""
    inner, origin, args = _unpack(annotation)
    if origin in {typing.Union, types.UnionType}:
        inner = _member(args, value) or inner
        if inner is not _unpack(annotation)[0]:
            return _look(inner, value, path, report)
    if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, dict):
        return look_over(inner, value, path=path, report=report)
    if origin is list and isinstance(value, list):
        _look_whole(list[Any], annotation, value, path, report)
        for index, item in enumerate(value):
            _look(args[0], item, join(path, index), report)
        return None
    if origin is dict and isinstance(value, dict):
        _look_whole(dict[str, Any], annotation, value, path, report)
        for key, item in value.items():
            _convert(key, args[0], join(path, key), report)
            _look(args[1], item, join(path, key), report)
        return None
    return _convert(value, annotation, path, report)


def _unpack(annotation: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    inner = annotation.__origin__ if typing.get_origin(annotation) is Annotated else annotation
    return inner, typing.get_origin(inner), typing.get_args(inner)


def _member(members: tuple[Any, ...], value: Any) -> Any:
    """Choose the member of a union that a value of this JSON kind must be; None if that is not decided by its kind."""
    for member in members:
        inner, origin, _ = _unpack(member)
        is_object = origin is dict or (isinstance(inner, type) and issubclass(inner, Struct))
        if (isinstance(value, dict) and is_object) or (isinstance(value, list) and origin is list):
            return member
        if isinstance(value, str) and inner is str:
            return member
    return None


def _look_whole(plain: Any, annotation: Any, value: Any, path: str, report: Report) -> None:
    """Report a list or record that is too long or too short as a whole."""
    for meta in getattr(annotation, "__metadata__", ()):
        _convert(value, Annotated[plain, meta], path, report)


def _convert(value: Any, annotation: Any, path: str, report: Report) -> None:
    """Report a value that does not convert."""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        report("bad-setting", path, _wording(str(error), value, annotation))


def _wording(message: str, value: Any, annotation: Any) -> str:
    """Say msgspec's message in people's words."""
    message = re.sub(r"[Ii]nvalid RFC3339 encoded date", "expected a date such as 2026-12-24", message)
    message = re.sub(r" - at `.*`$", "", message)
    names = _enum_names(annotation)
    if names and isinstance(value, str):
        return f"`{value[:64]}` is not one of: {one_of(names)}{did_you_mean(value, names)}"
    if " matching regex " in message:
        pattern = message.partition(" matching regex ")[2].strip("'").replace("\\\\", "\\")
        return f"expected {_PATTERNS.get(pattern, 'text of the form ' + pattern)}"
    message = re.sub(
        r"`(\w+(?: \| \w+)*)`",
        lambda found: " or ".join(_KINDS.get(kind, kind) for kind in found[1].split(" | ")),
        message,
    )
    message = message.replace(">=", "of at least").replace("<=", "of at most")
    return message[:1].lower() + message[1:]


def _enum_names(annotation: Any) -> list[str]:
    inner, _, args = _unpack(annotation)
    members = [inner, *args]
    return [
        str(name) for member in members if isinstance(member, type) and issubclass(member, StrEnum) for name in member
    ]
