"""Outbound calls and click-to-call on their way out: the checks, the plan, the channels, the queue."""

from collections.abc import Callable
from datetime import timedelta

from msgspec import Struct

from ringback.call.admission import (
    FlowFacts,
    FlowState,
    NeedsChannel,
    OutboundFacts,
    Refuse,
    Wait,
    admit_outbound,
    without_channel,
)
from ringback.call.events import AdmissionRefused, Admitted, DialPlan, LegPlan, Queued, QueueTimedOut
from ringback.live.call_parts.targets import has_remote_flow, implicit_flow, wants_recording
from ringback.live.capacity import Pool, Want
from ringback.live.flow_driver import FlowSource
from ringback.live.parts import Parts
from ringback.live.queue import Queue
from ringback.live.task import CallTask
from ringback.live.web.remote_flow import FetchesFlows
from ringback.model.call import FlowTarget
from ringback.model.check import Check
from ringback.model.ids import FlowId, TrunkId
from ringback.model.number import Number
from ringback.model.status import Kind
from ringback.model.trunk import Trunk
from ringback.routing.outgoing import identity_of
from ringback.routing.restrictions import restriction


class Target(Struct, frozen=True):
    """What the call is to run: facts for admission (None where there is nothing to check), and the document."""

    facts: FlowFacts | None
    source: FlowSource | None


class Outbound:
    """Admits calls: at once, when they are due, and when they leave the queue."""

    def __init__(self, parts: Parts, remote: FetchesFlows) -> None:
        self._parts = parts
        self._remote = remote
        self.queue = Queue(parts.clock, self._leave_queue)
        self._is_closed = False

    def close(self) -> None:
        """Admit nobody any more; those who wait, or whose checks still run, stay rows and go on at the next start."""
        self._is_closed = True
        self.queue.stop()

    def begin(self, task: CallTask) -> None:
        """Admit a call that is due, let it wait, or refuse it."""
        if self._is_closed:
            return
        with task.guarded():
            self._begin(task)

    def _begin(self, task: CallTask) -> None:
        due_at = task.request.not_before or task.request.accepted_at
        late = task.now() - due_at
        if late > timedelta(milliseconds=task.account.defaults.late_schedule_ms):
            task.deliver(QueueTimedOut(at=task.now(), why="missed_schedule"))
        elif not has_remote_flow(task.request):
            self._first(task, self._target(task))
        elif (refusal := self._before_flow(task)) is not None:  # nobody is asked for a flow in vain
            self._refuse(task, refusal)
        else:
            self._fetch(task, self._first)

    def _first(self, task: CallTask, target: Target) -> None:
        """Run the checks for the first time: the call leaves at once, waits, or is refused."""
        account, request = task.account, task.request
        queues = account.queues and request.queues
        waiting = self.queue.waiting(request.account)
        legs = self._checked(task, target)
        if legs is None:
            return
        stays_behind = queues and waiting > 0  # nobody overtakes those who wait already
        if not stays_behind and self._reserve(task, legs) is None:
            self._admit(task, legs, target)
            return
        answer = without_channel(
            queues=queues, waiting=waiting, queue_length=account.defaults.queue_length, queue_ms=request.queue_ms
        )
        if isinstance(answer, Wait):
            self.wait(task, wait_ms=answer.queue_ms)
        else:
            self._refuse(task, answer)

    def wait(self, task: CallTask, *, wait_ms: float) -> None:
        """Let a call stand in the queue."""
        now = task.now()
        until = now + timedelta(milliseconds=wait_ms)
        task.deliver(Queued(at=now, until=until))
        self.queue.join(task, until)
        self.queue.look()

    def _leave_queue(self, task: CallTask) -> Want | None:
        """Run the checks again and reserve in one step; what is full keeps the call where it is."""
        full = None
        with task.guarded():  # a fault of our own ends the call here, and nothing is full
            full = self._try_to_leave(task)
        return full  # noqa: RET504  (the context may swallow)

    def _try_to_leave(self, task: CallTask) -> Want | None:
        is_remote = has_remote_flow(task.request)
        target = Target(None, None) if is_remote else self._target(task)
        legs = self._checked(task, target)
        if legs is None:
            return None
        full = self._reserve(task, legs)
        if full is not None:
            return full
        if is_remote:  # its channels are reserved; the document is asked for again, as every check runs again
            self._fetch(task, lambda _, fetched: self._admit_if_sound(task, legs, fetched))
        else:
            self._admit(task, legs, target)
        return None

    def _admit_if_sound(self, task: CallTask, legs: tuple[LegPlan, ...], target: Target) -> None:
        if self._checked(task, target) is not None:
            self._admit(task, legs, target)

    def _checked(self, task: CallTask, target: Target) -> tuple[LegPlan, ...] | None:
        """Run the checks up to capacity and plan the legs; None if the call was refused."""
        facts, legs = self._facts(task, target.facts)
        answer = admit_outbound(facts, channels=len(legs))
        if isinstance(answer, NeedsChannel):
            return legs
        self._refuse(task, answer)
        return None

    def _before_flow(self, task: CallTask) -> Refuse | None:
        """Run only the checks that stand before the flow's."""
        facts = OutboundFacts(bridge=self._bridge(task), restriction=self._restriction(task), to_has_route=True)
        answer = admit_outbound(facts)
        return answer if isinstance(answer, Refuse) else None

    def _facts(self, task: CallTask, flow: FlowFacts | None) -> tuple[OutboundFacts, tuple[LegPlan, ...]]:
        request, routes = task.request, self._parts.directory.routes
        legs = self._plan(task)
        is_pair = request.kind is Kind.CLICK_TO_CALL
        facts = OutboundFacts(
            bridge=self._bridge(task),
            restriction=self._restriction(task),
            flow=flow,
            to_has_route=routes.route_for(request.to, request.account) is not None,
            from_has_route=not is_pair or routes.route_for(request.from_, request.account) is not None,
        )
        return facts, legs

    def _plan(self, task: CallTask) -> tuple[LegPlan, ...]:
        """Plan each leg over trunks with a free slot; a slot that an earlier leg will take is not free for the next."""
        request, defaults = task.request, task.account.defaults
        parties = (request.from_, request.to) if request.kind is Kind.CLICK_TO_CALL else (request.to,)
        legs: list[LegPlan] = []

        def has_slot(trunk: Trunk) -> bool:
            ours = sum(bool(leg.tries) and leg.tries[0].trunk_id == trunk.id for leg in legs)
            return trunk.channels is None or self._parts.capacity.taken(Pool.TRUNK, trunk.id) + ours < trunk.channels

        for party in parties:
            leg = self._parts.directory.routes.plan_leg(
                party,
                account=request.account,
                caller=request.bridge,
                ring_ms=request.ring_ms or defaults.ring_ms,
                ring_from_request=request.ring_ms is not None,
                call=identity_of(request),
                has_slot=has_slot,
            )
            legs.append(leg)
        return tuple(legs)

    def _reserve(self, task: CallTask, legs: tuple[LegPlan, ...]) -> Want | None:
        """Reserve a channel of account, number and trunk for each leg; return what is full instead."""
        for leg in legs:
            if not leg.tries:
                return Want(pool=Pool.TRUNK, key=leg.blocked[0] if leg.blocked else "", most=0)
        account, bridge = task.account, self._bridge(task)
        first = {number: TrunkId(leg.tries[0].trunk_id) for number, leg in enumerate(legs, start=1)}
        most = {trunk.id: trunk.channels for trunk in self._parts.directory.trunks()}
        wants = [
            Want(pool=Pool.ACCOUNT, key=account.sid, count=len(legs), most=account.channels),
            Want(pool=Pool.NUMBER, key=task.request.bridge, count=len(legs), most=bridge.channels if bridge else None),
        ]
        slots = [Want(pool=Pool.TRUNK, key=trunk, most=most.get(trunk)) for trunk in first.values()]
        full = self._parts.capacity.reserve([*wants, *slots])
        if full is None:
            task.holdings.keep(wants, first)
            task.journal.channels = task.holdings.channels
        return full

    def _admit(self, task: CallTask, legs: tuple[LegPlan, ...], target: Target) -> None:
        task.source = target.source
        if wants_recording(task.request, target.source):
            task.record()
        plan = DialPlan(
            legs=legs,
            flow_id=target.source.flow_id if target.source else None,
            flow_version=target.source.version if target.source else None,
            max_duration_ms=task.request.max_duration_ms,
        )
        task.deliver(Admitted(at=task.now(), plan=plan))

    def _refuse(self, task: CallTask, refusal: Refuse) -> None:
        task.deliver(AdmissionRefused(at=task.now(), check=refusal.check, detail=refusal.detail))

    def _fetch(self, task: CallTask, go_on: Callable[[CallTask, Target], None]) -> None:
        """Fetch the document of a remote flow, and go on unless the call ended meanwhile."""
        target = task.request.target
        url = target.url if isinstance(target, FlowTarget) else None

        async def fetch() -> None:
            facts, source = await self._remote.fetch(url or "", account=task.account)
            self._fetched(task, Target(facts, source), go_on)

        def failed(error: Exception) -> None:
            facts = FlowFacts(state=FlowState.UNREACHABLE, detail=f"internal error: {error}")
            self._fetched(task, Target(facts, None), go_on)

        self._parts.supervisor.start(fetch(), name="remote-flow", failed=failed)

    def _fetched(self, task: CallTask, target: Target, go_on: Callable[[CallTask, Target], None]) -> None:
        if self._is_closed:
            task.holdings.release()
        elif not task.has_ended:
            with task.guarded():
                go_on(task, target)

    def _target(self, task: CallTask) -> Target:
        request = task.request
        if not isinstance(request.target, FlowTarget):
            return Target(None, implicit_flow(request.target))
        flow_id = FlowId(request.target.flow_id or "")
        return Target(*self._parts.directory.flow_in_force(request.account, flow_id))

    def _bridge(self, task: CallTask) -> Number | None:
        number = self._parts.directory.number(task.request.bridge)
        return number if number is not None and number.account == task.request.account else None

    def _restriction(self, task: CallTask) -> Check | None:
        request, directory = task.request, self._parts.directory
        parties = {request.to, request.from_} if request.kind is Kind.CLICK_TO_CALL else {request.to}
        return restriction(
            at=task.now(),
            calling_hours=task.account.calling_hours,
            is_blocked=any(directory.is_blocked(request.account, party, incoming=False) for party in parties),
        )
