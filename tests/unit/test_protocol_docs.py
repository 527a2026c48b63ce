"""The pages on protocols name tests: each of them exists, and each page is in the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "protocol").glob("*.md"))
_NAMED = re.compile(r"`([\w./-]+\.(?:rs|py))::(\w+)`")
_PATH = re.compile(r"`((?:rust|tests)/[\w./-]+)`")


def named_in(text: str) -> list[tuple[str, str]]:
    """Return what a page names as file and function."""
    return _NAMED.findall(text)


def place(path: str) -> Path:
    """Return where a file is: Python from the root, Rust from the crates."""
    return ROOT / path if path.startswith("tests/") else ROOT / "rust" / "crates" / path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_named_tests_exist(page: Path) -> None:
    text = page.read_text()
    missing = []
    for path, name in named_in(text):
        source = place(path).read_text() if place(path).is_file() else ""
        if not re.search(rf"^\s*(?:async )?(?:fn|def) {name}\(", source, re.MULTILINE):
            missing.append(f"{path}::{name}")
    missing += [path for path in _PATH.findall(text) if not (ROOT / path).exists()]

    assert missing == []


def test_every_page_is_in_the_index_and_shows_tests() -> None:
    index = (ROOT / "docs" / "protocol" / "index.md").read_text()
    for page in PAGES:
        if page.name != "index.md":
            assert f"({page.name})" in index, page.name
        if page.name not in ("sip.md", "rtp.md"):
            assert named_in(page.read_text()), page.name


def test_a_renamed_test_would_be_found() -> None:
    assert named_in("`sip/tests/cancel.rs::renamed_away`") == [("sip/tests/cancel.rs", "renamed_away")]
    assert "fn renamed_away(" not in place("sip/tests/cancel.rs").read_text()
