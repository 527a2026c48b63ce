"""Routes: which trunks lead to which numbers."""

from ringback.model.ids import AccountSid, RouteId
from ringback.model.trunk import Route
from ringback.store.backend.access import Access


class RouteRepository:
    """Routes of the operator (account None, for everybody) and of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> tuple[Route, ...]:
        """Return every route of the installation, for the running side's cache."""
        raise NotImplementedError

    async def list(self, account: AccountSid | None) -> tuple[Route, ...]:
        """Return the account's own routes; None for the operator's."""
        raise NotImplementedError

    async def get(self, account: AccountSid | None, route_id: RouteId) -> Route | None:
        """Return one route of the account; None as account for the operator's."""
        raise NotImplementedError

    async def save(self, route: Route) -> Route:
        """Create or replace a route.

        Raises:
            UnknownError: The id belongs to another account's route.
        """
        raise NotImplementedError

    async def delete(self, account: AccountSid | None, route_id: RouteId) -> bool:
        """Delete a route; False if the account has none of that id."""
        raise NotImplementedError
