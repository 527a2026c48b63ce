"""Looking at calls over HTTP: lists, paging, one call, its journal, hanging up, call logs, masks, tenancy."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ringback.api.services import ApiSettings
from ringback.model.access import Scope
from ringback.model.account import Account
from ringback.model.ids import AccountSid, CallId
from ringback.model.status import HangupBy, Status
from ringback.testing.api import ApiWorld, Tenant, api_world

BRIDGE = "+4930901820"


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    settings = ApiSettings(requests_per_s=1e6, burst=1_000_000, mask_numbers=True)
    async with api_world(tmp_path, settings=settings) as opened:
        yield opened


@pytest_asyncio.fixture
async def tenant(world: ApiWorld) -> Tenant:
    return await world.tenant(Account(sid=AccountSid("AC1"), name="One"))


@pytest_asyncio.fixture
async def client(world: ApiWorld, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    async def tick(_: httpx.Request) -> None:
        world.clock.advance(0.001)  # ids of different milliseconds sort as they were made

    async with world.client(tenant=tenant) as opened:
        opened.event_hooks["request"] = [tick]
        yield opened


async def place(client: httpx.AsyncClient, sid: str = "AC1", **fields: Any) -> str:
    body = {"to": "+4930901821", "bridge": BRIDGE, "target": "flow_1"} | fields
    answer = await client.post(f"/v1/{sid}/voice/outbound", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["calls"][0]["id"])


async def finish(world: ApiWorld, call_id: str, status: Status) -> None:
    row = await world.database.repositories.calls.get(AccountSid("AC1"), CallId(call_id))
    assert row is not None
    await world.calls.finish(row.request, status, "by_hand", HangupBy.PLATFORM)


async def test_waiting_call_has_a_state_and_no_status(client: httpx.AsyncClient) -> None:
    call_id = await place(client, custom="order 7")

    call = (await client.get(f"/v1/AC1/calls/{call_id}")).json()

    assert (call["id"], call["state"], call["status"], call["custom"]) == (call_id, "scheduled", None, "order 7")
    assert (call["from"], call["to"], call["bridge"]) == (BRIDGE, "+4930901821", BRIDGE)
    assert call["attempts"] == [call_id]
    assert call["evidence_entries"] == []


async def test_final_call_shows_its_evidence(world: ApiWorld, client: httpx.AsyncClient) -> None:
    call_id = await place(client)
    await finish(world, call_id, Status.BUSY)

    call = (await client.get(f"/v1/AC1/calls/{call_id}")).json()
    events = (await client.get(f"/v1/AC1/calls/{call_id}/events")).json()["events"]

    assert (call["state"], call["status"], call["reason"]) == ("final", "BUSY", "by_hand")
    assert call["evidence"] == [2]
    assert [entry["seq"] for entry in call["evidence_entries"]] == [2]
    assert [(event["seq"], event["is_evidence"]) for event in events] == [(1, False), (2, True), (3, False)]


async def test_paging_neither_repeats_nor_loses_while_calls_come_in(client: httpx.AsyncClient) -> None:
    placed = [await place(client) for _ in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/AC1/calls", params=query)).json()
        seen += [call["id"] for call in page["calls"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await place(client)  # newer calls must not shift the pages

    assert seen == sorted(placed, reverse=True)


@pytest.mark.parametrize("cursor", ["x", "", "é", "call_01", "A" * 400])
async def test_foreign_cursors_are_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/AC1/calls", params={"cursor": cursor})

    assert answer.status_code == 400, answer.text


async def test_filters(world: ApiWorld, client: httpx.AsyncClient) -> None:
    busy, waiting = await place(client), await place(client, to="+4930901899")
    await finish(world, busy, Status.BUSY)
    world.clock.advance(3_600)
    later = await place(client, bridge="+4930901888")
    after = (world.clock.now() - timedelta(minutes=1)).isoformat()

    async def ids(**query: str) -> list[str]:
        answer = await client.get("/v1/AC1/calls", params=query)
        assert answer.status_code == 200, answer.text
        return [call["id"] for call in answer.json()["calls"]]

    assert await ids() == [later, waiting, busy]
    assert await ids(status="BUSY") == [busy]
    assert await ids(state="scheduled") == [later, waiting]
    assert await ids(number="+4930901899") == [waiting]
    assert await ids(bridge="+4930901888") == [later]
    assert await ids(since=after) == [later]
    assert await ids(until=after, kind="outbound") == [waiting, busy]
    assert await ids(kind="incoming") == []


@pytest.mark.parametrize(
    "query",
    [
        {"status": "DONE"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"since": "yesterday"},
        {"since": "2026-03-01T10:00:00"},
        {"kind": "sms"},
    ],
)
async def test_wrong_filters_are_refused(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get("/v1/AC1/calls", params=query)

    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == list(query)


async def test_hanging_up_a_waiting_call_cancels_it_once(client: httpx.AsyncClient) -> None:
    call_id = await place(client)

    answers = [(await client.post(f"/v1/AC1/calls/{call_id}/hangup")).json() for _ in range(2)]

    assert [answer["status"] for answer in answers] == ["CANCEL", "CANCEL"]
    assert [answer["was_final"] for answer in answers] == [False, True]


async def test_hanging_up_a_final_call_changes_nothing(world: ApiWorld, client: httpx.AsyncClient) -> None:
    call_id = await place(client)
    await finish(world, call_id, Status.ANSWER)

    answer = await client.post(f"/v1/AC1/calls/{call_id}/hangup")

    assert answer.status_code == 200
    assert answer.json() == {"id": call_id, "state": "final", "status": "ANSWER", "was_final": True}


async def test_calls_of_other_accounts_are_not_there(world: ApiWorld, client: httpx.AsyncClient) -> None:
    other = await world.tenant(Account(sid=AccountSid("AC2"), name="Two"))
    call_id = await place(client)

    async with world.client(tenant=other) as stranger:
        for method, path in [("GET", ""), ("GET", "/events"), ("POST", "/hangup")]:
            answer = await stranger.request(method, f"/v1/AC2/calls/{call_id}{path}")
            assert answer.status_code == 404, path
        assert (await stranger.get("/v1/AC2/calls")).json()["calls"] == []
        assert (await stranger.get("/v1/AC2/voice/call-logs")).json()["total"] == 0
        assert (await stranger.get(f"/v1/AC2/voice/call-logs?call_id={call_id}")).json()["data"] == []


class TestCallLogs:
    async def test_get_and_both_posts_list_the_same(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        call_id = await place(client, custom="c")
        await finish(world, call_id, Status.NOANSWER)
        await place(client)
        world.clock.advance(1)
        path = "/v1/AC1/voice/call-logs"

        answers = [
            await client.get(path, params={"status": "NOANSWER"}),
            await client.post(path, data={"status": "NOANSWER"}),
            await client.post(path, json={"status": "NOANSWER"}),
        ]

        logs = [answer.json() for answer in answers]
        assert logs[0] == logs[1] == logs[2]
        assert (logs[0]["total"], logs[0]["code"]) == (1, "RBC200")
        (row,) = logs[0]["data"]
        assert (row["id"], row["status"], row["status_reason"]) == (call_id, "NOANSWER", "by_hand")
        assert (row["type"], row["target"], row["custom"]) == ("outbound", "flow_1", "c")

    async def test_pages_and_limit_as_header(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        placed = [await place(client) for _ in range(5)]
        world.clock.advance(1)
        pages = []
        for page in (1, 2, 3):
            answer = await client.get("/v1/AC1/voice/call-logs", params={"page": page}, headers={"limit": "2"})
            pages.append([row["id"] for row in answer.json()["data"]])
        newest_first = sorted(placed, reverse=True)

        assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]

    @pytest.mark.parametrize(
        ("start", "end", "field"),
        [
            ("2026-03-01T00:00:00Z", "2026-03-08T00:00:01Z", "end_time"),
            ("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", "end_time"),
            ("2026-03-02T00:00:00", "2026-03-03T00:00:00Z", "start_time"),
            (None, "0001-01-01T00:00:00Z", "end_time"),
            ("9999-12-31T00:00:00Z", None, "start_time"),
        ],
    )
    async def test_window_is_at_most_seven_days(
        self, client: httpx.AsyncClient, start: str | None, end: str | None, field: str
    ) -> None:
        given = {name: time for name, time in (("start_time", start), ("end_time", end)) if time}
        answer = await client.get("/v1/AC1/voice/call-logs", params=given)

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field

    async def test_calls_older_than_the_window_are_left_out(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        await place(client)
        world.clock.advance(8 * 86_400)
        newer = await place(client)
        world.clock.advance(1)

        answer = await client.get("/v1/AC1/voice/call-logs")

        assert [row["id"] for row in answer.json()["data"]] == [newer]


class TestMasks:
    async def test_numbers_are_hidden_from_keys_that_only_read(
        self, world: ApiWorld, client: httpx.AsyncClient, tenant: Tenant
    ) -> None:
        call_id = await place(client)
        _, secret = await world.database.repositories.api_keys.create(
            tenant.account.sid, "reader", frozenset({Scope.READ})
        )

        async with world.client() as reader:
            paths = [f"/calls/{call_id}", "/calls", f"/calls/{call_id}/events", "/voice/call-logs"]
            answers = [await reader.get(tenant.path(path), headers={"api-key": secret}) for path in paths]

        for answer in answers:
            assert answer.status_code == 200
            assert "+4930901821" not in answer.text
        assert answers[0].json()["to"] == "*******1821"
        assert (await client.get(f"/v1/AC1/calls/{call_id}")).json()["to"] == "+4930901821"


async def test_statuses_are_the_28(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/AC1/statuses")).json()["statuses"]
    one = await client.get("/v1/AC1/statuses/NOANSWER")
    none = await client.get("/v1/AC1/statuses/noanswer")

    assert sorted(info["status"] for info in listed) == sorted(Status)
    assert len(listed) == 28
    assert one.json()["family"] == "not_reached"
    assert none.status_code == 404


async def test_verify_finds_what_is_wrong(world: ApiWorld, client: httpx.AsyncClient) -> None:
    await place(client)
    forged = await place(client)
    await finish(world, forged, Status.BUSY)

    found = (await client.get("/v1/AC1/verify")).json()

    assert (found["final"], found["open"], found["is_complete"]) == (1, 1, True)
    assert found["by_status"] == {"BUSY": 1}
    assert {violation["call_id"] for violation in found["violations"]} == {forged}
