"""Webhooks end to end: outbox, child process, a receiver on loopback."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace
from sqlalchemy import update
from standardwebhooks import Webhook
from tests.integration.store_world import NOW, OURS, THEIRS, a_record, a_request, accept, an_account, events, finish

from ringback.model.account import Account
from ringback.model.call import CallbackUrl, CallRequest
from ringback.model.ids import AccountSid
from ringback.store import tables
from ringback.store.database import Database
from ringback.store.errors import StoreUnavailableError
from ringback.store.outbox import Delivery
from ringback.store.writes import Append, OutboxEvent
from ringback.webhook.process import WebhookDelivery
from ringback.webhook.settings import DeliverySettings

Answer = Callable[["Heard"], Awaitable[web.StreamResponse | int]]


class Heard:
    """One request as the receiver saw it."""

    def __init__(self, request: web.Request, body: str) -> None:
        self.request = request
        self.path = request.path
        self.query = dict(request.query)
        self.headers = request.headers
        self.body = body

    @property
    def payload(self) -> dict[str, Any]:
        """The JSON body."""
        told: dict[str, Any] = json.loads(self.body)
        return told


class Receiver:
    """A customer's server. Answers 200, or what `answers` says for a path."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answers: dict[str, Answer] = {}
        self._news = asyncio.Condition()
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def until(self, holds: Callable[[list[Heard]], object]) -> None:
        """Wait until what was heard fulfils something."""
        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(lambda: holds(self.heard))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        heard = Heard(request, await request.text())
        async with self._news:
            self.heard.append(heard)
            self._news.notify_all()
        answer = self.answers.get(heard.path)
        response = 200 if answer is None else await answer(heard)
        return web.Response(status=response) if isinstance(response, int) else response


def always(code: int, **headers: str) -> Answer:
    """Return an answer that is always the same."""

    async def answer(heard: Heard) -> web.Response:
        del heard
        return web.Response(status=code, headers=headers)

    return answer


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver."""
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty database: delivery is the same on both kinds, its queries are tested on both elsewhere."""
    opened = await Database.open(f"sqlite:///{tmp_path}/ringback.db", key_file=tmp_path / "key")
    yield opened
    await opened.close()


@pytest.fixture
async def start_delivery(database: Database) -> AsyncIterator[Callable[..., Awaitable[WebhookDelivery]]]:
    """Start delivery; it is stopped at the end."""
    started = []

    async def start(**settings: Any) -> WebhookDelivery:
        delivery = WebhookDelivery(database, DeliverySettings(**settings))
        started.append(delivery)
        await delivery.start()
        return delivery

    yield start
    for delivery in started:
        await delivery.stop(grace_s=1)


async def an_account_at(database: Database, url: str | None, sid: AccountSid = OURS, **changes: Any) -> Account:
    """Keep an account whose events go to `url`."""
    return await database.repositories.accounts.save(
        an_account(sid, webhook_url=url, **{"allow_private_webhooks": True} | changes)
    )


async def tell(database: Database, account: Account, *names: str, call: CallRequest | None = None) -> CallRequest:
    """Make a call that tells of these events, committed one after another."""
    call = call or a_request(account=account.sid)
    await database.writer.durable(accept(call, state="dialing"))
    for sequence, name in enumerate(names, start=1):
        if name == "call_end":
            told = events(name, call, account, sequence, record=a_record(call))
            await database.writer.durable(finish(call, announcements=fresh(told)))
        else:
            told = events(name, call, account, sequence)
            await database.writer.durable(Append(call_id=call.id, announcements=fresh(told)))
    return call


def fresh(told: tuple[OutboxEvent, ...]) -> tuple[OutboxEvent, ...]:
    """Return events as if they were made now."""
    return tuple(replace(event, created_at=datetime.now(UTC)) for event in told)


async def until(holds: Callable[[], object]) -> None:
    """Wait until delivery's figures fulfil something."""
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110  figures tell nobody when they change
            await asyncio.sleep(0.01)


async def settled(
    database: Database, delivery: WebhookDelivery, count: int, account: AccountSid = OURS
) -> tuple[Delivery, ...]:
    """Wait until so many webhooks are no longer waiting, and return all of them in order of their sequence."""
    async with asyncio.timeout(15):
        while True:
            found = await database.repositories.outbox.list(account, limit=500)
            if sum(one.state != "waiting" for one in found) >= count and not delivery.health().in_flight:
                return tuple(sorted(found, key=lambda one: (one.event.call_id, one.event.sequence)))
            await asyncio.sleep(0.01)


async def make_due(database: Database, delivery: WebhookDelivery) -> None:
    """Let the time of the next tries come."""
    await until(lambda: not delivery.health().in_flight)
    await database.writer.run(lambda connection: connection.execute(update(tables.outbox).values(next_at=NOW)))
    delivery.nudge()


async def test_event_is_delivered_signed_and_complete(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    delivery = await start_delivery()

    call = await tell(database, account, "call_end")
    await receiver.until(len)

    (heard,) = receiver.heard
    Webhook(account.webhook_secret).verify(heard.body, dict(heard.headers))
    told = heard.payload
    assert heard.headers["webhook-id"] == told["id"]
    assert (told["event"], told["sequence"], told["call_id"], told["status"]) == ("call_end", 1, call.id, "ANSWER")
    assert (told["reason"], told["evidence"], told["talk_s"], told["missed"]) == ("answered", [2], 60.0, [])
    (done,) = await settled(database, delivery, 1)
    assert (done.state, done.attempts, done.last_error) == ("delivered", 1, "")
    (attempt,) = await database.repositories.outbox.attempts(OURS, done.event.id)
    assert attempt.status_code == 200


async def test_failed_try_is_repeated_with_the_same_id_and_a_new_signature(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    receiver.answers["/hook"] = always(503)
    delivery = await start_delivery()

    await tell(database, account, "call_end")
    await receiver.until(len)
    receiver.answers.clear()
    await make_due(database, delivery)
    await receiver.until(lambda heard: len(heard) == 2)

    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    (done,) = await settled(database, delivery, 1)
    assert (done.state, done.attempts) == ("delivered", 2)
    attempts = await database.repositories.outbox.attempts(OURS, done.event.id)
    assert [(attempt.attempt, attempt.status_code) for attempt in attempts] == [(1, 503), (2, 200)]


async def test_events_of_a_call_arrive_in_order_and_one_at_a_time(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    running = 0
    most = 0

    async def slow(heard: Heard) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return 200

    receiver.answers["/hook"] = slow
    call = a_request()
    await tell(database, account, "call_start", "call_answer", "call_end", call=call)

    await start_delivery()
    await receiver.until(lambda heard: len(heard) == 3)

    assert [heard.payload["event"] for heard in receiver.heard] == ["call_start", "call_answer", "call_end"]
    assert most == 1


async def test_failing_event_holds_up_its_call_until_it_yields_and_is_then_listed_as_missed(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")

    async def refuse_start(heard: Heard) -> int:
        return 503 if heard.payload["event"] == "call_start" else 200

    receiver.answers["/hook"] = refuse_start
    delivery = await start_delivery()
    call = await tell(database, account, "call_start", "call_end")
    await receiver.until(len)
    await make_due(database, delivery)
    await receiver.until(lambda heard: len(heard) == 2)
    assert [heard.payload["event"] for heard in receiver.heard] == ["call_start", "call_start"]

    long_ago = update(tables.outbox).where(tables.outbox.c.event == "call_start").values(created_at=NOW)
    await database.writer.run(lambda connection: connection.execute(long_ago))
    delivery.nudge()
    await receiver.until(lambda heard: len(heard) == 3)

    assert receiver.heard[-1].payload["event"] == "call_end"
    assert receiver.heard[-1].payload["missed"] == [{"sequence": 1, "event": "call_start"}]
    await make_due(database, delivery)
    start, end = await settled(database, delivery, 2)
    assert (start.event.call_id, start.state, end.state) == (call.id, "dead", "delivered")
    assert "missed" in start.last_error
    assert len(receiver.heard) == 3


async def test_permanent_refusal_of_an_early_event_lets_the_last_one_go_at_once(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")

    async def refuse_start(heard: Heard) -> int:
        return 404 if heard.payload["event"] == "call_start" else 200

    receiver.answers["/hook"] = refuse_start
    delivery = await start_delivery()

    await tell(database, account, "call_start", "call_end")

    start, end = await settled(database, delivery, 2)
    assert (start.state, start.last_error, end.state) == ("dead", "answered 404", "delivered")
    assert receiver.heard[-1].payload["missed"] == [{"sequence": 1, "event": "call_start"}]


async def test_410_stops_the_endpoint_for_the_account_until_it_is_started_again(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    url = f"{receiver.url}/hook"
    account, other = await an_account_at(database, url), await an_account_at(database, url, THEIRS)
    receiver.answers["/hook"] = always(410)
    delivery = await start_delivery()

    await tell(database, account, "call_end")
    await settled(database, delivery, 1)
    receiver.answers.clear()
    await tell(database, account, "call_end")
    await tell(database, other, "call_end")
    (theirs,) = await settled(database, delivery, 1, THEIRS)
    first, second = await settled(database, delivery, 2)

    assert (first.state, second.state, theirs.state) == ("dead", "dead", "delivered")
    assert [stopped.endpoint for stopped in await database.repositories.outbox.stopped(OURS)] == [url]
    assert await database.repositories.outbox.start_endpoint(OURS, url)
    assert await database.repositories.outbox.replay(OURS, second.event.id)
    delivery.nudge()
    await receiver.until(lambda heard: len(heard) == 3)
    assert receiver.heard[-1].headers["webhook-id"] == second.event.id


async def test_dead_receiver_holds_up_nobody_else(database: Database, receiver: Receiver, start_delivery: Any) -> None:
    never = asyncio.Event()

    async def hang(heard: Heard) -> int:
        await never.wait()
        return 200

    slow = Receiver()
    await slow.start()
    slow.answers["/hook"] = hang
    account = await an_account_at(database, f"{slow.url}/hook")
    other = await an_account_at(database, f"{receiver.url}/hook", THEIRS)
    for _ in range(60):
        await tell(database, account, "call_end")
    delivery = await start_delivery(per_endpoint=4, at_once=16)
    await slow.until(lambda heard: len(heard) == 4)

    for _ in range(20):
        await tell(database, other, "call_end")
    await receiver.until(lambda heard: len(heard) == 20)

    assert len(slow.heard) == 4
    never.set()
    await delivery.stop(grace_s=1)
    await slow.stop()


async def test_private_address_is_refused_unless_the_account_allows_it(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    port = receiver.url.rpartition(":")[2]
    for number, host in enumerate(("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "[::1]")):
        sid = AccountSid(f"acc_{number}")
        account = await an_account_at(database, f"http://{host}:{port}/hook", sid, allow_private_webhooks=False)
        await tell(database, account, "call_end")
    delivery = await start_delivery()

    await until(lambda: delivery.health().failed_tries == 6)

    assert receiver.heard == []
    for number in range(6):
        (waiting,) = await database.repositories.outbox.list(AccountSid(f"acc_{number}"))
        assert waiting.state == "waiting"
        assert "not a public address" in waiting.last_error or "not a canonical IPv4" in waiting.last_error


async def test_redirect_is_not_followed(database: Database, receiver: Receiver, start_delivery: Any) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    receiver.answers["/hook"] = always(302, location=f"{receiver.url}/elsewhere")
    delivery = await start_delivery()

    await tell(database, account, "call_end")
    await until(lambda: delivery.health().failed_tries)

    assert [heard.path for heard in receiver.heard] == ["/hook"]
    (waiting,) = await database.repositories.outbox.list(OURS)
    assert (waiting.state, waiting.last_error) == ("waiting", "answered 302")


async def test_endless_answer_is_cut_off(database: Database, receiver: Receiver, start_delivery: Any) -> None:
    sent = 0

    async def endless(heard: Heard) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(heard.request)
        while True:
            await response.write(b"x" * 65536)
            sent += 65536

    account = await an_account_at(database, f"{receiver.url}/hook")
    receiver.answers["/hook"] = endless
    delivery = await start_delivery()

    await tell(database, account, "call_end")

    (done,) = await settled(database, delivery, 1)
    assert done.state == "delivered"
    assert sent < 64 << 20


async def test_slow_answer_ends_with_the_time_limit(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    async def drip(heard: Heard) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(heard.request)
        await asyncio.sleep(60)
        return response

    account = await an_account_at(database, f"{receiver.url}/hook")
    receiver.answers["/hook"] = drip
    delivery = await start_delivery(timeout_s=0.2)

    await tell(database, account, "call_end")
    await until(lambda: delivery.health().failed_tries)

    (waiting,) = await database.repositories.outbox.list(OURS)
    assert waiting.last_error == "no answer within 0.2 s"


async def test_killed_process_is_replaced_and_nothing_is_lost(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    hold = asyncio.Event()

    async def wait(heard: Heard) -> int:
        await hold.wait()
        return 200

    receiver.answers["/hook"] = wait
    account = await an_account_at(database, f"{receiver.url}/hook")
    delivery = await start_delivery()
    await tell(database, account, "call_start", "call_end")
    await receiver.until(len)

    assert delivery._child is not None
    os.kill(delivery._child.pid, signal.SIGKILL)
    hold.set()
    start, end = await settled(database, delivery, 2)

    assert (start.state, end.state) == ("delivered", "delivered")
    assert delivery.health().restarts == 1
    assert [heard.payload["event"] for heard in receiver.heard] == ["call_start", "call_start", "call_end"]


async def test_stop_waits_for_running_tries_and_writes_them_down(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    hold = asyncio.Event()

    async def wait(heard: Heard) -> int:
        await hold.wait()
        return 200

    receiver.answers["/hook"] = wait
    account = await an_account_at(database, f"{receiver.url}/hook")
    delivery = await start_delivery()
    await tell(database, account, "call_end")
    await receiver.until(len)

    stopping = asyncio.create_task(delivery.stop(grace_s=5))
    await asyncio.sleep(0)
    hold.set()
    await stopping

    (done,) = await database.repositories.outbox.list(OURS)
    assert done.state == "delivered"
    assert not delivery.health().is_running


async def test_stop_ends_while_a_dead_process_is_being_replaced(database: Database, start_delivery: Any) -> None:
    delivery = await start_delivery()
    dead = delivery._child
    assert dead is not None

    os.kill(dead.pid, signal.SIGKILL)
    await until(lambda: delivery.health().restarts)
    done, _ = await asyncio.wait({asyncio.create_task(delivery.stop())}, timeout=10)

    assert done
    assert not delivery.health().is_running
    assert delivery.health().restarts == 1


async def test_stop_ends_a_process_that_was_only_just_being_started(
    database: Database, start_delivery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = await start_delivery()
    begun, go_on, start = asyncio.Event(), asyncio.Event(), asyncio.create_subprocess_exec

    async def start_slowly(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        begun.set()
        await go_on.wait()
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_slowly)
    assert delivery._child is not None
    os.kill(delivery._child.pid, signal.SIGKILL)
    await begun.wait()
    stopping = asyncio.create_task(delivery.stop())
    await asyncio.sleep(0)
    go_on.set()

    done, _ = await asyncio.wait({stopping}, timeout=10)
    assert done


async def test_signal_to_the_whole_process_group_leaves_delivery_to_the_parent(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    delivery = await start_delivery()
    assert delivery._child is not None

    os.kill(delivery._child.pid, signal.SIGTERM)
    await tell(database, account, "call_end")
    (done,) = await settled(database, delivery, 1)

    assert done.state == "delivered"
    assert delivery.health().restarts == 0


async def test_what_waited_while_nobody_delivered_goes_after_a_restart(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    for _ in range(30):
        await tell(database, account, "call_start", "call_end")

    delivery = await start_delivery()

    done = await settled(database, delivery, 60)
    assert {one.state for one in done} == {"delivered"}
    by_call: dict[str, list[int]] = {}
    for heard in receiver.heard:
        by_call.setdefault(heard.payload["call_id"], []).append(heard.payload["sequence"])
    assert list(by_call.values()) == [[1, 2]] * 30


async def test_get_carries_filled_placeholders_and_signs_the_query(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    url = receiver.url + "/cdr?who={caller}&st={{ status }}&note={{custom}}&x={nobody}"
    account = await an_account_at(database, None)
    call = a_request(custom="a&b=c d/ä", callbacks=(CallbackUrl(url=url, method="GET"),))
    await start_delivery()

    await tell(database, account, "call_start", "call_end", call=call)
    await receiver.until(len)

    (heard,) = receiver.heard  # no `events` means call_end only
    assert heard.request.method == "GET"
    assert heard.query == {"who": "+4930123456", "st": "ANSWER", "note": "a&b=c d/ä", "x": ""}
    query = heard.request.raw_path.partition("?")[2]
    at = datetime.fromtimestamp(int(heard.headers["webhook-timestamp"]), UTC)
    signature = Webhook(account.webhook_secret).sign(heard.headers["webhook-id"], at, query)
    assert heard.headers["webhook-signature"] == signature


async def test_replayed_event_goes_again_with_its_id_although_a_later_one_was_delivered(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    delivery = await start_delivery()
    await tell(database, account, "call_start", "call_end")
    start, _ = await settled(database, delivery, 2)

    assert not await database.repositories.outbox.replay(THEIRS, start.event.id)
    assert await database.repositories.outbox.replay(OURS, start.event.id)
    delivery.nudge()
    await receiver.until(lambda heard: len(heard) == 3)

    assert receiver.heard[-1].headers["webhook-id"] == start.event.id


async def test_failing_endpoint_does_not_hold_up_another_one_of_the_same_call(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/broken")
    receiver.answers["/broken"] = always(503)
    both = frozenset({"call_start", "call_end"})
    call = a_request(callbacks=(CallbackUrl(url=f"{receiver.url}/fine", events=both),))
    await start_delivery()

    await tell(database, account, "call_start", "call_end", call=call)
    await receiver.until(lambda heard: sum(one.path == "/fine" for one in heard) == 2)

    fine = [heard.payload for heard in receiver.heard if heard.path == "/fine"]
    assert [told["event"] for told in fine] == ["call_start", "call_end"]
    assert fine[1]["missed"] == []
    assert [heard.payload["event"] for heard in receiver.heard if heard.path == "/broken"] == ["call_start"]


async def test_backlog_of_a_failing_receiver_rests_while_it_is_probed(
    database: Database, receiver: Receiver, start_delivery: Any
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    receiver.answers["/hook"] = always(500)
    for _ in range(150):
        await tell(database, account, "call_end")
    soon = datetime.now(UTC) + timedelta(seconds=20)  # the rest is 30 s, and so is the first pause between tries

    await start_delivery(per_endpoint=2)
    async with asyncio.timeout(15):
        while True:
            found = await database.repositories.outbox.list(OURS, limit=200)
            untried = [one for one in found if not one.attempts]
            if all(one.next_at is not None and one.next_at > soon for one in untried):
                break
            await asyncio.sleep(0.01)

    assert len(untried) >= 75


async def test_database_that_cannot_be_read_for_a_moment_keeps_no_webhook_back(
    database: Database, receiver: Receiver, start_delivery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await an_account_at(database, f"{receiver.url}/hook")
    for _ in range(5):
        await tell(database, account, "call_end")
    get, failures = database.repositories.accounts.get, iter([True, False])

    async def fail_once(sid: AccountSid) -> Account | None:
        if next(failures, False):
            raise StoreUnavailableError("the database is away")
        return await get(sid)

    monkeypatch.setattr(type(database.repositories.accounts), "get", staticmethod(fail_once))
    delivery = await start_delivery()

    done = await settled(database, delivery, 5)
    assert {one.state for one in done} == {"delivered"}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00\xff\x1b[31m not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad\x00header: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
        b"HTTP/1.1 OK\r\n\r\n",
    ],
)
async def test_receiver_that_talks_nonsense_is_a_failed_try(
    database: Database, start_delivery: Any, garbage: bytes
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(garbage)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    account = await an_account_at(database, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook")
    delivery = await start_delivery()

    await tell(database, account, "call_end")
    await until(lambda: delivery.health().failed_tries)

    (waiting,) = await database.repositories.outbox.list(OURS)
    assert (waiting.state, waiting.attempts) == ("waiting", 1)
    assert waiting.last_error
    assert waiting.last_error.isprintable()
    assert len(waiting.last_error) <= 300
    server.close()
