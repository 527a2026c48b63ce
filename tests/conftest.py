"""Hypothesis profiles: `fast` for every run, `deep` for the night (`HYPOTHESIS_PROFILE=deep`)."""

import os

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
