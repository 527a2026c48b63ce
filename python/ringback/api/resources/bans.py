"""`bans`: sources that the engine does not listen to. The operator's."""

from ipaddress import ip_address
from typing import Annotated

from litestar import delete, get, post
from litestar.params import FromPath, RequestBody
from msgspec import Meta, Struct

from ringback.api.auth import needs
from ringback.api.common import Services
from ringback.api.openapi import refusals
from ringback.api.problems import FieldProblem, invalid
from ringback.model.access import Scope


class BanBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to be banned, and for how long."""

    source: Annotated[str, Meta(min_length=2, max_length=45)]
    seconds: Annotated[int, Meta(ge=1, le=31_622_400)] = 3_600


class BanView(Struct, frozen=True, kw_only=True):
    """A banned source, of IPv6 its /64, and the seconds left."""

    source: str
    seconds_left: int


class BanList(Struct, frozen=True, kw_only=True):
    """All bans, those that last longest first."""

    bans: list[BanView]


@get("/bans", guards=[needs(Scope.ADMIN)], responses=refusals(), operation_id="listBans", tags=["operator"])
async def list_bans(services: Services) -> BanList:
    """List the sources that are banned now."""
    return BanList(bans=[BanView(source=source, seconds_left=left) for source, left in services.bans.bans()])


@post(
    "/bans",
    status_code=204,
    guards=[needs(Scope.ADMIN)],
    responses=refusals("invalid-request"),
    operation_id="addBan",
    tags=["operator"],
)
async def add_ban(data: RequestBody[BanBody], services: Services) -> None:
    """Ban an address. Sources of trunks go on being heard. Bans do not outlive the process."""
    services.bans.ban(_address("source", data.source), seconds=data.seconds)


@delete(
    "/bans/{source:str}",
    guards=[needs(Scope.ADMIN)],
    responses=refusals("invalid-request"),
    operation_id="liftBan",
    tags=["operator"],
)
async def lift_ban(source: FromPath[str], services: Services) -> None:
    """Lift the ban of an address, and forget its failures. One that is not banned stays so."""
    services.bans.lift_ban(_address("source", source))


def _address(field: str, text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise invalid([FieldProblem(field=field, detail="must be an IP address")]) from None


HANDLERS = [list_bans, add_ban, lift_ban]
