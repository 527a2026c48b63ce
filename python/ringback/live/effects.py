"""Carries out what the call machine asks for: one function for each effect. The only way from a call to the engine."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from ringback._engine import EngineError
from ringback.call import effects as ef
from ringback.call.events import LegEnded, TimerFired, TimerName
from ringback.live.call_parts.legs import Leg
from ringback.live.capacity import Pool
from ringback.live.flow_driver import FlowDriver
from ringback.model.cause import Cause
from ringback.model.ids import TrunkId

if TYPE_CHECKING:
    from ringback.live.task import CallTask

_log = structlog.get_logger(__name__)


def _dial(task: "CallTask", effect: ef.Dial) -> None:
    """Send one try's INVITE, if its trunk has a slot; a try that cannot leave ends like one that failed."""
    plan = effect.plan
    if not _take_slot(task, effect.leg, plan.trunk_id):
        _ended_here(task, effect, Cause(cause="no_channel", side="local"))
        return
    try:
        engine_leg = task.parts.engine.dial(
            trunk=plan.engine_trunk,
            gateway=plan.gateway,
            to=plan.to_uri,
            from_=plan.from_uri,
            call_id=effect.sip_call_id,
            local_tag=effect.local_tag,
            display_name=plan.display_name,
            headers=list(plan.headers),
        )
    except EngineError as error:
        _log.warning("dial_refused", call_id=task.request.id, leg=effect.leg, error=str(error))
        task.parts.capacity.release(Pool.TRUNK, plan.trunk_id)
        _ended_here(task, effect, Cause(cause="fault", side="local", phrase=str(error)[:200]))
        return
    leg = Leg(task, engine_leg=engine_leg, leg=effect.leg, try_=effect.try_, trunk=plan.trunk_id)
    task.add_leg(leg)


def _take_slot(task: "CallTask", leg: int, trunk_id: str) -> bool:
    """Use the slot reserved at admission, or take one now."""
    trunk = task.parts.directory.trunk_by_id(TrunkId(trunk_id))
    return task.holdings.use_slot(leg, trunk_id, most=trunk.channels if trunk is not None else None)


def _ended_here(task: "CallTask", effect: ef.Dial, cause: Cause) -> None:
    task.deliver(LegEnded(at=task.now(), leg=effect.leg, try_=effect.try_, cause=cause))


def _hang_up(task: "CallTask", effect: ef.Hangup) -> None:
    leg = task.legs.get((effect.leg, effect.try_))
    if leg is not None:
        task.parts.engine.hangup(leg.engine_leg, q850=effect.q850, reason=effect.reason)


def _ring(task: "CallTask", effect: ef.Ring) -> None:
    del effect
    task.parts.engine.ring(task.engine_leg(1))


def _answer(task: "CallTask", effect: ef.Answer) -> None:
    del effect
    task.parts.engine.answer(task.engine_leg(1))


def _reject(task: "CallTask", effect: ef.Reject) -> None:
    leg = task.legs.get((1, 0))
    if leg is not None:
        task.parts.engine.reject(leg.engine_leg, effect.code, reason=effect.reason)


def _start_timer(task: "CallTask", effect: ef.StartTimer) -> None:
    key = (effect.name, effect.leg, effect.try_)
    running = task.timers.pop(key, None)
    if running is not None:
        running.cancel()
    clock = task.parts.clock

    def fired(name: TimerName = effect.name, leg: int = effect.leg, try_: int = effect.try_) -> None:
        if task.timers.pop((name, leg, try_), None) is not None:
            task.deliver(TimerFired(at=clock.now(), name=name, leg=leg, try_=try_))

    task.timers[key] = clock.call_later(effect.after_ms / 1000, fired)


def _stop_timer(task: "CallTask", effect: ef.StopTimer) -> None:
    timer = task.timers.pop((effect.name, effect.leg, effect.try_), None)
    if timer is not None:
        timer.cancel()


def _join(task: "CallTask", effect: ef.JoinLegs) -> None:
    task.parts.engine.join(task.engine_leg(effect.a), task.engine_leg(effect.b))
    task.ringback = None  # the join replaced the tone


def _play_ringback(task: "CallTask", effect: ef.PlayRingback) -> None:
    task.ringback = task.parts.engine.tone(task.engine_leg(effect.leg), "ringback")


def _stop_ringback(task: "CallTask", effect: ef.StopRingback) -> None:
    del effect
    if task.ringback is not None:
        task.parts.engine.stop_op(task.ringback)
        task.ringback = None


def _start_flow(task: "CallTask", effect: ef.StartFlow) -> None:
    if task.source is None:
        raise LookupError("the call has no flow to start")
    task.flow = FlowDriver(task, task.source)
    task.flow.start(answered=effect.answered)


def _tell_flow(task: "CallTask", effect: ef.TellFlow) -> None:
    if task.flow is not None:
        task.flow.tell(effect.what, effect.data)


def _stop_flow(task: "CallTask", effect: ef.StopFlow) -> None:
    del effect
    if task.flow is not None:
        task.flow.stop()


CARRY_OUT: dict[type, Callable[["CallTask", Any], None]] = {
    ef.Dial: _dial,
    ef.Hangup: _hang_up,
    ef.Ring: _ring,
    ef.Answer: _answer,
    ef.Reject: _reject,
    ef.StartTimer: _start_timer,
    ef.StopTimer: _stop_timer,
    ef.JoinLegs: _join,
    ef.PlayRingback: _play_ringback,
    ef.StopRingback: _stop_ringback,
    ef.StartFlow: _start_flow,
    ef.TellFlow: _tell_flow,
    ef.StopFlow: _stop_flow,
}
"""What to do for each effect; `Record`, `Announce` and `Finish` are the journal's and stand in `task.py`."""
