"""Who an INVITE of ours says it is from: From, P-Asserted-Identity, Remote-Party-ID, Privacy, by the trunk's policy."""

from msgspec import Struct

from ringback.model.call import CallRequest
from ringback.model.trunk import Trunk
from ringback.routing.header_rules import MOST_HEADERS, Header, Variables, apply_rules
from ringback.routing.number_format import uri_of

ANONYMOUS_NAME = "Anonymous"
ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"
"""RFC 3323 4.1.1.3."""


class CallIdentity(Struct, frozen=True, kw_only=True):
    """What a call brings along for every INVITE it sends.

    Attributes:
        call_id: Our id of the call, for header rules.
        anonymous: The calling number is to be withheld.
        identity: Values for Identity (RFC 8224), sent as they are.
    """

    call_id: str = ""
    anonymous: bool = False
    identity: tuple[str, ...] = ()


class Presented(Struct, frozen=True, kw_only=True):
    """The caller as one trunk is told."""

    from_uri: str
    display_name: str | None
    headers: tuple[Header, ...]


def identity_of(request: CallRequest) -> CallIdentity:
    """Return what the INVITEs of a call say of its caller beside the number."""
    identity = (request.identity,) if request.identity else ()
    return CallIdentity(call_id=request.id, anonymous=request.anonymous, identity=identity)


def present(trunk: Trunk, *, caller: str, called: str, host: str, account: str, call: CallIdentity) -> Presented:
    """Say who calls, in the trunk's way.

    Args:
        trunk: Through which the INVITE goes.
        caller: The calling number, E.164.
        called: The called number, E.164, for header rules.
        host: The gateway's.
        account: Whose call it is, for header rules.
        call: What the call itself brings along.
    """
    policy = trunk.identity
    is_withheld = call.anonymous or policy.withhold
    is_hidden = is_withheld and policy.anonymous_from
    host = policy.from_host or host
    number_uri = uri_of(caller, host, policy.sends)
    variables = Variables(call.call_id, "" if is_withheld else caller, called, account)
    name = None if policy.display_name is None else variables.fill(policy.display_name)
    by_account = policy.from_user == "account" and trunk.username
    from_uri = f"sip:{_user(trunk.username or '')}@{host}" if by_account else number_uri
    headers = (
        *_carriers(trunk, number_uri, is_withheld=is_withheld),
        *_privacy(trunk, is_withheld=is_withheld),
        *(("Identity", value) for value in call.identity),
    )
    return Presented(
        from_uri=ANONYMOUS_URI if is_hidden else from_uri,
        display_name=ANONYMOUS_NAME if is_hidden else name,
        headers=apply_rules(trunk.header_rules.outgoing, headers, variables)[:MOST_HEADERS],
    )


def _carriers(trunk: Trunk, uri: str, *, is_withheld: bool) -> list[Header]:
    """Headers that carry the number. Peers we do not trust are not told what they are not to show (RFC 3325 5)."""
    policy = trunk.identity
    names = dict.fromkeys((*policy.carry_in, *(("P-Asserted-Identity",) if trunk.send_pai else ())))
    may_know = policy.trusted or not is_withheld
    screen, privacy = "yes" if policy.screen else "no", "full" if is_withheld else "off"
    values = {
        "P-Asserted-Identity": f"<{uri}>" if policy.trusted else None,
        "P-Preferred-Identity": f"<{uri}>" if may_know else None,
        "Remote-Party-ID": f"<{uri}>;party=calling;screen={screen};privacy={privacy}" if policy.trusted else None,
    }
    return [(name, value) for name in names if (value := values[name]) is not None]


def _privacy(trunk: Trunk, *, is_withheld: bool) -> list[Header]:
    if is_withheld:
        return [("Privacy", ";".join(dict.fromkeys(trunk.identity.privacy)))]
    return [("Privacy", "none")] if trunk.identity.privacy_none else []


def _user(name: str) -> str:
    """Return a user name as the user part of a URI (RFC 3261 25.1)."""
    return "".join(char if _is_plain(char) else "".join(f"%{byte:02X}" for byte in char.encode()) for char in name)


def _is_plain(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "-_.!~*'()&=+$,?/")
