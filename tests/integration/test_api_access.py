"""Who may do what: keys, accounts, scopes, addresses, rates, sizes. Against a real database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from msgspec import structs

from ringback.api.app import RESOURCES
from ringback.api.problems import PROBLEMS
from ringback.api.services import ApiSettings, Health
from ringback.model.access import Scope
from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.store.errors import StoreUnavailableError
from ringback.testing.api import ApiWorld, Tenant, api_world

GOOD = {"to": "+4930901821", "bridge": "+4930901820", "target": "flow_1"}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def tenant(world: ApiWorld) -> Tenant:
    return await world.tenant(Account(sid=AccountSid("AC1"), name="One"))


def problem_of(answer: httpx.Response, slug: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{slug}"
    assert answer.status_code == problem["status"] == PROBLEMS[slug].status_code
    return problem


def every_path() -> list[tuple[str, str]]:
    found = []
    for resource in RESOURCES:
        for handler in resource.HANDLERS:
            path = "".join(
                "/" + (part if not part.startswith("{") else "1" if part.endswith(":int}") else "x")
                for part in next(iter(handler.paths)).strip("/").split("/")
            )
            found += [(method, path) for method in handler.http_methods]
    return sorted(found)


class TestKeys:
    async def test_every_path_refuses_without_a_key_and_with_a_foreign_one(
        self, world: ApiWorld, tenant: Tenant
    ) -> None:
        await world.tenant(Account(sid=AccountSid("AC2"), name="Two"))
        assert len(every_path()) > 40

        async with world.client() as nobody, world.client(tenant=tenant) as stranger:
            for method, path in every_path():
                problem_of(await nobody.request(method, f"/v1/AC1{path}"), "unauthenticated")
                problem_of(await stranger.request(method, f"/v1/AC2{path}"), "foreign-account")

    async def test_key_of_an_account_just_made_works(self, world: ApiWorld, tenant: Tenant) -> None:
        account = world.accounts.pop(tenant.account.sid)  # the cache does not know it yet
        refresh = world.services.directory_changed

        async def learn() -> None:
            world.accounts[account.sid] = account
            await refresh()

        world.app.state.services = structs.replace(world.services, directory_changed=learn)
        async with world.client(tenant=tenant) as client:
            assert (await client.get(tenant.path("/calls"))).status_code == 200
            assert world.refreshed == 1
            assert (await client.get(tenant.path("/calls"))).status_code == 200
            assert world.refreshed == 1

    @pytest.mark.parametrize(
        "headers",
        [
            {"api-key": "rbk_not-a-key-of-anybody"},
            {"api-key": ""},
            {"api-key": "x" * 10_000},
            {"authorization": "Bearer"},
            {"authorization": "Basic dXNlcjpwYXNz"},
        ],
    )
    async def test_unknown_keys_are_refused(self, world: ApiWorld, tenant: Tenant, headers: dict[str, str]) -> None:
        async with world.client() as client:
            answer = await client.get(tenant.path("/calls"), headers=headers)

        problem_of(answer, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_bearer_is_as_good_as_api_key(self, world: ApiWorld, tenant: Tenant) -> None:
        async with world.client() as client:
            headers = {"authorization": f"Bearer {tenant.secret}"}
            answer = await client.get(tenant.path("/calls"), headers=headers)

        assert answer.status_code == 200

    async def test_revoked_key_is_refused_at_once(self, world: ApiWorld, tenant: Tenant) -> None:
        keys = world.database.repositories.api_keys
        async with world.client(tenant=tenant) as client:
            assert (await client.get(tenant.path("/calls"))).status_code == 200
            (key,) = await keys.list(tenant.account.sid)
            await keys.revoke(tenant.account.sid, key.id)

            problem_of(await client.get(tenant.path("/calls")), "unauthenticated")

    @pytest.mark.parametrize(
        ("scope", "method", "path"),
        [
            (Scope.CALL, "GET", "/calls"),
            (Scope.READ, "POST", "/voice/outbound"),
            (Scope.READ, "POST", "/calls/x/hangup"),
            (Scope.READ, "POST", "/flows"),
            (Scope.CONFIGURE, "POST", "/numbers"),
            (Scope.CONFIGURE, "POST", "/trunks"),
            (Scope.CONFIGURE, "POST", "/number/subscriptions"),
            (Scope.ADMIN, "GET", "/calls"),
        ],
    )
    async def test_scopes_do_not_include_each_other(
        self, world: ApiWorld, tenant: Tenant, scope: Scope, method: str, path: str
    ) -> None:
        _, secret = await world.database.repositories.api_keys.create(tenant.account.sid, "one", frozenset({scope}))

        async with world.client() as client:
            answer = await client.request(method, tenant.path(path), headers={"api-key": secret})

        assert f"has: {scope}" in problem_of(answer, "scope-missing")["detail"]

    async def test_key_for_networks_works_from_there_only(self, world: ApiWorld, tenant: Tenant) -> None:
        _, secret = await world.database.repositories.api_keys.create(
            tenant.account.sid, "office", frozenset({Scope.READ}), networks=("198.51.100.0/24", "2001:db8::/32")
        )
        found = {}
        for address in ("198.51.100.9", "2001:db8::1", "192.0.2.7", "not-an-address"):
            async with world.client(address=(address, 1)) as client:
                answer = await client.get(tenant.path("/calls"), headers={"api-key": secret})
            found[address] = answer.status_code

        assert found == {"198.51.100.9": 200, "2001:db8::1": 200, "192.0.2.7": 403, "not-an-address": 403}


class TestLimits:
    async def test_each_key_has_its_rate_and_every_answer_says_what_is_left(self, tmp_path: Path) -> None:
        async with api_world(tmp_path, settings=ApiSettings(requests_per_s=1, burst=2)) as world:
            tenant = await world.tenant(Account(sid=AccountSid("AC1"), name="One"))
            async with world.client(tenant=tenant) as client:
                answers = [await client.get(tenant.path("/calls")) for _ in range(3)]
                assert [answer.status_code for answer in answers] == [200, 200, 429]
                assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
                problem_of(answers[2], "rate-limited")
                assert answers[2].headers["retry-after"] == "1"
                world.clock.advance(1)
                assert (await client.get(tenant.path("/calls"))).status_code == 200

    async def test_refused_requests_cost_too(self, tmp_path: Path) -> None:
        async with api_world(tmp_path, settings=ApiSettings(requests_per_s=1, burst=1)) as world:
            tenant = await world.tenant(Account(sid=AccountSid("AC1"), name="One"))
            async with world.client(tenant=tenant) as client:
                assert (await client.get(tenant.path("/calls?limit=0"))).status_code == 400
                problem_of(await client.get(tenant.path("/calls")), "rate-limited")

    @pytest.mark.parametrize("with_length", [True, False])
    async def test_large_bodies_are_refused(self, world: ApiWorld, tenant: Tenant, *, with_length: bool) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b" " * 10_000

        content: Any = b" " * 300_000 if with_length else chunks()
        async with world.client(tenant=tenant) as client:
            headers = {"content-type": "application/json"}
            answer = await client.post(tenant.path("/voice/outbound"), content=content, headers=headers)

        assert "262144" in problem_of(answer, "body-too-large")["detail"]

    async def test_thousand_numbers_fit(self, world: ApiWorld, tenant: Tenant) -> None:
        numbers = ",".join(f"+4930{index:07}" for index in range(1_000))
        async with world.client(tenant=tenant) as client:
            answer = await client.post(tenant.path("/voice/outbound"), data=GOOD | {"to": numbers})
            over = await client.post(tenant.path("/voice/outbound"), data=GOOD | {"to": numbers + ",+4940123456"})

        assert len(answer.json()["data"]["calls"]) == 1_000
        assert "1001 numbers" in problem_of(over, "invalid-request")["detail"]


class TestRefusals:
    async def test_unknown_query_parameters_are_refused(self, world: ApiWorld, tenant: Tenant) -> None:
        async with world.client(tenant=tenant) as client:
            problem = problem_of(await client.get(tenant.path("/calls?statsu=BUSY")), "invalid-request")
            assert problem["errors"][0]["field"] == "statsu"
            problem_of(await client.get(tenant.path("/statuses?x=1")), "invalid-request")

    async def test_nul_characters_are_refused_everywhere(self, world: ApiWorld, tenant: Tenant) -> None:
        async with world.client(tenant=tenant) as client:
            problem_of(await client.get(tenant.path("/calls?reason=a%00b")), "invalid-request")
            problem_of(await client.get(tenant.path("/calls/a%00b")), "not-found")
            problem_of(await client.delete(tenant.path("/blocked-numbers/a%00b")), "not-found")

    async def test_floods_of_faults_are_refused_quickly(self, world: ApiWorld, tenant: Tenant) -> None:
        bodies: list[dict[str, Any]] = [
            GOOD | {f"u{index}": 1 for index in range(20_000)},
            GOOD | {"callback": {f"e{index}": 1 for index in range(10_000)}},
            GOOD | {"callback": {"call_end": {"url": ["nope"] * 20_000}}},
            GOOD | {"to": "," * 40_000},
        ]
        async with world.client(tenant=tenant) as client:
            for body in bodies:
                problem = problem_of(await client.post(tenant.path("/voice/outbound"), json=body), "invalid-request")
                assert 1 <= len(problem["errors"]) <= 201

    async def test_wrong_paths_and_methods(self, world: ApiWorld, tenant: Tenant) -> None:
        async with world.client(tenant=tenant) as client:
            problem_of(await client.get(tenant.path("/nothing")), "not-found")
            answer = await client.put(tenant.path("/voice/outbound"))
            problem_of(answer, "method-not-allowed")
            assert "POST" in answer.headers["allow"]

    @pytest.mark.parametrize(
        ("content_type", "body", "slug"),
        [
            ("application/json", b"", "invalid-request"),
            ("application/json", b"{", "malformed-body"),
            ("application/json", b"[1]", "invalid-request"),
            ("application/json", b"[" * 50_000, "malformed-body"),
            ("application/json", b'{"to":"' + b"\xff" + b'"}', "malformed-body"),
            ("application/x-www-form-urlencoded", b"to=%ff", "malformed-body"),
            ("multipart/form-data", b"x", "malformed-body"),
            ("application/xml", b"<to/>", "unsupported-media-type"),
        ],
    )
    async def test_garbage_is_refused_as_such(
        self, world: ApiWorld, tenant: Tenant, content_type: str, body: bytes, slug: str
    ) -> None:
        async with world.client(tenant=tenant) as client:
            headers = {"content-type": content_type}
            answer = await client.post(tenant.path("/voice/outbound"), content=body, headers=headers)

        problem_of(answer, slug)

    async def test_database_that_cannot_commit_is_said_to_be_unavailable(
        self, world: ApiWorld, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: Any) -> None:
            raise StoreUnavailableError("The database cannot commit: disk full.")

        monkeypatch.setattr(world.calls, "place", refuse)
        async with world.client(tenant=tenant) as client:
            answer = await client.post(tenant.path("/voice/outbound"), json=GOOD)

        assert "disk full" in problem_of(answer, "unavailable")["detail"]
        assert answer.headers["retry-after"]

    async def test_fault_of_ours_tells_nothing_of_the_inside(
        self, world: ApiWorld, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: Any) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(world.calls, "place", fail)
        async with world.client(tenant=tenant) as client:
            answer = await client.post(tenant.path("/voice/outbound"), json=GOOD)

        problem_of(answer, "internal-error")
        assert "secret detail" not in answer.text


class TestOperatorPaths:
    async def test_health_needs_no_key(self, world: ApiWorld) -> None:
        async with world.client() as client:
            assert (await client.get("/healthz")).json() == {"alive": True}
            assert (await client.get("/readyz")).json() == {"ready": True, "problems": []}
            assert (await client.get("/metrics")).headers["content-type"].startswith("text/plain; version=0.0.4")

    async def test_not_ready_is_503_with_the_reason(self, world: ApiWorld) -> None:
        world.health = Health(is_ready=False, problems=("disk full",))
        async with world.client() as client:
            answer = await client.get("/readyz")

        assert answer.status_code == 503
        assert answer.json() == {"ready": False, "problems": ["disk full"]}

    async def test_type_of_a_problem_leads_to_its_description(self, world: ApiWorld) -> None:
        async with world.client() as client:
            listed = (await client.get("/problems")).json()
            refused = (await client.get("/v1/AC1/calls")).json()
            described = (await client.get(refused["type"])).json()

        assert {kind["slug"] for kind in listed} == set(PROBLEMS)
        assert described["slug"] == "unauthenticated"
        assert described["status_code"] == 401
