"""Reads the settings: one TOML file, changed by environment variables.

`RINGBACK_SIP_LISTEN=0.0.0.0:5060` sets `[sip] listen`; names without a table are `RINGBACK_GRACE_S`. Lists of tables
(accounts, trunks ...) come from the file only.
"""

import contextlib
import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ringback.service.setting_types import Settings, SettingsError

__all__ = ["Settings", "SettingsError", "load", "variables"]

PREFIX = "RINGBACK_"
NO_SETTINGS = frozenset({"RINGBACK_URL", "RINGBACK_API_KEY", "RINGBACK_SID", "RINGBACK_TRACEBACK"})
"""Variables of the command line's own."""

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_WRONG = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)


def load(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        file: TOML; None for the defaults alone.
        environment: Variables that win over the file; None for those of the process.

    Raises:
        SettingsError: The file cannot be read, or something in it (or in a variable) is not a setting.
    """
    tables = _read(file) if file is not None else {}
    where = str(file) if file is not None else "The settings"
    _settings(tables, where)  # the file first, so that its faults are told as its own
    environment = os.environ if environment is None else environment
    for variable, path, text in _set_by(environment):
        _put(tables, path, text)
        _settings(tables, f"The environment variable {variable}", lax=True)
    return _settings(tables, where, lax=True)


def variables() -> dict[str, tuple[str, ...]]:
    """Return the name of every environment variable and the setting it sets, as a path."""
    found: dict[str, tuple[str, ...]] = {}
    for field in msgspec.structs.fields(Settings):
        inner = field.type
        if isinstance(inner, type) and issubclass(inner, Struct):
            for name in inner.__struct_fields__:
                found[f"{PREFIX}{field.name}_{name}".upper()] = (field.name, name)
        elif not _is_list(field.default):
            found[f"{PREFIX}{field.name}".upper()] = (field.name,)
    return found


def _is_list(default: object) -> bool:
    return isinstance(default, tuple)


def _set_by(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    known = variables()
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in NO_SETTINGS:
            continue
        if variable not in known:
            advice = _did_you_mean(variable, known)
            raise SettingsError(f"The environment variable {variable} sets nothing.{advice} See docs/settings.md.")
        yield variable, known[variable], text


def _put(tables: dict[str, Any], path: tuple[str, ...], text: str) -> None:
    for name in path[:-1]:
        tables = tables.setdefault(name, {})
    tables[path[-1]] = _list_or_text(text)


def _list_or_text(text: str) -> Any:
    """Lists are written as JSON; `[::1]:5060` is none."""
    if text.startswith("["):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(text)
    return text


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}. Give another with --config.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text (byte {error.start}).") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}. Look there; texts need quotes.") from error


def _settings(tables: dict[str, Any], where: str, *, lax: bool = False) -> Settings:
    """Convert; `lax` takes numbers and booleans as text, as environment variables have them."""
    try:
        return msgspec.convert(tables, Settings, strict=not lax)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {_complaint(str(error))} See docs/settings.md.") from error


def _complaint(message: str) -> str:
    """Say what is wrong, where, and what to do, out of msgspec's words."""
    if found := _UNKNOWN.match(message):
        path = found["path"] or ""
        return f"{_place(path)} has no setting `{found['name']}`.{_did_you_mean(found['name'], _names_at(path))}"
    if found := _MISSING.match(message):
        return f"{_place(found['path'] or '')} needs the setting `{found['name']}`; add it."
    found = _WRONG.match(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    table, _, name = path.rpartition(".")
    what = what[0].lower() + what[1:]
    return f"{_place(table)} `{name}` is not right: {what}." if name else f"{what}."


def _place(path: str) -> str:
    """Write a path such as `sip` or `trunk[0]` as TOML people know it."""
    if not path:
        return "The top of the file"
    table, bracket, index = path.partition("[")
    if bracket:
        number = int(index.partition("]")[0]) + 1
        return f"[[{table}]] number {number}"
    return f"[{path}]"


def _names_at(path: str) -> tuple[str, ...]:
    struct: Any = Settings
    for part in filter(None, re.split(r"[.\[]", path)):
        if part.endswith("]"):
            continue
        field = next((item for item in msgspec.structs.fields(struct) if item.name == part), None)
        if field is None:
            return ()
        inner = getattr(field.type, "__args__", (field.type,))[0]
        if not (isinstance(inner, type) and issubclass(inner, Struct)):
            return ()
        struct = inner
    return tuple(struct.__struct_fields__)


def _did_you_mean(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""
