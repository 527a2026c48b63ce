"""SIP and TEL addresses in headers (RFC 3261 25.1, RFC 3966), read in one pass, whatever stands in them."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

Params = dict[str, str]
_MOST_PARAMS = 20


class Address(NamedTuple):
    """One address. Names of parameters are in lower case; a parameter without value has `""`."""

    display_name: str
    scheme: str
    user: str
    user_params: Params
    host: str
    uri_params: Params
    uri_headers: str
    params: Params


def parse_address(value: str) -> Address | None:
    """Read `"Name" <sip:user;p@host;q?h>;r` or a bare URI; None if it is neither a SIP nor a TEL address."""
    display, uri, params = _parts(value.strip())
    scheme, colon, rest = uri.partition(":")
    scheme = scheme.strip().lower()
    if not colon or scheme not in {"sip", "sips", "tel"}:
        return None
    if scheme == "tel":
        number, _, after = rest.partition(";")
        return Address(display, scheme, unquote(number).strip(), _params(after), "", {}, "", params)
    user, at, place = rest.rpartition("@")
    place, _, headers = place.partition("?")
    host, _, uri_params = place.partition(";")
    name, _, user_params = (user if at else "").partition(";")
    name = unquote(name.partition(":")[0]).strip()
    return Address(
        display, scheme, name, _params(user_params), host.strip().lower(), _params(uri_params), headers, params
    )


def split_list(value: str) -> Iterator[str]:
    """Yield the items of a comma-joined header; commas in quotes and angle brackets do not separate."""
    yield from _split(value, ",")


def _parts(value: str) -> tuple[str, str, Params]:
    """Return display name, URI and header parameters."""
    is_quoted = is_escaped = False
    for at, char in enumerate(value):
        if is_escaped:
            is_escaped = False
        elif char == "\\" and is_quoted:
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        elif char == "<" and not is_quoted:
            uri, _, after = value[at + 1 :].partition(">")
            return _name(value[:at]), uri.strip(), _params(after)
    uri, _, after = value.partition(";")
    return ("", value, {}) if uri.lower().startswith("tel:") else ("", *_bare(value))


def _bare(value: str) -> tuple[str, Params]:
    """A URI without brackets: parameters behind the host belong to the header (RFC 3261 20)."""
    user, at, place = value.rpartition("@")
    uri, _, after = place.partition(";")
    return f"{user}{at}{uri}", _params(after)


def _name(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        text = text[1:].removesuffix('"')
        text = text.replace('\\"', '"').replace("\\\\", "\\")
    return text[:200]


def _params(text: str) -> Params:
    found: Params = {}
    for item in _split(text, ";"):
        key, _, value = item.partition("=")
        if len(found) < _MOST_PARAMS:
            found.setdefault(key.strip().lower(), value.strip().removeprefix('"').removesuffix('"'))
    return found


def _split(value: str, separator: str) -> Iterator[str]:
    is_quoted = is_escaped = in_brackets = False
    start = 0
    for at, char in enumerate(value):
        if is_escaped:
            is_escaped = False
        elif is_quoted:
            is_escaped, is_quoted = char == "\\", char != '"'
        elif char == '"':
            is_quoted = True
        elif char in "<>":
            in_brackets = char == "<"
        elif char == separator and not in_brackets:
            if item := value[start:at].strip():
                yield item
            start = at + 1
    if item := value[start:].strip():
        yield item
