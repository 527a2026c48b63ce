"""The same request sent twice does its work once: `Idempotency-Key`, for 24 hours, also when both arrive at once.

Placing calls keeps the answer in the very transaction that accepts the calls (so also over crashes and several nodes).
Other creating requests do their work, then keep the answer, one at a time for each key within a process.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from litestar import Response
from msgspec import Struct

from ringback.api.auth import ApiRequest, Caller
from ringback.api.collect import Faults
from ringback.api.problems import ProblemError
from ringback.api.services import ApiServices
from ringback.model.ids import AccountSid
from ringback.store.writes import IdempotencyRecord

T = TypeVar("T", bound=Struct)

MAX_KEY = 255


class KeptAnswer(Struct, frozen=True, kw_only=True):
    """What is kept of an answer."""

    status_code: int
    body: Any


class Once(Struct, frozen=True, kw_only=True):
    """One request with an idempotency key."""

    account: AccountSid
    key: str
    body_hash: str
    services: ApiServices

    async def earlier(self) -> Response[Any] | None:
        """Return the answer given before, None if the key is new.

        Raises:
            ProblemError: `idempotency-key-reused`.
        """
        record = await self.services.repositories.idempotency.get(self.account, self.key, self.services.now())
        return None if record is None else self.replay(record)

    def record(self, status_code: int, body: Struct) -> IdempotencyRecord:
        """Make what is kept of an answer about to be given."""
        answer = msgspec.json.encode(KeptAnswer(status_code=status_code, body=body)).decode()
        return IdempotencyRecord(
            account=self.account, key=self.key, body_hash=self.body_hash, answer=answer, created_at=self.services.now()
        )

    def replay(self, record: IdempotencyRecord) -> Response[Any]:
        """Give the earlier answer again.

        Raises:
            ProblemError: `idempotency-key-reused`: it answered another request.
        """
        if record.body_hash != self.body_hash:
            raise ProblemError(
                "idempotency-key-reused",
                f"The idempotency key `{self.key}` was used at {record.created_at.isoformat()} for another request.",
            )
        kept = msgspec.json.decode(record.answer, type=KeptAnswer)
        return Response(kept.body, status_code=kept.status_code, headers={"Idempotency-Replayed": "true"})


def read_once(request: ApiRequest, caller: Caller, services: ApiServices, data: Struct) -> Once | None:
    """Return the request's idempotency, None without a key.

    The body's field `idempotency_key`, where there is one, does the same as the header.

    Raises:
        ProblemError: the key is empty, too long, has odd characters, or header and field differ.
    """
    in_header = request.headers.get("idempotency-key")
    in_body: str | None = getattr(data, "idempotency_key", None)
    key = in_header if in_header is not None else in_body
    if key is None:
        return None
    faults = Faults()
    field = "idempotency_key" if in_header is None else "header Idempotency-Key"
    if in_header is not None and in_body is not None and in_header != in_body:
        faults.add("idempotency_key", "differs from the header Idempotency-Key; give one of them")
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable() or not key.isascii():
        faults.add(field, f"must be 1 to {MAX_KEY} printable ASCII characters")
    faults.raise_if_any()
    return Once(account=caller.account.sid, key=key, body_hash=_fingerprint(request, data), services=services)


def _fingerprint(request: ApiRequest, data: Struct) -> str:
    """Hash what is asked for: path and fields, not how they were written (JSON or form, order, spaces)."""
    fields = msgspec.to_builtins(data)
    fields.pop("idempotency_key", None)
    encoded = msgspec.json.encode([request.method, request.url.path, fields], order="deterministic")
    return hashlib.sha256(encoded).hexdigest()


class KeyLocks:
    """One lock for each key in use; there are never more than requests in progress."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, account: str, key: str) -> AsyncIterator[None]:
        """Let one request with this key pass at a time."""
        lock, users = self._locks.get((account, key), (asyncio.Lock(), 0))
        self._locks[account, key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop((account, key))
            if users > 1:
                self._locks[account, key] = (lock, users - 1)

    def __len__(self) -> int:
        return len(self._locks)


async def answer_once(
    request: ApiRequest,
    caller: Caller,
    services: ApiServices,
    data: Struct,
    work: Callable[[], Awaitable[T]],
) -> Response[Any]:
    """Do `work` and answer 201 with what it returns, or give the earlier answer to the same idempotency key."""
    once = read_once(request, caller, services, data)
    if once is None:
        return Response(await work(), status_code=201)
    locks: KeyLocks = request.app.state.key_locks
    async with locks.hold(once.account, once.key):
        if (found := await once.earlier()) is not None:
            return found
        body = await work()
        kept = await services.repositories.idempotency.claim(once.record(201, body))
        if kept is not None:  # another node was faster with the same key
            return once.replay(kept)
    return Response(body, status_code=201)
