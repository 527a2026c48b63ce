"""How a trunk names callers and writes numbers: its side of RFC 3323, RFC 3325 and RFC 3966."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Host = Annotated[
    str, Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$", max_length=253)
]
Region = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
IdentityHeader = Literal["P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"]
PrivacyValue = Literal["id", "header", "user", "critical"]


class NumberFormat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How telephone numbers stand in the user part of a URI on this trunk.

    Attributes:
        style: `e164` (`+4930123`), `digits` (`4930123`), `international` (`004930123`) or `national` (`030123`; other
            countries as `international`).
        region: Two letters, `DE`: whose national and international prefixes hold. `national` needs it.
        phone_context: Written: national numbers as `30123;phone-context=+49`, without trunk prefix (RFC 3966 5.1.5).
        user_phone: Written: `;user=phone` behind the host (RFC 3261 19.1.1).
    """

    style: Literal["e164", "digits", "international", "national"] = "e164"
    region: Region | None = None
    phone_context: bool = False
    user_phone: bool = False


class IdentityPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who a call comes from: what is told to this trunk, and what is believed of it.

    Attributes:
        trusted: The peer is in our trust domain (RFC 3325 2.3): it gets P-Asserted-Identity and Remote-Party-ID, and is
            believed those, Diversion and History-Info. Of others only From counts.
        carry_in: Headers beside From that carry the calling number.
        from_user: From names the calling number, or the trunk's user name (carriers that look for the digest user).
        from_host: Host of From and of the headers in `carry_in`. None: the gateway's.
        display_name: Name in From, with the variables of header rules; None for none.
        withhold: Every call is anonymous; else only those whose request says so.
        anonymous_from: A withheld number leaves From too: `"Anonymous" <sip:anonymous@anonymous.invalid>`.
        privacy: Values of Privacy (RFC 3323, RFC 3325) on calls that withhold their number.
        privacy_none: Write `Privacy: none` on the others.
        screen: `screen=yes` in Remote-Party-ID: the number was verified by us.
        sends: How numbers are written to this trunk.
        reads: How its numbers are read.
    """

    trusted: bool = True
    carry_in: Annotated[tuple[IdentityHeader, ...], Meta(max_length=3)] = ()
    from_user: Literal["number", "account"] = "number"
    from_host: Host | None = None
    display_name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    withhold: bool = False
    anonymous_from: bool = True
    privacy: Annotated[list[PrivacyValue], Meta(min_length=1, max_length=4)] = field(default_factory=lambda: ["id"])
    privacy_none: bool = False
    screen: bool = True
    sends: NumberFormat = field(default_factory=NumberFormat)
    reads: NumberFormat = field(default_factory=NumberFormat)
