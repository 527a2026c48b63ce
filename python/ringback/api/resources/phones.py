"""`phones`: the account's telephones and agents that register here."""

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
from ringback.model.ids import PhoneId
from ringback.model.phone import Phone, PhoneContact, hash_password
from ringback.store.errors import ConflictError, UnknownError

User = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.!~*'()+$-]+$")]
Realm = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.-]+$")]
Password = Annotated[str, Meta(min_length=8, max_length=200)]
Label = Annotated[str, Meta(max_length=100)]
E164 = Annotated[str, Meta(pattern=r"^\+[0-9]{3,20}$", examples=["+4930901820"])]
Devices = Annotated[int, Meta(ge=1, le=100)]
Codecs = Annotated[list[Annotated[str, Meta(pattern="^(PCMA|PCMU)$")]], Meta(min_length=1, max_length=2)]


class PhoneBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A phone to be made. Of the password only hashes are kept; it is never shown."""

    username: User
    password: Password
    realm: Realm = "ringback"
    name: Label = ""
    number: E164 | None = None
    max_contacts: Devices = 5
    codecs: Codecs = field(default_factory=lambda: ["PCMA", "PCMU"])
    enabled: bool = True


class PhoneChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; fields left out stay as they are. User name and realm stay: the hashes depend on them."""

    password: Password | UnsetType = UNSET
    name: Label | UnsetType = UNSET
    number: E164 | UnsetType | None = UNSET
    max_contacts: Devices | UnsetType = UNSET
    codecs: Codecs | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class PhoneView(Struct, frozen=True, kw_only=True):
    """A phone and its devices that are registered now, the one heard last first."""

    id: str
    username: str
    realm: str
    name: str
    number: str | None
    max_contacts: int
    codecs: tuple[str, ...]
    enabled: bool
    registered: bool
    contacts: tuple[PhoneContact, ...]


class PhoneList(Struct, frozen=True, kw_only=True):
    """All phones of the account."""

    phones: list[PhoneView]


@get("/phones", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listPhones", tags=["phones"])
async def list_phones(services: Services, caller: WhoAsks) -> PhoneList:
    """List the account's phones with their devices."""
    phones = await services.repositories.phones.list(caller.account.sid)
    return PhoneList(phones=[view_phone(phone, services) for phone in phones])


@post("/phones", guards=[needs(Scope.ADMIN)], responses=refusals(*CREATING), operation_id="addPhone", tags=["phones"])
async def add_phone(
    request: ApiRequest, data: RequestBody[PhoneBody], services: Services, caller: WhoAsks
) -> Response[PhoneView]:
    """Make a phone. It may register at once, as `sip:username@realm`."""

    async def make() -> PhoneView:
        values = _values(structs.asdict(data))
        md5, sha256 = hash_password(data.username, data.realm, values.pop("password"))
        phone_id = PhoneId(new_id(services, "phone"))
        phone = Phone(id=phone_id, account=caller.account.sid, ha1_md5=md5, ha1_sha256=sha256, **values)
        return view_phone(await _save(phone, services), services)

    return await answer_once(request, caller, services, data, make)


@get(
    "/phones/{phone_id:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getPhone",
    tags=["phones"],
)
async def get_phone(phone_id: FromPath[str], services: Services, caller: WhoAsks) -> PhoneView:
    """Show one phone of the account."""
    return view_phone(await _find(phone_id, services, caller), services)


@patch(
    "/phones/{phone_id:str}",
    guards=[needs(Scope.ADMIN)],
    responses=refusals(*CREATING),
    operation_id="changePhone",
    tags=["phones"],
)
async def change_phone(
    phone_id: FromPath[str], data: RequestBody[PhoneChange], services: Services, caller: WhoAsks
) -> PhoneView:
    """Change a phone. With a new password its devices must register again."""
    phone = await _find(phone_id, services, caller)
    changes = _values({name: value for name, value in structs.asdict(data).items() if value is not UNSET})
    if "password" in changes:
        md5, sha256 = hash_password(phone.username, phone.realm, changes.pop("password"))
        changes |= {"ha1_md5": md5, "ha1_sha256": sha256}
    return view_phone(await _save(structs.replace(phone, **changes), services), services)


@delete(
    "/phones/{phone_id:str}",
    guards=[needs(Scope.ADMIN)],
    responses=refusals(),
    operation_id="deletePhone",
    tags=["phones"],
)
async def delete_phone(phone_id: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Delete a phone of the account; its devices are no longer known."""
    phone = await _find(phone_id, services, caller)
    await services.repositories.phones.delete(caller.account.sid, phone.id)
    await services.directory_changed()


def view_phone(phone: Phone, services: ApiServices) -> PhoneView:
    """Show a phone without its hashes."""
    contacts = services.phone_contacts(phone.engine_id)
    shown = set(PhoneView.__struct_fields__) - {"registered", "contacts"}
    return PhoneView(registered=bool(contacts), contacts=contacts, **{name: getattr(phone, name) for name in shown})


async def _find(phone_id: str, services: ApiServices, caller: Caller) -> Phone:
    found = await services.repositories.phones.get(caller.account.sid, PhoneId(phone_id))
    if found is None:
        raise not_found("phone", phone_id)
    return found


async def _save(phone: Phone, services: ApiServices) -> Phone:
    faults = Faults()
    if phone.number is not None:
        number = await services.repositories.numbers.find(phone.number)
        if number is None or number.account != phone.account:
            faults.add("number", "must be one of the account's own numbers")
    faults.raise_if_any()
    try:
        saved = await services.repositories.phones.save(phone)
    except (ConflictError, UnknownError) as error:
        raise explain_store(error) from None
    await services.directory_changed()
    return saved


def _values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


HANDLERS = [list_phones, add_phone, get_phone, change_phone, delete_phone]
"""For `ringback.api.app`."""
