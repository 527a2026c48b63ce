"""api: ask another system over HTTP."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from ringback.flow import limits
from ringback.flow.decode import join
from ringback.flow.effects import CallHttp, HttpDone
from ringback.flow.settings import Exits, Label, Name, Position, Template
from ringback.flow.step import Leave, RunError, Turn, Wait
from ringback.flow.uses import IsOdd, IsWrong, SetsVariable, Use, UsesText
from ringback.flow.values import convert, follow, parse_path, plain

_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_URL_CHARS = 2_000
_SUCCESS = 2  # of 2xx
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENGINE_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Method(StrEnum):
    """HTTP methods."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Api(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="api"
):
    """Send an HTTP request and take variables out of the reply.

    `success` is taken for a 2xx status out of whose body everything in `save` could be taken, else `failure`.

    Attributes:
        url: Address; a template. Use `|urlencode` for values in it. Private addresses are refused.
        headers: Templates.
        json: Body as JSON; texts in it are templates. Sets the content type.
        body: Body as text; a template. At most one of `json` and `body`.
        timeout_s: For the whole request, 0.1-30.
        retries: Further tries after a connection error or a 5xx, 0-3.
        save: Variable to path in the reply: `body.items[0].name`, `status_code`. A path that ends with `?` may be
            missing.
    """

    url: Annotated[str, Meta(min_length=1, max_length=_URL_CHARS)]
    method: Method = Method.GET
    headers: Annotated[dict[str, Template], Meta(max_length=20)] = field(default_factory=dict)
    json: Any = None
    body: Template | None = None
    timeout_s: Annotated[float, Meta(ge=0.1, le=30)] = 5
    retries: Annotated[int, Meta(ge=0, le=3)] = 0
    save: Annotated[dict[Name, Annotated[str, Meta(max_length=200)]], Meta(max_length=limits.ROWS)] = field(
        default_factory=dict
    )
    exits: Exits = field(default_factory=dict)
    label: Label = ""
    at: Position | None = None


def uses(node: Api) -> Iterator[Use]:
    """List what the settings refer to, and what is wrong with them."""
    yield UsesText("url", node.url)
    if "{{" not in node.url and not _URL.fullmatch(node.url):
        yield IsWrong("url", "it must begin with https:// or http:// and have no spaces")
    for name, value in node.headers.items():
        where = join("headers", name)
        yield UsesText(where, value)
        if not _HEADER.fullmatch(name) or name.lower() in _ENGINE_HEADERS:
            yield IsWrong(where, f"`{name}` cannot be set as a header")
    if node.json is not None and node.body is not None:
        yield IsWrong("body", "there is `json` already: set one of `json` and `body`")
    if (node.json is not None or node.body is not None) and node.method is Method.GET:
        yield IsOdd("method", "a GET request with a body is ignored by many servers: use POST")
    yield from _templates("json", node.json)
    if node.body is not None:
        yield UsesText("body", node.body)
    for name, path in node.save.items():
        yield SetsVariable(f"save.{name}", name)
        try:
            steps = parse_path(path.removesuffix("?"))
        except ValueError as error:
            yield IsWrong(f"save.{name}", str(error))
            continue
        if steps[0] not in {"body", "status_code"}:
            yield IsWrong(f"save.{name}", f"the path begins with `{steps[0]}`; begin it with `body` or `status_code`")


def _templates(path: str, value: Any) -> Iterator[Use]:
    if isinstance(value, str):
        yield UsesText(path, value)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _templates(f"{path}[{index}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _templates(join(path, key), item)


def enter(node: Api, turn: Turn) -> Wait:
    """Send the request."""
    url = turn.scope.fill(node.url).strip()
    if not _URL.fullmatch(url) or len(url) > _URL_CHARS:
        raise RunError(
            "the address is not one once filled in: it must begin with https:// or http:// and have no spaces"
        )
    headers = [(name, _one_line(name, turn.scope.fill(value))) for name, value in node.headers.items()]
    body = turn.scope.fill(node.body) if node.body is not None else None
    if node.json is not None:
        body = msgspec.json.encode(_filled(node.json, turn)).decode()
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
    effect = CallHttp(
        number=turn.number,
        method=node.method.value,
        url=url,
        headers=tuple(headers),
        body=body,
        timeout_ms=round(node.timeout_s * 1000),
        retries=node.retries,
    )
    return Wait(effect=effect)


def resume(node: Api, turn: Turn, done: HttpDone) -> Leave:
    """Take the variables out of the reply."""
    body, error = _body(done)
    is_ok = not error and done.status_code is not None and done.status_code // 100 == _SUCCESS
    changed: dict[str, Any] = {}
    if is_ok:
        changed, error = _saved(node, turn, {"body": body, "status_code": done.status_code})
    elif not error:
        error = f"the server answered {done.status_code}"
    return Leave(
        exit="failure" if error else "success",
        changed={} if error else changed,
        result={"status_code": done.status_code, "body": body, "ok": not error, "error": error},
        note=error,
        secret=any(turn.scope.declared[name].secret for name in node.save),
    )


def _body(done: HttpDone) -> tuple[Any, str]:
    """Return the body as plain data, and what is wrong."""
    if done.status_code is None:
        return None, done.error or "there was no reply"
    try:
        return plain(done.body), done.error
    except ValueError as error:
        return None, f"the reply cannot be used: {error}"


def _saved(node: Api, turn: Turn, reply: dict[str, Any]) -> tuple[dict[str, Any], str]:
    changed: dict[str, Any] = {}
    for name, path in node.save.items():
        found, value = follow(parse_path(path.removesuffix("?")), reply)
        if not found:
            if path.endswith("?"):
                continue
            return {}, f"the reply has no `{path}`"
        try:
            changed[name] = convert(value, turn.scope.declared[name].type)
        except ValueError as error:
            return {}, f"`{path}` does not fit `{name}`: {error}"
    return changed, ""


def _filled(value: Any, turn: Turn) -> Any:
    if isinstance(value, str):
        return turn.scope.fill(value)
    if isinstance(value, list):
        return [_filled(item, turn) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, turn) for key, item in value.items()}
    return value


def _one_line(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise RunError(f"the header `{name}` has a line break or control character once filled in")
    return value
