"""The customer's side of the demo: takes webhooks, verifies signatures, has a slow endpoint for flows to wait on."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from standardwebhooks import Webhook, WebhookVerificationError

_SLOW_S = 60


class Delivery(Struct, frozen=True, kw_only=True):
    """One webhook as received; `is_signed` tells whether the signature was right."""

    call_id: str
    event: str
    is_signed: bool
    payload: dict[str, Any]


class Receiver:
    """An HTTP server on a free port of loopback. `wait_end` returns the `call_end` of a call as soon as it came."""

    def __init__(self, *, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._runner: web.AppRunner | None = None
        self._ends: dict[str, asyncio.Future[Delivery]] = {}
        self._numbers: dict[tuple[str, str], asyncio.Future[Delivery]] = {}
        self._stopping = asyncio.Event()
        self.deliveries: list[Delivery] = []
        self.url = ""

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/hook", self._take)
        app.router.add_route("*", "/slow", self._be_slow)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_end(self, call_id: str) -> Delivery:
        """Wait for the `call_end` of a call."""
        return await self._ends.setdefault(call_id, asyncio.get_running_loop().create_future())

    async def wait_incoming(self, *, from_: str, to: str) -> Delivery:
        """Wait for the `call_end` of an incoming call, known by its numbers."""
        return await self._numbers.setdefault((from_, to), asyncio.get_running_loop().create_future())

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._webhook.verify(body, dict(request.headers))
            is_signed = True
        except WebhookVerificationError:
            is_signed = False
        payload = msgspec.json.decode(body, type=dict[str, Any])
        delivery = Delivery(
            call_id=str(payload.get("call_id", "")),
            event=str(payload.get("event", "")),
            is_signed=is_signed,
            payload=payload,
        )
        self.deliveries.append(delivery)
        if delivery.event == "call_end":
            self._resolve(self._ends, delivery.call_id, delivery)
            data = payload.get("data", payload)
            self._resolve(self._numbers, (str(data.get("from") or ""), str(data.get("to") or "")), delivery)
        return web.Response(status=204)

    @staticmethod
    def _resolve(waiting: dict[Any, asyncio.Future[Delivery]], key: Any, delivery: Delivery) -> None:
        future = waiting.setdefault(key, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(delivery)

    async def _be_slow(self, _request: web.Request) -> web.Response:
        """Hold the request until the demo is over: what a customer's broken API looks like to a flow."""
        try:
            async with asyncio.timeout(_SLOW_S):
                await self._stopping.wait()
        except TimeoutError:
            pass
        return web.Response(status=200)
