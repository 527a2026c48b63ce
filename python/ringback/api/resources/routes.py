"""`routes`: which trunks lead to which numbers, and which way a number would go."""

from typing import Annotated

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, QueryParameter, RequestBody
from msgspec import Meta, Struct

from ringback.api.auth import ApiRequest, Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import Services, WhoAsks, explain_store, new_id
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.phone import read_number
from ringback.api.problems import not_found
from ringback.api.services import ApiServices
from ringback.model.access import Scope
from ringback.model.ids import RouteId, TrunkId
from ringback.model.trunk import Route
from ringback.routing.routes import RouteTable, rewrite
from ringback.store.errors import UnknownError

Id = Annotated[str, Meta(min_length=1, max_length=100)]


class RouteBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers that begin with `prefix` go to these trunks, first one first.

    The longest prefix wins, then the lowest `order`. `strip` digits go from the front (after `+`), `prepend` comes
    instead.
    """

    prefix: Annotated[str, Meta(pattern=r"^\+[0-9]{0,15}$", description="`+` alone is every number.", examples=["+49"])]
    trunks: Annotated[list[Id], Meta(min_length=1, max_length=10)]
    order: Annotated[int, Meta(ge=0, le=10_000)] = 0
    strip: Annotated[int, Meta(ge=0, le=15)] = 0
    prepend: Annotated[str, Meta(pattern=r"^[0-9+*#]{0,15}$")] = ""


class RouteView(Struct, frozen=True, kw_only=True):
    """A route. `is_operators`: it serves all accounts and cannot be changed here."""

    id: str
    is_operators: bool
    prefix: str
    trunks: tuple[str, ...]
    order: int
    strip: int
    prepend: str


class TrunkOnWay(Struct, frozen=True, kw_only=True):
    """A trunk that would be tried; the gateways of the operator's trunks are not shown."""

    id: str
    name: str
    gateways: tuple[str, ...]


class WayFound(Struct, frozen=True, kw_only=True):
    """Which way a number would go. `dialed` is how it is written towards the carrier."""

    number: str
    has_route: bool
    explanation: str
    route: RouteView | None = None
    dialed: str | None = None
    trunks: tuple[TrunkOnWay, ...] = ()


class RouteList(Struct, frozen=True, kw_only=True):
    """All routes this account's calls may take."""

    routes: list[RouteView]


@get("/routes", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listRoutes", tags=["routing"])
async def list_routes(services: Services, caller: WhoAsks) -> RouteList:
    """List the account's own routes and the operator's."""
    routes = services.repositories.routes
    found = (*await routes.list(caller.account.sid), *await routes.list(None))
    return RouteList(routes=[view_route(route) for route in found])


@post(
    "/routes", guards=[needs(Scope.CONFIGURE)], responses=refusals(*CREATING), operation_id="addRoute", tags=["routing"]
)
async def add_route(
    request: ApiRequest, data: RequestBody[RouteBody], services: Services, caller: WhoAsks
) -> Response[RouteView]:
    """Make a route of the account."""

    async def make() -> RouteView:
        return await _save(RouteId(new_id(services, "route")), data, services, caller)

    return await answer_once(request, caller, services, data, make)


@get(
    "/routes/{route_id:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getRoute",
    tags=["routing"],
)
async def get_route(route_id: FromPath[str], services: Services, caller: WhoAsks) -> RouteView:
    """Show one route of the account."""
    return view_route(await _find(route_id, services, caller))


@put(
    "/routes/{route_id:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(*CREATING),
    operation_id="replaceRoute",
    tags=["routing"],
)
async def replace_route(
    route_id: FromPath[str], data: RequestBody[RouteBody], services: Services, caller: WhoAsks
) -> RouteView:
    """Replace a route of the account. Calls in progress keep their way."""
    route = await _find(route_id, services, caller)
    return await _save(route.id, data, services, caller)


@delete(
    "/routes/{route_id:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals(),
    operation_id="deleteRoute",
    tags=["routing"],
)
async def delete_route(route_id: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Delete a route of the account. Numbers without any route end as NOROUTE."""
    route = await _find(route_id, services, caller)
    await services.repositories.routes.delete(caller.account.sid, route.id)
    await services.directory_changed()


@get(
    "/routes/check",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="checkRoute",
    tags=["routing"],
)
async def check_route(
    *,
    services: Services,
    caller: WhoAsks,
    number: Annotated[str, QueryParameter(min_length=1, max_length=40, description="E.164; `+` is %2B in a URL.")],
) -> WayFound:
    """Say which way a call to a number would go now, without placing one. Free channels are not looked at."""
    faults = Faults()
    e164 = read_number("number", number, None, caller.account, faults)
    faults.raise_if_any()
    repositories = services.repositories
    table = RouteTable(await repositories.routes.all(), await repositories.trunks.all())
    route = table.route_for(e164, caller.account.sid)
    if route is None:
        return WayFound(number=e164, has_route=False, explanation=f"No route leads to {e164}: it would end as NOROUTE.")
    trunks = table.trunks_of(route, e164, caller.account.sid)
    names = ", then ".join(trunk.name for trunk in trunks)
    return WayFound(
        number=e164,
        has_route=True,
        route=view_route(route),
        dialed=rewrite(route, e164),
        trunks=tuple(
            TrunkOnWay(id=trunk.id, name=trunk.name, gateways=trunk.gateways if trunk.account is not None else ())
            for trunk in trunks
        ),
        explanation=f"Prefix {route.prefix or '(any)'} wins; tried in turn: {names}.",
    )


def view_route(route: Route) -> RouteView:
    """Show a route."""
    return RouteView(
        id=route.id,
        is_operators=route.account is None,
        prefix=route.prefix,
        trunks=route.trunks,
        order=route.order,
        strip=route.strip,
        prepend=route.prepend,
    )


async def _find(route_id: str, services: ApiServices, caller: Caller) -> Route:
    found = await services.repositories.routes.get(caller.account.sid, RouteId(route_id))
    if found is None:
        raise not_found("route", route_id)
    return found


async def _save(route_id: RouteId, data: RouteBody, services: ApiServices, caller: Caller) -> RouteView:
    trunks = services.repositories.trunks
    usable = {trunk.id for trunk in (*await trunks.list(caller.account.sid), *await trunks.list(None))}
    faults = Faults()
    for index, name in enumerate(data.trunks):
        if name not in usable:
            faults.add(f"trunks[{index}]", f"there is no trunk `{name}` for this account")
    if data.strip > len(data.prefix) - 1:
        faults.add("strip", "takes more digits than the prefix has")
    faults.raise_if_any()
    route = Route(
        id=route_id,
        account=caller.account.sid,
        prefix=data.prefix,
        trunks=tuple(TrunkId(name) for name in data.trunks),
        order=data.order,
        strip=data.strip,
        prepend=data.prepend,
    )
    try:
        saved = await services.repositories.routes.save(route)
    except UnknownError as error:
        raise explain_store(error) from None
    await services.directory_changed()
    return view_route(saved)


HANDLERS = [list_routes, add_route, check_route, get_route, replace_route, delete_route]
