"""Fills `{{name}}` and `{name}` in the URLs that customers give. Pure.

Values are percent-encoded, so that nothing in a phone number or a `custom` text can change where the request goes;
the part of a URL before its path takes no placeholders for the same reason. Names nobody knows are filled with
nothing.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*\}\}|\{([A-Za-z][A-Za-z0-9_]{0,63})\}")
_AUTHORITY = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the URL with its placeholders filled; names are compared without regard to case."""
    return _PLACEHOLDER.sub(lambda found: quote(values.get(_name(found), ""), safe=""), template)


def names(template: str) -> tuple[str, ...]:
    """Return the placeholders of a URL in order, in lower case, repeats included."""
    return tuple(_name(found) for found in _PLACEHOLDER.finditer(template))


def has_placeholder_in_host(template: str) -> bool:
    """Tell whether a placeholder stands in scheme, credentials, host or port, where none is allowed."""
    authority = _AUTHORITY.match(template)
    return _PLACEHOLDER.search(template if authority is None else authority.group()) is not None


def _name(found: re.Match[str]) -> str:
    return (found.group(1) or found.group(2)).lower()
