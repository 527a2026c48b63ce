"""Reads an uploaded sound: a form with the file, or the file itself as the body. Bounded in size and number."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import Any

import multipart  # type: ignore[import-untyped]
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody
from msgspec import Struct

from ringback.api.auth import ApiRequest
from ringback.api.collect import Faults
from ringback.api.openapi import MULTIPART, PlainSchema
from ringback.api.problems import ProblemError
from ringback.speech.sounds import MAX_UPLOAD_BYTES

MAX_BODY_BYTES = MAX_UPLOAD_BYTES + 65_536
"""What surrounds the file in a form fits into the rest."""

MAX_NAME = 100
MAX_AT_ONCE = 4
"""Uploads in progress: each may hold 10 MB of memory, and they are converted one after another."""

_RETRY_AFTER_S = 5
_MAX_PARTS = 10
_RAW = "application/octet-stream"
"""Shown in the OpenAPI document; any `audio/...` is taken as well: what the file is decides its content."""


class SoundUpload(Struct, frozen=True, kw_only=True):
    """What was sent: a name, and the SHA-256 of the file in hex, by which a repeated request is known."""

    name: str
    digest: str


class UploadSlots:
    """Counts the uploads in progress of this process."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Take a place for one upload.

        Raises:
            ProblemError: `unavailable`: all are taken.
        """
        if self._taken >= MAX_AT_ONCE:
            raise ProblemError(
                "unavailable",
                f"{MAX_AT_ONCE} sounds are being uploaded already.",
                headers={"Retry-After": str(_RETRY_AFTER_S)},
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


async def read_upload(request: ApiRequest, name: str | None) -> tuple[SoundUpload, bytes]:
    """Read the upload; `name` is that of the query.

    Raises:
        ProblemError: `unsupported-media-type`, `malformed-body`, `body-too-large`, or `invalid-request` with every
            fault.
    """
    media_type, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    if media_type == MULTIPART:
        form = await asyncio.to_thread(_read_form, await request.body(), options.get("boundary", ""))
        data, chosen = form.file, form.name or name or form.file_name
    elif media_type.startswith("audio/") or media_type in {_RAW, "application/ogg"}:
        data, chosen = await request.body(), name
    else:
        raise ProblemError(
            "unsupported-media-type",
            f"The body's Content-Type is `{media_type[:100]}`; a sound comes as multipart/form-data, or as itself with "
            "audio/... or application/octet-stream.",
        )
    _check(chosen, data)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data or b"").hexdigest())
    return SoundUpload(name=str(chosen).strip(), digest=digest), data or b""


def _check(name: str | None, data: bytes | None) -> None:
    faults = Faults()
    if name is None:
        faults.add("name", "is missing: give it in the form, or in the query where the body is the file")
    elif not 1 <= len(name.strip()) <= MAX_NAME or not name.strip().isprintable():
        faults.add("name", f"must be 1 to {MAX_NAME} printable characters")
    if data is None:
        faults.add("file", "is missing")
    elif not data:
        faults.add("file", "is empty")
    faults.raise_if_any()
    if len(data or b"") > MAX_UPLOAD_BYTES:
        raise ProblemError("body-too-large", f"A sound may have {MAX_UPLOAD_BYTES} bytes; this has {len(data or b'')}.")


class _Form(Struct, kw_only=True):
    name: str | None = None
    file: bytes | None = None
    file_name: str | None = None


def _read_form(body: bytes, boundary: str) -> _Form:
    if not boundary:
        raise ProblemError("malformed-body", "The Content-Type multipart/form-data names no boundary.")
    form, faults, seen = _Form(), Faults(), set()
    try:
        parts = multipart.MultipartParser(
            BytesIO(body), boundary, content_length=len(body), part_limit=_MAX_PARTS, spool_limit=len(body) + 1
        )
        for part in parts:
            if part.name in seen:
                faults.add(part.name[:100], "is given more than once")
            seen.add(part.name)
            _take_part(form, part, faults)
    except (multipart.MultipartError, UnicodeDecodeError, LookupError) as error:
        raise ProblemError("malformed-body", f"The multipart form cannot be read: {error}.") from None
    faults.raise_if_any()
    return form


def _take_part(form: _Form, part: Any, faults: Faults) -> None:
    if part.name == "name":
        form.name = part.raw.decode("utf-8") or None
    elif part.name == "file":
        form.file = part.raw
        form.file_name = PurePath(part.filename).stem[:MAX_NAME] or None if part.filename else None
    else:
        faults.add(part.name[:100], "is not a field of this form; known are file, name")


@dataclass
class UploadOperation(Operation):
    """An operation whose body is a file, alone or in a form."""

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler stands for."""
        name = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
        file = {"type": "string", "format": "binary", "maxLength": MAX_UPLOAD_BYTES}
        form = {
            "type": "object",
            "properties": {"name": name, "file": file},
            "required": ["file"],
            "additionalProperties": False,
        }
        content = {MULTIPART: OpenAPIMediaType(schema=PlainSchema(raw=form))}
        content[_RAW] = OpenAPIMediaType(schema=PlainSchema(raw=file))
        self.request_body = RequestBody(content=content, required=True)
