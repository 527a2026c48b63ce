"""Reads a body's fields into a struct and lists every problem at once: unknown, missing and wrong fields.

msgspec stops at the first fault; people who fill in a request want to know all of them. So each field is converted by
itself.
"""

import re
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

import msgspec
from msgspec.structs import FieldInfo, fields

from ringback.api.problems import FieldProblem, invalid

StructType = TypeVar("StructType", bound=msgspec.Struct)

MAX_UNKNOWN = 20
"""Unknown fields that are told one by one: looking for the nearest known name takes time."""

_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


def read_fields(
    model: type[StructType], raw: Any, *, lax: bool, unavailable: dict[str, str] | None = None
) -> StructType:
    """Make a `model` of a decoded body.

    Args:
        model: What is wanted; its field types and `msgspec.Meta` say what is allowed.
        raw: The decoded body.
        lax: Texts may stand for numbers and booleans, as in forms.
        unavailable: Fields that are known but not offered yet, with the sentence that says so.

    Raises:
        ProblemError: `invalid-request`, listing every fault.
    """
    if not isinstance(raw, dict):
        raise invalid([FieldProblem(field="", detail=f"the body must be an object, not {_name_type(raw)}")])
    known = {info.encode_name: info for info in fields(model)}
    problems = _find_unknown(raw, known, unavailable or {})
    values: dict[str, Any] = {}
    for name, info in known.items():
        if name not in raw:
            if info.required:
                problems.append(FieldProblem(field=name, detail="is missing"))
            continue
        try:
            # A number is no time, though msgspec takes it for one (seconds since 1970) where texts stand for numbers.
            # Nor is the text `null` nothing: in a form a field is left out or blank for that.
            is_null = isinstance(raw[name], str) and raw[name].lower() == "null"
            strict = not lax or is_null or _holds_time(info.type)
            values[info.name] = msgspec.convert(raw[name], info.type, strict=strict)
        except (msgspec.ValidationError, RecursionError) as error:
            problems.append(_explain(name, info, str(error)))
    if problems:
        raise invalid(problems)
    return model(**values)


def _find_unknown(raw: dict[str, Any], known: dict[str, FieldInfo], unavailable: dict[str, str]) -> list[FieldProblem]:
    problems = [FieldProblem(field=name, detail=unavailable[name]) for name in raw if name in unavailable]
    unknown = [name[:100] for name in raw if name not in known and name not in unavailable]
    for name in unknown[:MAX_UNKNOWN]:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(sorted(known))}"
        problems.append(FieldProblem(field=name, detail=f"is not a field of this request; {hint}"))
    if len(unknown) > MAX_UNKNOWN:
        problems.append(FieldProblem(field="", detail=f"{len(unknown) - MAX_UNKNOWN} more fields are unknown"))
    return problems


def _explain(name: str, info: FieldInfo, message: str) -> FieldProblem:
    match = _PATH.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    del info
    return FieldProblem(field=name + path.removeprefix("$"), detail=_lower_first(what))


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _name_type(raw: Any) -> str:
    names = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
    return names.get(type(raw), "something else")


def _holds_time(annotation: Any) -> bool:
    return annotation is datetime or any(_holds_time(argument) for argument in get_args(annotation))
