"""pytest plugin: the fixture `flow_call`. Load it with `pytest_plugins = ["ringback.testing.pytest_plugin"]`."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from ringback.testing.flows import FlowCall, dumps

_CALLS = pytest.StashKey[list[FlowCall]]()


@pytest.fixture
def flow_call(request: pytest.FixtureRequest) -> Callable[..., FlowCall]:
    """Return `flow_call(document, **arguments)`, which starts a scripted call through a flow (see `FlowCall`).

    What the calls heard and did is shown beside a failing test.
    """
    calls: list[FlowCall] = request.node.stash.setdefault(_CALLS, [])

    def start(document: Any, **arguments: Any) -> FlowCall:
        call = FlowCall(document, **arguments)
        calls.append(call)
        return call

    return start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Add the scripted calls to the report of a test that failed."""
    report = yield
    if call.when == "call" and report.failed:
        calls: list[FlowCall] = item.stash.get(_CALLS, cast("list[FlowCall]", []))
        report.sections.extend((f"flow call {number}", dumps(started)) for number, started in enumerate(calls, 1))
    return report
