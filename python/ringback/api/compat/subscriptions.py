"""`number/subscriptions`: the account's numbers in the words of the compatible API. Nothing is rented: prices are 0."""

from typing import Annotated, Any

import phonenumbers
from litestar import Response, get, post
from litestar.params import QueryParameter, RequestBody
from msgspec import Meta, Struct

from ringback.api.auth import ApiRequest, needs
from ringback.api.common import MAX_PAGE, Services, WhoAsks
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.resources.numbers import NumberBody, create_number
from ringback.model.access import Scope
from ringback.model.ids import NumberId
from ringback.model.number import Number, NumberStatus

OK_CODE = "CLE402"
"""What the compatible number API answers for "executed successfully"."""


class SubscribeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number to be added: of several only the first is taken, as documented there. `document_ids` is not used."""

    numbers: Annotated[list[Annotated[str, Meta(min_length=3, max_length=40)]], Meta(min_length=1, max_length=50)]
    document_ids: dict[str, str] | None = None
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class Subscription(Struct, frozen=True, kw_only=True):
    """One number of the account."""

    subscription_id: str
    number: str
    capabilities: list[str]
    iso_code: str
    number_type: str
    number_status: NumberStatus
    monthly_recurring_cost: float = 0.0
    setup_cost: float = 0.0


class Subscriptions(Struct, frozen=True, kw_only=True):
    """Numbers of the account; `next_cursor` (ours) asks for more than one page holds."""

    code: str
    message: str
    data: list[Subscription]
    next_cursor: str | None = None


@get(
    "/number/subscriptions",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="listSubscriptions",
    tags=["compatible"],
)
async def list_subscriptions(
    *,
    services: Services,
    caller: WhoAsks,
    cursor: Annotated[str | None, QueryParameter(max_length=100)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = MAX_PAGE,
) -> Subscriptions:
    """List the account's numbers."""
    found: tuple[Number, ...] = await services.repositories.numbers.list(
        caller.account.sid, limit=limit + 1, after=None if cursor is None else NumberId(cursor)
    )
    next_cursor = found[limit - 1].id if len(found) > limit else None
    return Subscriptions(code=OK_CODE, message="OK", data=[_view(n) for n in found[:limit]], next_cursor=next_cursor)


@post(
    "/number/subscriptions",
    guards=[needs(Scope.ADMIN)],
    responses=refusals(*CREATING),
    operation_id="subscribe",
    tags=["compatible"],
)
async def subscribe(
    request: ApiRequest, data: RequestBody[SubscribeBody], services: Services, caller: WhoAsks
) -> Response[Subscriptions]:
    """Add a number to the account. For the operator: whoever may do this may receive that number's calls."""

    async def make() -> Subscriptions:
        number = await create_number(NumberBody(number=data.numbers[0]), services, caller)
        return Subscriptions(code=OK_CODE, message="OK", data=[_view(number)])

    answer: Response[Any] = await answer_once(request, caller, services, data, make)
    return answer


def _view(number: Number) -> Subscription:
    capabilities = [name for name, has in (("voice_in", number.voice_in), ("voice_out", number.voice_out)) if has]
    iso_code, number_type = _describe(number.number)
    return Subscription(
        subscription_id=number.id,
        number=number.number,
        capabilities=capabilities,
        iso_code=iso_code,
        number_type=number_type,
        number_status=number.number_status,
    )


def _describe(number: str) -> tuple[str, str]:
    """Return the country and the type in the words of the compatible API; test numbers have none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "", "Test"
    types = {
        phonenumbers.PhoneNumberType.MOBILE: "Mobile",
        phonenumbers.PhoneNumberType.TOLL_FREE: "Toll-free",
        phonenumbers.PhoneNumberType.SHARED_COST: "Shared",
    }
    return phonenumbers.region_code_for_number(parsed) or "", types.get(phonenumbers.number_type(parsed), "Fixed Line")


HANDLERS = [list_subscriptions, subscribe]
