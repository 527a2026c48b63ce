"""`sounds`: audio files that flows and outbound calls play."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from ringback.api.auth import ApiRequest, Caller, needs
from ringback.api.common import Services, WhoAsks, explain_store, new_id
from ringback.api.idempotency import answer_once
from ringback.api.openapi import CREATING, refusals
from ringback.api.problems import ProblemError, not_found
from ringback.api.resources.sound_upload import (
    MAX_BODY_BYTES,
    MAX_NAME,
    SoundUpload,
    UploadOperation,
    UploadSlots,
    read_upload,
)
from ringback.api.services import ApiServices
from ringback.flow.document import Document
from ringback.flow.document import sounds as sounds_of
from ringback.model.access import Scope
from ringback.model.flow import FlowVersion
from ringback.model.ids import FlowId, SoundId
from ringback.model.sound import Sound
from ringback.speech.engine import SoundRefused
from ringback.store.errors import UnknownError

MAX_SOUNDS = 1_000
"""Sounds of one account: at most 10 GB on the disk."""

_MOST_NAMED = 5


class SoundView(Struct, frozen=True, kw_only=True):
    """A sound. `size_bytes` and `digest` (SHA-256, hex) are of the file as it is kept: 8 kHz, mono, WAV."""

    id: str
    name: str
    duration_s: float
    size_bytes: int
    digest: str
    created_at: datetime


class SoundList(Struct, frozen=True, kw_only=True):
    """All sounds of the account by name."""

    sounds: list[SoundView]


@get("/sounds", guards=[needs(Scope.READ)], responses=refusals(), operation_id="listSounds", tags=["sounds"])
async def list_sounds(services: Services, caller: WhoAsks) -> SoundList:
    """List the account's sounds."""
    found = await services.repositories.sounds.list(caller.account.sid)
    return SoundList(sounds=[_view(sound) for sound in found])


@post(
    "/sounds",
    guards=[needs(Scope.CONFIGURE)],
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=UploadOperation,
    responses=refusals(*CREATING, "sound-refused"),
    operation_id="addSound",
    tags=["sounds"],
)
async def add_sound(
    request: ApiRequest,
    services: Services,
    caller: WhoAsks,
    name: Annotated[str | None, QueryParameter(min_length=1, max_length=MAX_NAME)] = None,
) -> Response[SoundView]:
    """Upload a sound: WAV, MP3, FLAC or OGG, at most 10 MB and 10 minutes; it is converted to 8 kHz mono."""
    slots: UploadSlots = request.app.state.upload_slots
    with slots.take():
        upload, data = await read_upload(request, name)

        async def make() -> SoundView:
            return _view(await _keep(upload, data, services, caller))

        return await answer_once(request, caller, services, upload, make)


@get(
    "/sounds/{sound_id:str}",
    guards=[needs(Scope.READ)],
    responses=refusals(),
    operation_id="getSound",
    tags=["sounds"],
)
async def get_sound(sound_id: FromPath[str], services: Services, caller: WhoAsks) -> SoundView:
    """Show one sound."""
    return _view(await _find(sound_id, services, caller))


@delete(
    "/sounds/{sound_id:str}",
    guards=[needs(Scope.CONFIGURE)],
    responses=refusals("conflict"),
    operation_id="deleteSound",
    tags=["sounds"],
)
async def delete_sound(sound_id: FromPath[str], services: Services, caller: WhoAsks) -> None:
    """Delete a sound. One that the published version of a flow plays cannot be deleted."""
    sound = await _find(sound_id, services, caller)
    versions = await services.repositories.flows.published(caller.account.sid)
    users = await asyncio.to_thread(_users, versions, sound.id)
    if users:
        raise await _in_use(sound, users, services, caller)
    await services.repositories.sounds.delete(caller.account.sid, sound.id)
    await services.sounds.remove(caller.account.sid, sound.id)


async def _keep(upload: SoundUpload, data: bytes, services: ApiServices, caller: Caller) -> Sound:
    """Convert and keep a sound, the file first: what is listed can be played."""
    account = caller.account.sid
    if len(await services.repositories.sounds.list(account)) >= MAX_SOUNDS:
        raise ProblemError("conflict", f"The account has {MAX_SOUNDS} sounds, the most there may be; delete some.")
    sound_id = SoundId(new_id(services, "sound"))
    try:
        file = await services.sounds.add(account, sound_id, data)
    except SoundRefused as error:
        raise ProblemError("sound-refused", str(error)) from None
    sound = Sound(
        id=sound_id,
        account=account,
        name=upload.name,
        path=file.path,
        duration_ms=file.duration_ms,
        size_bytes=file.size_bytes,
        digest=file.digest,
        created_at=services.now(),
    )
    try:
        return await services.repositories.sounds.save(sound)
    except BaseException as error:
        await services.sounds.remove(account, sound_id)
        if isinstance(error, UnknownError):
            raise explain_store(error) from None
        raise


async def _find(sound_id: str, services: ApiServices, caller: Caller) -> Sound:
    found = await services.repositories.sounds.get(caller.account.sid, SoundId(sound_id))
    if found is None:
        raise not_found("sound", sound_id)
    return found


def _users(versions: tuple[FlowVersion, ...], sound_id: SoundId) -> list[FlowId]:
    """Return the flows whose version in force plays the sound."""
    found = []
    for version in versions:
        try:
            document = msgspec.convert(version.document, Document)
        except msgspec.ValidationError:
            continue  # no call can run it either; the running side says so in its log
        if sound_id in sounds_of(document):
            found.append(version.flow_id)
    return found


async def _in_use(sound: Sound, users: list[FlowId], services: ApiServices, caller: Caller) -> ProblemError:
    names = []
    for flow_id in users[:_MOST_NAMED]:
        flow = await services.repositories.flows.get(caller.account.sid, flow_id)
        names.append(f"{flow.name} ({flow_id})" if flow else flow_id)
    more = f" and {len(users) - _MOST_NAMED} more" if len(users) > _MOST_NAMED else ""
    what = "flow plays" if len(users) == 1 else "flows play"
    return ProblemError(
        "conflict",
        f"The sound {sound.name} cannot be deleted: the published {what} it: {', '.join(names)}{more}. Publish a "
        "version without it, or delete the flow.",
    )


def _view(sound: Sound) -> SoundView:
    return SoundView(
        id=sound.id,
        name=sound.name,
        duration_s=sound.duration_ms / 1_000,
        size_bytes=sound.size_bytes,
        digest=sound.digest,
        created_at=sound.created_at,
    )


HANDLERS: list[Any] = [list_sounds, add_sound, get_sound, delete_sound]
