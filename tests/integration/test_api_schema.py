"""The OpenAPI document tells the truth: generated requests, good and bad, against the application and a database."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ringback.api.app import create_app
from ringback.api.services import ApiServices, Health
from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.testing.api import ApiWorld, Tenant, api_world

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
"""Not `positive_data_acceptance`: what a schema allows may still name a flow, a number or a state that is not there."""


def describe() -> dict[str, Any]:
    services = ApiServices(
        repositories=None,
        calls=None,
        sounds=None,
        account=lambda _: None,
        bans=None,
        directory_changed=None,
        health=lambda: Health(is_ready=True),
        metrics=lambda: b"",
    )
    return create_app(services).openapi_schema.to_schema()


DOCUMENT = describe()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.config.generation.update(deterministic=True, max_examples=15)
SCHEMA.config.checks.negative_data_rejection.expected_statuses += ["413"]  # too large is rejected, too


class World:
    """The application on a loop of its own: generated tests are synchronous."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._opened = api_world(folder)
        self.world: ApiWorld = self.run(self._opened.__aenter__())
        self.tenant: Tenant = self.run(self.world.tenant(Account(sid=AccountSid("AC1"), name="One", is_test=True)))
        self.client: httpx.AsyncClient = self.world.client(tenant=self.tenant)

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=20)

    def close(self) -> None:
        self.run(self.client.aclose())
        self.run(self._opened.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def send(self, case: Any) -> httpx.Response:
        """Send a generated request; key and account are put right, or nothing else would be reached."""
        if "sid" in case.path_parameters:
            case.path_parameters["sid"] = "AC1"
        headers = {
            name: value
            for name, value in (case.headers or {}).items()
            if name.lower() not in {"api-key", "authorization"}
        }
        case.headers = headers
        kwargs = case.as_transport_kwargs(base_url="http://ringback.test")
        prepared = requests.Request(**{k: v for k, v in kwargs.items() if k != "allow_redirects"}).prepare()
        sent = {k: v for k, v in prepared.headers.items() if k.lower() != "content-length"} | self.tenant.headers
        answer: httpx.Response = self.run(
            self.client.request(prepared.method or "", prepared.url or "", headers=sent, content=prepared.body)
        )
        return answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = World(tmp_path_factory.mktemp("schema"))
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
@SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_documented(case: Any, world: World) -> None:
    case.validate_response(world.send(case), checks=CHECKS)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    ]


def test_document_is_31_and_names_every_operation_once() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert DOCUMENT["openapi"].startswith("3.1")
    assert len(ids) == len(set(ids)) >= 45
    assert all(operation.get("description") for _, _, operation in operations())


def test_placing_takes_json_and_forms() -> None:
    content = DOCUMENT["paths"]["/v1/{sid}/voice/outbound"]["post"]["requestBody"]["content"]

    assert set(content) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    assert content["multipart/form-data"]["schema"]["properties"]["variables"]["anyOf"][0]["type"] == "string"


def test_every_refusal_is_a_problem_document() -> None:
    wrong = [
        (path, method, code)
        for path, method, operation in operations()
        for code, response in operation["responses"].items()
        if code >= "4" and path != "/readyz" and "application/problem+json" not in response["content"]
    ]

    assert wrong == []


def test_every_body_refuses_unknown_fields() -> None:
    open_bodies = [
        (path, media_type)
        for path, _, operation in operations()
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
        if content["schema"].get("format") != "binary" and content["schema"].get("additionalProperties") is not False
    ]

    assert open_bodies == []
