"""Remote flows: documents that the customer's server gives when a call needs them."""

import hashlib
from collections.abc import Callable
from typing import Protocol

from ringback.call.admission import FlowFacts, FlowState
from ringback.flow.check import Facts, check
from ringback.flow.limits import DOCUMENT_BYTES
from ringback.flow.problems import Severity
from ringback.live.flow_driver import FlowSource
from ringback.live.web.client import NoReply, WebClient
from ringback.model.account import Account

_OK = 200


class FetchesFlows(Protocol):
    """What admission needs of remote flows."""

    async def fetch(self, url: str, *, account: Account) -> tuple[FlowFacts, FlowSource | None]:
        """Return what admission must know, and the document if it is sound."""


class RemoteFlows:
    """Fetches and checks documents. `facts` says what the checker has to know (is there a voice engine)."""

    def __init__(self, client: WebClient, *, facts: Callable[[], Facts]) -> None:
        self._client = client
        self._facts = facts

    async def fetch(self, url: str, *, account: Account) -> tuple[FlowFacts, FlowSource | None]:
        """GET the document within the account's `remote_flow_ms`; a 200 with a flow fit to be published."""
        timeout_s = account.defaults.remote_flow_ms / 1000
        try:
            reply = await self._client.ask("GET", url, account=account, timeout_s=timeout_s, max_bytes=DOCUMENT_BYTES)
        except NoReply as error:
            return _unreachable(str(error)), None
        if reply.status_code != _OK:
            return _unreachable(f"the server answered {reply.status_code}"), None
        result = check(reply.body, self._facts())
        if not result.is_ok or result.document is None:
            first = next((item for item in result.problems if item.severity is Severity.ERROR), None)
            return _unreachable(f"the document is not sound: {first.message if first else 'it is empty'}"), None
        digest = hashlib.sha256(reply.body).hexdigest()
        return FlowFacts(state=FlowState.REMOTE), FlowSource(flow_id=url, version=digest, document=result.document)


def _unreachable(why: str) -> FlowFacts:
    return FlowFacts(state=FlowState.UNREACHABLE, detail=why)
