"""API keys: only their SHA-256 is kept, so nobody who reads the database can use them."""

import hashlib
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, select, update

from ringback.model.access import ApiKey, Scope
from ringback.model.ids import AccountSid, make_id
from ringback.store.backend.access import Access, save_row
from ringback.store.errors import ConflictError, UnknownError
from ringback.store.tables import account, api_key

KEY_PREFIX = "rbk_"
"""What our keys begin with, so that secret scanners can find leaked ones."""

SHORTEST_SECRET = 24
"""Characters of an imported key: a hash without salt is only safe for what cannot be guessed."""

KNOWN_S = 1.0
"""So long a key is taken for what it was: a revocation by another process is heeded that much later, one by this
process at once. Asking the database for each request was a tenth of the work of placing a call."""

_MOST_KNOWN = 10_000
_SECRET_BYTES = 32
_SHOWN = 8
_MOST_LISTED = 1_000
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ApiKey)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _read(row: Row[Any]) -> ApiKey:
    return replace(_decoder.decode(row.data), revoked_at=row.revoked_at)


class ApiKeyRepository:
    """Keys of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._known: dict[str, tuple[float, ApiKey]] = {}  # by hash: when read, and what
        self._revocations = 0

    async def create(
        self, account: AccountSid, name: str, scopes: frozenset[Scope], *, networks: tuple[str, ...] = ()
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret text (`rbk_...`), which is shown this once.

        Raises:
            UnknownError: There is no such account.
        """
        secret = KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        return await self._keep(account, name, scopes, secret, networks), secret

    async def import_key(self, account: AccountSid, name: str, scopes: frozenset[Scope], secret: str) -> ApiKey:
        """Keep a key whose secret comes from the settings; doing it again changes nothing.

        Raises:
            ValueError: The secret is shorter than 24 characters.
        """
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"An API key must have at least {SHORTEST_SECRET} characters; this one has {len(secret)}.")
        known = await self.find(secret)
        if known is None:
            return await self._keep(account, name, scopes, secret, ())
        if known.account != account:
            raise ConflictError(f"This API key is in use by another account; make a new one for {account}.")
        return known

    async def find(self, secret: str) -> ApiKey | None:
        """Return the key a request shows, None if unknown; a revoked key comes back with `revoked_at`."""
        hashed, now = _hash(secret), time.monotonic()
        read_at, known = self._known.get(hashed, (0.0, None))
        if known is not None and now - read_at < KNOWN_S:
            return known
        revocations = self._revocations
        row = await self._access.row(select(api_key).where(api_key.c.hash == hashed))
        if row is None:
            return None
        key = _read(row)
        if revocations == self._revocations:  # else the row may be from before
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[hashed] = (now, key)
        return key

    async def list(self, account: AccountSid) -> tuple[ApiKey, ...]:
        """Return the keys of an account, newest first, revoked ones too."""
        query = select(api_key).where(api_key.c.account == account).order_by(api_key.c.id.desc()).limit(_MOST_LISTED)
        return tuple([_read(row) for row in await self._access.rows(query)])

    async def revoke(self, account: AccountSid, key_id: str) -> ApiKey | None:
        """Revoke a key for good; None if the account has none of that id. Repeats keep the first moment."""
        now = datetime.now(UTC)
        is_it = (api_key.c.account == account) & (api_key.c.id == key_id)
        revoke = update(api_key).where(is_it, api_key.c.revoked_at.is_(None)).values(revoked_at=now)
        await self._access.write(lambda connection: connection.execute(revoke).rowcount)
        self._revocations += 1
        self._known.clear()
        row = await self._access.row(select(api_key).where(is_it))
        return None if row is None else _read(row)

    async def _keep(
        self, owner: AccountSid, name: str, scopes: frozenset[Scope], secret: str, networks: tuple[str, ...]
    ) -> ApiKey:
        now = datetime.now(UTC)
        key = ApiKey(
            id=make_id("key", at_ms=int(now.timestamp() * 1000), entropy=secrets.token_bytes(10)),
            account=owner,
            name=name,
            prefix=secret[:_SHOWN],
            scopes=scopes,
            networks=networks,
            created_at=now,
        )

        def work(connection: Connection) -> None:
            if connection.execute(select(account.c.sid).where(account.c.sid == owner)).one_or_none() is None:
                raise UnknownError(f"There is no account {owner}.")
            data = _encoder.encode(key).decode()
            values = {"hash": _hash(secret), "data": data, "created_at": now}
            save_row(connection, api_key, key.id, owner, values)

        await self._access.write(work)
        return key
