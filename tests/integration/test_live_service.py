"""The whole service in this process, with the real engine: seeds, API, calls, metrics, stop and start again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.contract.pair import Side

from ringback import _engine as en
from ringback.service.main import Ready, SipUnavailable, run
from ringback.service.settings import Settings, SettingsError, load

pytestmark = pytest.mark.calls

KEY = "test-key-of-the-service-0001"
BRIDGE, CALLEE = "+4930111", "+491702222"
FLOW = {
    "name": "greeting",
    "start": "hello",
    "nodes": {"hello": {"type": "gather", "prompt": {"sound": "none"}, "max_digits": 1, "exits": {}}},
}


def _settings(folder: Path, carrier: str, *, extra: str = "", grace_s: float = 0) -> Settings:
    (folder / "flow.json").write_text(json.dumps(FLOW))
    text = f"""
        data_dir = "{folder}/data"
        grace_s = {grace_s}
        [http]
        listen = "127.0.0.1:0"
        [sip]
        listen = "127.0.0.1:0"
        t1_ms = 50
        [webhooks]
        enabled = false
        [log]
        level = "error"
        [[account]]
        sid = "AC1"
        [[api_key]]
        account = "AC1"
        secret = "{KEY}"
        [[trunk]]
        id = "carrier"
        gateways = ["{carrier}"]
        [[route]]
        id = "all"
        prefix = "+"
        trunks = ["carrier"]
        [[flow]]
        id = "flow_1"
        account = "AC1"
        file = "flow.json"
        [[number]]
        number = "{BRIDGE}"
        account = "AC1"
        flow_id = "flow_1"
        {extra}
    """
    file = folder / "ringback.toml"
    file.write_text(text)
    return load(file, {})


class Service:
    """A running service, and the carrier it calls."""

    def __init__(self, ready: Ready, carrier: Side, stop: asyncio.Event, ended: "asyncio.Task[None]") -> None:
        self.ready = ready
        self.carrier = carrier
        self.stop = stop
        self.ended = ended
        self._session = aiohttp.ClientSession(headers={"Api-Key": KEY, "Authorization": f"Bearer {KEY}"})

    async def get(self, path: str) -> Any:
        async with self._session.get(self.ready.http + path) as response:
            assert response.status == 200, await response.text()
            return await (response.json() if "json" in response.content_type else response.text())

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        async with self._session.post(self.ready.http + path, json=body) as response:
            return response.status, await response.json()

    async def place(self) -> str:
        status, answer = await self.post("/v1/AC1/voice/outbound", {"to": CALLEE, "bridge": BRIDGE, "target": "flow_1"})
        assert status == 202, answer
        return str(answer["data"]["id"])

    async def until(self, call_id: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(15):
            while True:
                call = await self.get(f"/v1/AC1/calls/{call_id}")
                if is_so(call):
                    return dict(call)
                await asyncio.sleep(0.02)

    async def final(self, call_id: str) -> dict[str, Any]:
        return await self.until(call_id, lambda call: call["status"] is not None)

    async def close(self) -> None:
        self.stop.set()
        await self._session.close()
        async with asyncio.timeout(20):
            await self.ended


@asynccontextmanager
async def a_carrier() -> AsyncIterator[Side]:
    engine = en.Engine(en.EngineConfig(listen="127.0.0.1:0", t1_ms=50, rtp_first_port=41_000, rtp_last_port=41_200))
    engine.start()
    engine.set_trunks([en.TrunkConfig(id=1)])
    engine.set_access([en.AccessRule(network="127.0.0.1", trunk=1)])
    try:
        yield Side(engine)
    finally:
        engine.stop()


async def start(folder: Path, carrier: Side, **more: Any) -> Service:
    """Start the service and return when it is ready."""
    settings = _settings(folder, carrier.engine.local_address(), **more)
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, ready=ready.set_result, stop=stop, folder=folder))
    await asyncio.wait([ready, running], return_when=asyncio.FIRST_COMPLETED, timeout=25)
    if running.done():
        await running
    return Service(ready.result(), carrier, stop, running)


@asynccontextmanager
async def a_service(folder: Path, **more: Any) -> AsyncIterator[Service]:
    async with a_carrier() as carrier:
        service = await start(folder, carrier, **more)
        try:
            yield service
        finally:
            await service.close()


async def test_call_placed_over_http_reaches_the_carrier_and_gets_its_status(tmp_path: Path) -> None:
    async with a_service(tmp_path) as service:
        call_id = await service.place()
        invite = await service.carrier.next(en.Incoming)
        service.carrier.engine.reject(invite.leg, 486)
        call = await service.final(call_id)
        metrics = await service.get("/metrics")

    assert invite.request_uri.startswith(f"sip:{CALLEE}@")
    assert (call["status"], call["reason"]) == ("BUSY", "busy")
    assert 'ringback_calls_ended_total{kind="outbound",status="BUSY"} 1.0' in metrics


async def test_incoming_call_is_answered_by_the_seeded_flow(tmp_path: Path) -> None:
    async with a_service(tmp_path) as service:
        leg = service.carrier.engine.dial(
            trunk=1,
            gateway=service.ready.sip,
            to=f"sip:{BRIDGE}@127.0.0.1",
            from_="sip:+491704444@127.0.0.1",
            call_id="in-1",
            local_tag="t",
        )
        await service.carrier.next(en.Answered, leg=leg)
        service.carrier.engine.hangup(leg)
        await service.carrier.next(en.Ended, leg=leg)
        async with asyncio.timeout(10):
            while not (calls := (await service.get("/v1/AC1/calls?status=FLOW_ANSWER"))["calls"]):  # noqa: ASYNC110  (the reader of another task)
                await asyncio.sleep(0.02)

    assert (calls[0]["from"], calls[0]["to"]) == ("+491704444", BRIDGE)


async def test_stop_ends_calls_and_the_next_start_finds_nothing_to_do(tmp_path: Path) -> None:
    async with a_carrier() as carrier:
        service = await start(tmp_path, carrier)
        call_id = await service.place()
        invite = await carrier.next(en.Incoming)
        carrier.engine.ring(invite.leg)
        await service.close()
        assert (await carrier.next(en.Ended, leg=invite.leg)).cause == "cancelled"
        again = await start(tmp_path, carrier)
        call = await again.final(call_id)
        await again.close()

    assert again.ready.recovered == 0
    assert (call["status"], call["reason"]) == ("FAILED", "shutdown")


async def test_stopping_service_answers_503_and_says_why(tmp_path: Path) -> None:
    async with a_service(tmp_path, grace_s=20) as service:
        await service.place()
        invite = await service.carrier.next(en.Incoming)
        service.stop.set()
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            status = 202
            while status == 202:  # the signal is on its way
                status, problem = await service.post(
                    "/v1/AC1/voice/outbound", {"to": CALLEE, "bridge": BRIDGE, "target": "flow_1"}
                )
        assert (status, "stopping" in problem["detail"]) == (503, True)
        service.carrier.engine.reject(invite.leg, 486)


async def test_sip_address_that_is_taken_is_told(tmp_path: Path) -> None:
    async with a_carrier() as carrier:
        settings = _settings(tmp_path, "127.0.0.1:9")
        taken = carrier.engine.local_address()
        sip = type(settings.sip)(listen=taken)
        changed = type(settings)(
            **{name: getattr(settings, name) for name in settings.__struct_fields__} | {"sip": sip}
        )

        with pytest.raises(SipUnavailable, match=r"\[sip\] listen"):
            await run(changed, folder=tmp_path)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ('[[api_key]]\naccount = "AC9"\nsecret = "123456789012345678901234"', "AC9"),
        ('[[flow]]\nid = "f2"\naccount = "AC1"\nfile = "missing.json"', "missing.json"),
        ('[[number]]\nnumber = "+4930112"\naccount = "AC1"\nflow_id = "nowhere"', "+4930112"),
    ],
)
async def test_seed_that_cannot_be_kept_stops_the_start(tmp_path: Path, extra: str, told: str) -> None:
    settings = _settings(tmp_path, "127.0.0.1:9", extra=extra)

    with pytest.raises(SettingsError, match=told.replace("+", r"\+")):
        await run(settings, folder=tmp_path)


async def test_seeds_change_what_is_there_and_keep_the_rest(tmp_path: Path) -> None:
    async with a_service(tmp_path) as service:
        before = await service.get("/v1/AC1/flows")
    async with a_service(tmp_path, extra='[[number]]\nnumber = "+4930112"\naccount = "AC1"') as service:
        numbers = await service.get("/v1/AC1/numbers")
        after = await service.get("/v1/AC1/flows")

    assert sorted(number["number"] for number in numbers["numbers"]) == [BRIDGE, "+4930112"]
    assert after == before, "an unchanged flow is not published again"
