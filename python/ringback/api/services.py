"""What the HTTP API needs from the rest of Ringback: made by `ringback.service.main`, and by tests.

The repositories are read and written directly (numbers, flows, routes ...); calls are placed and ended only through
`calls`, the running side. Time and randomness come in so that tests can hold them still.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from ringback.flow.check import Facts
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.ids import AccountSid, CallId
from ringback.model.phone import PhoneContact
from ringback.model.standing import TrunkStanding
from ringback.speech.sounds import Sounds
from ringback.store.calls import CallRow
from ringback.store.repositories import Repositories
from ringback.store.writes import IdempotencyRecord


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
        mask_numbers: Keys without the `configure` scope see only the ends of phone numbers.
    """

    requests_per_s: float = 50.0
    burst: int = 200
    max_body_bytes: int = 262_144
    max_keys_limited: int = 10_000
    mask_numbers: bool = False


class PlacesCalls(Protocol):
    """The running side, as far as the API sees it: `ringback.live.calls.Calls`."""

    async def place(
        self, requests: Sequence[CallRequest], idempotency: IdempotencyRecord | None = None
    ) -> IdempotencyRecord | None:
        """Accept calls, all or none, in one transaction, and return when they are committed.

        Returns:
            None, or what was answered before to the same idempotency key: then nothing was placed.

        Raises:
            ResourceError: new calls cannot be taken now.
        """

    async def hangup(self, account: AccountSid, call_id: CallId) -> CallRow | None:
        """Withdraw or end a call, and return it when that is committed; None if the account has no such call."""


class KeepsBans(Protocol):
    """The engine, as far as bans of sources are concerned."""

    def bans(self) -> list[tuple[str, int]]:
        """Return the sources banned now, and the seconds left."""

    def ban(self, source: str, *, seconds: int) -> None:
        """Ban an address."""

    def lift_ban(self, source: str) -> None:
        """Lift the ban of an address."""


def utc_now() -> datetime:
    """Return the present moment, aware, UTC."""
    return datetime.now(UTC)


class ApiServices(Struct, frozen=True, kw_only=True):
    """Everything the handlers use.

    Attributes:
        repositories: What is stored.
        calls: Places and ends calls.
        sounds: Keeps the files of uploaded sounds.
        bans: Sources that are not listened to.
        account: `Directory.account`: out of the running side's cache.
        directory_changed: `Directory.refresh`: awaited before the answer goes out, when what is cached there changed.
        health: Asked by `/readyz`.
        metrics: The text of `/metrics` in Prometheus' format.
        flow_facts: What the flow checker must know of this installation (is there a voice?).
        trunk_standing: How a trunk stands towards its carrier, by its number in the engine.
        phone_contacts: The devices of a phone, by its number in the engine.
        nudge_webhooks: Called after a delivery was put back into the outbox.
        now: The wall clock, aware, UTC.
        monotonic_s: For rate limits.
        entropy: Random bytes for ids.
    """

    repositories: Repositories
    calls: PlacesCalls
    sounds: Sounds
    bans: KeepsBans
    account: Callable[[AccountSid], Account | None]
    directory_changed: Callable[[], Awaitable[None]]
    health: Callable[[], Health]
    metrics: Callable[[], bytes]
    flow_facts: Callable[[], Facts] = Facts
    trunk_standing: Callable[[int], TrunkStanding] = lambda _: TrunkStanding()
    phone_contacts: Callable[[int], tuple[PhoneContact, ...]] = lambda _: ()
    nudge_webhooks: Callable[[], None] = lambda: None
    settings: ApiSettings = ApiSettings()
    now: Callable[[], datetime] = utc_now
    monotonic_s: Callable[[], float] = time.monotonic
    entropy: Callable[[int], bytes] = secrets.token_bytes
