"""What can go wrong with the store. Every message says what to do."""

from typing import ClassVar

from ringback.model.errors import LocalError, ResourceError


class StoreUnavailableError(ResourceError):
    """The database cannot commit at the moment (disk full, connection lost): take no new calls and try again later."""

    slug: ClassVar[str] = "store-unavailable"


class StoreClosedError(LocalError):
    """The store was closed; nothing more can be written through it."""

    slug: ClassVar[str] = "store-closed"


class WriteRefusedError(LocalError):
    """The database refused one write for good: final already, an entry written twice, an unknown call."""

    slug: ClassVar[str] = "write-refused"


class ConflictError(LocalError):
    """Something of that name, number or id exists already."""

    slug: ClassVar[str] = "conflict"


class UnknownError(LocalError):
    """The account holds nothing of that id."""

    slug: ClassVar[str] = "not-found"


class DatabaseUrlError(LocalError):
    """The database setting cannot be used; the message says why and shows a good one."""

    slug: ClassVar[str] = "database-url"
