"""What an INVITE said of itself, beside the two numbers: read once, kept with the call."""

from msgspec import Struct


class Diversion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One diversion on the way (RFC 5806), last one first. `number` is None where it is withheld or no number."""

    number: str | None = None
    reason: str | None = None
    counter: int | None = None


class HistoryEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target the call was sent to (RFC 7044), in the order of `index`.

    `cause` is the Reason that made it go on, as written; `how` is `rc`, `mp` or `np` with its value (RFC 7044 10.1).
    """

    index: str = ""
    number: str | None = None
    cause: str | None = None
    how: str | None = None


class SipFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller's side said. Nothing of it is verified by us, and nothing of it decides a status.

    Attributes:
        display_name: Name of the address that gave the calling number.
        calling_header: Header that gave the calling number.
        is_anonymous: The caller withheld its number; what would show it is left out here too.
        asserted: All numbers of P-Asserted-Identity, of trusted trunks.
        privacy: Values of Privacy.
        routing_number: Where number portability sent the call (`rn`, RFC 4694).
        diversions: Diversion headers.
        history: History-Info headers.
        identity: Identity headers (RFC 8224) as received, not verified.
        attestation: Attestation-Info of the carrier: `A`, `B` or `C`.
        verstat: What the carrier found when it verified: `TN-Validation-Passed` ...
    """

    display_name: str | None = None
    calling_header: str | None = None
    is_anonymous: bool = False
    asserted: tuple[str, ...] = ()
    privacy: tuple[str, ...] = ()
    routing_number: str | None = None
    diversions: tuple[Diversion, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    identity: tuple[str, ...] = ()
    attestation: str | None = None
    verstat: str | None = None
