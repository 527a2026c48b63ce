"""Keys that programs show to the HTTP API."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ringback.model.ids import AccountSid


class Scope(StrEnum):
    """What a key may do. Nothing implies anything else."""

    CALL = "call"  # place and end calls
    READ = "read"  # call logs, records, catalogues
    CONFIGURE = "configure"  # numbers, flows, sounds, routes, webhooks of the account
    ADMIN = "admin"  # accounts, inventory, trunks: the operator's


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key without its secret, which nobody can read back.

    Attributes:
        prefix: The first characters of the key, for recognition.
        networks: Networks (`10.0.0.0/8`) it may be used from; empty for anywhere.
    """

    id: str
    account: AccountSid
    name: str
    prefix: str
    scopes: frozenset[Scope]
    networks: tuple[str, ...] = ()
    created_at: datetime
    revoked_at: datetime | None = None
