"""Hypothesis profiles (`fast`; `deep` by `HYPOTHESIS_PROFILE=deep`), and a check that no test leaves threads."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_SLOW_DRAWS = (HealthCheck.too_slow, HealthCheck.data_too_large)  # whole calls are drawn, not single values

settings.register_profile("fast", max_examples=150, deadline=None, derandomize=True, suppress_health_check=_SLOW_DRAWS)
settings.register_profile("deep", max_examples=5000, deadline=None, suppress_health_check=_SLOW_DRAWS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the deep profile the time it takes."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "deep":
        for item in items:
            item.add_marker(pytest.mark.timeout(1800))


_OURS = ("rb-", "media-", "journal-writer")
"""Names of the threads that engines and databases start."""


def _threads() -> Counter[str]:
    """Count the running threads of engines (native) and journal writers (Python) by name."""
    names = [thread.name for thread in threading.enumerate()]
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:  # it ended while we looked
            continue
    return Counter(name for name in names if name.startswith(_OURS))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Every engine and database that a test started is stopped at its end; those of the session stay."""
    before = _threads()
    yield
    left = _threads() - before
    assert not left, f"still running after the test: {dict(left)}"
