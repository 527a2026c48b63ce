"""Sounds over HTTP: uploaded as a form or as themselves, listed, deleted unless a flow in service plays them."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from ringback.api.resources import sounds as resource
from ringback.api.resources.sound_upload import MAX_AT_ONCE
from ringback.model.access import Scope
from ringback.model.account import Account
from ringback.model.ids import AccountSid, SoundId
from ringback.speech.sounds import MAX_UPLOAD_BYTES
from ringback.testing.api import ApiWorld, api_world

WAV = {"content-type": "audio/wav"}


def tone(*, seconds: float = 0.5, kind: str = "WAV") -> bytes:
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(8000 * seconds)) / 8000)
    file = io.BytesIO()
    soundfile.write(file, wave, 8000, format=kind)
    return file.getvalue()


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as opened:
        yield opened


async def a_client(world: ApiWorld, sid: str) -> httpx.AsyncClient:
    tenant = await world.tenant(Account(sid=AccountSid(sid), name=sid))
    opened = world.client(tenant=tenant)
    opened.base_url = httpx.URL(f"http://ringback.test/v1/{sid}")
    return opened


@pytest_asyncio.fixture
async def client(world: ApiWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with await a_client(world, "AC1") as opened:
        yield opened


def ok(answer: httpx.Response, status_code: int = 200) -> Any:
    assert answer.status_code == status_code, answer.text
    return answer.json() if answer.content else None


def refused(answer: httpx.Response, slug: str) -> Any:
    assert answer.json()["type"] == f"/problems/{slug}", answer.text
    return answer.json()


async def upload(client: httpx.AsyncClient, name: str = "Jingle", **more: Any) -> Any:
    return ok(await client.post("/sounds", params={"name": name}, content=tone(), headers=WAV, **more), 201)


def plays(sound_id: str) -> dict[str, Any]:
    nodes = {"start": {"type": "start", "exits": {"next": "p"}}, "p": {"type": "play", "prompt": {"sound": sound_id}}}
    return {"document": {"name": "Office", "nodes": nodes}}


class TestUploads:
    async def test_body_is_the_file(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        made = await upload(client)

        assert made["id"].startswith("sound_")
        assert (made["name"], made["duration_s"]) == ("Jingle", 0.5)
        assert ok(await client.get(f"/sounds/{made['id']}")) == made
        assert ok(await client.get("/sounds")) == {"sounds": [made]}
        path = await world.sounds.find(AccountSid("AC1"), made["id"])
        assert soundfile.info(path).samplerate == 8000
        assert path.stat().st_size == made["size_bytes"]

    @pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
    async def test_form_with_name_and_file(self, client: httpx.AsyncClient, kind: str) -> None:
        data = tone(seconds=1, kind=kind)

        made = ok(await client.post("/sounds", data={"name": "Ton für A"}, files={"file": ("a.bin", data)}), 201)

        assert made["name"] == "Ton für A"
        assert made["duration_s"] == pytest.approx(1, abs=0.1)

    async def test_form_without_name_takes_that_of_the_file(self, client: httpx.AsyncClient) -> None:
        made = ok(await client.post("/sounds", files={"file": ("C:/x/welcome.mp3", tone())}), 201)

        assert made["name"] == "welcome"

    @pytest.mark.parametrize(
        ("request_", "slug", "fields"),
        [
            ({"content": b"x", "headers": WAV}, "invalid-request", ["name"]),
            ({"params": {"name": "  "}, "content": b"", "headers": WAV}, "invalid-request", ["name", "file"]),
            ({"params": {"name": "x" * 101}, "content": b"x", "headers": WAV}, "invalid-request", ["name"]),
            ({"data": {"name": "a\tb"}, "files": {"file": b"x"}}, "invalid-request", ["name"]),
            ({"data": {"nam": "a"}, "files": {"f": b"x"}}, "invalid-request", ["nam", "f"]),
            ({"files": [("file", ("a", b"x")), ("file", ("b", b"x"))]}, "invalid-request", ["file"]),
            ({"files": {"name": (None, b"a")}}, "invalid-request", ["file"]),
            ({"files": {"name": (None, b"\xff"), "file": b"x"}}, "malformed-body", []),
            ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, "malformed-body", []),
            ({"json": {"name": "x"}}, "unsupported-media-type", []),
            ({"content": b"x"}, "unsupported-media-type", []),
            ({"params": {"name": "x"}, "content": b"GIF89a", "headers": WAV}, "sound-refused", []),
            ({"files": {"file": ("x.wav", b"RIFF")}}, "sound-refused", []),
        ],
    )
    async def test_what_is_no_sound_is_refused(
        self, world: ApiWorld, client: httpx.AsyncClient, request_: dict[str, Any], slug: str, fields: list[str]
    ) -> None:
        problem = refused(await client.post("/sounds", **request_), slug)

        assert [error["field"] for error in problem.get("errors", [])] == fields
        assert ok(await client.get("/sounds")) == {"sounds": []}
        assert not list(world.sounds.path(AccountSid("AC1"), "x").parent.glob("*"))

    @pytest.mark.parametrize("size", [MAX_UPLOAD_BYTES + 1, MAX_UPLOAD_BYTES + 70_000])
    async def test_large_files_are_refused(self, client: httpx.AsyncClient, size: int) -> None:
        answer = await client.post("/sounds", params={"name": "x"}, content=bytes(size), headers=WAV)

        assert "bytes" in refused(answer, "body-too-large")["detail"]
        assert answer.status_code == 413

    async def test_only_so_many_at_once(self, client: httpx.AsyncClient) -> None:
        wait = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            await wait.wait()
            yield tone()

        running = [
            asyncio.create_task(client.post("/sounds", params={"name": "x"}, content=slowly(), headers=WAV))
            for _ in range(MAX_AT_ONCE + 1)
        ]
        done, waiting = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        answers = [task.result() for task in done]
        wait.set()
        answers += [await task for task in waiting]

        assert sorted(answer.status_code for answer in answers) == [201] * MAX_AT_ONCE + [503]
        assert refused(next(answer for answer in answers if answer.status_code == 503), "unavailable")
        await upload(client)

    async def test_only_so_many_in_all(self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resource, "MAX_SOUNDS", 1)
        await upload(client)

        answer = await client.post("/sounds", params={"name": "x"}, content=tone(), headers=WAV)

        assert "the most there may be" in refused(answer, "conflict")["detail"]

    async def test_repeated_upload_is_made_once(self, client: httpx.AsyncClient) -> None:
        first = await upload(client)
        key = {"idempotency-key": "k", **WAV}
        made, again = [
            await client.post("/sounds", params={"name": "A"}, content=tone(), headers=key) for _ in range(2)
        ]
        other = await client.post("/sounds", params={"name": "A"}, content=tone(seconds=1), headers=key)

        assert ok(made, 201) == ok(again, 201) != first
        assert again.headers["idempotency-replayed"] == "true"
        refused(other, "idempotency-key-reused")
        assert len(ok(await client.get("/sounds"))["sounds"]) == 2


class TestDeleting:
    async def test_unused_sound_and_its_file_go(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        made = await upload(client)

        assert (await client.delete(f"/sounds/{made['id']}")).status_code == 204

        refused(await client.get(f"/sounds/{made['id']}"), "not-found")
        refused(await client.delete(f"/sounds/{made['id']}"), "not-found")
        assert await world.sounds.find(AccountSid("AC1"), made["id"]) is None

    async def test_sound_of_a_flow_in_service_stays(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        made = await upload(client)
        flow = ok(await client.post("/flows", json=plays(made["id"])), 201)
        ok(await client.post(f"/flows/{flow['id']}/publish"))
        ok(await client.post(f"/flows/{flow['id']}/pause"))  # it can be resumed at any time

        problem = refused(await client.delete(f"/sounds/{made['id']}"), "conflict")

        assert f"Office ({flow['id']})" in problem["detail"]
        assert await world.sounds.find(AccountSid("AC1"), made["id"]) is not None
        assert (await client.delete(f"/flows/{flow['id']}")).status_code == 204
        assert (await client.delete(f"/sounds/{made['id']}")).status_code == 204

    async def test_sound_of_a_draft_goes_and_the_draft_cannot_be_published(self, client: httpx.AsyncClient) -> None:
        made = await upload(client)
        flow = ok(await client.post("/flows", json=plays(made["id"])), 201)

        assert (await client.delete(f"/sounds/{made['id']}")).status_code == 204

        problem = refused(await client.post(f"/flows/{flow['id']}/publish"), "flow-invalid")
        assert f"no sound `{made['id']}`" in problem["errors"][0]["detail"]

    async def test_earlier_version_does_not_hold_a_sound(self, client: httpx.AsyncClient) -> None:
        old, new = await upload(client, "Old"), await upload(client, "New")
        flow = ok(await client.post("/flows", json=plays(old["id"])), 201)
        ok(await client.post(f"/flows/{flow['id']}/publish"))
        ok(await client.put(f"/flows/{flow['id']}", json=plays(new["id"])))
        refused(await client.delete(f"/sounds/{old['id']}"), "conflict")
        ok(await client.post(f"/flows/{flow['id']}/publish"))

        assert (await client.delete(f"/sounds/{old['id']}")).status_code == 204
        refused(await client.delete(f"/sounds/{new['id']}"), "conflict")


class TestAccess:
    async def test_other_accounts_sounds_are_not_there(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        made = await upload(client)
        async with await a_client(world, "AC2") as stranger:
            assert ok(await stranger.get("/sounds")) == {"sounds": []}
            refused(await stranger.get(f"/sounds/{made['id']}"), "not-found")
            refused(await stranger.delete(f"/sounds/{made['id']}"), "not-found")
            checked = ok(await stranger.post("/flows/check", json=plays(made["id"])))

        assert [problem["slug"] for problem in checked["problems"] if problem["severity"] == "error"] == [
            "unknown-sound"
        ]
        assert await world.sounds.find(AccountSid("AC1"), made["id"]) is not None

    async def test_reading_keys_cannot_upload_or_delete(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        made = await upload(client)
        _, secret = await world.database.repositories.api_keys.create(
            AccountSid("AC1"), "reads", frozenset({Scope.READ, Scope.CALL})
        )
        key = {"api-key": secret}

        ok(await client.get("/sounds", headers=key))
        refused(await client.delete(f"/sounds/{made['id']}", headers=key), "scope-missing")
        answer = await client.post("/sounds", params={"name": "x"}, content=tone(), headers=key | WAV)
        refused(answer, "scope-missing")


class TestTargets:
    async def test_call_may_play_a_sound_of_the_account_only(self, world: ApiWorld, client: httpx.AsyncClient) -> None:
        made = await upload(client)
        body = {"to": "+4930901820", "bridge": "+4930901821"}

        ok(await client.post("/voice/outbound", json=body | {"target": made["id"]}), 202)
        async with await a_client(world, "AC2") as stranger:
            answer = await stranger.post("/voice/outbound", json=body | {"target": made["id"]})

        (error,) = refused(answer, "invalid-request")["errors"]
        assert (error["field"], made["id"] in error["detail"]) == ("target", True)
        assert world.calls.accepted == 1


async def test_no_file_is_left_when_the_sound_cannot_be_saved(
    world: ApiWorld, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(world.database.repositories.sounds, "save", fail)

    refused(await client.post("/sounds", params={"name": "x"}, content=tone(), headers=WAV), "internal-error")

    assert not list(world.sounds.path(AccountSid("AC1"), SoundId("x")).parent.glob("*"))
