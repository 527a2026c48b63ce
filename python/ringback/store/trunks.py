"""Trunks. Passwords are encrypted at rest."""

from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, func, select

from ringback.model.ids import AccountSid, TrunkId
from ringback.model.trunk import Trunk
from ringback.store.backend.access import Access, save_row
from ringback.store.tables import trunk

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Trunk)


class TrunkRepository:
    """Trunks of the operator (account None) and of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Trunk, ...]:
        """Return every trunk of the installation, passwords readable, for the running side's cache."""
        return tuple([self._read(row) for row in await self._access.rows(select(trunk).order_by(trunk.c.engine_id))])

    async def list(self, account: AccountSid | None) -> tuple[Trunk, ...]:
        """Return the account's own trunks; None for the operator's."""
        query = select(trunk).where(trunk.c.account.is_not_distinct_from(account)).order_by(trunk.c.id)
        return tuple([self._read(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid | None, trunk_id: TrunkId) -> Trunk | None:
        """Return one trunk of the account; None as account for the operator's."""
        is_it = (trunk.c.id == trunk_id) & trunk.c.account.is_not_distinct_from(account)
        row = await self._access.row(select(trunk).where(is_it))
        return None if row is None else self._read(row)

    async def save(self, value: Trunk) -> Trunk:
        """Create or replace a trunk and return it; `engine_id` 0 gets the next free one. It never changes afterwards.

        Raises:
            UnknownError: The id belongs to another account's trunk.
        """
        sealed = None if value.password is None else self._access.seal.seal(value.password)

        def work(connection: Connection) -> int:
            kept = select(trunk.c.engine_id).where(trunk.c.id == value.id)
            highest = select(func.coalesce(func.max(trunk.c.engine_id), 0))
            engine_id = connection.execute(kept).scalar_one_or_none() or value.engine_id
            engine_id = engine_id or connection.execute(highest).scalar_one() + 1
            data = _encoder.encode(replace(value, password=None, engine_id=engine_id)).decode()
            columns = {"engine_id": engine_id, "data": data, "sealed_password": sealed}
            save_row(connection, trunk, value.id, value.account, columns)
            return engine_id

        return replace(value, engine_id=await self._access.write(work))

    async def delete(self, account: AccountSid | None, trunk_id: TrunkId) -> bool:
        """Delete a trunk; False if the account has none of that id."""
        return await self._access.delete(trunk, trunk_id, account)

    def _read(self, row: Row[Any]) -> Trunk:
        password = None if row.sealed_password is None else self._access.seal.open(row.sealed_password)
        return replace(_decoder.decode(row.data), password=password)
