"""How a trunk registers at its carrier."""

from typing import Annotated

from msgspec import Meta, Struct

Registrar = Annotated[str, Meta(max_length=260, pattern=r"^sip:[A-Za-z0-9.\-\[\]:]+(;[A-Za-z0-9=;.-]*)?$")]
"""`sip:carrier.example`, with a port where it is not 5060."""

User = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.!~*'()+$-]+$")]


class TrunkRegistration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a trunk registers (RFC 3261 section 10.2). The trunk's `password` answers the challenge.

    Attributes:
        registrar: Where to register.
        user: User part of the address to register; also the digest user if the trunk has no `username`.
        expires_s: What to ask for; the carrier may grant less or want more.
        from_anywhere: Calls to the registered contact are the trunk's wherever they come from.
    """

    registrar: Registrar
    user: User
    expires_s: Annotated[int, Meta(ge=30, le=86_400)] = 600
    from_anywhere: bool = False
