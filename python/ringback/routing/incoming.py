"""Who calls whom: the numbers of an incoming INVITE, read where the trunk says that its carrier puts them."""

import re
from collections.abc import Iterable, Sequence

from ringback.model.trunk import Trunk

# The user part of a SIP or TEL URI, wherever it stands (name-addr or addr-spec), without parameters.
_URI = re.compile(r"(?:sips?:([^@;>\s]{1,64})(?:;[^@>\s]*)?@([^;>\s?]{1,255})|tel:([^;>\s]{1,64}))", re.IGNORECASE)
_DIGITS = re.compile(r"\+?\d{3,18}")  # E.164 has 15 at most; carriers add a prefix of up to three
_ANONYMOUS_HOST = "anonymous.invalid"  # RFC 3323 4.1.1.3
_WITHHELD = frozenset({"id", "user", "full", "header"})  # RFC 3323 4.2, RFC 3325 9.3
Headers = Iterable[tuple[str, str]]


def called_number(trunk: Trunk, *, request_uri: str, to_uri: str, headers: Headers = ()) -> str | None:
    """Return the called number, None when there is no usable one.

    It stands where `trunk.called_from` says: `request_uri`, `to`, or a header's name.
    """
    place = trunk.called_from.lower()
    if place == "request_uri":
        return number_in(request_uri)
    if place == "to":
        return number_in(to_uri)
    return next(filter(None, map(number_in, _values(headers, place))), None)


def calling_number(trunk: Trunk, *, from_uri: str, headers: Sequence[tuple[str, str]] = ()) -> str | None:
    """Return the calling number, None when it is missing, unusable or withheld (`Privacy`, anonymous addresses).

    The headers of `trunk.calling_from` are asked in their order; `From` is the address given.
    """
    for value in _values(headers, "privacy"):
        if _WITHHELD & {item.strip().lower() for item in re.split("[;,]", value)}:
            return None
    for name in trunk.calling_from:
        values = [from_uri] if name.lower() == "from" else _values(headers, name.lower())
        number = next(filter(None, map(number_in, values)), None)
        if number is not None:
            return number
    return None


def number_in(address: str) -> str | None:
    """Return the number in a SIP or TEL address as `+<digits>`, None when there is none.

    `00` in front counts as `+`; a number without either is taken as if it had the `+`.
    """
    found = _URI.search(address)
    if found is None or (found[2] or "").lower().startswith(_ANONYMOUS_HOST):
        return None
    user = re.sub(r"[\-.()]", "", (found[1] or found[3]).partition(";")[0]).replace("%2B", "+").replace("%2b", "+")
    if not _DIGITS.fullmatch(user):
        return None
    if user.startswith("+"):
        return user
    return f"+{user[2:]}" if user.startswith("00") else f"+{user}"


def _values(headers: Headers, name: str) -> list[str]:
    return [value for header, value in headers if header.lower() == name]
