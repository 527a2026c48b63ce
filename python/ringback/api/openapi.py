"""The OpenAPI document is generated from the handlers; here stands what the generator cannot know by itself.

Bodies are described by msgspec, which also checks them, so that document and behavior cannot differ.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)

from ringback import __version__
from ringback.api.problems import MEDIA_TYPE, PROBLEMS, Problem

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


@dataclass
class PlainSchema(Schema):
    """A schema that is already JSON."""

    raw: dict[str, Any] = field(default_factory=dict)

    def to_schema(self) -> dict[str, Any]:
        """Return it as it is."""
        return self.raw

    def __hash__(self) -> int:
        """Hash by content, as its base class does."""
        return hash(repr(self.raw))


def describe_struct(model: type[msgspec.Struct]) -> PlainSchema:
    """Describe a body struct as msgspec checks it, with nested structs written in place."""
    (schema,), components = msgspec.json.schema_components([model], ref_template="{name}")
    return PlainSchema(raw=_inline(schema, components))


def _inline(schema: Any, components: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(components[schema["$ref"]], components)
        found = {key: _inline(value, components) for key, value in schema.items()}
        found.pop("$defs", None)
        return found
    if isinstance(schema, list):
        return [_inline(item, components) for item in schema]
    return schema


def describe_form(schema: PlainSchema) -> PlainSchema:
    """Describe the same fields sent as a form: objects and lists become JSON texts, blank is as good as left out."""
    raw = copy.deepcopy(schema.raw)
    needed = raw.get("required", [])
    fields = {name: _as_form_field(value) for name, value in raw.get("properties", {}).items()}
    raw["properties"] = {
        name: value if name in needed else {"anyOf": [value, {"const": ""}]} for name, value in fields.items()
    }
    return PlainSchema(raw=raw)


def _as_form_field(schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("default", None)
    if "anyOf" in schema:
        kept = [choice for choice in schema["anyOf"] if choice.get("type") not in {"object", "array", "null"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return rest | (kept[0] if len(kept) == 1 else {"anyOf": kept})
    if schema.get("type") in {"object", "array"}:
        return {"type": "string", "contentMediaType": JSON}
    return schema


@dataclass
class FormOperation(Operation):
    """An operation whose body may also be a form."""

    def __post_init__(self) -> None:
        """Add the form media types to the generated JSON body."""
        if not isinstance(self.request_body, RequestBody):
            return
        schema = self.request_body.content[JSON].schema
        if isinstance(schema, PlainSchema):
            form = describe_form(schema)
            self.request_body.content[FORM] = OpenAPIMediaType(schema=form)
            self.request_body.content[MULTIPART] = OpenAPIMediaType(schema=form)


def refusals(*slugs: str) -> dict[int, ResponseSpec]:
    """Describe the problems that a handler may answer with, besides those that every request may meet."""
    codes: dict[int, list[str]] = {}
    for slug in (*ALWAYS, *slugs):
        codes.setdefault(PROBLEMS[slug].status_code, []).append(slug)
    return {
        code: ResponseSpec(
            data_container=Problem,
            generate_examples=False,
            description="; ".join(f"{slug}: {PROBLEMS[slug].title}" for slug in found),
            media_type=MEDIA_TYPE,
        )
        for code, found in codes.items()
    }


ALWAYS = (
    "invalid-request", "unauthenticated", "foreign-account", "scope-missing", "address-not-allowed", "not-found",
    "rate-limited", "internal-error", "unavailable",
)  # fmt: skip
CREATING = ("malformed-body", "body-too-large", "unsupported-media-type", "idempotency-key-reused", "conflict")


OPENAPI = OpenAPIConfig(
    title="Ringback",
    version=__version__,
    description=(
        "Place calls, see why each one ended as it did, run flows. Every call ends with exactly one of 28 final "
        "statuses. Refusals are problem documents (RFC 9457); `/problems` lists them all."
    ),
    path="/schema",
    render_plugins=[JsonRenderPlugin()],
    use_handler_docstrings=True,
    components=Components(
        security_schemes={
            "apiKey": SecurityScheme(type="apiKey", name="api-key", security_scheme_in="header"),
            "bearer": SecurityScheme(type="http", scheme="bearer"),
        }
    ),
    security=[{"apiKey": []}, {"bearer": []}],
)
