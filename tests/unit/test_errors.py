"""Every error of the package has a slug of its own, and docs/errors.md says what to do about it."""

import importlib
import pkgutil
import re
from pathlib import Path

import ringback
from ringback.api.problems import PROBLEMS
from ringback.model.errors import RingbackError

ROOT = Path(__file__).parents[2]
SKIPPED = {"ringback.cli.__main__", "ringback.simulator.__main__", "ringback.speech.worker"}
"""Run when they are imported, or are another process; their errors do not leave them."""


def all_errors() -> set[type[RingbackError]]:
    for module in pkgutil.walk_packages(ringback.__path__, "ringback."):
        if module.name not in SKIPPED and ".migrations" not in module.name:
            importlib.import_module(module.name)
    found: set[type[RingbackError]] = set()
    waiting = [RingbackError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__.startswith("ringback."):
            found.add(kind)
        waiting += kind.__subclasses__()
    return found


def documented() -> tuple[list[str], list[str]]:
    """Return the headings of docs/errors.md: of the HTTP API, and of the server and the command line."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    api, server = text.split("\n# Errors of the server and the command line\n")
    headings = re.compile(r"^## (.+)\n\n(?=[^#\s])", flags=re.MULTILINE)
    return headings.findall(api), headings.findall(server)


def test_every_slug_is_documented_and_nothing_else() -> None:
    slugs = {kind.slug for kind in all_errors()}

    assert {"speech-unavailable", "sip-address", "settings", "flow-error"} <= slugs
    api, server = documented()
    assert sorted(api) == sorted(PROBLEMS)
    assert sorted(server) == sorted(slugs - set(PROBLEMS))


def test_every_slug_is_that_of_one_error() -> None:
    own = [kind for kind in all_errors() if "slug" in vars(kind)]
    slugs = [kind.slug for kind in own]

    assert sorted({slug for slug in slugs if slugs.count(slug) > 1}) == []
