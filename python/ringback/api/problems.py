"""Every way in which a request can be refused: RFC 9457 problems with stable slugs.

`PROBLEMS` is the closed list; `docs/errors.md` has a heading for each (tested), `GET /problems` serves it, and the
`type` of a problem is the address of its description on the same server.
"""

from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType, json

from ringback.model.errors import LocalError

MEDIA_TYPE = "application/problem+json"


class ProblemKind(Struct, frozen=True, kw_only=True):
    """One row of the list: stable slug, HTTP status code, title, and what to do about it."""

    slug: str
    status_code: int
    title: str
    what_to_do: str


def _kind(slug: str, status_code: int, title: str, what_to_do: str) -> ProblemKind:
    return ProblemKind(slug=slug, status_code=status_code, title=title, what_to_do=what_to_do)


PROBLEMS: dict[str, ProblemKind] = {
    kind.slug: kind
    for kind in (
        _kind(
            "malformed-body",
            400,
            "The body cannot be read",
            "Send valid JSON (UTF-8, at most 32 levels deep) or a form, and name it in Content-Type.",
        ),
        _kind("invalid-request", 400, "The request is not valid", "Correct every field listed in `errors`."),
        _kind(
            "unauthenticated",
            401,
            "A valid API key is needed",
            "Send the key in the header `api-key`, or as `Authorization: Bearer`.",
        ),
        _kind(
            "foreign-account",
            403,
            "This key belongs to another account",
            "Use the SID that `ringback keys list` shows beside the key.",
        ),
        _kind("scope-missing", 403, "The key may not do this", "Use a key that has the scope named in `detail`."),
        _kind(
            "address-not-allowed",
            403,
            "The key may not be used from this address",
            "Call from an address on the key's list, or make a key with another list.",
        ),
        _kind(
            "not-found", 404, "There is no such thing", "Check the id and the path; other accounts' ids are not found."
        ),
        _kind("method-not-allowed", 405, "The path has no such method", "Use a method named in the header `Allow`."),
        _kind(
            "conflict",
            409,
            "The present state does not allow this",
            "Read `detail`: it names the state and what leads out of it.",
        ),
        _kind("body-too-large", 413, "The body is too large", "Send less; `detail` names the limit."),
        _kind(
            "unsupported-media-type",
            415,
            "The Content-Type is not understood",
            "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
        ),
        _kind(
            "idempotency-key-reused",
            422,
            "The idempotency key was used for another request",
            "Make a new key for a new request; send the very same request to repeat one.",
        ),
        _kind(
            "sound-refused",
            422,
            "The file cannot be used as a sound",
            "Upload WAV, MP3, FLAC or OGG of at most 10 MB and 10 minutes; `detail` says what is wrong with this one.",
        ),
        _kind(
            "flow-invalid", 422, "The flow has problems", "Correct every place listed in `errors`, then publish again."
        ),
        _kind("rate-limited", 429, "Too many requests with this key", "Wait as long as `Retry-After` says."),
        _kind(
            "internal-error",
            500,
            "A fault of Ringback",
            "Try again; if it stays, look for the request's `instance` in the server's log.",
        ),
        _kind(
            "unavailable", 503, "Ringback cannot take this now", "Try again after `Retry-After`; `/readyz` says why."
        ),
    )
}


class FieldProblem(Struct, frozen=True, kw_only=True):
    """What is wrong with one field. `field` is its path (`callback.call_end.url[0]`), or "" for the whole body."""

    field: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem document. `errors` lists every fault found, not only the first."""

    type: str
    title: str
    status: int
    detail: str
    what_to_do: str
    instance: str | UnsetType = UNSET
    errors: tuple[FieldProblem, ...] = ()


class ProblemError(LocalError):
    """A request is refused. `slug` is one of `PROBLEMS`."""

    slug: ClassVar[str] = "refused-request"

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: tuple[FieldProblem, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = PROBLEMS[kind]
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def document(self, instance: str) -> Problem:
        """Return the problem document; `instance` names this one request."""
        return Problem(
            type=f"/problems/{self.kind.slug}",
            title=self.kind.title,
            status=self.kind.status_code,
            detail=self.detail,
            what_to_do=self.kind.what_to_do,
            instance=instance or UNSET,
            errors=self.errors,
        )

    def body(self, instance: str) -> bytes:
        """Return the problem document as JSON."""
        return json.encode(self.document(instance))


def invalid(errors: list[FieldProblem]) -> ProblemError:
    """Make the problem for faults in fields; `errors` has at least one."""
    first = errors[0]
    where = f"`{first.field}`: " if first.field else ""
    more = f" (and {len(errors) - 1} more, see `errors`)" if len(errors) > 1 else ""
    return ProblemError("invalid-request", f"{where}{first.detail}{more}", errors=tuple(errors))


def not_found(what: str, name: str) -> ProblemError:
    """Make the problem for an id that this account does not have."""
    return ProblemError("not-found", f"There is no {what} `{name[:100]}` in this account.")
