"""`webhook-deliveries`: what was sent, what came back, and sending it again."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from ringback.api.auth import needs
from ringback.api.common import MAX_PAGE, Services, WhoAsks
from ringback.api.masking import mask_data, mask_text, masks
from ringback.api.openapi import refusals
from ringback.api.problems import not_found
from ringback.model.access import Scope
from ringback.model.ids import CallId
from ringback.store.outbox import Delivery, DeliveryAttempt

DeliveryState = Literal["waiting", "delivered", "dead"]
Word = Annotated[str | None, QueryParameter(max_length=100)]


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A webhook and how far it got. `payload` and `tries` only where one delivery is asked for."""

    id: str
    call_id: str
    event: str
    sequence: int
    method: str
    url: str
    delivery_state: str
    attempts: int
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None
    last_error: str
    payload: dict[str, Any] | None = None
    tries: tuple[DeliveryAttempt, ...] = ()


class DeliveryList(Struct, frozen=True, kw_only=True):
    """A page of deliveries, newest first; `next_cursor` is null on the last one."""

    deliveries: list[DeliveryView]
    next_cursor: str | None


class Replayed(Struct, frozen=True, kw_only=True):
    """The webhook is in the outbox again, with the same id."""

    id: str
    delivery_state: str


@get(
    "/webhook-deliveries",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="listWebhookDeliveries",
    tags=["webhooks"],
)
async def list_deliveries(
    *,
    services: Services,
    caller: WhoAsks,
    call_id: Word = None,
    delivery_state: FromQuery[DeliveryState | None] = None,
    cursor: Word = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 50,
) -> DeliveryList:
    """List webhook deliveries, newest first. `delivery_state=dead` shows what was given up."""
    found = await services.repositories.outbox.list(
        caller.account.sid,
        call_id=None if call_id is None else CallId(call_id),
        state=delivery_state,
        after=cursor,
        limit=limit + 1,
    )
    masked = masks(caller, services)
    next_cursor = found[limit - 1].event.id if len(found) > limit else None
    return DeliveryList(
        deliveries=[_view(delivery, masked=masked) for delivery in found[:limit]], next_cursor=next_cursor
    )


@get(
    "/webhook-deliveries/{delivery_id:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getWebhookDelivery",
    tags=["webhooks"],
)
async def get_delivery(delivery_id: FromPath[str], services: Services, caller: WhoAsks) -> DeliveryView:
    """Show one delivery with its payload and the last 50 tries."""
    outbox = services.repositories.outbox
    delivery = await outbox.get(caller.account.sid, delivery_id)
    if delivery is None:
        raise not_found("webhook delivery", delivery_id)
    masked = masks(caller, services)
    payload = msgspec.json.decode(delivery.event.payload)
    tries = await outbox.attempts(caller.account.sid, delivery_id)
    return msgspec.structs.replace(
        _view(delivery, masked=masked), payload=mask_data(payload) if masked else payload, tries=tries
    )


@post(
    "/webhook-deliveries/{delivery_id:str}/replay",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(),
    status_code=202,
    operation_id="replayWebhookDelivery",
    tags=["webhooks"],
)
async def replay(delivery_id: FromPath[str], services: Services, caller: WhoAsks) -> Replayed:
    """Send a webhook again, dead and delivered ones too. The receiver gets the same id, so it can tell a repeat."""
    if not await services.repositories.outbox.replay(caller.account.sid, delivery_id):
        raise not_found("webhook delivery", delivery_id)
    services.nudge_webhooks()
    return Replayed(id=delivery_id, delivery_state="waiting")


def _view(delivery: Delivery, *, masked: bool) -> DeliveryView:
    event = delivery.event
    return DeliveryView(
        id=event.id,
        call_id=event.call_id,
        event=event.event,
        sequence=event.sequence,
        method=event.method,
        url=mask_text(event.url) if masked else event.url,
        delivery_state=delivery.state,
        attempts=delivery.attempts,
        created_at=event.created_at,
        next_at=delivery.next_at,
        delivered_at=delivery.delivered_at,
        last_error=delivery.last_error,
    )


HANDLERS = [list_deliveries, get_delivery, replay]
