"""What calls are decided by: accounts, numbers, trunks, routes, flows, blocked numbers. Read again on change."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from ringback.call.admission import FlowFacts, FlowState
from ringback.flow.document import Document, parse
from ringback.live.flow_driver import FlowSource
from ringback.model.account import Account
from ringback.model.flow import FlowState as FlowStatus
from ringback.model.flow import StoredFlow
from ringback.model.ids import AccountSid, FlowId, TrunkId
from ringback.model.number import Number
from ringback.model.phone import Phone
from ringback.model.sound import BlockedNumber
from ringback.model.trunk import Trunk
from ringback.routing.routes import RouteTable
from ringback.store.repositories import Repositories

_log = structlog.get_logger(__name__)

Listener = Callable[[], Awaitable[None]]


class Directory:
    """The cache. `refresh` replaces everything; what was handed out before stays as it was (it is frozen)."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._lock = asyncio.Lock()
        self._accounts: dict[AccountSid, Account] = {}
        self._numbers: dict[str, Number] = {}
        self._trunks: dict[TrunkId, Trunk] = {}
        self._by_engine_id: dict[int, Trunk] = {}
        self._flows: dict[FlowId, StoredFlow] = {}
        self._documents: dict[tuple[FlowId, int], Document] = {}
        self._numbers_of: Counter[FlowId] = Counter()
        self._blocked: dict[tuple[AccountSid, str], BlockedNumber] = {}
        self._listeners: list[Listener] = []
        self._phones: dict[int, Phone] = {}
        self.is_down: Callable[[int, str], bool] = lambda _trunk, _gateway: False
        self.routes = RouteTable((), ())

    def on_change(self, listener: Listener) -> None:
        """Await `listener` after each refresh: the engine's tables, the queues."""
        self._listeners.append(listener)

    async def refresh(self) -> None:
        """Read everything again and tell the listeners. Repeated requests wait for one another, so none is lost."""
        async with self._lock:
            await self._read()
        for listener in self._listeners:
            await listener()

    async def _read(self) -> None:
        stored = self._repositories
        accounts = await stored.accounts.all()
        numbers = await stored.numbers.all()
        trunks = await stored.trunks.all()
        phones = await stored.phones.all()
        routes = await stored.routes.all()
        flows = await stored.flows.all()
        documents = await self._published()
        blocked = await stored.blocked.all()
        # No await from here on: calls see the old state or the new one, never a mixture.
        self._accounts = {account.sid: account for account in accounts}
        self._numbers = {number.number: number for number in numbers}
        self._numbers_of = Counter(number.flow_id for number in numbers if number.flow_id is not None)
        self._trunks = {trunk.id: trunk for trunk in trunks}
        self._by_engine_id = {trunk.engine_id: trunk for trunk in trunks}
        self._phones = {phone.engine_id: phone for phone in phones}
        self.routes = RouteTable(routes, trunks, is_down=self.is_down)
        self._flows = {flow.id: flow for flow in flows}
        self._documents = documents
        self._blocked = {(item.account, item.number): item for item in blocked}

    async def _published(self) -> dict[tuple[FlowId, int], Document]:
        """Parse the published documents; versions never change, so those known are kept."""
        documents = {}
        for version in await self._repositories.flows.published():
            key = (version.flow_id, version.version)
            known = self._documents.get(key)
            if known is None:
                try:
                    # The first calendar of holidays takes about a second: not on the loop that calls run on.
                    known = await asyncio.to_thread(parse, version.document)
                except msgspec.ValidationError as error:
                    _log.error(
                        "flow_cannot_be_read", flow_id=version.flow_id, version=version.version, error=str(error)
                    )
                    continue
            documents[key] = known
        return documents

    def account(self, sid: AccountSid) -> Account | None:
        """Return an account."""
        return self._accounts.get(sid)

    def number(self, number: str) -> Number | None:
        """Return the number (E.164), whoever holds it."""
        return self._numbers.get(number)

    def trunks(self) -> tuple[Trunk, ...]:
        """Return all trunks."""
        return tuple(self._trunks.values())

    def trunk(self, engine_id: int) -> Trunk | None:
        """Return a trunk by the number the engine knows it by."""
        return self._by_engine_id.get(engine_id)

    def phones(self) -> tuple[Phone, ...]:
        """Return all phones."""
        return tuple(self._phones.values())

    def phone(self, engine_id: int) -> Phone | None:
        """Return a phone by the number the engine knows it by."""
        return self._phones.get(engine_id)

    def trunk_by_id(self, trunk_id: TrunkId) -> Trunk | None:
        """Return a trunk."""
        return self._trunks.get(trunk_id)

    def is_blocked(self, account: AccountSid, number: str, *, incoming: bool) -> bool:
        """Say whether the account takes no calls from (`incoming`) or makes none to a number."""
        blocked = self._blocked.get((account, number))
        return blocked is not None and (blocked.incoming if incoming else blocked.outgoing)

    def flow(self, account: AccountSid, flow_id: FlowId) -> StoredFlow | None:
        """Return a flow of the account."""
        flow = self._flows.get(flow_id)
        return flow if flow is not None and flow.account == account else None

    def flow_in_force(self, account: AccountSid, flow_id: FlowId) -> tuple[FlowFacts, FlowSource | None]:
        """Return what admission must know of a flow, and the published document if it may run."""
        flow = self.flow(account, flow_id)
        if flow is None:
            return FlowFacts(state=FlowState.UNKNOWN, detail=f"the account has no flow {flow_id}"), None
        if flow.published_version is None:
            return FlowFacts(state=FlowState.DRAFT, detail=f"{flow.name} was never published"), None
        if flow.flow_state is FlowStatus.PAUSED:
            return FlowFacts(state=FlowState.PAUSED, detail=f"{flow.name} is paused"), None
        document = self._documents.get((flow_id, flow.published_version))
        if document is None:
            return FlowFacts(state=FlowState.UNREACHABLE, detail="the published document cannot be read"), None
        source = FlowSource(flow_id=flow_id, version=str(flow.published_version), document=document)
        return FlowFacts(state=FlowState.PUBLISHED, numbers=self._numbers_of[flow_id]), source
