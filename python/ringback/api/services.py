"""What the HTTP API needs from the rest of Ringback: made by `ringback.service.main`, and by tests.

`repositories` are read and written directly (accounts, numbers, flows ...); calls are placed and ended only through
`calls`, the running side. Time and randomness come in so that tests can hold them still.
"""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec import Struct

from ringback.model.account import Account
from ringback.model.ids import AccountSid, CallId


class Health(Struct, frozen=True, kw_only=True):
    """Whether new calls can be taken. `problems` are sentences for people, empty when ready."""

    is_ready: bool
    problems: tuple[str, ...] = ()


class ApiSettings(Struct, frozen=True, kw_only=True):
    """Limits of the API. Each bounds what one key or one request can cost.

    Attributes:
        requests_per_s: Steady rate of one key; `burst` may come at once.
        max_body_bytes: Larger bodies are refused with 413.
        max_keys_limited: Keys whose buckets are remembered; the one used longest ago is forgotten first.
        mask_numbers: Show only the last four digits of other parties' numbers to keys without the `configure` scope.
        metrics_public: `/metrics` needs no key (bind it to a private address then).
    """

    requests_per_s: float = 50.0
    burst: int = 200
    max_body_bytes: int = 262_144
    max_keys_limited: int = 10_000
    idempotency_hours: int = 24
    mask_numbers: bool = False
    metrics_public: bool = True


class PlacesCalls(Protocol):
    """The running side, as far as the API sees it: `ringback.live.calls.Calls`."""

    async def place(self, requests: Any, idempotency: Any = None) -> Any:
        """Accept calls, all or none, in one transaction, and return when they are committed."""

    async def hangup(self, account: AccountSid, call_id: CallId) -> Any:
        """Withdraw or end a call, and return when that is committed."""


def utc_now() -> datetime:
    """Return the present moment, aware, UTC."""
    return datetime.now(UTC)


class ApiServices(Struct, frozen=True, kw_only=True):
    """Everything the handlers use.

    Attributes:
        repositories: The store's repositories (`ringback.store`).
        calls: Places and ends calls.
        account: The account of a SID out of the running side's cache, None when there is none.
        directory_changed: Awaited after numbers, trunks, routes, flows or accounts were changed, before the answer goes out.
        health: Asked by `/readyz`.
        metrics: The text of `/metrics` in Prometheus' format.
        now: The wall clock.
        entropy: Random bytes for ids.
    """

    repositories: Any
    calls: PlacesCalls
    account: Callable[[AccountSid], Awaitable[Account | None]]
    directory_changed: Callable[[], Awaitable[None]]
    health: Callable[[], Health]
    metrics: Callable[[], bytes]
    settings: ApiSettings = ApiSettings()
    now: Callable[[], datetime] = utc_now
    entropy: Callable[[int], bytes] = secrets.token_bytes
