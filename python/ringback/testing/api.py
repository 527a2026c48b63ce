"""The HTTP API in one process with a real database and no network: requests go straight into the application.

Calls are accepted through the real journal writer and wait there; nobody dials them. So everything the API answers for
can be
tested: forms, keys, tenancy, paging, idempotency. What becomes of a call is tested with the running side.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar
from msgspec import Struct

from ringback.api.app import create_app
from ringback.api.services import ApiServices, ApiSettings, Health
from ringback.model.access import Scope
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import AccountSid, CallId
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.model.status import HangupBy, Status
from ringback.speech.sounds import Sounds
from ringback.speech.workers import Workers
from ringback.store.calls import CallRow
from ringback.store.database import Database
from ringback.store.writes import AcceptCalls, Finish, IdempotencyRecord
from ringback.testing.fake_defense import FakeDefense

ALL_SCOPES = frozenset(Scope)
CLIENT = ("192.0.2.7", 40000)
"""Where requests seem to come from (documentation range, RFC 5737)."""


class ManualClock:
    """A wall clock and a monotonic one that stand still until moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the wall clock."""
        return self.at

    def monotonic_s(self) -> float:
        """Return seconds since the start."""
        return self.elapsed_s

    def advance(self, seconds: float) -> None:
        """Move both clocks."""
        self.at += timedelta(seconds=seconds)
        self.elapsed_s += seconds


class WaitingCalls:
    """Accepts calls durably and lets them wait; hanging up ends them as CANCEL. The running side without lines."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self._database = database
        self._clock = clock
        self.accepted = 0

    async def place(
        self, requests: Sequence[CallRequest], idempotency: IdempotencyRecord | None = None
    ) -> IdempotencyRecord | None:
        """Accept calls as `ringback.live.calls.Calls.place` does."""
        entries = tuple(self._entry(request.id, 1, EntryKind.ACCEPTED) for request in requests)
        write = AcceptCalls(requests=tuple(requests), entries=entries, idempotency=idempotency)
        written = await self._database.writer.durable(write)
        if written.existing is None:
            self.accepted += len(requests)
        return written.existing

    async def hangup(self, account: AccountSid, call_id: CallId) -> CallRow | None:
        """End a waiting call."""
        row = await self._database.repositories.calls.get(account, call_id)
        if row is None or row.record is not None:
            return row
        await self.finish(row.request, Status.CANCEL, "api_cancel", HangupBy.API)
        return await self._database.repositories.calls.get(account, call_id)

    async def finish(self, request: CallRequest, status: Status, reason: str, hangup_by: HangupBy) -> FinalRecord:
        """Give a call a status, with one entry as its evidence."""
        at = self._clock.now()
        verdict = Verdict(
            status=status, reason=reason, rule="by-hand", table="none", evidence=(2,), hangup_by=hangup_by
        )
        record = FinalRecord(
            id=request.id,
            account=request.account,
            kind=request.kind,
            attempt=request.attempt,
            parent_id=request.parent_id,
            from_=request.from_,
            to=request.to,
            bridge=request.bridge,
            verdict=verdict,
            explanation=f"Ended as {status} by hand.",
            started_at=at,
            ringing_at=None,
            answered_at=None,
            ended_at=at,
            duration_s=0.0,
            talk_s=0.0,
            sip_code=None,
            sip_reason=None,
            q850_cause=None,
            legs=(),
            custom=request.custom,
        )
        entries = (
            self._entry(request.id, 2, EntryKind.CANCEL_ACCEPTED),
            self._entry(request.id, 3, EntryKind.FINAL),
        )
        await self._database.writer.durable(Finish(record=record, entries=entries))
        return record

    def _entry(self, call_id: CallId, seq: int, kind: EntryKind) -> Entry:
        return Entry(call_id=call_id, seq=seq, at=self._clock.now(), kind=kind, data={})


class Tenant(Struct, frozen=True, kw_only=True):
    """An account with a key that may do everything."""

    account: Account
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """Headers that authenticate."""
        return {"api-key": self.secret}

    def path(self, rest: str) -> str:
        """Return `/v1/{sid}` with `rest`."""
        return f"/v1/{self.account.sid}{rest}"


class ApiWorld:
    """The application, its database and two tenants: `one` is a test account, `two` is not.

    Attributes:
        refreshed: How often the API said that the running side's cache must be read again.
    """

    def __init__(self, database: Database, clock: ManualClock, settings: ApiSettings, sounds: Sounds) -> None:
        self.database = database
        self.sounds = sounds
        self.clock = clock
        self.calls = WaitingCalls(database, clock)
        self.accounts: dict[AccountSid, Account] = {}
        self.bans = FakeDefense()
        self.refreshed = 0
        self.health = Health(is_ready=True)
        self.services = ApiServices(
            repositories=database.repositories,
            calls=self.calls,
            sounds=sounds,
            bans=self.bans,
            account=self.accounts.get,
            directory_changed=self._refresh,
            health=lambda: self.health,
            metrics=lambda: b"# no figures here\n",
            settings=settings,
            now=clock.now,
            monotonic_s=clock.monotonic_s,
        )
        self.app: Litestar = create_app(self.services)

    async def _refresh(self) -> None:
        self.refreshed += 1

    async def tenant(self, account: Account) -> Tenant:
        """Save an account and make a key for it."""
        saved = await self.database.repositories.accounts.save(account)
        self.accounts[saved.sid] = saved
        _, secret = await self.database.repositories.api_keys.create(saved.sid, "test", ALL_SCOPES)
        return Tenant(account=saved, secret=secret)

    def client(self, *, tenant: Tenant | None = None, address: tuple[str, int] = CLIENT) -> httpx.AsyncClient:
        """Return a client whose requests go straight into the application, with the tenant's key."""
        # A fault of ours shall be seen as the 500 it is for customers, not as an exception in the client.
        app: Any = self.app  # Litestar types its messages more narrowly than httpx does
        transport = httpx.ASGITransport(app, client=address, raise_app_exceptions=False)
        headers = tenant.headers if tenant else {}
        return httpx.AsyncClient(transport=transport, base_url="http://ringback.test", headers=headers)


@asynccontextmanager
async def api_world(folder: Path, *, settings: ApiSettings | None = None) -> AsyncIterator[ApiWorld]:
    """Open a world with its database in `folder`."""
    database = await Database.open(f"sqlite:///{folder / 'api.db'}")
    workers = Workers(count=1)
    try:
        clock = ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
        sounds = Sounds(folder / "sounds", workers)
        yield ApiWorld(database, clock, settings or ApiSettings(requests_per_s=1e6, burst=1_000_000), sounds)
    finally:
        await workers.close()
        await database.close()
