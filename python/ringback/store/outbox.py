"""The outbox as people see it (`OutboxRepository`) and as the delivery process takes from it (`OutboxQueue`)."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, or_, select, update

from ringback.model.ids import AccountSid, CallId
from ringback.store.backend.access import Access
from ringback.store.tables import delivery_attempt, outbox, stopped_endpoint
from ringback.store.writes import GIVE_UP_AFTER, OutboxEvent

MOST_ATTEMPTS = 50
"""Tries of one webhook that are remembered: 72 hours of back-off take about 25."""


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


class DueEvent(Struct, frozen=True, kw_only=True):
    """A webhook that may be tried now.

    Attributes:
        origin: Scheme, host and port.
        refusal: Why it must not be sent any more, "" if it may.
        missed: Earlier events of its call that this endpoint did not get: sequence and name.
    """

    id: str
    call_id: CallId
    account: AccountSid
    sequence: int
    event: str
    endpoint: str
    origin: str
    method: str
    url: str
    payload: str
    attempts: int
    give_up_at: datetime
    refusal: str = ""
    missed: tuple[tuple[int, str], ...] = ()

    @property
    def lane(self) -> tuple[str, str]:
        """What order holds in: one call and one endpoint."""
        return self.call_id, self.endpoint

    def body(self) -> str:
        """Return the payload with the list of missed events as its last member."""
        missed = [{"sequence": sequence, "event": event} for sequence, event in self.missed]
        return f'{self.payload[:-1]},"missed":{msgspec.json.encode(missed).decode()}}}'


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
        query = select(outbox).where(outbox.c.account == account).order_by(outbox.c.id.desc()).limit(limit)
        if call_id is not None:
            query = query.where(outbox.c.call_id == call_id)
        if state is not None:
            query = query.where(outbox.c.state == state)
        if after is not None:
            query = query.where(outbox.c.id < after)
        return tuple([read_delivery(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid, event_id: str) -> Delivery | None:
        """Return one delivery of the account."""
        row = await self._access.row(select(outbox).where(outbox.c.id == event_id, outbox.c.account == account))
        return None if row is None else read_delivery(row)

    async def attempts(self, account: AccountSid, event_id: str) -> tuple[DeliveryAttempt, ...]:
        """Return the tries of a delivery in order, the last 50 of them."""
        query = select(delivery_attempt).join(outbox, outbox.c.id == delivery_attempt.c.event_id)
        query = query.where(outbox.c.id == event_id, outbox.c.account == account)
        rows = await self._access.rows(query.order_by(delivery_attempt.c.attempt.desc()).limit(MOST_ATTEMPTS))
        return tuple(
            [
                DeliveryAttempt(
                    attempt=row.attempt,
                    at=row.at,
                    status_code=row.status_code,
                    error=row.error,
                    duration_ms=row.duration_ms,
                )
                for row in reversed(rows)
            ]
        )

    async def replay(self, account: AccountSid, event_id: str) -> bool:
        """Deliver a webhook again, now, dead or delivered, under its id. False if the account has none of that id."""
        is_it = (outbox.c.id == event_id) & (outbox.c.account == account)
        return bool(await self._replay(is_it))

    async def replay_dead(self, account: AccountSid, endpoint: str | None = None) -> int:
        """Deliver all dead letters of the account (to one endpoint) again, and return how many there are."""
        is_it = (outbox.c.account == account) & (outbox.c.state == "dead")
        if endpoint is not None:
            is_it &= outbox.c.endpoint == endpoint
        return await self._replay(is_it)

    async def stopped(self, account: AccountSid) -> tuple[StoppedEndpoint, ...]:
        """Return the endpoints that said 410."""
        query = select(stopped_endpoint).where(stopped_endpoint.c.account == account)
        rows = await self._access.rows(query.order_by(stopped_endpoint.c.endpoint))
        return tuple([StoppedEndpoint(endpoint=row.endpoint, stopped_at=row.stopped_at) for row in rows])

    async def start_endpoint(self, account: AccountSid, endpoint: str) -> bool:
        """Send to a stopped endpoint again; False if it was not stopped."""
        is_it = (stopped_endpoint.c.account == account) & (stopped_endpoint.c.endpoint == endpoint)
        statement = delete(stopped_endpoint).where(is_it)
        return bool(await self._access.write(lambda connection: connection.execute(statement).rowcount))

    async def backlog(self) -> int:
        """Count the webhooks of the installation that wait for delivery."""
        return await self._access.count(select(func.count()).select_from(outbox).where(outbox.c.state == "waiting"))

    async def _replay(self, is_it: ColumnElement[bool]) -> int:
        now = datetime.now(UTC)
        again = {"state": "waiting", "next_at": now, "give_up_at": now + GIVE_UP_AFTER, "is_replay": True}
        replayed = select(outbox.c.id).where(is_it).scalar_subquery()

        def work(connection: Connection) -> int:
            old = delete(delivery_attempt).where(
                delivery_attempt.c.event_id.in_(replayed),
                delivery_attempt.c.attempt
                <= select(outbox.c.attempts - MOST_ATTEMPTS)
                .where(outbox.c.id == delivery_attempt.c.event_id)
                .scalar_subquery(),
            )
            connection.execute(old)
            return connection.execute(update(outbox).where(is_it).values(delivered_at=None, **again)).rowcount

        return await self._access.write(work)


_DUE_COLUMNS = tuple(outbox.c[name] for name in (*DueEvent.__struct_fields__, "is_replay") if name in outbox.c)


class OutboxQueue:
    """The outbox as the delivery process sees it: across accounts, what is due next."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def due(
        self,
        now: datetime,
        *,
        yield_before: datetime,
        without: Collection[str] = (),
        without_origins: Collection[str] = (),
        without_accounts: Collection[str] = (),
        limit: int,
    ) -> tuple[DueEvent, ...]:
        """Return webhooks that may be tried now, the longest due first.

        An event waits for earlier ones of its call and endpoint, unless they were made before `yield_before` or are
        dead.
        """
        earlier = outbox.alias("earlier")
        is_blocked = exists().where(
            earlier.c.call_id == outbox.c.call_id,
            earlier.c.endpoint == outbox.c.endpoint,
            earlier.c.sequence < outbox.c.sequence,
            earlier.c.state == "waiting",
            earlier.c.created_at > yield_before,
            ~earlier.c.is_replay,
        )
        is_stopped = exists().where(
            stopped_endpoint.c.account == outbox.c.account, stopped_endpoint.c.endpoint == outbox.c.endpoint
        )
        query = select(*_DUE_COLUMNS, is_stopped.label("is_stopped")).where(
            outbox.c.state == "waiting",
            outbox.c.next_at <= now,
            or_(outbox.c.is_replay, ~is_blocked),
        )
        for column, left_out in (
            (outbox.c.id, without),
            (outbox.c.origin, without_origins),
            (outbox.c.account, without_accounts),
        ):
            if left_out:
                query = query.where(column.not_in(left_out))
        rows = await self._access.rows(query.order_by(outbox.c.next_at, outbox.c.id).limit(limit))
        siblings = await self._siblings(rows)
        return tuple([_due_event(row, siblings.get((row.call_id, row.endpoint), ())) for row in rows])

    async def postpone(self, origin: str, now: datetime, until: datetime) -> int:
        """Let everything that is due at a receiver rest; return how many webhooks that is."""
        is_it = (outbox.c.state == "waiting") & (outbox.c.next_at <= now) & (outbox.c.origin == origin)
        statement = update(outbox).where(is_it).values(next_at=until)
        return await self._access.write(lambda connection: connection.execute(statement).rowcount)

    async def purge(self, before: datetime, *, limit: int = 1_000) -> int:
        """Forget webhooks that are done, with their tries; return how many they were.

        Those of a call go together once all of them were made before `before` and none waits: an audit that finds a
        call's webhooks shall find all of them.

        Args:
            before: What was made at or after it stays.
            limit: Webhooks looked for at once; of the last call found there may be a few more.
        """
        other = outbox.alias()
        is_kept = (other.c.created_at >= before) | (other.c.state == "waiting")
        has_kept = select(other.c.id).where((other.c.call_id == outbox.c.call_id) & is_kept).exists()
        query = select(outbox.c.call_id).where((outbox.c.created_at < before) & ~has_kept)
        calls = {row.call_id for row in await self._access.rows(query.order_by(outbox.c.id).limit(limit))}
        if not calls:
            return 0
        is_old = outbox.c.call_id.in_(calls)

        def work(connection: Connection) -> int:
            old = select(outbox.c.id).where(is_old)
            connection.execute(delete(delivery_attempt).where(delivery_attempt.c.event_id.in_(old)))
            return connection.execute(delete(outbox).where(is_old)).rowcount

        return await self._access.write(work)

    async def _siblings(self, rows: Sequence[Row[Any]]) -> dict[tuple[str, str], list[Row[Any]]]:
        """Return the other events of the calls, by call and endpoint, where they can matter."""
        call_ids = {row.call_id for row in rows if row.sequence > 1 or row.attempts > 0}
        if not call_ids:
            return {}
        columns = (
            outbox.c.call_id,
            outbox.c.endpoint,
            outbox.c.sequence,
            outbox.c.event,
            outbox.c.state,
            outbox.c.is_replay,
        )
        query = select(*columns).where(outbox.c.call_id.in_(call_ids)).order_by(outbox.c.sequence)
        by_lane: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in await self._access.rows(query):
            by_lane.setdefault((row.call_id, row.endpoint), []).append(row)
        return by_lane


def _due_event(row: Row[Any], siblings: Sequence[Row[Any]]) -> DueEvent:
    refusal = ""
    if row.is_stopped:
        refusal = "the endpoint answered 410 before; start it again to send to it"
    elif not row.is_replay and any(
        other.sequence > row.sequence and other.state == "delivered" and not other.is_replay for other in siblings
    ):
        refusal = "missed: a later event of the call was delivered first, with this one in its list"
    earlier = [other for other in siblings if other.sequence < row.sequence and other.state != "delivered"]
    return DueEvent(
        id=row.id,
        call_id=row.call_id,
        account=row.account,
        sequence=row.sequence,
        event=row.event,
        endpoint=row.endpoint,
        origin=row.origin,
        method=row.method,
        url=row.url,
        payload=row.payload,
        attempts=row.attempts,
        give_up_at=row.give_up_at,
        refusal=refusal,
        missed=tuple([(other.sequence, other.event) for other in earlier]),
    )


def read_event(row: Row[Any]) -> OutboxEvent:
    """Return the event of an outbox row."""
    return OutboxEvent(
        id=row.id,
        call_id=row.call_id,
        account=row.account,
        sequence=row.sequence,
        event=row.event,
        endpoint=row.endpoint,
        method=row.method,
        url=row.url,
        payload=row.payload,
        created_at=row.created_at,
    )


def read_delivery(row: Row[Any]) -> Delivery:
    """Return an outbox row with how far it got."""
    return Delivery(
        event=read_event(row),
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at,
        last_error=row.last_error,
        delivered_at=row.delivered_at,
    )
