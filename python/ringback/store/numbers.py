"""Numbers (DIDs). A number exists once in the installation and belongs to one account."""

from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, delete, insert, select, update

from ringback.model.ids import AccountSid, FlowId, NumberId
from ringback.model.number import Number
from ringback.model.sound import BlockedNumber
from ringback.store.backend.access import Access, save_row
from ringback.store.errors import UnknownError
from ringback.store.tables import blocked_number, flow, number

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Number)
_blocked_decoder = msgspec.json.Decoder(BlockedNumber)


def _read(row: Row[Any]) -> Number:
    return replace(_decoder.decode(row.data), flow_id=row.flow_id)


def _check_flow(connection: Connection, account: AccountSid, flow_id: FlowId | None) -> None:
    if flow_id is None:
        return
    held = select(flow.c.id).where(flow.c.id == flow_id, flow.c.account == account)
    if connection.execute(held).one_or_none() is None:
        raise UnknownError(f"The account holds no flow {flow_id}.")


class NumberRepository:
    """Numbers of accounts, and which flow answers them."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Number, ...]:
        """Return every number of the installation, for the running side's cache."""
        return tuple([_read(row) for row in await self._access.rows(select(number).order_by(number.c.id))])

    async def list(self, account: AccountSid, *, limit: int = 100, after: NumberId | None = None) -> tuple[Number, ...]:
        """Return a page of the account's numbers by id; `after` is the last id of the page before."""
        query = select(number).where(number.c.account == account).order_by(number.c.id).limit(limit)
        if after is not None:
            query = query.where(number.c.id > after)
        return tuple([_read(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid, number_id: NumberId) -> Number | None:
        """Return one number of the account."""
        row = await self._access.row(select(number).where(number.c.id == number_id, number.c.account == account))
        return None if row is None else _read(row)

    async def find(self, e164: str) -> Number | None:
        """Return the number by its E.164 form, whoever holds it. Only for finding the account of an incoming call."""
        row = await self._access.row(select(number).where(number.c.number == e164))
        return None if row is None else _read(row)

    async def save(self, value: Number) -> Number:
        """Create a number or replace it (by id). A flow it names must be the account's own.

        Raises:
            ConflictError: Another row holds that number already.
            UnknownError: The account holds no such flow, or the id belongs to another account.
        """

        def work(connection: Connection) -> None:
            _check_flow(connection, value.account, value.flow_id)
            data = _encoder.encode(value).decode()
            values = {"number": value.number, "flow_id": value.flow_id, "data": data}
            save_row(connection, number, value.id, value.account, values)

        await self._access.write(work)
        return value

    async def assign(self, account: AccountSid, number_id: NumberId, flow_id: FlowId | None) -> FlowId | None:
        """Let a flow answer a number (None: no flow), and return the flow it was taken from, None if there was none.

        Raises:
            UnknownError: The account holds no such number or flow.
        """
        is_it = (number.c.id == number_id) & (number.c.account == account)

        def work(connection: Connection) -> FlowId | None:
            held = connection.execute(select(number.c.flow_id).where(is_it)).one_or_none()
            if held is None:
                raise UnknownError(f"The account holds no number {number_id}.")
            _check_flow(connection, account, flow_id)
            connection.execute(update(number).where(is_it).values(flow_id=flow_id))
            return held.flow_id if held.flow_id != flow_id else None

        return await self._access.write(work)

    async def delete(self, account: AccountSid, number_id: NumberId) -> bool:
        """Give a number back; False if the account does not hold it."""
        return await self._access.delete(number, number_id, account)


class BlockedNumberRepository:
    """Blocked numbers of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[BlockedNumber, ...]:
        """Return every blocked number of the installation, for the running side's cache."""
        rows = await self._access.rows(select(blocked_number.c.data))
        return tuple([_blocked_decoder.decode(row.data) for row in rows])

    async def list(
        self, account: AccountSid, *, limit: int = 100, after: str | None = None
    ) -> tuple[BlockedNumber, ...]:
        """Return a page of the account's blocked numbers by number; `after` is the last one of the page before."""
        query = select(blocked_number.c.data).where(blocked_number.c.account == account)
        if after is not None:
            query = query.where(blocked_number.c.number > after)
        rows = await self._access.rows(query.order_by(blocked_number.c.number).limit(limit))
        return tuple([_blocked_decoder.decode(row.data) for row in rows])

    async def save(self, blocked: BlockedNumber) -> BlockedNumber:
        """Block a number, or change how."""
        data = _encoder.encode(blocked).decode()
        is_it = (blocked_number.c.account == blocked.account) & (blocked_number.c.number == blocked.number)

        def work(connection: Connection) -> None:
            if connection.execute(update(blocked_number).where(is_it).values(data=data)).rowcount:
                return
            values = {"account": blocked.account, "number": blocked.number, "data": data}
            connection.execute(insert(blocked_number).values(values))

        await self._access.write(work)
        return blocked

    async def delete(self, account: AccountSid, number: str) -> bool:
        """Unblock a number; False if it was not blocked."""
        is_it = (blocked_number.c.account == account) & (blocked_number.c.number == number)
        statement = delete(blocked_number).where(is_it)
        return bool(await self._access.write(lambda connection: connection.execute(statement).rowcount))
