"""Which database settings are understood."""

from pathlib import Path

import pytest

from ringback.store.database import sqlite_file
from ringback.store.errors import DatabaseUrlError


def test_sqlite_urls_name_a_file_and_postgres_urls_none() -> None:
    assert sqlite_file("sqlite:///a/b.db") == Path("a/b.db")
    assert sqlite_file("sqlite:////a/b.db") == Path("/a/b.db")
    assert sqlite_file("postgresql://u:p@h/d") is None


@pytest.mark.parametrize("url", ["", "ringback.db", "sqlite://", "sqlite:///:memory:", "mysql://h/d", "oracle://h/d"])
def test_other_settings_are_explained(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match=r"sqlite:///ringback\.db"):
        sqlite_file(url)
