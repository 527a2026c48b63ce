"""Configuring an account over HTTP: flows, numbers, trunks, routes, blocked numbers. Against a real database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ringback.model.account import Account
from ringback.model.ids import AccountSid, TrunkId
from ringback.model.trunk import Trunk
from ringback.testing.api import ApiWorld, Tenant, api_world

FLOW = {
    "name": "Welcome",
    "nodes": {
        "start": {"type": "start", "exits": {"next": "bye"}},
        "bye": {"type": "hangup"},
    },
}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(world: ApiWorld) -> AsyncIterator[httpx.AsyncClient]:
    tenant = await world.tenant(Account(sid=AccountSid("AC1"), name="One"))
    async with world.client(tenant=tenant) as opened:
        opened.base_url = httpx.URL("http://ringback.test/v1/AC1")
        yield opened


@pytest_asyncio.fixture
async def stranger(world: ApiWorld) -> AsyncIterator[httpx.AsyncClient]:
    tenant: Tenant = await world.tenant(Account(sid=AccountSid("AC2"), name="Two"))
    async with world.client(tenant=tenant) as opened:
        opened.base_url = httpx.URL("http://ringback.test/v1/AC2")
        yield opened


def ok(answer: httpx.Response, status_code: int = 200) -> Any:
    assert answer.status_code == status_code, answer.text
    return answer.json() if answer.content else None


def refused(answer: httpx.Response, slug: str) -> Any:
    assert answer.json()["type"] == f"/problems/{slug}", answer.text
    return answer.json()


class TestFlows:
    async def test_life_of_a_flow(self, client: httpx.AsyncClient) -> None:
        flow = ok(await client.post("/flows", json={"document": FLOW}), 201)
        path = f"/flows/{flow['id']}"
        assert (flow["flow_state"], flow["name"], flow["may_be_published"]) == ("Draft", "Welcome", True)

        refused(await client.post(f"{path}/pause"), "conflict")
        assert ok(await client.post(f"{path}/publish"))["published_version"] == 1
        refused(await client.post(f"{path}/publish"), "conflict")  # nothing new
        refused(await client.delete(path), "conflict")  # in service
        assert ok(await client.post(f"{path}/pause"))["flow_state"] == "Paused"
        assert ok(await client.post(f"{path}/resume"))["flow_state"] == "Published"

        edited = FLOW | {"description": "changed"}
        assert ok(await client.put(path, json={"document": edited}))["published_version"] == 1
        assert ok(await client.post(f"{path}/publish"))["published_version"] == 2
        versions = ok(await client.get(f"{path}/versions"))["versions"]
        assert [version["version"] for version in versions] == [2, 1]
        assert ok(await client.get(f"{path}/versions/1"))["document"] == FLOW
        assert ok(await client.get(f"{path}/versions/2"))["document"] == edited

        ok(await client.post(f"{path}/pause"))
        ok(await client.delete(path), 204)
        refused(await client.get(path), "not-found")

    async def test_draft_with_errors_is_kept_and_not_published(self, client: httpx.AsyncClient) -> None:
        broken = {"name": "B", "nodes": {"start": {"type": "start", "exits": {"next": "nowhere"}}}}
        flow = ok(await client.post("/flows", json={"document": broken, "name": "Renamed"}), 201)

        assert (flow["name"], flow["may_be_published"]) == ("Renamed", False)
        assert flow["draft"]["name"] == "Renamed"
        problem = refused(await client.post(f"/flows/{flow['id']}/publish"), "flow-invalid")
        assert any("nowhere" in error["detail"] for error in problem["errors"])
        checked = ok(await client.post(f"/flows/{flow['id']}/check"))
        assert checked["problems"] == flow["problems"]
        assert ok(await client.post("/flows/check", json={"document": FLOW}))["may_be_published"] is True

    @pytest.mark.parametrize("version", ["0", "2", "-1", "99999999999999999999999999"])
    async def test_versions_that_never_were(self, client: httpx.AsyncClient, version: str) -> None:
        flow = ok(await client.post("/flows", json={"document": FLOW}), 201)
        ok(await client.post(f"/flows/{flow['id']}/publish"))

        answer = await client.get(f"/flows/{flow['id']}/versions/{version}")

        assert answer.status_code == 404

    async def test_number_moves_from_flow_to_flow_and_that_is_said(self, client: httpx.AsyncClient) -> None:
        first, second = [ok(await client.post("/flows", json={"document": FLOW}), 201)["id"] for _ in range(2)]
        numbers = [ok(await client.post("/numbers", json={"number": f"+493090182{i}"}), 201) for i in range(3)]
        ids = [number["id"] for number in numbers]

        taken = ok(await client.put(f"/flows/{first}/numbers", json={"numbers": [ids[0], "+4930901821"]}))
        assert ({n["id"] for n in taken["numbers"]}, taken["moved"]) == (set(ids[:2]), [])
        taken = ok(await client.put(f"/flows/{second}/numbers", json={"numbers": ids[1:]}))
        assert taken["moved"] == [{"number": "+4930901821", "from_flow": first}]
        (left,) = ok(await client.get(f"/flows/{first}/numbers"))["numbers"]
        assert left["id"] == ids[0]

        ok(await client.put(f"/flows/{second}/numbers", json={"numbers": []}))
        assert ok(await client.get(f"/numbers/{ids[2]}"))["flow_id"] is None
        answer = await client.put(f"/flows/{second}/numbers", json={"numbers": [ids[0], "num_x", "+4930901829"]})
        assert [fault["field"] for fault in refused(answer, "invalid-request")["errors"]] == [
            "numbers[1]",
            "numbers[2]",
        ]

    async def test_other_accounts_flows_are_not_there(
        self, client: httpx.AsyncClient, stranger: httpx.AsyncClient
    ) -> None:
        flow = ok(await client.post("/flows", json={"document": FLOW}), 201)
        path = f"/flows/{flow['id']}"
        number = ok(await client.post("/numbers", json={"number": "+4930901820"}), 201)

        for method, rest in [
            ("GET", ""), ("DELETE", ""), ("POST", "/publish"), ("POST", "/pause"), ("POST", "/resume"),
            ("POST", "/check"),
            ("GET", "/versions"), ("GET", "/versions/1"), ("GET", "/numbers"),
        ]:  # fmt: skip
            refused(await stranger.request(method, path + rest), "not-found")
        refused(await stranger.put(path, json={"document": FLOW}), "not-found")
        assert ok(await stranger.get("/flows"))["flows"] == []
        own = ok(await stranger.post("/flows", json={"document": FLOW}), 201)
        refused(await stranger.put(f"/flows/{own['id']}/numbers", json={"numbers": [number["id"]]}), "invalid-request")
        assert ok(await client.get(path))["flow_state"] == "Draft"

    async def test_lists_come_in_pages(self, client: httpx.AsyncClient) -> None:
        made = {ok(await client.post("/flows", json={"document": FLOW}), 201)["id"] for _ in range(5)}
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = ok(await client.get("/flows", params=query))
            seen += [flow["id"] for flow in page["flows"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]

        assert len(seen) == 5
        assert set(seen) == made


class TestNumbers:
    async def test_number_is_added_changed_and_given_back(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        number = ok(await client.post("/numbers", json={"number": "49 30 901820"}), 201)
        path = f"/numbers/{number['id']}"
        refreshed = world.refreshed

        changed = ok(await client.patch(path, json={"number_status": "Inactive", "channels": 5}))
        assert (changed["number_status"], changed["channels"], changed["voice_out"]) == ("Inactive", 5, True)
        assert ok(await client.patch(path, json={"channels": None}))["channels"] is None
        assert ok(await client.get("/numbers/+4930901820"))["number_status"] == "Inactive"
        assert world.refreshed == refreshed + 2
        ok(await client.delete(path), 204)
        refused(await client.get(path), "not-found")

    async def test_number_is_held_once_in_the_installation(
        self, client: httpx.AsyncClient, stranger: httpx.AsyncClient
    ) -> None:
        ok(await client.post("/numbers", json={"number": "+4930901820"}), 201)

        refused(await client.post("/numbers", json={"number": "+4930901820"}), "conflict")
        refused(await stranger.post("/numbers", json={"number": "+4930901820"}), "conflict")
        refused(await stranger.get("/numbers/+4930901820"), "not-found")

    async def test_flow_must_be_the_accounts_own(self, client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
        flow = ok(await stranger.post("/flows", json={"document": FLOW}), 201)

        answer = await client.post("/numbers", json={"number": "+4930901820", "flow_id": flow["id"]})

        assert refused(answer, "invalid-request")["errors"][0]["field"] == "flow_id"

    async def test_same_idempotency_key_adds_once(self, client: httpx.AsyncClient) -> None:
        body, headers = {"number": "+4930901820"}, {"Idempotency-Key": "n1"}

        first = await client.post("/numbers", json=body, headers=headers)
        again = await client.post("/numbers", json=body, headers=headers)

        assert ok(first, 201) == ok(again, 201)
        assert again.headers["idempotency-replayed"] == "true"
        other = await client.post("/numbers", json={"number": "+4930901821"}, headers=headers)
        refused(other, "idempotency-key-reused")

    async def test_failed_request_does_not_use_up_its_key(self, client: httpx.AsyncClient) -> None:
        headers = {"Idempotency-Key": "n2"}
        ok(await client.post("/numbers", json={"number": "+4930901820"}), 201)
        refused(await client.post("/numbers", json={"number": "+4930901820"}, headers=headers), "conflict")
        ok(await client.delete("/numbers/+4930901820"), 204)

        ok(await client.post("/numbers", json={"number": "+4930901820"}, headers=headers), 201)

    async def test_subscriptions_speak_the_compatible_words(self, client: httpx.AsyncClient) -> None:
        added = ok(await client.post("/number/subscriptions", json={"numbers": ["+4930901820"]}), 201)
        listed = ok(await client.get("/number/subscriptions"))

        assert added["code"] == listed["code"] == "CLE402"
        (row,) = listed["data"]
        assert (row["number"], row["number_status"], row["iso_code"]) == ("+4930901820", "Active", "DE")
        assert row["capabilities"] == ["voice_in", "voice_out"]

    async def test_blocked_numbers(self, client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
        ok(await client.post("/blocked-numbers", json={"number": "+4930901829", "note": "asked for it"}), 201)
        ok(await client.post("/blocked-numbers", json={"number": "+4930901829", "incoming": False}), 201)
        neither = {"number": "+4930901829", "incoming": False, "outgoing": False}
        refused(await client.post("/blocked-numbers", json=neither), "invalid-request")

        (row,) = ok(await client.get("/blocked-numbers"))["blocked_numbers"]
        assert (row["number"], row["outgoing"], row["incoming"]) == ("+4930901829", True, False)
        assert ok(await stranger.get("/blocked-numbers"))["blocked_numbers"] == []
        refused(await stranger.delete("/blocked-numbers/+4930901829"), "not-found")
        ok(await client.delete("/blocked-numbers/+4930901829"), 204)
        assert ok(await client.get("/blocked-numbers"))["blocked_numbers"] == []


TRUNK = {"name": "Carrier", "gateways": ["sip.example.com:5060"], "username": "u", "password": "secret"}


class TestRouting:
    async def test_password_is_never_shown_and_kept_when_left_out(
        self, world: ApiWorld, client: httpx.AsyncClient
    ) -> None:
        trunk = ok(await client.post("/trunks", json=TRUNK), 201)
        changed = await client.patch(f"/trunks/{trunk['id']}", json={"channels": 3})

        assert trunk["has_password"] is True
        assert ok(changed)["channels"] == 3
        for path in ("/trunks", f"/trunks/{trunk['id']}"):
            assert "secret" not in (await client.get(path)).text
        stored = await world.database.repositories.trunks.get(AccountSid("AC1"), TrunkId(trunk["id"]))
        assert stored is not None
        assert stored.password == "secret"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"gateways": []}, "gateways"),
            ({"gateways": ["sip.example.com:70000"]}, "gateways[0]"),
            ({"gateways": ["a b:5060"]}, "gateways[0]"),
            ({"sources": ["10.0.0.0/33"]}, "sources[0]"),
            ({"codecs": ["G729"]}, "codecs[0]"),
            ({"srtp": "maybe"}, "srtp"),
            ({"username": None}, "username"),
            ({"overrides": [{"id": "x", "result": "busy"}]}, "overrides[0]"),
            ({"overrides": [{"id": "x", "result": "busy", "sip": 99}]}, "overrides[0]"),
        ],
    )
    async def test_unusable_trunks_are_refused(
        self, client: httpx.AsyncClient, change: dict[str, Any], field: str
    ) -> None:
        answer = await client.post("/trunks", json=TRUNK | change)

        assert refused(answer, "invalid-request")["errors"][0]["field"].startswith(field)

    async def test_identity_and_header_rules_of_a_trunk(self, client: httpx.AsyncClient) -> None:
        identity = {"carry_in": ["Remote-Party-ID"], "sends": {"style": "national", "region": "DE"}}
        rule = {"action": "set", "name": "X-Account", "value": "{account}"}
        trunk = {**TRUNK, "identity": identity, "header_rules": {"outgoing": [rule]}}

        made = ok(await client.post("/trunks", json=trunk), 201)

        assert (made["identity"]["carry_in"], made["identity"]["sends"]["style"]) == (["Remote-Party-ID"], "national")
        assert made["header_rules"]["outgoing"][0]["value"] == "{account}"
        bad = {"identity": {"carry_in": ["P-Asserted-Identity"], "trusted": False}}
        bad["header_rules"] = {"incoming": [{"action": "remove", "name": "Via"}]}
        answer = await client.patch(f"/trunks/{made['id']}", json=bad)
        faults = {item["field"] for item in refused(answer, "invalid-request")["errors"]}
        assert faults == {"identity.carry_in", "header_rules.incoming[0].name"}

    async def test_way_of_a_number(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        shared = Trunk(id=TrunkId("trunk_shared"), engine_id=0, name="Shared", gateways=("192.0.2.1:5060",))
        await world.database.repositories.trunks.save(shared)
        own = ok(await client.post("/trunks", json=TRUNK), 201)
        none = ok(await client.get("/routes/check", params={"number": "+4930901821"}))
        route = {"prefix": "+49", "trunks": [own["id"], "trunk_shared"], "strip": 2, "prepend": "0"}
        ok(await client.post("/routes", json=route), 201)
        found = ok(await client.get("/routes/check", params={"number": "+4930901821"}))

        assert (none["has_route"], none["trunks"]) == (False, [])
        assert "NOROUTE" in none["explanation"]
        assert (found["has_route"], found["dialed"]) == (True, "030901821")
        assert [trunk["name"] for trunk in found["trunks"]] == ["Carrier", "Shared"]
        assert [trunk["gateways"] for trunk in found["trunks"]] == [["sip.example.com:5060"], []]
        assert "192.0.2.1" not in (await client.get("/trunks")).text

    async def test_routes_use_own_and_shared_trunks_only(
        self, client: httpx.AsyncClient, stranger: httpx.AsyncClient
    ) -> None:
        trunk = ok(await client.post("/trunks", json=TRUNK), 201)

        answer = await stranger.post("/routes", json={"prefix": "+", "trunks": [trunk["id"]]})

        assert refused(answer, "invalid-request")["errors"][0]["field"] == "trunks[0]"
        refused(await stranger.get(f"/trunks/{trunk['id']}"), "not-found")
        refused(await stranger.patch(f"/trunks/{trunk['id']}", json={"name": "Mine"}), "not-found")
        refused(await stranger.delete(f"/trunks/{trunk['id']}"), "not-found")

    async def test_route_is_replaced_and_deleted(self, client: httpx.AsyncClient) -> None:
        trunk = ok(await client.post("/trunks", json=TRUNK), 201)
        route = ok(await client.post("/routes", json={"prefix": "+49", "trunks": [trunk["id"]]}), 201)
        path = f"/routes/{route['id']}"

        replaced = ok(await client.put(path, json={"prefix": "+43", "trunks": [trunk["id"]], "order": 2}))

        assert (replaced["id"], replaced["prefix"], replaced["order"]) == (route["id"], "+43", 2)
        assert ok(await client.get(path)) == replaced
        assert len(ok(await client.get("/routes"))["routes"]) == 1
        ok(await client.delete(path), 204)
        refused(await client.delete(path), "not-found")
