"""`voice/outbound` and `voice/click-to-call`: accept calls."""

from collections.abc import Callable
from typing import Any

from litestar import Response, post
from litestar.params import RequestBody

from ringback.api.auth import ApiRequest, Caller, needs
from ringback.api.common import Services, WhoAsks, make_ids
from ringback.api.compat.bodies import ClickToCallBody, OutboundBody, Placed, PlacedAnswer, PlacedCall
from ringback.api.compat.placing import Placing, click_to_call_request, outbound_requests
from ringback.api.idempotency import Once, read_once
from ringback.api.openapi import CREATING, FormOperation, refusals
from ringback.api.problems import FieldProblem, invalid
from ringback.api.services import ApiServices
from ringback.model.access import Scope
from ringback.model.call import CallRequest, SoundTarget
from ringback.model.ids import CallId, SoundId

ACCEPTED_CODE = "RBC202"


@post(
    "/voice/outbound",
    status_code=202,
    guards=[needs(Scope.CALL)],
    operation_class=FormOperation,
    responses=refusals(*CREATING),
    operation_id="placeOutbound",
    tags=["compatible"],
)
async def outbound(
    request: ApiRequest, data: RequestBody[OutboundBody], services: Services, caller: WhoAsks
) -> Response[PlacedAnswer]:
    """Call one number, or up to 1,000; on answer run a flow, play a sound or speak a text.

    Accepted is not yet placed: a call that cannot be placed ends with the status that says why.
    """
    once = read_once(request, caller, services, data)
    return await _place(once, services, lambda: outbound_requests(data, _placing(services, caller)))


@post(
    "/voice/click-to-call",
    status_code=202,
    guards=[needs(Scope.CALL)],
    operation_class=FormOperation,
    responses=refusals(*CREATING),
    operation_id="placeClickToCall",
    tags=["compatible"],
)
async def click_to_call(
    request: ApiRequest, data: RequestBody[ClickToCallBody], services: Services, caller: WhoAsks
) -> Response[PlacedAnswer]:
    """Call `from`; when it has answered call `to`, and join the two."""
    once = read_once(request, caller, services, data)
    return await _place(once, services, lambda: [click_to_call_request(data, _placing(services, caller))])


def _placing(services: ApiServices, caller: Caller) -> Placing:
    make = make_ids(services, "call")
    return Placing(account=caller.account, now=services.now(), make_id=lambda: CallId(make()))


async def _place(
    once: Once | None, services: ApiServices, make: Callable[[], list[CallRequest]]
) -> Response[Any]:  # fmt: skip
    """Accept the calls that `make` makes, or repeat the answer given to this idempotency key before.

    The earlier answer is looked up before the fields are judged: a `time` that has passed meanwhile does not spoil a
    repeat.
    """
    if once is not None and (found := await once.earlier()) is not None:
        return found
    requests = make()
    await _require_sound(requests[0], services)
    answer = _answer(requests)
    record = await services.calls.place(requests, None if once is None else once.record(202, answer))
    if record is not None and once is not None:
        return once.replay(record)
    return Response(answer, status_code=202)


async def _require_sound(request: CallRequest, services: ApiServices) -> None:
    """Refuse a sound that is not there: the callee would answer to silence, and no status says so."""
    if isinstance(request.target, SoundTarget):
        sound_id = request.target.sound_id
        if await services.repositories.sounds.get(request.account, SoundId(sound_id)) is None:
            detail = f"the account has no sound `{sound_id[:100]}`; upload it first, see `sounds`"
            raise invalid([FieldProblem(field="target", detail=detail)])


def _answer(requests: list[CallRequest]) -> PlacedAnswer:
    calls = [PlacedCall(to=request.to, id=request.id) for request in requests]
    message = "Call accepted" if len(calls) == 1 else f"{len(calls)} calls accepted"
    only = calls[0].id if len(calls) == 1 else None
    return PlacedAnswer(code=ACCEPTED_CODE, message=message, data=Placed(calls=calls, id=only))


HANDLERS = [outbound, click_to_call]
