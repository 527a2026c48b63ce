"""Turns whatever goes wrong in a request into one of the `PROBLEMS`; nothing else reaches the customer."""

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException
from litestar.types import ExceptionHandlersMap

from ringback.api.auth import ApiRequest
from ringback.api.problems import MEDIA_TYPE, FieldProblem, Problem, ProblemError, invalid
from ringback.model.errors import ResourceError

_log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5


def to_problem(request: ApiRequest, error: Exception) -> ProblemError:
    """Choose the problem for an exception."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, ValidationException):
        return _from_validation(error)
    if isinstance(error, NotFoundException):
        return ProblemError("not-found", f"There is nothing at `{request.url.path[:200]}`.")
    if isinstance(error, MethodNotAllowedException):
        return ProblemError(
            "method-not-allowed", f"`{request.url.path[:200]}` has no {request.method}.", headers=error.headers or {}
        )
    if isinstance(error, HTTPException) and error.status_code == 413:  # noqa: PLR2004
        limit = request.route_handler.resolve_request_max_body_size()
        return ProblemError("body-too-large", f"A body may have {limit} bytes.", headers={"Connection": "close"})
    if isinstance(error, HTTPException) and error.status_code < 500:  # noqa: PLR2004
        return ProblemError("malformed-body", error.detail or "The request cannot be read.")
    if isinstance(error, ResourceError):
        _log.warning("api_unavailable", error=str(error), slug=error.slug, path=request.url.path)
        return ProblemError("unavailable", f"{error}", headers={"Retry-After": str(RETRY_AFTER_S)})
    _log.error("api_fault", path=request.url.path, method=request.method, exc_info=error)
    return ProblemError("internal-error", "Ringback could not carry out the request; the fault is in its log.")


def _from_validation(error: ValidationException) -> ProblemError:
    found = []
    extra = error.extra if isinstance(error.extra, list) else []
    for item in extra:
        field = str(item.get("key", ""))
        message = str(item.get("message", "is not valid"))
        if field == "data":
            field, message = "", "the request needs a body"
        found.append(FieldProblem(field=field, detail=message[:1].lower() + message[1:]))
    return invalid(found or [FieldProblem(field="", detail=error.detail)])


def answer_problem(request: ApiRequest, error: Exception) -> Response[Problem]:
    """Answer with the problem document."""
    problem = to_problem(request, error)
    instance = request.url.path[:500]
    return Response(
        problem.document(instance), status_code=problem.kind.status_code, headers=problem.headers, media_type=MEDIA_TYPE
    )


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: answer_problem, HTTPException: answer_problem}
