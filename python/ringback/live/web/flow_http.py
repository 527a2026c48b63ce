"""Carries out the HTTP requests of a flow's api nodes."""

from typing import Any

import msgspec

from ringback.flow.effects import CallHttp, HttpDone
from ringback.live.task import CallTask
from ringback.live.web.client import NoReply, Reply, WebClient

_MAX_BYTES = 262_144
_SERVER_ERROR = 500


class FlowHttp:
    """Sends requests and reads replies. What the other side does wrong is a reply too: `status_code` None says so."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    async def call(self, effect: CallHttp, task: CallTask) -> HttpDone:
        """Send the request, again after a connection error or a 5xx as often as the node wants; all within its time."""
        clock = task.parts.clock
        began = clock.now()
        last = HttpDone(at=began, number=effect.number, status_code=None, error="not sent")
        for _ in range(effect.retries + 1):
            left_s = effect.timeout_ms / 1000 - (clock.now() - began).total_seconds()
            if left_s <= 0:
                break
            last = await self._once(effect, task, left_s)
            if last.status_code is not None and last.status_code < _SERVER_ERROR:
                break
        return last

    async def _once(self, effect: CallHttp, task: CallTask, left_s: float) -> HttpDone:
        try:
            reply = await self._client.ask(
                effect.method,
                effect.url,
                account=task.account,
                timeout_s=left_s,
                max_bytes=_MAX_BYTES,
                headers=effect.headers,
                body=effect.body,
            )
        except NoReply as error:
            return HttpDone(at=task.now(), number=effect.number, status_code=None, error=str(error))
        return HttpDone(at=task.now(), number=effect.number, status_code=reply.status_code, body=_body(reply))


def _body(reply: Reply) -> Any:
    """Return JSON as data, anything else as text, None for nothing."""
    if not reply.body:
        return None
    if reply.content_type.endswith(("/json", "+json")):
        try:
            return msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            pass
    return reply.body.decode("utf-8", "replace")
