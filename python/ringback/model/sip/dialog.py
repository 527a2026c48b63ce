"""How the SIP dialogs of a trunk behave."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

SessionExpires = Annotated[int, Meta(ge=0, le=7200)]


class DialogPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of the far end of a trunk's calls, and granted to it.

    Attributes:
        reliable: Provisional responses that are acknowledged (RFC 3262). `off`: neither offered nor accepted.
            `supported`: offered, and used towards callers who require it. `required`: demanded of who is called, and
            used towards callers who can.
        session_expires_s: Session interval to ask for (RFC 4028), 90 to 7200; 0 has a session timer only if the far end
            asks for one.
        delayed_offer: Dial without SDP: the far end offers first.
    """

    reliable: Literal["off", "supported", "required"] = "supported"
    session_expires_s: SessionExpires = 0
    delayed_offer: bool = False

    def __post_init__(self) -> None:
        """Refuse an interval that RFC 4028 does not know."""
        if 0 < self.session_expires_s < 90:  # noqa: PLR2004  (RFC 4028 section 4)
            raise ValueError("session_expires_s is 0 or 90 to 7200 seconds")
