"""What one trunk may send us at most."""

from typing import Annotated

from msgspec import Meta, Struct


class TrunkLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds over all sources of a trunk, kept by the engine alone. None is no limit of the trunk's own.

    Attributes:
        incoming_per_s: New INVITEs per second, with a burst of the same size; above it 503.
        packets_per_s: Packets per second; above it they are dropped unread.
    """

    incoming_per_s: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    packets_per_s: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
