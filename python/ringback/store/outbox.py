"""The outbox as people see it: deliveries, their tries, dead letters. The delivery process reads it in `webhook.feed`."""

from datetime import datetime

from msgspec import Struct

from ringback.model.ids import AccountSid, CallId
from ringback.store.backend.access import Access
from ringback.store.writes import OutboxEvent


class Delivery(Struct, frozen=True, kw_only=True):
    """A webhook and how far it got. `state`: waiting, delivered, dead. `next_at`: the next try."""

    event: OutboxEvent
    state: str
    attempts: int
    next_at: datetime | None
    last_error: str
    delivered_at: datetime | None


class DeliveryAttempt(Struct, frozen=True, kw_only=True):
    """One try: what came back and how long it took."""

    attempt: int
    at: datetime
    status_code: int | None
    error: str
    duration_ms: int


class StoppedEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint that said 410."""

    endpoint: str
    stopped_at: datetime


class OutboxRepository:
    """Webhook deliveries of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def list(
        self,
        account: AccountSid,
        *,
        call_id: CallId | None = None,
        state: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> tuple[Delivery, ...]:
        """Return deliveries, newest first; `after` is the id of the last one of the page before."""
        raise NotImplementedError

    async def get(self, account: AccountSid, event_id: str) -> Delivery | None:
        """Return one delivery of the account."""
        raise NotImplementedError

    async def attempts(self, account: AccountSid, event_id: str) -> tuple[DeliveryAttempt, ...]:
        """Return the tries of a delivery in order, the last 50 of them."""
        raise NotImplementedError

    async def replay(self, account: AccountSid, event_id: str) -> bool:
        """Deliver a webhook again, now: dead or delivered ones too, same id. False if the account has none of that id."""
        raise NotImplementedError

    async def replay_dead(self, account: AccountSid, endpoint: str | None = None) -> int:
        """Deliver all dead letters of the account (to one endpoint) again, and return how many there are."""
        raise NotImplementedError

    async def stopped(self, account: AccountSid) -> tuple[StoppedEndpoint, ...]:
        """Return the endpoints that said 410."""
        raise NotImplementedError

    async def start_endpoint(self, account: AccountSid, endpoint: str) -> bool:
        """Send to a stopped endpoint again; False if it was not stopped."""
        raise NotImplementedError

    async def backlog(self) -> int:
        """Count the webhooks of the installation that wait for delivery."""
        raise NotImplementedError
