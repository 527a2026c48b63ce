"""Trunks and phones: whom SIP is spoken with. Passwords, and the hashes of phones' passwords, are encrypted at rest."""

from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, func, select

from ringback.model.ids import AccountSid, PhoneId, TrunkId
from ringback.model.phone import Phone
from ringback.model.trunk import Trunk
from ringback.store.backend.access import Access, save_row
from ringback.store.tables import phone, trunk

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Trunk)
_phone_decoder = msgspec.json.Decoder(Phone)


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


class PhoneRepository:
    """Phones of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Phone, ...]:
        """Return every phone of the installation, for the running side's cache."""
        return tuple([self._read(row) for row in await self._access.rows(select(phone).order_by(phone.c.engine_id))])

    async def list(self, account: AccountSid) -> tuple[Phone, ...]:
        """Return the account's phones."""
        query = select(phone).where(phone.c.account == account).order_by(phone.c.id)
        return tuple([self._read(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid, phone_id: PhoneId) -> Phone | None:
        """Return one phone of the account."""
        row = await self._access.row(select(phone).where((phone.c.id == phone_id) & (phone.c.account == account)))
        return None if row is None else self._read(row)

    async def save(self, value: Phone) -> Phone:
        """Create or replace a phone and return it; `engine_id` 0 gets the next free one. It never changes afterwards.

        Raises:
            ConflictError: Another phone has the name in this realm.
            UnknownError: The id belongs to another account's phone.
        """
        secrets = msgspec.json.encode((value.ha1_md5, value.ha1_sha256)).decode()
        sealed = self._access.seal.seal(secrets)

        def work(connection: Connection) -> int:
            kept = select(phone.c.engine_id).where(phone.c.id == value.id)
            highest = select(func.coalesce(func.max(phone.c.engine_id), 0))
            engine_id = connection.execute(kept).scalar_one_or_none() or value.engine_id
            engine_id = engine_id or connection.execute(highest).scalar_one() + 1
            bare = replace(value, ha1_md5=None, ha1_sha256=None, engine_id=engine_id)
            columns = {
                "engine_id": engine_id,
                "realm": value.realm.lower(),
                "username": value.username,
                "data": _encoder.encode(bare).decode(),
                "sealed_hashes": sealed,
            }
            save_row(connection, phone, value.id, value.account, columns)
            return engine_id

        return replace(value, engine_id=await self._access.write(work))

    async def delete(self, account: AccountSid, phone_id: PhoneId) -> bool:
        """Delete a phone; False if the account has none of that id."""
        return await self._access.delete(phone, phone_id, account)

    def _read(self, row: Row[Any]) -> Phone:
        md5, sha256 = msgspec.json.decode(self._access.seal.open(row.sealed_hashes), type=tuple[str | None, str | None])
        return replace(_phone_decoder.decode(row.data), ha1_md5=md5, ha1_sha256=sha256)
