"""`[defense]`: what the engine defends itself by, before a message is parsed."""

from typing import Annotated

from msgspec import Meta, Struct


class AclEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network, and the listener it is about (by its place, from 0); without one all of them."""

    network: Annotated[str, Meta(min_length=1, max_length=60)]
    listener: Annotated[int, Meta(ge=0, le=64)] | None = None


class DefenseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the engine defends itself by. Whoever is dropped hears nothing; each kind of drop is counted.

    Attributes:
        stranger_packets_per_s: Packets per second of one source that no trunk names; above it they are dropped.
        known_packets_per_s: The same for one source of a trunk.
        ban_after: Failed authentications until a source is banned; 0 bans nobody.
        ban_window_s: Failures this far apart do not add up.
        ban_s: How long a ban lasts.
        scanners: Texts that give a scanner away; None takes the usual ones, an empty list none.
        allow: Networks a listener takes messages from; without any it takes them from everywhere.
        deny: Networks it does not, whatever `allow` says.
    """

    stranger_packets_per_s: Annotated[int, Meta(ge=1, le=10_000_000)] = 2_000
    known_packets_per_s: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000
    ban_after: Annotated[int, Meta(ge=0, le=1_000_000)] = 10
    ban_window_s: Annotated[int, Meta(ge=1, le=31_622_400)] = 300
    ban_s: Annotated[int, Meta(ge=1, le=31_622_400)] = 3_600
    scanners: Annotated[tuple[Annotated[str, Meta(min_length=4, max_length=64)], ...], Meta(max_length=100)] | None = (
        None
    )
    allow: Annotated[tuple[AclEntry, ...], Meta(max_length=1_000)] = ()
    deny: Annotated[tuple[AclEntry, ...], Meta(max_length=1_000)] = ()
