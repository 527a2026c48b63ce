"""Documents and code say the same: problem slugs, the OpenAPI document, the paths in docs/api.md."""

import re
from pathlib import Path
from typing import Any

import pytest

from ringback.api.app import RESOURCES
from ringback.api.compat import bodies
from ringback.api.problems import PROBLEMS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("slug", PROBLEMS)
def test_documented_status_code_is_the_real_one(slug: str) -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {slug}\n")[1].split("\n## ")[0]

    assert section.strip().startswith(f"{PROBLEMS[slug].status_code}.")


def handlers() -> list[Any]:
    return [handler for resource in RESOURCES for handler in resource.HANDLERS]


def test_every_path_is_in_the_document() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [
        f"{method} {path}"
        for handler in handlers()
        for path in handler.paths
        for method in handler.http_methods
        if f"`{method} {re.sub(r':(str|int)', '', path)}`" not in text
    ]

    assert not missing


@pytest.mark.parametrize("body", [bodies.OutboundBody, bodies.ClickToCallBody])
def test_every_field_of_placing_is_in_the_document(body: Any) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    assert [name for name in body.__struct_encode_fields__ if f"`{name}`" not in text] == []


def test_every_handler_says_which_scope_it_needs() -> None:
    assert [str(handler) for handler in handlers() if not handler.guards] == []
