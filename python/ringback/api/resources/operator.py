"""Paths outside accounts: is it alive, is it ready, its figures, and the list of problems."""

from litestar import Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath
from msgspec import Struct

from ringback.api.common import Services
from ringback.api.problems import MEDIA_TYPE, PROBLEMS, Problem, ProblemError, ProblemKind


class Alive(Struct, frozen=True, kw_only=True):
    """The process answers."""

    alive: bool = True


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether new calls can be taken, and if not, why."""

    ready: bool
    problems: tuple[str, ...] = ()


@get("/healthz", security=[{}], tags=["operator"], operation_id="healthz")
async def healthz() -> Alive:
    """Tell that the process answers. Says nothing about whether calls can be taken; `/readyz` does."""
    return Alive()


@get(
    "/readyz",
    security=[{}],
    tags=["operator"],
    operation_id="readyz",
    responses={503: ResponseSpec(Readiness, generate_examples=False, description="New calls cannot be taken now.")},
)
async def readyz(services: Services) -> Response[Readiness]:
    """Tell whether new calls can be taken."""
    health = services.health()
    return Response(
        Readiness(ready=health.is_ready, problems=health.problems), status_code=200 if health.is_ready else 503
    )


@get("/metrics", security=[{}], tags=["operator"], operation_id="metrics", media_type="text/plain; version=0.0.4")
async def metrics(services: Services) -> str:
    """Return the figures of this process in Prometheus' text format."""
    return services.metrics().decode()


@get("/problems", security=[{}], tags=["operator"], operation_id="listProblems")
async def list_problems() -> list[ProblemKind]:
    """List every way in which a request can be refused."""
    return list(PROBLEMS.values())


@get(
    "/problems/{slug:str}",
    security=[{}],
    tags=["operator"],
    operation_id="getProblem",
    responses={
        code: ResponseSpec(Problem, generate_examples=False, description=slug, media_type=MEDIA_TYPE)
        for code, slug in ((400, "invalid-request"), (404, "not-found"))
    },
)
async def get_problem(slug: FromPath[str]) -> ProblemKind:
    """Describe one way in which a request can be refused: what a problem's `type` points to."""
    if slug not in PROBLEMS:
        raise ProblemError("not-found", f"There is no problem `{slug[:100]}`; `/problems` lists them.")
    return PROBLEMS[slug]


HANDLERS = [healthz, readyz, metrics, list_problems, get_problem]
