"""Who calls whom: the numbers of an incoming INVITE, read where the trunk says that its carrier puts them."""

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from ringback.model.sip.facts import SipFacts
from ringback.model.sip.identity import NumberFormat
from ringback.model.trunk import Trunk
from ringback.routing.addresses import Address, parse_address, split_list
from ringback.routing.header_rules import Header, Variables, apply_rules
from ringback.routing.incoming_facts import Origin, gather_facts, privacy_of, values_of
from ringback.routing.number_format import number_of

_WITHHELD = frozenset({"id", "user", "full", "header"})  # RFC 3323 4.2, RFC 3325 9.3
_WITHHELD_IN_RPID = frozenset({"full", "uri"})  # draft-ietf-sip-privacy-04 5.1
_MOST_VALUES = 8  # of one header; RFC 3325 9.1 knows two
_ANY = NumberFormat()


class Invite(Struct, frozen=True, kw_only=True):
    """What is looked at of an INVITE."""

    request_uri: str
    to_uri: str
    from_uri: str
    headers: tuple[Header, ...]
    sip_call_id: str = ""


class Parties(Struct, frozen=True, kw_only=True):
    """Who calls whom. Numbers as `+<digits>`, None where there is no usable one."""

    called: str | None
    calling: str | None
    facts: SipFacts


class _Calling(Struct, frozen=True, kw_only=True):
    number: str | None = None
    header: str | None = None
    address: Address | None = None
    is_withheld: bool = False


def read_invite(trunk: Trunk, invite: Invite) -> Parties:
    """Read an INVITE of this trunk, after its rules for incoming headers."""
    invite = _by_rules(trunk, invite)
    called = _called_address(trunk, invite)
    calling = _calling(trunk, invite)
    origin = Origin(called=called, calling=calling.address, header=calling.header, is_withheld=calling.is_withheld)
    return Parties(
        called=None if called is None else number_of(called, trunk.identity.reads),
        calling=calling.number,
        facts=gather_facts(trunk, invite.headers, origin),
    )


def called_number(trunk: Trunk, *, request_uri: str, to_uri: str, headers: Sequence[Header] = ()) -> str | None:
    """Return the called number, None when there is no usable one.

    It stands where `trunk.called_from` says: `request_uri`, `to`, or a header's name.
    """
    invite = Invite(request_uri=request_uri, to_uri=to_uri, from_uri="", headers=tuple(headers))
    found = _called_address(trunk, invite)
    return None if found is None else number_of(found, trunk.identity.reads)


def calling_number(trunk: Trunk, *, from_uri: str, headers: Sequence[Header] = ()) -> str | None:
    """Return the calling number, None when it is missing, unusable or withheld (`Privacy`, anonymous addresses).

    The headers of `trunk.calling_from` are asked in their order; `From` is the address given.
    """
    return _calling(trunk, Invite(request_uri="", to_uri="", from_uri=from_uri, headers=tuple(headers))).number


def number_in(address: str, style: NumberFormat = _ANY) -> str | None:
    """Return the number in a SIP or TEL address as `+<digits>`, None when there is none."""
    found = parse_address(address)
    return None if found is None else number_of(found, style)


def _by_rules(trunk: Trunk, invite: Invite) -> Invite:
    rules = trunk.header_rules.incoming
    if not rules:
        return invite
    variables = Variables(
        invite.sip_call_id,
        number_in(invite.from_uri, trunk.identity.reads) or "",
        number_in(invite.request_uri, trunk.identity.reads) or "",
        trunk.account or "",
    )
    return replace(invite, headers=apply_rules(rules, invite.headers, variables))


def _called_address(trunk: Trunk, invite: Invite) -> Address | None:
    """The first address at the place of `called_from` that names a number, else the first that can be read at all."""
    place = trunk.called_from.lower()
    # A call to the contact that we registered names the party in To only (RFC 3261 section 8.1.1.2).
    asked = [invite.request_uri] if trunk.registration is None else [invite.request_uri, invite.to_uri]
    texts = {"request_uri": asked, "to": [invite.to_uri]}.get(place)
    addresses = list(_addresses(values_of(invite.headers, place) if texts is None else texts))
    usable = (address for address in addresses if number_of(address, trunk.identity.reads) is not None)
    return next(usable, None)


def _calling(trunk: Trunk, invite: Invite) -> _Calling:
    """Ask the headers in the trunk's order. Of a peer we do not trust only From is believed (RFC 3325 5)."""
    if _WITHHELD & set(privacy_of(invite.headers)):
        return _Calling(is_withheld=True)
    for name in trunk.calling_from:
        lower = name.lower()
        if lower != "from" and not trunk.identity.trusted:
            continue
        texts = [invite.from_uri] if lower == "from" else values_of(invite.headers, lower)
        for address in _addresses(texts):
            number = number_of(address, trunk.identity.reads)
            if number is None:
                continue
            if lower == "remote-party-id" and address.params.get("privacy", "").lower() in _WITHHELD_IN_RPID:
                return _Calling(is_withheld=True)
            shown = _shown_from(invite) if lower == "from" else address
            return _Calling(number=number, header=name, address=shown or address)
    return _Calling()


def _shown_from(invite: Invite) -> Address | None:
    """From as a header has the display name that `from_uri` has lost."""
    return next(_addresses(values_of(invite.headers, "from")), None)


def _addresses(texts: Sequence[str]) -> Iterator[Address]:
    items = (item for text in texts for item in split_list(text))
    return filter(None, map(parse_address, islice(items, _MOST_VALUES)))
