"""The root of our exceptions. A failed call is not one; these are misuse, peers' faults and infrastructure."""

from typing import ClassVar


class RingbackError(Exception):
    """Something went wrong in Ringback. `slug` is stable and documented."""

    slug: ClassVar[str] = "error"


class LocalError(RingbackError):
    """The caller of this code broke a rule."""

    slug: ClassVar[str] = "misuse"


class RemoteError(RingbackError):
    """A peer broke a protocol."""

    slug: ClassVar[str] = "peer-fault"


class ResourceError(RingbackError):
    """A trunk, disk or database is not available."""

    slug: ClassVar[str] = "resource-unavailable"
