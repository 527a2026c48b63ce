"""Decodes request bodies: JSON, URL-encoded and multipart forms, bounded; then `fields.read_fields` checks them.

`CheckedBody` is Litestar's hook for that (a "DTO"): with it a handler's `data` parameter is a checked struct.
"""

from collections.abc import Generator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import multipart  # type: ignore[import-untyped]
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from ringback.api.fields import read_fields
from ringback.api.openapi import FORM, JSON, MULTIPART, describe_struct
from ringback.api.problems import FieldProblem, ProblemError, invalid

MAX_FORM_FIELDS = 100

MAX_DEPTH = 32
"""Nesting of JSON. Flow documents need 8; deeper ones are attacks on recursion."""

_LEAST_INT, _MOST_INT = -(2**63), 2**64 - 1
"""What every reader of our journals, webhooks and templates can hold."""


def decode_body(content_type: str, body: bytes) -> tuple[Any, bool]:
    """Decode a body by its media type.

    Returns:
        The decoded value, and whether it came from a form (then all values are texts).

    Raises:
        ProblemError: `malformed-body`, `unsupported-media-type` or, for a field given twice, `invalid-request`.
    """
    media_type, options = multipart.parse_options_header(content_type)
    if media_type == FORM:
        return _decode_pairs(_parse_urlencoded(body)), True
    if media_type == MULTIPART:
        return _decode_pairs(_parse_multipart(body, options.get("boundary", ""))), True
    if media_type in {JSON, ""} or media_type.endswith("+json"):
        return decode_json(body), False
    raise ProblemError("unsupported-media-type", f"The body's Content-Type is `{media_type[:100]}`.")


def decode_json(body: bytes | str, *, what: str = "The body") -> Any:
    """Decode JSON.

    Raises:
        ProblemError: `malformed-body`, saying where it breaks.
    """
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError("malformed-body", f"{what} is not valid JSON: {error}.") from None
    except RecursionError:
        raise ProblemError("malformed-body", f"{what} is nested too deep.") from None
    refuse_unstorable(decoded, what=what)
    return decoded


def refuse_unstorable(decoded: Any, *, what: str = "The body") -> None:
    """Refuse what no column or encoder of ours can hold: NUL characters, endless nesting, endless numbers.

    Raises:
        ProblemError: `malformed-body`.
    """
    waiting: list[tuple[Any, int]] = [(decoded, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ProblemError("malformed-body", f"{what} is nested more than {MAX_DEPTH} levels deep.")
        if isinstance(value, str) and "\0" in value:
            raise ProblemError("malformed-body", f"{what} holds a NUL character (\\u0000) in a text.")
        if isinstance(value, int) and not _LEAST_INT <= value <= _MOST_INT:
            raise ProblemError("malformed-body", f"{what} holds a whole number of more than 64 bits.")
        if isinstance(value, dict):
            waiting += [(key, depth + 1) for key in value] + [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]


def _parse_urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except UnicodeDecodeError:
        raise ProblemError("malformed-body", "The form is not UTF-8.") from None
    except ValueError:
        raise ProblemError("malformed-body", f"The form has more than {MAX_FORM_FIELDS} fields.") from None


def _parse_multipart(body: bytes, boundary: str) -> list[tuple[str, str]]:
    if not boundary:
        raise ProblemError("malformed-body", "The Content-Type multipart/form-data names no boundary.")
    try:
        parser = multipart.MultipartParser(
            BytesIO(body), boundary, content_length=len(body), part_limit=MAX_FORM_FIELDS, spool_limit=len(body) + 1
        )
        pairs = []
        for part in parser:
            if part.filename:
                raise ProblemError("malformed-body", f"The form's field `{part.name}` is a file; texts are expected.")
            pairs.append((part.name, part.raw.decode("utf-8")))
    except (multipart.MultipartError, UnicodeDecodeError, LookupError) as error:
        raise ProblemError("malformed-body", f"The multipart form cannot be read: {error}.") from None
    return pairs


def _decode_pairs(pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise invalid([FieldProblem(field=name[:100], detail="is given more than once") for name in twice])
    # An empty field of a form is a field left blank.
    fields = {name: value for name, value in pairs if value != ""}
    refuse_unstorable(fields)
    return fields


class CheckedBody(AbstractDTO[Any]):
    """Turns the raw body into the handler's `data` struct, listing all faults at once."""

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Do nothing: there is no generated transfer type."""

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        """Yield nothing: there is no generated transfer type."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Return False: there is no generated transfer type."""
        del field_definition
        return False

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Describe the struct itself."""
        del handler_id, schema_creator
        return describe_struct(field_definition.annotation)

    def decode_bytes(self, value: bytes) -> Any:
        """Decode and check the body.

        Raises:
            ProblemError: it cannot be read, or fields are wrong.
        """
        connection = self.asgi_connection
        raw, is_form = decode_body(connection.headers.get("content-type", ""), value)
        field = connection.route_handler.parsed_data_field
        assert field is not None  # noqa: S101  Litestar calls us for handlers with `data` only
        unavailable = getattr(field.annotation, "UNAVAILABLE", {})
        return read_fields(field.annotation, raw, lax=is_form, unavailable=unavailable)
