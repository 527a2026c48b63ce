"""What an INVITE says beside the two numbers: diversions, history, assertions, attestation. Pure, bounded, tolerant."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from urllib.parse import unquote

from msgspec import Struct

from ringback.model.sip.facts import Diversion, HistoryEntry, SipFacts
from ringback.model.sip.identity import NumberFormat
from ringback.model.trunk import Trunk
from ringback.routing.addresses import Address, parse_address, split_list
from ringback.routing.header_rules import Header
from ringback.routing.number_format import number_of

_MOST = 10  # diversions, history entries, assertions that are kept
_MOST_IDENTITIES, _LONGEST_IDENTITY = 4, 8192
_LONGEST_WORD = 80
_HIDDEN = frozenset({"full", "uri", "name"})


class Origin(Struct, frozen=True, kw_only=True):
    """What is known of the parties already: their addresses, and the header that named the caller."""

    called: Address | None = None
    calling: Address | None = None
    header: str | None = None
    is_withheld: bool = False


def gather_facts(trunk: Trunk, headers: Sequence[Header], origin: Origin) -> SipFacts:
    """Read the facts. Of a peer that is not trusted, and of a caller who withholds its number, less is kept."""
    is_believed = trunk.identity.trusted
    calling, called = origin.calling, origin.called
    shows = is_believed and not origin.is_withheld
    style = trunk.identity.reads
    identities = (value for value in values_of(headers, "identity") if len(value) <= _LONGEST_IDENTITY)
    return SipFacts(
        display_name=(calling.display_name or None) if calling else None,
        calling_header=origin.header,
        is_anonymous=origin.is_withheld,
        asserted=tuple(_numbers(values_of(headers, "p-asserted-identity"), style)) if shows else (),
        privacy=tuple(islice(dict.fromkeys(privacy_of(headers)), _MOST)),
        routing_number=_routing_number(called),
        diversions=tuple(_diversions(values_of(headers, "diversion"), style)) if is_believed else (),
        history=tuple(_history(values_of(headers, "history-info"), style)) if is_believed else (),
        identity=() if origin.is_withheld else tuple(islice(identities, _MOST_IDENTITIES)),
        attestation=_attestation(headers) if is_believed else None,
        verstat=_verstat(headers, calling) if is_believed else None,
    )


def values_of(headers: Iterable[Header], name: str) -> list[str]:
    """Return the values of a header, whose name is given in lower case."""
    return [value for header, value in headers if header.lower() == name]


def privacy_of(headers: Iterable[Header]) -> list[str]:
    """Return the values of Privacy in lower case; commas are tolerated where RFC 3323 has semicolons."""
    items = (item for value in values_of(headers, "privacy") for item in value.replace(",", ";").split(";"))
    return [item.strip().lower()[:_LONGEST_WORD] for item in items if item.strip()]


def _addresses(values: Iterable[str]) -> Iterator[Address]:
    items = (item for value in values for item in split_list(value))
    return filter(None, map(parse_address, islice(items, _MOST)))


def _numbers(values: Iterable[str], style: NumberFormat) -> dict[str, None]:
    return dict.fromkeys(filter(None, (number_of(address, style) for address in _addresses(values))))


def _routing_number(called: Address | None) -> str | None:
    found = called.user_params.get("rn") if called else None
    return found[:_LONGEST_WORD] or None if found else None


def _diversions(values: Iterable[str], style: NumberFormat) -> Iterator[Diversion]:
    for address in _addresses(values):
        is_hidden = address.params.get("privacy", "off").lower() in _HIDDEN
        yield Diversion(
            number=None if is_hidden else number_of(address, style),
            reason=_word(address.params.get("reason")),
            counter=_small_number(address.params.get("counter")),
        )


def _history(values: Iterable[str], style: NumberFormat) -> Iterator[HistoryEntry]:
    for address in _addresses(values):
        inside = {key.lower(): unquote(value) for key, _, value in _pairs(address.uri_headers)}
        is_hidden = "history" in inside.get("privacy", "").lower()
        how = next((f"{key}={address.params[key]}" for key in ("rc", "mp", "np") if key in address.params), None)
        yield HistoryEntry(
            index=address.params.get("index", "")[:_LONGEST_WORD],
            number=None if is_hidden else number_of(address, style),
            cause=_word(inside.get("reason")) or _word(address.uri_params.get("cause")),
            how=_word(how),
        )


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    return (item.partition("=") for item in islice(text.split("&"), _MOST))


def _attestation(headers: Sequence[Header]) -> str | None:
    """3GPP TS 24.229 7.2.18 has Attestation-Info; some carriers write P-Attestation-Indicator."""
    for name in ("attestation-info", "p-attestation-indicator"):
        for value in values_of(headers, name):
            level = value.strip()[:1].upper()
            if level in {"A", "B", "C"}:
                return level
    return None


def _verstat(headers: Sequence[Header], calling: Address | None) -> str | None:
    """3GPP TS 24.229 7.2A.20: a parameter of the user part or of the URI, in P-Asserted-Identity or From."""
    said = _addresses(values_of(headers, "p-asserted-identity") + values_of(headers, "from"))
    for address in (*((calling,) if calling else ()), *said):
        found = address.user_params.get("verstat") or address.uri_params.get("verstat")
        if found:
            return _word(found)
    return None


def _word(text: str | None) -> str | None:
    return (text.strip()[:_LONGEST_WORD] or None) if text else None


def _small_number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 3 else None  # noqa: PLR2004
