"""Placing calls over HTTP, into a real database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ringback.model.account import Account
from ringback.model.call import FlowTarget, MessageTarget
from ringback.model.ids import AccountSid, CallId
from ringback.store.calls import CallFilter
from ringback.testing.api import ApiWorld, Tenant, api_world

BRIDGE = "+4930901820"
GOOD = {"to": "+4930901821", "bridge": BRIDGE, "target": "flow_1"}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def tenant(world: ApiWorld) -> Tenant:
    return await world.tenant(Account(sid=AccountSid("AC1"), name="One", is_test=True))


@pytest_asyncio.fixture
async def client(world: ApiWorld, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(tenant=tenant) as opened:
        yield opened


async def count_calls(world: ApiWorld) -> int:
    page = await world.database.repositories.calls.page(AccountSid("AC1"), CallFilter(), limit=200)
    return len(page.calls)


async def place(client: httpx.AsyncClient, body: dict[str, Any], **options: Any) -> httpx.Response:
    return await client.post("/v1/AC1/voice/outbound", json=body, **options)


async def test_accepted_call_is_in_the_database_with_all_its_fields(world: ApiWorld, client: httpx.AsyncClient) -> None:
    body = GOOD | {
        "retry": 2,
        "interval": 30,
        "timeout": 20,
        "delay": 60,
        "custom": "order 7",
        "max_duration": 90,
        "variables": {"name": "Ada"},
        "callback": {"call_end": {"url": ["https://example.com/a?c={{caller}}"]}, "CALL_START": {"url": []}},
        "dlrurl": "https://example.com/dlr",
        "queue": False,
    }

    answer = await place(client, body)

    assert answer.status_code == 202, answer.text
    data = answer.json()["data"]
    assert data["calls"] == [{"to": "+4930901821", "id": data["id"]}]
    row = await world.database.repositories.calls.get(AccountSid("AC1"), CallId(data["id"]))
    assert row is not None
    request = row.request
    assert (request.to, request.from_, request.bridge) == ("+4930901821", BRIDGE, BRIDGE)
    assert (request.retries_left, request.interval_s, request.ring_ms) == (2, 30, 20_000)
    assert (request.custom, request.max_duration_ms, request.variables) == ("order 7", 90_000, {"name": "Ada"})
    assert request.target == FlowTarget(flow_id="flow_1")
    assert request.queues is False
    assert request.not_before is not None
    assert (request.not_before - world.clock.now()).total_seconds() == 60
    assert {url.url: url.events for url in request.callbacks} == {
        "https://example.com/a?c={{caller}}": {"call_end"},
        "https://example.com/dlr": {"call_end"},
    }


@pytest.mark.parametrize("as_what", ["data", "files", "json"])
async def test_form_multipart_and_json_mean_the_same(world: ApiWorld, client: httpx.AsyncClient, as_what: str) -> None:
    fields = GOOD | {"retry": "1", "target": '[{"message":{"text":"Hello"}}]', "variables": '{"a": 1}'}
    bodies: dict[str, dict[str, Any]] = {
        "data": {"data": fields},
        "files": {"files": {name: (None, value) for name, value in fields.items()}},
        "json": {"json": GOOD | {"retry": 1, "target": [{"message": {"text": "Hello"}}], "variables": {"a": 1}}},
    }

    answer = await client.post("/v1/AC1/voice/outbound", **bodies[as_what])

    assert answer.status_code == 202, answer.text
    row = await world.database.repositories.calls.get(AccountSid("AC1"), CallId(answer.json()["data"]["id"]))
    assert row is not None
    assert row.request.target == MessageTarget(text="Hello")
    assert (row.request.retries_left, row.request.variables) == (1, {"a": 1})


async def test_several_numbers_are_accepted_in_their_order(world: ApiWorld, client: httpx.AsyncClient) -> None:
    numbers = [f"+49309018{index:02}" for index in range(30, 60)]

    answer = await place(client, GOOD | {"to": ",".join(numbers)})

    data = answer.json()["data"]
    assert answer.status_code == 202
    assert [call["to"] for call in data["calls"]] == numbers
    assert data["id"] is None
    ids = [call["id"] for call in data["calls"]]
    assert ids == sorted(ids)
    assert await count_calls(world) == 30


async def test_one_wrong_number_of_many_refuses_all_and_is_named(world: ApiWorld, client: httpx.AsyncClient) -> None:
    answer = await place(client, GOOD | {"to": "+4930901821, nonsense,+4930901822,,+4930901821"})

    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == ["to[1]", "to[3]", "to[4]"]
    assert await count_calls(world) == 0


async def test_every_fault_is_told_at_once(client: httpx.AsyncClient) -> None:
    wrong = {
        "bridge": "abc",
        "target": "[]",
        "retry": 9,
        "timeout": "soon",
        "dely": 3,
        "callback": {"call_stop": {"url": ["https://example.com"]}},
        "time": "2020-01-01T00:00:00Z",
    }

    answer = await place(client, wrong)

    assert answer.status_code == 400
    told = {fault["field"]: fault["detail"] for fault in answer.json()["errors"]}
    assert set(told) == {"dely", "to", "retry", "timeout"}
    assert "did you mean `delay`" in told["dely"]
    wrong = {name: value for name, value in wrong.items() if name not in told} | {"to": "+4930901821"}
    answer = await place(client, wrong)
    assert {fault["field"] for fault in answer.json()["errors"]} == {"bridge", "target", "callback.call_stop", "time"}


async def test_same_number_as_bridge_or_partner_is_refused(client: httpx.AsyncClient) -> None:
    answer = await place(client, GOOD | {"to": BRIDGE})
    assert answer.status_code == 400
    pair = {"from": "+4930901821", "to": "4930901821", "bridge": BRIDGE}

    answer = await client.post("/v1/AC1/voice/click-to-call", json=pair)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "to", "detail": "is the same number as `from`; a phone cannot be joined with itself"}
    ]


async def test_click_to_call_does_not_queue_unless_asked(world: ApiWorld, client: httpx.AsyncClient) -> None:
    pair = {"from": "+4930901821", "to": "+4930901822", "bridge": BRIDGE}

    answers = [
        await client.post("/v1/AC1/voice/click-to-call", json=pair),
        await client.post("/v1/AC1/voice/click-to-call", data=pair | {"queue": "true"}),
    ]

    queues = []
    for answer in answers:
        assert answer.status_code == 202, answer.text
        row = await world.database.repositories.calls.get(AccountSid("AC1"), CallId(answer.json()["data"]["id"]))
        assert row is not None
        assert (row.request.from_, row.request.to) == ("+4930901821", "+4930901822")
        queues.append(row.request.queues)
    assert queues == [False, True]


async def test_test_numbers_are_for_test_accounts_only(world: ApiWorld, client: httpx.AsyncClient) -> None:
    other = await world.tenant(Account(sid=AccountSid("AC2"), name="Two"))

    accepted = await place(client, GOOD | {"to": "+9991"})
    async with world.client(tenant=other) as stranger:
        refused = await stranger.post("/v1/AC2/voice/outbound", json=GOOD | {"to": "+9991"})

    assert accepted.status_code == 202
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "to"


async def test_unoffered_fields_say_so(client: httpx.AsyncClient) -> None:
    answer = await place(client, GOOD | {"detect_machine": True})

    assert answer.status_code == 400
    assert "not offered" in answer.json()["errors"][0]["detail"]


class TestIdempotency:
    async def test_same_key_gives_the_same_answer_and_one_call(
        self, world: ApiWorld, client: httpx.AsyncClient
    ) -> None:
        first = await place(client, GOOD, headers={"Idempotency-Key": "k1"})
        again = await client.post("/v1/AC1/voice/outbound", data=GOOD, headers={"Idempotency-Key": "k1"})

        assert first.status_code == again.status_code == 202
        assert first.json() == again.json()
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert await count_calls(world) == 1

    async def test_field_and_header_are_the_same_key(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        first = await place(client, GOOD, headers={"Idempotency-Key": "k7"})
        again = await place(client, GOOD | {"idempotency_key": "k7"})
        differ = await place(client, GOOD | {"idempotency_key": "k7"}, headers={"Idempotency-Key": "k8"})

        assert first.json() == again.json()
        assert await count_calls(world) == 1
        assert differ.status_code == 400

    async def test_parallel_hits_give_one_call(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "k2"}

        answers = await asyncio.gather(*(place(client, GOOD, headers=headers) for _ in range(40)))

        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["data"]["id"] for answer in answers}) == 1
        assert await count_calls(world) == 1

    async def test_other_body_with_the_same_key_is_refused(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        await place(client, GOOD | {"idempotency_key": "k3"})

        answer = await place(client, GOOD | {"custom": "x", "idempotency_key": "k3"})

        assert answer.status_code == 422
        assert answer.json()["type"] == "/problems/idempotency-key-reused"
        assert await count_calls(world) == 1

    async def test_repeat_is_answered_even_when_its_time_has_passed(
        self, world: ApiWorld, client: httpx.AsyncClient
    ) -> None:
        body = GOOD | {"time": "2026-03-02T10:00:00+01:00"}
        first = await place(client, body, headers={"Idempotency-Key": "k4"})
        world.clock.advance(3_600)

        again = await place(client, body, headers={"Idempotency-Key": "k4"})

        assert first.status_code == again.status_code == 202
        assert first.json() == again.json()

    async def test_key_is_forgotten_after_a_day(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        await place(client, GOOD, headers={"Idempotency-Key": "k5"})
        world.clock.advance(24 * 3_600 + 1)

        answer = await place(client, GOOD, headers={"Idempotency-Key": "k5"})

        assert answer.status_code == 202
        assert await count_calls(world) == 2

    async def test_keys_of_accounts_are_apart(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        other = await world.tenant(Account(sid=AccountSid("AC2"), name="Two"))
        first = await place(client, GOOD, headers={"Idempotency-Key": "k6"})

        async with world.client(tenant=other) as stranger:
            second = await stranger.post("/v1/AC2/voice/outbound", json=GOOD, headers={"Idempotency-Key": "k6"})

        assert second.status_code == 202
        assert first.json()["data"]["id"] != second.json()["data"]["id"]

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\x01b"])
    async def test_unusable_keys_are_refused(self, client: httpx.AsyncClient, key: str) -> None:
        answer = await place(client, GOOD | {"idempotency_key": key})

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "idempotency_key"
