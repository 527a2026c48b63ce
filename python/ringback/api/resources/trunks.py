"""`trunks`: the account's own relations to carriers. Of the operator's only the names are seen."""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, RequestBody
from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from ringback.api.auth import ApiRequest, Caller, needs
from ringback.api.collect import Faults
from ringback.api.common import Services, WhoAsks, explain_store, new_id
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.problems import not_found
from ringback.api.services import ApiServices
from ringback.model.access import Scope
from ringback.model.ids import TrunkId
from ringback.model.sip.dialog import DialogPolicy
from ringback.model.sip.header_rules import HeaderRules
from ringback.model.sip.identity import IdentityPolicy
from ringback.model.sip.limits import TrunkLimits
from ringback.model.sip.registration import TrunkRegistration
from ringback.model.standing import TrunkStanding
from ringback.model.trunk import OutcomeOverride, Trunk
from ringback.routing.trunk_check import identity_faults
from ringback.store.errors import UnknownError

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Places = Annotated[list[Annotated[str, Meta(min_length=1, max_length=260)]], Meta(max_length=20)]
Codecs = Annotated[list[Annotated[str, Meta(pattern="^(PCMA|PCMU|G722|OPUS)$")]], Meta(min_length=1, max_length=4)]
Srtp = Annotated[str, Meta(pattern="^(off|optional|required)$")]
Dtmf = Annotated[str, Meta(pattern="^(auto|inband)$")]
Secret = Annotated[str, Meta(max_length=200)]
Channels = Annotated[int, Meta(ge=1, le=100_000)]
FirstResponse = Annotated[int, Meta(ge=500, le=32_000)]
TransportName = Annotated[str, Meta(pattern="^(auto|udp|tcp|tls)$")]
Header = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_.-]+$")]
Headers = Annotated[list[Header], Meta(min_length=1, max_length=5)]
PingSeconds = Annotated[float, Meta(ge=0, le=3600)]
Overrides = Annotated[list[OutcomeOverride], Meta(max_length=100)]

_HOST = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")


class TrunkBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trunk to be made. `gateways` are `host:port` or a host alone, `sources` say who calls by it."""

    name: Name
    gateways: Places = []
    sources: Places = []
    username: Secret | None = None
    password: Secret | None = None
    codecs: Codecs = field(default_factory=lambda: ["PCMA", "PCMU"])
    channels: Channels | None = None
    first_response_ms: FirstResponse = 4_000
    transport: TransportName = "auto"
    mtu_to_tcp: bool = False
    allow_redirects: bool = False
    send_pai: bool = False
    called_from: Header = "request_uri"
    calling_from: Headers = field(default_factory=lambda: ["P-Asserted-Identity", "Remote-Party-ID", "From"])
    identity: IdentityPolicy = field(default_factory=IdentityPolicy)
    header_rules: HeaderRules = field(default_factory=HeaderRules)
    dialog: DialogPolicy = field(default_factory=DialogPolicy)
    limits: TrunkLimits = field(default_factory=TrunkLimits)
    srtp: Srtp = "off"
    srtp_over_clear: bool = False
    dtmf: Dtmf = "auto"
    registration: TrunkRegistration | None = None
    options_ping_s: PingSeconds = 0
    enabled: bool = True
    overrides: Overrides = []


class TrunkChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; fields left out stay as they are, the password too."""

    name: Name | UnsetType = UNSET
    gateways: Places | UnsetType = UNSET
    sources: Places | UnsetType = UNSET
    username: Secret | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    codecs: Codecs | UnsetType = UNSET
    channels: Channels | UnsetType | None = UNSET
    first_response_ms: FirstResponse | UnsetType = UNSET
    transport: TransportName | UnsetType = UNSET
    mtu_to_tcp: bool | UnsetType = UNSET
    allow_redirects: bool | UnsetType = UNSET
    send_pai: bool | UnsetType = UNSET
    called_from: Header | UnsetType = UNSET
    calling_from: Headers | UnsetType = UNSET
    identity: IdentityPolicy | UnsetType = UNSET
    header_rules: HeaderRules | UnsetType = UNSET
    dialog: DialogPolicy | UnsetType = UNSET
    limits: TrunkLimits | UnsetType = UNSET
    srtp: Srtp | UnsetType = UNSET
    srtp_over_clear: bool | UnsetType = UNSET
    dtmf: Dtmf | UnsetType = UNSET
    registration: TrunkRegistration | UnsetType | None = UNSET
    options_ping_s: PingSeconds | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    overrides: Overrides | UnsetType = UNSET


class TrunkView(Struct, frozen=True, kw_only=True):
    """A trunk. `is_operators`: it belongs to the operator and serves all accounts; then only its name is shown."""

    id: str
    name: str
    is_operators: bool
    enabled: bool
    test_only: bool
    gateways: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    username: str | None = None
    has_password: bool = False
    codecs: tuple[str, ...] = ()
    channels: int | None = None
    first_response_ms: int = 4_000
    transport: str = "auto"
    mtu_to_tcp: bool = False
    allow_redirects: bool = False
    send_pai: bool = False
    called_from: str = "request_uri"
    calling_from: tuple[str, ...] = ()
    identity: IdentityPolicy = field(default_factory=IdentityPolicy)
    header_rules: HeaderRules = field(default_factory=HeaderRules)
    dialog: DialogPolicy = field(default_factory=DialogPolicy)
    limits: TrunkLimits = field(default_factory=TrunkLimits)
    srtp: str = "off"
    srtp_over_clear: bool = False
    dtmf: str = "auto"
    registration: TrunkRegistration | None = None
    options_ping_s: float = 0
    standing: TrunkStanding = field(default_factory=TrunkStanding)
    overrides: tuple[OutcomeOverride, ...] = ()


class TrunkList(Struct, frozen=True, kw_only=True):
    """All trunks that this account may use, its own first."""

    trunks: list[TrunkView]


@get("/trunks", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listTrunks", tags=["routing"])
async def list_trunks(services: Services, caller: WhoAsks) -> TrunkList:
    """List the account's own trunks and the operator's."""
    trunks = services.repositories.trunks
    own = await trunks.list(caller.account.sid)
    shared = [trunk for trunk in await trunks.list(None) if caller.account.is_test or not trunk.test_only]
    return TrunkList(trunks=[view_trunk(trunk, services) for trunk in (*own, *shared)])


@post("/trunks", guards=[needs(Scope.ADMIN)], responses=refusals(*CREATING), operation_id="addTrunk", tags=["routing"])
async def add_trunk(
    request: ApiRequest, data: RequestBody[TrunkBody], services: Services, caller: WhoAsks
) -> Response[TrunkView]:
    """Make a trunk of the account. It carries calls as soon as a route names it."""

    async def make() -> TrunkView:
        fields = _as_fields(structs.asdict(data))
        trunk = Trunk(id=TrunkId(new_id(services, "trunk")), engine_id=0, account=caller.account.sid, **fields)
        return view_trunk(await _save(trunk, services), services)

    return await answer_once(request, caller, services, data, make)


@get(
    "/trunks/{trunk_id:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getTrunk",
    tags=["routing"],
)
async def get_trunk(trunk_id: FromPath[str], services: Services, caller: WhoAsks) -> TrunkView:
    """Show one trunk of the account."""
    return view_trunk(await _find(trunk_id, services, caller), services)


@patch(
    "/trunks/{trunk_id:str}",
    guards=[needs(Scope.ADMIN)],
    responses=refusals(*CREATING),
    operation_id="changeTrunk",
    tags=["routing"],
)
async def change_trunk(
    trunk_id: FromPath[str], data: RequestBody[TrunkChange], services: Services, caller: WhoAsks
) -> TrunkView:
    """Change a trunk. Calls in progress keep what they began with."""
    trunk = await _find(trunk_id, services, caller)
    changes = {name: value for name, value in structs.asdict(data).items() if value is not UNSET}
    return view_trunk(await _save(structs.replace(trunk, **_as_fields(changes)), services), services)


@delete(
    "/trunks/{trunk_id:str}",
    guards=[needs(Scope.ADMIN)],
    responses=refusals(),
    operation_id="deleteTrunk",
    tags=["routing"],
)
async def delete_trunk(trunk_id: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Delete a trunk of the account. Routes that name it pass it over."""
    trunk = await _find(trunk_id, services, caller)
    await services.repositories.trunks.delete(caller.account.sid, trunk.id)
    await services.directory_changed()


def view_trunk(trunk: Trunk, services: ApiServices) -> TrunkView:
    """Show a trunk without its password, and how it stands; of the operator's only that it is there."""
    common: dict[str, Any] = {
        "id": trunk.id,
        "name": trunk.name,
        "is_operators": trunk.account is None,
        "enabled": trunk.enabled,
        "test_only": trunk.test_only,
    }
    if trunk.account is None:
        return TrunkView(**common)
    shown = set(TrunkView.__struct_fields__) - set(common) - {"has_password", "standing"}
    return TrunkView(
        **common,
        has_password=trunk.password is not None,
        standing=services.trunk_standing(trunk.engine_id),
        **{name: getattr(trunk, name) for name in shown},
    )


async def _find(trunk_id: str, services: ApiServices, caller: Caller) -> Trunk:
    found = await services.repositories.trunks.get(caller.account.sid, TrunkId(trunk_id))
    if found is None:
        raise not_found("trunk", trunk_id)
    return found


async def _save(trunk: Trunk, services: ApiServices) -> Trunk:
    _check(trunk)
    try:
        saved = await services.repositories.trunks.save(trunk)
    except UnknownError as error:
        raise explain_store(error) from None
    await services.directory_changed()
    return saved


def _as_fields(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _check(trunk: Trunk) -> None:
    faults = Faults()
    if not trunk.gateways and not trunk.sources and trunk.registration is None:
        faults.add("gateways", "and `sources` are both empty: such a trunk could neither place nor take calls")
    for index, gateway in enumerate(trunk.gateways):
        if not _is_gateway(gateway):
            faults.add(f"gateways[{index}]", "must be `host:port`, as in `sip.carrier.example:5060`, or a host name")
    for index, source in enumerate(trunk.sources):
        if not _is_source(source):
            faults.add(f"sources[{index}]", "must be a network like `192.0.2.0/24`, an address, or `address:port`")
    _check_overrides(trunk, faults)
    for path, detail in identity_faults(trunk):
        faults.add(path, detail)
    if trunk.password is not None and trunk.username is None:
        faults.add("username", "is needed with a password")
    faults.raise_if_any()


def _check_overrides(trunk: Trunk, faults: Faults) -> None:
    for index, override in enumerate(trunk.overrides):
        if (override.sip is None) == (override.q850 is None):
            faults.add(f"overrides[{index}]", "must have exactly one of `sip` and `q850`")
        elif not 100 <= (override.sip or 100) <= 699 or not 1 <= (override.q850 or 1) <= 127:  # noqa: PLR2004
            faults.add(f"overrides[{index}]", "`sip` must be 100 to 699, `q850` 1 to 127")


def _is_gateway(text: str) -> bool:
    if ":" not in text:
        return bool(_HOST.fullmatch(text))
    host, _, port = text.rpartition(":")
    return bool(_HOST.fullmatch(host)) and port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65_535  # noqa: PLR2004


def _is_source(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        address, _, port = text.rpartition(":")
        try:
            ip_address(address.strip("[]"))
        except ValueError:
            return False
        return port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65_535  # noqa: PLR2004
    return True


HANDLERS = [list_trunks, add_trunk, get_trunk, change_trunk, delete_trunk]
