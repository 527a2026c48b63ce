"""Routes: which trunks lead to which numbers."""

from typing import Any

import msgspec
from sqlalchemy import Row, select

from ringback.model.ids import AccountSid, RouteId
from ringback.model.trunk import Route
from ringback.store.backend.access import Access
from ringback.store.tables import route

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Route)


def _read(row: Row[Any]) -> Route:
    return _decoder.decode(row.data)


class RouteRepository:
    """Routes of the operator (account None, for everybody) and of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Route, ...]:
        """Return every route of the installation, for the running side's cache."""
        return tuple([_read(row) for row in await self._access.rows(select(route).order_by(route.c.id))])

    async def list(self, account: AccountSid | None) -> tuple[Route, ...]:
        """Return the account's own routes; None for the operator's."""
        query = select(route).where(route.c.account.is_not_distinct_from(account)).order_by(route.c.id)
        return tuple([_read(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid | None, route_id: RouteId) -> Route | None:
        """Return one route of the account; None as account for the operator's."""
        is_it = (route.c.id == route_id) & route.c.account.is_not_distinct_from(account)
        row = await self._access.row(select(route).where(is_it))
        return None if row is None else _read(row)

    async def save(self, value: Route) -> Route:
        """Create or replace a route.

        Raises:
            UnknownError: The id belongs to another account's route.
        """
        data = _encoder.encode(value).decode()
        await self._access.save(route, value.id, value.account, {"data": data})
        return value

    async def delete(self, account: AccountSid | None, route_id: RouteId) -> bool:
        """Delete a route; False if the account has none of that id."""
        return await self._access.delete(route, route_id, account)
